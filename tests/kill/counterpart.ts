/**
 * Another company's system, in a process of its own: one ledger row per effect really executed,
 * committed before the answer leaves. Prints its port on 127.0.0.1, and runs until SIGTERM.
 *
 * `node counterpart.ts LEDGER`. `/charges` knows keys; `/bookings` knows none and can be searched
 * without lag; `/messages` can be neither repeated nor searched; `/profiles` is an upsert.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { DatabaseSync } from "node:sqlite";
import { seededRandom, systemClock } from "holdfast/testing";

/** It works up to this long before it commits and as long after, so that kills fall on both sides. */
const WORK_MS_MAX = 12;

const [path = ""] = process.argv.slice(2);
const database = new DatabaseSync(path);
database.exec(`
  pragma journal_mode = wal;
  pragma synchronous = full;
  create table ledger (business_key text not null, action text not null, amount_cents integer not null,
    idempotency_key text, at_ms integer not null) strict;
  create unique index a_profile_is_one_row on ledger (business_key) where action = 'put-profile';
  create unique index a_key_is_used_once on ledger (idempotency_key) where action = 'charge';
  create table request (business_key text not null, action text not null) strict;
`);
const noteRequest = database.prepare("insert into request (business_key, action) values (?, ?)");
const insert = database.prepare(
  `insert into ledger (business_key, action, amount_cents, idempotency_key, at_ms)
    values (?, ?, ?, ?, ?)`,
);
// Repeats are dropped for these two alone.
const insertOnce = database.prepare(
  `insert into ledger (business_key, action, amount_cents, idempotency_key, at_ms)
    values (?, ?, ?, ?, ?) on conflict do nothing`,
);
const search = database.prepare(
  "select amount_cents as cents from ledger where business_key = ? and action = 'book'",
);
const random = seededRandom("counterpart");

interface Wanted {
  readonly method: string;
  readonly place: string;
  readonly key: string;
  readonly cents: number;
  readonly idempotencyKey: string | null;
}

async function wantedOf(request: IncomingMessage): Promise<Wanted> {
  const { method = "", url = "", headers } = request;
  const [, place = "", key = ""] = url.split("/");
  const header = headers["idempotency-key"];
  const idempotencyKey = typeof header === "string" ? header : null;
  // Our own effects are the only client, and send this shape.
  const body = method === "GET" ? { cents: 0 } : ((await json(request)) as { cents: number });
  return { method, place, key: decodeURIComponent(key), cents: body.cents, idempotencyKey };
}

/** What it answers; what it has executed is committed when this returns. */
function execute({ method, place, key, cents, idempotencyKey }: Wanted): unknown {
  const row = (action: string) =>
    [key, action, cents, idempotencyKey, systemClock.nowMs()] as const;
  const repeatable = (action: string) => {
    noteRequest.run(key, action);
    insertOnce.run(...row(action));
    return { ref: `${action} ${key}` };
  };
  const unguarded = (action: string) => {
    noteRequest.run(key, action);
    insert.run(...row(action));
    return { ref: `${action} ${key}` };
  };
  switch (`${method} ${place}`) {
    case "GET prices":
      return { cents: 100 + key.length };
    case "PUT profiles":
      return repeatable("put-profile");
    case "POST charges":
      return repeatable("charge");
    case "POST bookings":
      return unguarded("book");
    case "GET bookings":
      return { bookings: search.all(key) };
    case "POST messages":
      return unguarded("tell");
    default:
      throw new Error(`nothing is at ${method} ${place}`);
  }
}

async function work(): Promise<void> {
  const ms = random.integer(WORK_MS_MAX);
  await new Promise((resolve) => setTimeout(resolve, ms));
}

const server = createServer((request, response) => {
  const answer = async (): Promise<void> => {
    const wanted = await wantedOf(request);
    await work();
    const body = JSON.stringify(execute(wanted));
    await work();
    response.setHeader("content-type", "application/json").end(body);
  };
  answer().catch((error: unknown) => {
    // A request that was cut off is never executed; anything else the test has to see.
    if (!request.complete) return;
    process.stderr.write(`${String(error)}\n`);
    response.writeHead(500).end();
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.once("SIGTERM", () => {
  server.closeAllConnections();
  server.close(() => {
    database.close();
  });
});
// A TCP server's address is always this.
process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
