/** An ingress over real HTTP: headers, keys, problems, bounds. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { holdfast, type App, type Ingress, type IngressOptions } from "../index.ts";
import { openSqliteReader, verifyStore } from "../store-sqlite/index.ts";
import { bill, send, serve, type Order, type Sent, type Served } from "./ingress.test-support.ts";

type Options = Partial<IngressOptions<typeof bill.definition.input>>;

let folder: string;
let path: string;
let app: App;
let served: Served;
const lines: string[] = [];
const log = (line: string) => lines.push(line);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-ingress-"));
  path = join(folder, "store.db");
  lines.length = 0;
});
afterEach(async () => {
  await served.close();
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

const principal = ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }) =>
  typeof headers["x-client"] === "string" ? headers["x-client"] : null;

/** The shop listens; `wrap` is what stands before the ingress. */
async function open(
  options: Options = {},
  {
    limits = {},
    wrap = (handler: Ingress): Ingress => handler,
  }: { limits?: object; wrap?: (handler: Ingress) => Ingress } = {},
): Promise<void> {
  app = holdfast({ store: `sqlite:${path}`, workflows: [bill], limits, log });
  const sender = { kind: "idempotency-key", principal } as const;
  served = await serve({ "/orders": wrap(app.ingress(bill, { sender, ...options })) });
}

const order = { id: "O-1", cents: 100 };

function post(key: string | null, body: Sent["body"] = order, more: Sent["headers"] = {}) {
  const headers = {
    "x-client": "shop",
    ...(key === null ? {} : { "idempotency-key": key }),
    ...more,
  };
  return send(served.port, { headers, body });
}

async function runs() {
  const reader = await openSqliteReader({ path });
  try {
    return await reader.runs({ afterRun: 0, limit: 10_000 });
  } finally {
    await reader.close();
  }
}

describe("a request with an Idempotency-Key", () => {
  test("is accepted, and its repeat gets the same answer, marked as such", async () => {
    await open();
    const first = await post('"k-1"');
    expect(first).toMatchObject({
      status: 202,
      headers: { "content-type": "application/json", "cache-control": "no-store" },
      body: { state: "started", run: expect.stringMatching(/^run_/) as string },
    });
    expect(first.headers["idempotent-replayed"]).toBeUndefined();
    const again = await post('"k-1"', { cents: 100, id: "O-1" });
    expect(again).toMatchObject({ status: 202, headers: { "idempotent-replayed": "true" } });
    expect(again.body).toEqual(first.body);
    const [run, ...others] = await runs();
    expect(others).toEqual([]);
    expect(run).toMatchObject({ key: "O-1", startedBy: "shop" });
  });

  test("gets the same answer after the app has ended and begun again", async () => {
    await open();
    const first = await post('"k-1"');
    await served.close();
    await app.close();
    await open();
    const again = await post('"k-1"');
    expect(again).toMatchObject({ status: 202, body: first.body });
    expect(again.headers["idempotent-replayed"]).toBe("true");
  });

  test("is refused with another payload, as a problem document", async () => {
    await open();
    await post('"k-1"');
    const other = await post('"k-1"', { id: "O-2", cents: 5 });
    expect(other).toMatchObject({
      status: 422,
      headers: { "content-type": "application/problem+json" },
      body: { type: "urn:holdfast:HF4110", status: 422, code: "HF4110" },
    });
    expect(other.body["detail"]).toContain('"k-1"');
    expect(await runs()).toHaveLength(1);
  });

  test("is one of its sender's own", async () => {
    await open();
    await post('"k-1"');
    const other = await post('"k-1"', { id: "O-2", cents: 5 }, { "x-client": "portal" });
    expect(other).toMatchObject({ status: 202, body: { state: "started" } });
    expect(await runs()).toHaveLength(2);
  });

  for (const [what, key] of [
    ["without one", null],
    ["with an empty one", ""],
    ["without quotes", "k-1"],
    ["with parameters", '"k-1";a=1'],
    ["with nothing in it", '""'],
    ["with a bad escape", '"k\\1"'],
    ["that is too long", `"${"k".repeat(256)}"`],
  ] as const) {
    test(`${what} is refused (400), and nothing is started`, async () => {
      await open();
      expect(await post(key)).toMatchObject({ status: 400, body: { code: "HF4109" } });
      expect(await post('"k-1"')).toMatchObject({ status: 202 });
      expect(await runs()).toHaveLength(1);
    });
  }

  test("of 255 characters is taken, and two headers are none", async () => {
    await open();
    expect(await post(`"${"k".repeat(255)}"`)).toMatchObject({ status: 202 });
    const two = { "idempotency-key": ['"a"', '"b"'] };
    expect(await post(null, order, two)).toMatchObject({ status: 400 });
  });

  test("of nobody is refused (401)", async () => {
    await open();
    const headers = { "idempotency-key": '"k-1"' };
    expect(await send(served.port, { headers, body: order })).toMatchObject({ status: 401 });
  });

  test("may be sent again with the same key once its payload is mended", async () => {
    await open();
    const wrong = await post('"k-1"', { id: "O-1", cents: 1.5 });
    expect(wrong).toMatchObject({ status: 400, body: { code: "HF4102" } });
    expect(wrong.body["detail"]).toContain("/cents");
    expect(await post('"k-1"')).toMatchObject({ status: 202 });
  });
});

describe("many at once", () => {
  test("1,000 duplicates make one run, and one answer", async () => {
    await open();
    const sent = Array.from({ length: 1_000 }, () => post('"k-1"'));
    const answers = await Promise.all(sent);
    const accepted = answers.filter(({ status }) => status === 202);
    expect(answers.filter(({ status }) => status !== 202 && status !== 409)).toEqual([]);
    expect(
      accepted.filter(({ headers }) => headers["idempotent-replayed"] !== "true"),
    ).toHaveLength(1);
    expect(new Set(accepted.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    const refused = answers.filter(({ status }) => status === 409);
    expect(refused.filter(({ headers }) => headers["retry-after"] !== "1")).toEqual([]);
    expect(await runs()).toHaveLength(1);
    await app.close();
    expect((await verifyStore({ path })).damage).toEqual([]);
  });

  test("are refused (429) beyond the bound of one ingress", async () => {
    await open({}, { limits: { ingressOpenMax: 2 } });
    const slow = [1, 2].map(() => {
      const socket = connect(served.port, "127.0.0.1");
      socket.write(
        'POST /orders HTTP/1.1\r\nhost: x\r\nx-client: shop\r\nidempotency-key: "k"\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{',
      );
      return socket;
    });
    let answer = await post('"k-1"');
    // Until both have come in.
    while (answer.status !== 429) answer = await post('"k-1"');
    expect(answer).toMatchObject({ headers: { "retry-after": "1" }, body: { code: "HF4207" } });
    for (const socket of slow) {
      socket.destroy();
      await once(socket, "close");
    }
    while (answer.status === 429) answer = await post('"k-1"');
    expect(answer).toMatchObject({ status: 202 });
  });

  test("are told to come again (503) where the intake is full, and nothing of us is told", async () => {
    await open({}, { limits: { liveRunsMax: 0 } });
    const refused = await post('"k-1"');
    expect(refused).toMatchObject({
      status: 503,
      headers: { "retry-after": "5" },
      body: { code: "HF4201" },
    });
    expect(refused.body["detail"]).toBeUndefined();
  });
});

const afterParser =
  (handler: Ingress): Ingress =>
  async (request, response) => {
    for await (const chunk of request) void chunk;
    await handler(request, response);
  };

describe("a body", () => {
  for (const [what, headers, body, status] of [
    ["of another content type", { "content-type": "text/plain" }, "{}", 415],
    ["in another charset", { "content-type": "application/json; charset=latin1" }, "{}", 415],
    ["that is compressed", { "content-encoding": "gzip" }, "{}", 415],
    ["that is no JSON", {}, "{", 400],
    ["with a byte order mark", {}, '\uFEFF{"id":"O-1","cents":1}', 400],
    ["that is no UTF-8", {}, Buffer.from([0x22, 0xff, 0x22]), 400],
    ["with a number that JSON would change", {}, '{"id":"O-1","cents":9007199254740993}', 400],
    ["that is nested too deep", {}, `${"[".repeat(200)}${"]".repeat(200)}`, 400],
    ["that is too long", {}, JSON.stringify({ id: "x".repeat(2_000), cents: 1 }), 413],
  ] as const) {
    test(`${what} is refused (${String(status)}), and its key stays free`, async () => {
      await open({ bodyBytesMax: 1_000 });
      expect(await post('"k-1"', body, headers)).toMatchObject({ status });
      const type = { "content-type": 'application/json; charset="UTF-8"' };
      expect(await post('"k-1"', order, type)).toMatchObject({ status: 202 });
    });
  }

  test("that is longer than announced by nobody is refused (413) on the way", async () => {
    await open({ bodyBytesMax: 1_000 });
    const socket = connect(served.port, "127.0.0.1");
    socket.write(
      'POST /orders HTTP/1.1\r\nhost: x\r\nx-client: shop\r\nidempotency-key: "k"\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    socket.write(`800\r\n${"x".repeat(2_048)}\r\n`);
    const [chunk] = (await once(socket, "data")) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
  });

  test("whose sender hangs up starts nothing and is answered to nobody", async () => {
    await open();
    const socket = connect(served.port, "127.0.0.1");
    socket.write(
      'POST /orders HTTP/1.1\r\nhost: x\r\nx-client: shop\r\nidempotency-key: "k-1"\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"id"',
    );
    socket.destroySoon();
    await once(socket, "close");
    expect(await post('"k-1"')).toMatchObject({ status: 202 });
    expect(lines.filter((line) => !line.includes("a new one was made"))).toEqual([]);
  });

  test("that something else has read before is told to us, not taken for an empty one", async () => {
    await open({}, { wrap: afterParser });
    expect(await post('"k-1"')).toMatchObject({ status: 500, body: { code: "HF4109" } });
    expect(lines.join()).toContain("Mount the ingress before");
  });
});

// What `order` is given is the input as the schema has it.
const bySequence = (said: unknown) => ({ key: "O", sequence: (said as Order).place ?? 0 });

const nth = (number: number, key = `"k-${String(number)}"`) =>
  post(key, { id: `O/${String(number)}`, cents: 1, place: number });

const code = (wanted: string) => expect.objectContaining({ code: wanted }) as Error;

describe("an ingress", () => {
  test("takes POST only", async () => {
    await open();
    const got = await send(served.port, { method: "GET" });
    expect(got).toMatchObject({ status: 405, headers: { allow: "POST" } });
  });

  test("tells us of our own faults, and its senders nothing of them", async () => {
    await open({
      input: () => {
        throw new TypeError("the price list is missing");
      },
    });
    const answer = await post('"k-1"');
    expect(answer).toMatchObject({ status: 500, body: { type: "about:blank" } });
    expect(JSON.stringify(answer.body)).not.toContain("price list");
    expect(lines.join()).toContain("the price list is missing");
  });

  test("rejects a second message about one fact (409), for good, where it is told to", async () => {
    await open({ duplicates: "reject" });
    const { body } = await post('"k-1"');
    const second = await post('"k-2"');
    expect(second).toMatchObject({
      status: 409,
      headers: { "content-type": "application/problem+json" },
      body: { code: "HF4113", duplicateOf: body["run"] },
    });
    const again = await post('"k-2"');
    expect(again.body).toEqual(second.body);
    expect(again).toMatchObject({ status: 409, headers: { "idempotent-replayed": "true" } });
  });

  test("holds a message that comes before what it follows, and acknowledges an old one", async () => {
    await open({ order: bySequence });
    expect(await nth(2)).toMatchObject({ status: 202, body: { state: "held", run: null } });
    expect(await nth(1)).toMatchObject({ status: 202, body: { state: "started" } });
    expect(await nth(1, '"late"')).toMatchObject({ status: 202, body: { state: "superseded" } });
    let answer = await nth(2);
    while (answer.body["state"] === "held") answer = await nth(2);
    expect(answer).toMatchObject({ status: 202, body: { state: "started" } });
    expect((await runs()).map(({ key }) => key)).toEqual(["O/1", "O/2"]);
  });

  test("is refused at start-up where it would forget before its sender does", async () => {
    await open();
    const sender = { kind: "idempotency-key", principal } as const;
    const ingress = (options: Options) => () => app.ingress(bill, { sender, ...options });
    expect(ingress({ window: "5m", horizon: "75h" })).toThrow(code("HF1109"));
    expect(ingress({ window: "75h", horizon: "75h" })).toThrow(code("HF1109"));
    expect(ingress({ window: "76h", horizon: "75h" })).not.toThrow();
    const held = { order: bySequence, hold: "1h" } as const;
    expect(ingress({ window: "90d", ...held })).toThrow(code("HF1109"));
    expect(ingress({ horizon: "75h" })).not.toThrow();
  });

  test("is refused with options that are none", async () => {
    await open();
    const wrong: unknown[] = [
      {},
      { sender: {} },
      { sender: { kind: "idempotency-key" } },
      { sender: { kind: "webhook", name: "shop", secrets: [] } },
      { sender: { kind: "webhook", name: "shop", secrets: ["whsec_short"] } },
      { sender: { kind: "webhook", secrets: [`whsec_${"A".repeat(32)}`] } },
      { sender: { kind: "cloudevents" } },
      { sender: { kind: "cloudevents", principal }, bodyBytesMax: 0 },
      { sender: { kind: "cloudevents", principal }, duplicates: "ignore" },
      { sender: { kind: "cloudevents", principal }, windows: "1d" },
      { sender: { kind: "cloudevents", principal }, window: "soon" },
    ];
    for (const options of wrong) {
      const refused = () =>
        app.ingress(bill, options as IngressOptions<typeof bill.definition.input>);
      expect(refused).toThrow(expect.objectContaining({ code: "HF1001" }) as Error);
    }
    const stranger = { ...bill };
    const sender = { kind: "idempotency-key", principal } as const;
    expect(() => app.ingress(stranger, { sender })).toThrow(/does not know workflow/);
  });
});
