/** Signed webhooks and CloudEvents, over real HTTP. */
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../engine/clock.ts";
import { holdfast, type App, type IngressOptions, type Sender } from "../index.ts";
import { bill, send, serve, type Sent, type Served } from "./ingress.test-support.ts";

let folder: string;
let app: App;
let served: Served;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-ingress-"));
});
afterEach(async () => {
  await served.close();
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

type Options = Partial<IngressOptions<typeof bill.definition.input>>;

async function open(sender: Sender, options: Options = {}): Promise<void> {
  app = holdfast({
    store: `sqlite:${join(folder, "store.db")}`,
    workflows: [bill],
    log: () => undefined,
  });
  served = await serve({ "/orders": app.ingress(bill, { sender, ...options }) });
}

const order = { id: "O-1", cents: 100 };

describe("a signed webhook", () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const older = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
  const sender: Sender = { kind: "webhook", name: "pay", secrets: [secret, older] };

  /** As a sender has it: the same id, signed anew each time. */
  function signed(
    id: string,
    body: string,
    { by = secret, ageS = 0 }: { by?: string; ageS?: number } = {},
  ): Sent {
    const timestamp = String(Math.floor(systemClock.nowMs() / 1_000) - ageS);
    const key = Buffer.from(by.slice("whsec_".length), "base64");
    const signature = createHmac("sha256", key)
      .update(`${id}.${timestamp}.${body}`)
      .digest("base64");
    const headers = {
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1a,other v1,${signature}`,
    };
    return { headers, body };
  }

  test("is taken once, by its id, whichever of the secrets signs it", async () => {
    await open(sender);
    const body = JSON.stringify(order);
    const first = await send(served.port, signed("msg_1", body));
    expect(first).toMatchObject({ status: 202, body: { state: "started" } });
    const again = await send(served.port, signed("msg_1", body, { by: older, ageS: 200 }));
    expect(again).toMatchObject({ status: 202, headers: { "idempotent-replayed": "true" } });
    expect(again.body).toEqual(first.body);
  });

  test("that comes twice at once waits for the first and gets its answer", async () => {
    await open(sender);
    const twice = signed("msg_1", JSON.stringify(order));
    const answers = await Promise.all(Array.from({ length: 100 }, () => send(served.port, twice)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const fresh = answers.filter(({ headers }) => headers["idempotent-replayed"] === undefined);
    expect(fresh).toHaveLength(1);
  });

  test("is refused (401) if anything of it is not what was signed, and its id stays free", async () => {
    await open(sender);
    const body = JSON.stringify(order);
    const good = signed("msg_1", body);
    const stranger = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
    const without = (name: string) => ({
      ...good,
      headers: Object.fromEntries(
        Object.entries(good.headers ?? {}).filter(([key]) => key !== name),
      ),
    });
    const wrong: Sent[] = [
      { ...good, body: `${body} ` },
      { ...good, headers: { ...good.headers, "webhook-id": "msg_2" } },
      { ...good, headers: { ...good.headers, "webhook-signature": "v1,AAAA" } },
      { ...good, headers: { ...good.headers, "webhook-timestamp": "1e9" } },
      signed("msg_1", body, { by: stranger }),
      signed("msg_1", body, { ageS: 400 }),
      signed("msg_1", body, { ageS: -400 }),
      without("webhook-id"),
      without("webhook-timestamp"),
      without("webhook-signature"),
    ];
    for (const sent of wrong) {
      expect(await send(served.port, sent)).toMatchObject({
        status: 401,
        body: { code: "HF4112" },
      });
    }
    expect(await send(served.port, good)).toMatchObject({ status: 202 });
  });
});

const binary = (over: Record<string, string> = {}, body: object = order): Sent => ({
  headers: {
    "ce-specversion": "1.0",
    "ce-id": "e-1",
    "ce-source": "/shop",
    "ce-type": "order.placed",
    ...over,
  },
  body,
});
const structured = (over: object = {}): Sent => ({
  headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
  body: {
    specversion: "1.0",
    id: "e-1",
    source: "/shop",
    type: "order.placed",
    datacontenttype: "application/json",
    data: order,
    ...over,
  },
});

describe("a message without an id", () => {
  const sender: Sender = { kind: "content", principal: () => "old-shop" };

  test("is the same by its bytes", async () => {
    await open(sender);
    const first = await send(served.port, { body: order });
    expect(first).toMatchObject({ status: 202, body: { state: "started" } });
    const again = await send(served.port, { body: order });
    expect(again).toMatchObject({ status: 202, headers: { "idempotent-replayed": "true" } });
    const other = await send(served.port, { body: { ...order, id: "O-2" } });
    expect(other).toMatchObject({ status: 202, body: { state: "started" } });
    expect(await send(served.port, { body: { id: "O-1" } })).toMatchObject({ status: 400 });
  });
});

describe("a CloudEvent", () => {
  const sender: Sender = { kind: "cloudevents", principal: () => "bus" };
  test("is the same by source and id, in either mode", async () => {
    await open(sender);
    const first = await send(served.port, binary());
    expect(first).toMatchObject({ status: 202, body: { state: "started" } });
    const again = await send(served.port, structured({ time: "2026-11-29T01:00:00Z" }));
    expect(again).toMatchObject({ status: 202, headers: { "idempotent-replayed": "true" } });
    const other = await send(served.port, binary({ "ce-source": "/portal" }));
    expect(other).toMatchObject({ status: 202, body: { state: "joined" } });
    expect(await send(served.port, binary({ "ce-type": "order.changed" }))).toMatchObject({
      status: 422,
    });
  });

  test("has its attributes decoded, and gives them to `input`", async () => {
    const seen: unknown[] = [];
    await open(sender, {
      input: (body, about) => {
        seen.push(about);
        return body;
      },
    });
    const over = { "ce-id": "%22caf%C3%A9%22", "ce-subject": "5 %", "ce-source": '"a b"' };
    expect(await send(served.port, binary(over))).toMatchObject({ status: 202 });
    const about = { id: '"café"', source: "a b", type: "order.placed", subject: "5 %", time: null };
    expect(seen).toEqual([about]);
  });

  test("that lacks something is refused", async () => {
    await open(sender);
    const wrong: readonly (readonly [Sent, number])[] = [
      [binary({ "ce-id": "" }), 400],
      [binary({ "ce-specversion": "0.3" }), 400],
      [binary({ "ce-id": "%ff" }), 400],
      [binary({ "ce-id": "e".repeat(256) }), 400],
      [structured({ source: 1 }), 400],
      [structured({ subject: 1 }), 400],
      [structured({ data_base64: "AAAA" }), 400],
      [{ ...structured(), body: "[]" }, 400],
      [{ ...structured(), headers: { "content-type": "application/cloudevents-batch+json" } }, 415],
    ];
    for (const [sent, status] of wrong) {
      expect(await send(served.port, sent)).toMatchObject({ status, body: { code: "HF4109" } });
    }
    expect(await send(served.port, binary())).toMatchObject({ status: 202 });
  });
});
