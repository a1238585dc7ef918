import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { readLedger } from "./ledger.ts";
import { startSystemProcess, type SystemName, type SystemProcess } from "./system-process.ts";

// Each test starts processes, and a busy machine takes a second for one.
vi.setConfig({ testTimeout: 20_000 });

const dir = mkdtempSync(join(tmpdir(), "holdfast-systems-"));
const started: SystemProcess[] = [];
let fileCount = 0;

async function start(name: SystemName, numbers: Record<string, number> = {}, file = newFile()) {
  const system = await startSystemProcess(name, file, numbers);
  started.push(system);
  const url = `http://127.0.0.1:${String(system.port)}`;
  const rows = () =>
    readLedger(file).map((row) => `${row.businessKey} ${row.action} ${String(row.amountCents)}`);
  return { system, file, url, rows };
}

function newFile(): string {
  fileCount += 1;
  return join(dir, `${String(fileCount)}.db`);
}

/** What a test needs of an answer. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly isReplayed: boolean;
}

async function send(
  method: string,
  url: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const isReplayed = response.headers.get("idempotent-replayed") === "true";
  return { status: response.status, body: await response.json(), isReplayed };
}

async function killHard(system: SystemProcess): Promise<void> {
  process.kill(system.pid, "SIGKILL");
  expect((await system.ended).signal).toBe("SIGKILL");
}

afterEach(async () => {
  await Promise.all(started.splice(0).map(async (system) => system.stop()));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

const CHARGE = { orderId: "ORD-1", cents: 1200, card: "4242000011112222" };
const INVOICE = { orderId: "ORD-1", customer: "Ada Mills", cents: 1200 };

describe("what was answered survives SIGKILL right after the answer, and the system goes on from there", () => {
  test("crm", async () => {
    const first = await start("crm");
    const path = "/customers/ada%40example.test";
    const put = await send("PUT", first.url + path, { name: "Ada", orderId: "ORD-1" });
    await killHard(first.system);
    expect(put).toMatchObject({ status: 200, body: { email: "ada@example.test", name: "Ada" } });
    expect(first.rows()).toEqual(["ORD-1 upsert-customer null"]);
    const second = await start("crm", {}, first.file);
    expect((await send("GET", second.url + path)).body).toEqual({
      email: "ada@example.test",
      name: "Ada",
    });
  });

  test("payments, which also remembers its keys", async () => {
    const first = await start("payments");
    const charge = await send("POST", `${first.url}/charges`, CHARGE, { "idempotency-key": "k1" });
    await killHard(first.system);
    expect(charge).toMatchObject({ status: 201, body: { chargeId: "ch_1", cents: 1200 } });
    expect(first.rows()).toEqual(["ORD-1 charge-card 1200"]);
    expect(readLedger(first.file)[0]?.idempotencyKey).toBe("k1");
    const second = await start("payments", {}, first.file);
    const again = await send("POST", `${second.url}/charges`, CHARGE, { "idempotency-key": "k1" });
    expect(again).toEqual({ ...charge, isReplayed: true });
    expect(second.rows()).toHaveLength(1);
  });

  test("erp", async () => {
    const first = await start("erp");
    const made = await send("POST", `${first.url}/invoices`, INVOICE);
    await killHard(first.system);
    expect(made).toMatchObject({ status: 200, body: { number: "INV-1", status: "draft" } });
    expect(first.rows()).toEqual(["ORD-1 create-invoice 1200"]);
    const second = await start("erp", {}, first.file);
    expect((await send("POST", `${second.url}/invoices/INV-1/post`)).body).toMatchObject({
      status: "posted",
    });
  });

  test("mail", async () => {
    const first = await start("mail");
    const replies = await sendMail(
      first.system.port,
      "Subject: Your order\r\nX-Order-Id: ORD-1\r\n\r\nThanks",
    );
    await killHard(first.system);
    expect(replies.at(-1)).toMatch(/^250/);
    expect(first.rows()).toEqual(["ORD-1 send-confirmation null"]);
  });
});

describe("crm", () => {
  test("an upsert changes the customer, and each one has its row", async () => {
    const { url, rows } = await start("crm");
    await send("PUT", `${url}/customers/a%40b.test`, { name: "Ada" }, { "x-order-id": "ORD-1" });
    await send("PUT", `${url}/customers/a%40b.test`, { name: "Ada L" }, { "x-order-id": "ORD-1" });
    expect((await send("GET", `${url}/customers/a%40b.test`)).body).toMatchObject({
      name: "Ada L",
    });
    expect(rows()).toEqual(["ORD-1 upsert-customer null", "ORD-1 upsert-customer null"]);
    expect((await send("PUT", `${url}/customers/a%40b.test`, { name: "Ada" })).status).toBe(400);
    expect((await send("GET", `${url}/customers/x%40b.test`)).status).toBe(404);
    expect((await send("GET", `${url}/customers/%ff`)).status).toBe(404);
  });
});

describe("payments", () => {
  test("the same key is charged once, another key is charged again", async () => {
    const { url, rows } = await start("payments");
    const first = await send("POST", `${url}/charges`, CHARGE, { "idempotency-key": "k1" });
    const again = await send("POST", `${url}/charges`, CHARGE, { "idempotency-key": '"k1"' });
    expect(again).toEqual({ ...first, isReplayed: true });
    await send("POST", `${url}/charges`, CHARGE, { "idempotency-key": "k2" });
    expect(rows()).toEqual(["ORD-1 charge-card 1200", "ORD-1 charge-card 1200"]);
    expect((await send("GET", `${url}/charges?key=k2`)).body).toEqual({
      charges: [{ chargeId: "ch_2", orderId: "ORD-1", cents: 1200, key: "k2" }],
    });
  });

  test("a key with another request is refused with 422, no key and no sense with 400", async () => {
    const { url, rows } = await start("payments");
    await send("POST", `${url}/charges`, CHARGE, { "idempotency-key": "k1" });
    const other = await send(
      "POST",
      `${url}/charges`,
      { ...CHARGE, cents: 1 },
      { "idempotency-key": "k1" },
    );
    expect(other).toMatchObject({
      status: 422,
      body: { type: expect.stringMatching(/key-reused$/) },
    });
    expect((await send("POST", `${url}/charges`, CHARGE)).status).toBe(400);
    const half = { ...CHARGE, cents: 12.5 };
    expect((await send("POST", `${url}/charges`, half, { "idempotency-key": "k3" })).status).toBe(
      400,
    );
    expect(rows()).toHaveLength(1);
  });

  test("a key in progress is refused with 409, and charged once", async () => {
    const { url, rows } = await start("payments", { "work-ms": 100 });
    const answers = await Promise.all(
      Array.from({ length: 5 }, async () =>
        send("POST", `${url}/charges`, CHARGE, { "idempotency-key": "k1" }),
      ),
    );
    const statuses = answers.map((answer) => answer.status).toSorted((one, other) => one - other);
    expect(statuses).toEqual([201, 409, 409, 409, 409]);
    expect(rows()).toHaveLength(1);
  });

  test("a declined card is a stored answer without an effect", async () => {
    const { url, rows } = await start("payments");
    const declined = { ...CHARGE, card: "4000000011112222" };
    const first = await send("POST", `${url}/charges`, declined, { "idempotency-key": "k1" });
    expect(first).toMatchObject({
      status: 402,
      body: { type: expect.stringMatching(/\/card-declined$/) },
    });
    const again = await send("POST", `${url}/charges`, declined, { "idempotency-key": "k1" });
    expect(again).toMatchObject({ status: 402, isReplayed: true });
    expect(rows()).toEqual([]);
  });

  test("after the window the key is forgotten", async () => {
    const { url, rows } = await start("payments", { "key-window-ms": 50 });
    const ask = async () => send("POST", `${url}/charges`, CHARGE, { "idempotency-key": "k1" });
    expect((await ask()).isReplayed).toBe(false);
    await expect.poll(async () => (await ask()).isReplayed, { timeout: 5_000 }).toBe(false);
    await expect.poll(() => rows().length).toBeGreaterThan(1);
  });

  test("refunds are keyed like charges, and need a charge", async () => {
    const { url, rows } = await start("payments");
    await send("POST", `${url}/charges`, CHARGE, { "idempotency-key": "k1" });
    const refund = { chargeId: "ch_1", cents: 1200, orderId: "ORD-1" };
    const first = await send("POST", `${url}/refunds`, refund, { "idempotency-key": "k2" });
    expect(first).toMatchObject({ status: 201, body: { refundId: "re_1" } });
    const again = await send("POST", `${url}/refunds`, refund, { "idempotency-key": "k2" });
    expect(again).toEqual({ ...first, isReplayed: true });
    const none = { ...refund, chargeId: "ch_9" };
    expect((await send("POST", `${url}/refunds`, none, { "idempotency-key": "k3" })).status).toBe(
      404,
    );
    expect((await send("POST", `${url}/refunds`, refund, { "idempotency-key": "k1" })).status).toBe(
      422,
    );
    expect(rows()).toEqual(["ORD-1 charge-card 1200", "ORD-1 refund-card 1200"]);
    expect((await send("GET", `${url}/refunds?key=k2`)).body).toMatchObject({
      refunds: [{ refundId: "re_1" }],
    });
  });
});

describe("erp", () => {
  test("takes a second invoice for the same order, key or no key", async () => {
    const { url, rows } = await start("erp");
    await send("POST", `${url}/invoices`, INVOICE, { "idempotency-key": "k1" });
    const second = await send("POST", `${url}/invoices`, INVOICE, { "idempotency-key": "k1" });
    expect(second.body).toMatchObject({ number: "INV-2" });
    expect(rows()).toEqual(["ORD-1 create-invoice 1200", "ORD-1 create-invoice 1200"]);
  });

  test("an invoice is found only after the lag, by its number at once", async () => {
    const { url } = await start("erp", { "search-lag-ms": 300 });
    const find = async () => (await send("GET", `${url}/invoices?order=ORD-1`)).body;
    await send("POST", `${url}/invoices`, INVOICE);
    expect(await find()).toEqual({ invoices: [] });
    expect((await send("GET", `${url}/invoices/INV-1`)).body).toMatchObject({ number: "INV-1" });
    await expect
      .poll(find, { timeout: 5_000 })
      .toMatchObject({ invoices: [{ number: "INV-1", orderId: "ORD-1" }] });
  });

  test("answers business errors with 200, and writes no row for them", async () => {
    const { url, rows } = await start("erp");
    const code = async (path: string, body?: object) => {
      const answer = await send("POST", url + path, body);
      expect(answer.status).toBe(200);
      return (answer.body as { error?: { code: string } }).error?.code;
    };
    expect(await code("/invoices", { ...INVOICE, customer: "Ada (Blocked)" })).toBe(
      "CUSTOMER_BLOCKED",
    );
    expect(await code("/invoices", { ...INVOICE, cents: 0 })).toBe("AMOUNT_ZERO");
    expect(await code("/invoices", { orderId: "ORD-1" })).toBe("INVALID_INVOICE");
    expect(await code("/invoices/INV-7/post")).toBe("INVOICE_NOT_FOUND");
    expect(rows()).toEqual([]);
    expect(await code("/invoices", INVOICE)).toBeUndefined();
    expect(await code("/invoices/INV-1/post")).toBeUndefined();
    expect(await code("/invoices/INV-1/post")).toBe("ALREADY_POSTED");
    expect(await code("/invoices/INV-1/cancel")).toBeUndefined();
    expect(await code("/invoices/INV-1/cancel")).toBe("ALREADY_CANCELLED");
    expect(rows()).toEqual([
      "ORD-1 create-invoice 1200",
      "ORD-1 post-invoice 1200",
      "ORD-1 cancel-invoice 1200",
    ]);
  });
});

describe("mail", () => {
  test("takes the order from the subject where there is no header, and any message at all", async () => {
    const { system, rows } = await start("mail");
    await sendMail(system.port, "Subject: Your order ORD-7-00003 is on its\r\n way\r\n\r\nThanks");
    await sendMail(system.port, "From: a@x.test\r\n\r\nORD-9 is only in the body");
    expect(rows()).toEqual(["ORD-7-00003 send-confirmation null", "(none) send-confirmation null"]);
  });

  test("a message whose final dot never came is not accepted", async () => {
    const { system, rows } = await start("mail");
    const replies = await sendMail(
      system.port,
      "X-Order-Id: ORD-1\r\n\r\nhalf a mess",
      "hang up before the dot",
    );
    expect(replies.at(-1)).toMatch(/^354/);
    await sendMail(system.port, "X-Order-Id: ORD-2\r\n\r\nwhole");
    expect(rows()).toEqual(["ORD-2 send-confirmation null"]);
  });
});

describe("as programs", () => {
  test("answer what is no JSON object with 400, what is too large with 413, unknown routes with 404", async () => {
    const erp = await start("erp");
    const post = async (body: string) =>
      (await fetch(`${erp.url}/invoices`, { method: "POST", body })).status;
    expect(await post("{")).toBe(400);
    expect(await post("[]")).toBe(400);
    expect(await post("null")).toBe(400);
    expect(await post(" ".repeat(1_100_000))).toBe(413);
    expect((await send("GET", `${erp.url}/nothing`)).status).toBe(404);
  });

  test("a ledger that is not there is an error, not an empty one", () => {
    expect(() => readLedger(join(dir, "none.db"))).toThrow(/none\.db, got no such file/);
  });

  test("end cleanly on SIGTERM", async () => {
    const { system } = await start("crm");
    expect(await system.stop()).toMatchObject({ code: 0, signal: null });
  });

  test("a system that cannot start says why", async () => {
    await expect(startSystemProcess("crm", join(dir, "no", "such", "dir.db"))).rejects.toThrow(
      /the system crm did not start:[^]*unable to open database file/,
    );
    await expect(startSystemProcess("erp", newFile(), { "no-such-option": 1 })).rejects.toThrow(
      /no-such-option/,
    );
    await expect(startSystemProcess("erp", newFile(), { "search-lag-ms": -1 })).rejects.toThrow(
      /search-lag-ms/,
    );
  });
});

/** One message by hand; the replies of the server. Without an end, the connection is cut in the content. */
async function sendMail(
  port: number,
  content: string,
  end?: "hang up before the dot",
): Promise<string[]> {
  const socket = connect(port, "127.0.0.1");
  const replies: string[] = [];
  const steps = [
    "EHLO x.test",
    "MAIL FROM:<a@x.test>",
    "RCPT TO:<b@x.test>",
    "DATA",
    `${content}\r\n.`,
    "QUIT",
  ];
  let unread = "";
  socket.on("data", (bytes: Buffer) => {
    unread += bytes.toString("utf8");
    // A reply is whole when its last line has a space after the code.
    if (!/^\d{3} .*\r\n$/m.test(unread)) return;
    const code = unread.slice(0, 3);
    if (code !== "221") replies.push(unread);
    unread = "";
    const step = steps.shift();
    if (code === "354" && end) socket.write(content, () => socket.destroy());
    else if (step !== undefined) socket.write(`${step}\r\n`);
  });
  await once(socket, "close");
  return replies;
}
