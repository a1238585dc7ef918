/** One effect of each contract, on the counterpart. */
import { done, effect, integration, notDone, type Duration } from "holdfast";
import { httpClient } from "holdfast/connectors/http";
import { z } from "zod";

const reference = z.object({ id: z.string() });
const order = z.object({ id: z.string(), cents: z.int() });
const receipt = z.object({ ref: z.string() });

/** Nothing is ever late here, so a short time is enough for a request to land or never. */
const SETTLE = "500ms";
const TIMEOUT = "5s";
const RETRY = { attempts: 20, within: "1m", first: "50ms" } as const;

function path(place: string, id: string): string {
  return `/${place}/${encodeURIComponent(id)}`;
}

/**
 * @param concurrency - calls at a time: the fewer, the longer the work takes.
 * @param settle - longer where whoever has sent a request may stand still before it leaves.
 */
export function effectsOn(port: number, concurrency: number, settle: Duration = SETTLE) {
  const client = httpClient({ baseUrl: `http://127.0.0.1:${String(port)}` });
  const on = integration("counterpart", { owner: "team-counterpart", limit: { concurrency } });
  const repeated = { on, timeout: TIMEOUT, retry: RETRY } as const;
  return {
    price: effect("price", {
      ...repeated,
      repeat: "read",
      input: reference,
      output: z.object({ cents: z.int() }),
      run: async ({ id }, attempt) => {
        const answer = await client.request(attempt, { method: "GET", path: path("prices", id) });
        return z.object({ cents: z.int() }).parse(answer.body);
      },
    }),
    putProfile: effect("put-profile", {
      ...repeated,
      repeat: "idempotent",
      why: "put",
      input: order,
      output: receipt,
      run: async ({ id, cents }, attempt) => {
        const call = { method: "PUT", path: path("profiles", id), json: { cents } } as const;
        return receipt.parse((await client.request(attempt, call)).body);
      },
    }),
    charge: effect("charge", {
      ...repeated,
      repeat: "keyed",
      keyWindow: "24h",
      input: order,
      output: receipt,
      run: async ({ id, cents }, attempt) => {
        const call = { method: "POST", path: path("charges", id), json: { cents } } as const;
        return receipt.parse((await client.request(attempt, call)).body);
      },
    }),
    book: effect("book", {
      ...repeated,
      repeat: "probeable",
      settle,
      input: order,
      output: receipt,
      run: async ({ id, cents }, attempt) => {
        const call = { method: "POST", path: path("bookings", id), json: { cents } } as const;
        return receipt.parse((await client.request(attempt, call)).body);
      },
      probe: async ({ id }, attempt) => {
        const answer = await client.request(attempt, { method: "GET", path: path("bookings", id) });
        const { bookings } = z.object({ bookings: z.array(z.unknown()) }).parse(answer.body);
        return bookings.length === 0 ? notDone() : done({ ref: `book ${id}` });
      },
    }),
    tell: effect("tell", {
      on,
      timeout: TIMEOUT,
      repeat: "once",
      input: order,
      output: receipt,
      run: async ({ id, cents }, attempt) => {
        const call = { method: "POST", path: path("messages", id), json: { cents } } as const;
        return receipt.parse((await client.request(attempt, call)).body);
      },
    }),
  };
}
