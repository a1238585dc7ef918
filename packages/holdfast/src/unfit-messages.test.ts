/** What a sender hears of a message that does not fit, and what its owner can do, by HTTP and command line. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { cliAt } from "./cli-at.test-support.ts";
import { holdfast, workflow, type App, type IngressOptions, type Sender } from "./index.ts";
import { bill, send, serve, type Sent, type Served } from "./ingress/ingress.test-support.ts";
import { makeKeyRing } from "./payload/key-ring.ts";
import { keyOf } from "./payload/test-payloads.test-support.ts";

type Options = Partial<IngressOptions<typeof bill.definition.input>>;

const IBAN = "DE89canary0532013000";
const pays = workflow(
  "pays",
  {
    input: z.object({ id: z.string(), iban: z.string() }),
    output: z.any(),
    key: ({ id }) => id,
    owner: "treasury",
    sensitive: ["/iban"],
  },
  async () => null,
);

let folder: string;
let app: App;
let served: Served;
const lines: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-unfit-"));
  lines.length = 0;
});
afterEach(async () => {
  await served.close();
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

const store = () => `sqlite:${join(folder, "store.db")}` as const;
const dataOf = (body: unknown) => (body as { order: { data: object } }).order.data;
const inOrder = () => ({ key: "k", version: 1 });
const byKey: Sender = { kind: "idempotency-key", principal: () => "shop" };

async function open(
  options: Options = { unfit: "keep" },
  { keyRing }: { readonly keyRing?: string } = {},
): Promise<void> {
  app = holdfast({
    store: store(),
    workflows: [bill, pays],
    log: (line) => lines.push(line),
    ...(keyRing === undefined ? {} : { payloads: { keyRing } }),
  });
  served = await serve({
    "/orders": app.ingress(bill, { sender: byKey, ...options }),
    "/payments": app.ingress(pays, { sender: byKey, unfit: "keep" }),
  });
}

function post(key: string, body: Sent["body"], more: Sent = {}) {
  return send(served.port, {
    ...more,
    headers: { "idempotency-key": `"${key}"` },
    body: body ?? "",
  });
}

interface Listed {
  readonly exceptions: readonly {
    readonly id: string;
    readonly reasonCode: string;
    readonly class: string;
    readonly owner: string;
    readonly workflow: string;
    readonly message: string;
    readonly because: string;
    readonly admitWith: string | null;
    readonly acts: readonly string[];
  }[];
}

async function exceptions(): Promise<Listed["exceptions"]> {
  return (await cliAt(store()).json<Listed>("exceptions")).exceptions;
}

async function shownPayload(id: string): Promise<string> {
  return (await cliAt(store()).say("show", id, "--payloads")).out;
}

const KEPT = { state: "review", run: null };

describe("a message that does not fit", () => {
  test("is refused, and nothing of it is kept, unless its ingress says otherwise", async () => {
    await open({});
    expect(await post("k-1", '{"id": 7}')).toMatchObject({ status: 400, body: { code: "HF4102" } });
    expect(await post("k-1", "{")).toMatchObject({ status: 400, body: { code: "HF4102" } });
    expect(await exceptions()).toEqual([]);
    expect(await post("k-1", { id: "O-1", cents: 1 })).toMatchObject({ status: 202 });
  });

  const UNFIT: readonly (readonly [what: string, body: string | Uint8Array, kept: string])[] = [
    ["breaks the schema", '{"id":"O-1","cents":"many"}', '{"id":"O-1","cents":"many"}'],
    ["is no JSON", "id=O-1&cents=100", "id=O-1&cents=100"],
    ["is no UTF-8", new Uint8Array([0x7b, 0xff, 0xfe]), "e//+"],
    ["holds a lone surrogate", String.raw`{"id":"\ud800"}`, String.raw`{"id":"\ud800"}`],
    ["is nested too deep", "[".repeat(5_000), "[[[["],
    ["is nothing", "", "what came"],
  ];
  for (const [what, body, kept] of UNFIT) {
    test(`is kept as it came where it ${what}, and its repeat gets the same answer`, async () => {
      await open();
      const first = await post("k-1", body);
      expect(first).toMatchObject({ status: 202, body: KEPT });
      const again = await post("k-1", body);
      expect(again).toMatchObject({ status: 202, headers: { "idempotent-replayed": "true" } });
      expect(again.body).toEqual(first.body);
      expect(await post("k-1", { id: "O-1", cents: 1 })).toMatchObject({ status: 422 });
      const [exception, ...more] = await exceptions();
      expect(more).toEqual([]);
      expect(exception).toMatchObject({
        reasonCode: "HF4115",
        owner: "billing",
        workflow: "bill",
        acts: ["admit", "close"],
      });
      expect(await shownPayload(exception?.id ?? "")).toContain(kept);
    });
  }

  test("is kept where the ingress cannot make an input of it", async () => {
    await open({ unfit: "keep", input: dataOf });
    expect(await post("k-1", { id: "O-1" })).toMatchObject({ status: 202, body: KEPT });
    const [exception] = await exceptions();
    expect(exception?.message).toContain("TypeError");
    expect(lines.filter((line) => line.includes("ingress"))).toEqual([]);
  });

  for (const rule of ["keep", "refuse"] as const) {
    // What is kept has no order.
    const functions = rule === "keep" ? ["key", "describe"] : ["key", "describe", "order"];
    for (const fails of functions) {
      test(`is none where ${fails} fails over one that fits: its sender keeps it, and the owner of the code is told (${rule})`, async () => {
        const broken = (): never => {
          throw new TypeError(`no ${fails} for O-1`);
        };
        const works = workflow(
          "works",
          {
            input: z.object({ id: z.string(), cents: z.number() }),
            output: z.any(),
            key: ({ id }) => (fails === "key" ? broken() : id),
            ...(fails === "describe" ? { describe: broken } : {}),
            owner: "billing",
            owners: { defect: "developers" },
          },
          async () => null,
        );
        app = holdfast({
          store: store(),
          workflows: [works],
          version: "7",
          log: (line) => lines.push(line),
        });
        const order = fails === "order" ? { order: broken } : {};
        served = await serve({
          "/orders": app.ingress(works, { sender: byKey, unfit: rule, ...order }),
        });
        for (let again = 0; again < 2; again += 1) {
          const answer = await post("k-1", { id: "O-1", cents: 1 });
          expect(answer).toMatchObject({ status: 500, body: { code: "HF1113" } });
          expect(JSON.stringify(answer.body)).not.toContain("O-1");
        }
        expect(lines.join()).toContain(`no ${fails} for O-1`);
        const [exception, ...more] = await exceptions();
        expect(more).toEqual([]);
        expect(exception).toMatchObject({
          class: "defect",
          reasonCode: "HF1113",
          owner: "developers",
          workflow: "works",
          acts: ["close"],
        });
        expect(JSON.stringify(exception)).not.toContain("O-1");
      });
    }
  }

  test("is refused all the same while nobody knows whose it is", async () => {
    await open({ unfit: "keep", sender: { kind: "idempotency-key", principal: () => null } });
    expect(await post("k-1", "{")).toMatchObject({ status: 401 });
    expect(await send(served.port, { body: "{" })).toMatchObject({ status: 401 });
    const headers = { "idempotency-key": '"k-1"', "content-type": "text/plain" };
    expect(await send(served.port, { body: "{", headers })).toMatchObject({ status: 415 });
    // Not even a store was made for it.
    expect(existsSync(join(folder, "store.db"))).toBe(false);
  });

  test("of CloudEvents is kept where its headers say whose it is", async () => {
    await open({ unfit: "keep", sender: { kind: "cloudevents", principal: () => "hub" } });
    const event = {
      "ce-specversion": "1.0",
      "ce-id": "e-1",
      "ce-source": "/shop",
      "ce-type": "order",
    };
    const binary = await send(served.port, { headers: event, body: "{" });
    expect(binary).toMatchObject({ status: 202, body: KEPT });
    const structured = { "content-type": "application/cloudevents+json" };
    expect(await send(served.port, { headers: structured, body: "{" })).toMatchObject({
      status: 400,
    });
    expect(await exceptions()).toHaveLength(1);
  });

  test("cannot be kept where messages have an order", async () => {
    await open();
    expect(() => app.ingress(bill, { sender: byKey, unfit: "keep", order: inOrder })).toThrow(
      /has an order/,
    );
  });
});

describe("what a person does about a message that does not fit", () => {
  test("admit starts its run, closes the exception and is told to the sender", async () => {
    await open();
    await post("k-1", '{"id":"O-1","cents":"many"}');
    const [exception] = await exceptions();
    const id = exception?.id ?? "";
    expect(exception?.admitWith).toBe(
      `holdfast admit ${id} --input JSON --reason "..."   or   holdfast admit ${id} --as-it-came --reason "..."`,
    );
    const cli = cliAt(store());
    expect((await cli.json<{ messages: object[] }>("received")).messages).toMatchObject([
      { state: "review", exception: id, isLeft: false },
    ]);
    for (const bad of [[], ["--as-it-came", "--input", "{}"]])
      expect(await cli.say("admit", id, ...bad, "--reason", "x")).toMatchObject({ code: 2 });
    // It still does not fit.
    const came = await cli.say("admit", id, "--as-it-came", "--reason", "x");
    expect(came.err).toContain("HF4102");
    const wrong = await cli.say("admit", id, "--input", '{"id":"O-1"}', "--reason", "asked them");
    expect(wrong.code).not.toBe(0);
    expect(wrong.err).toContain("HF4102");
    const words = ["admit", id, "--input", '{"id":"O-1","cents":100}', "--reason", "asked them"];
    const admitted = await cli.say(...words);
    expect(admitted).toMatchObject({ code: 0, err: "" });
    const [, run = ""] = /is run (run_\w+)/u.exec(admitted.out) ?? [];
    expect(await cli.json("show", run)).toMatchObject({ run: { key: "O-1", startedBy: "ana" } });
    expect((await cli.say("show", run)).out).toContain(`(${id}, admitted: asked them)`);
    expect((await cli.say("show", id)).out).toContain(`admitted: started, run ${run}; asked them`);
    expect(await post("k-1", '{"id":"O-1","cents":"many"}')).toMatchObject({
      status: 202,
      body: { state: "started", run },
    });
    expect(await exceptions()).toEqual([]);
    // Given once more it is the same run.
    expect((await cli.say(...words)).out).toContain(run);
  });

  test("what is left while no engine runs is shown, and its refusal is noted", async () => {
    await open();
    await post("k-1", "{");
    await served.close();
    await app.close();
    const cli = cliAt(store());
    const [exception] = await exceptions();
    const id = exception?.id ?? "";
    await cli.say("admit", id, "--input", '{"id":"O-1"}', "--reason", "asked them");
    expect((await cli.say("show", id)).out).toContain("admit left by ana");
    await open();
    await app.listen();
    await expect.poll(async () => (await cli.say("show", id)).out).toContain("was refused: HF4102");
    expect(await exceptions()).toHaveLength(1);
  });

  test("close leaves it, and its sender hears what it heard", async () => {
    await open();
    await post("k-1", "{");
    const [exception] = await exceptions();
    const cli = cliAt(store());
    const closed = await cli.say("close", exception?.id ?? "", "--reason", "a test of theirs");
    expect(closed.code).toBe(0);
    expect(await post("k-1", "{")).toMatchObject({ status: 202, body: KEPT });
    expect(await exceptions()).toEqual([]);
    expect((await cli.say("received")).out).toContain("review (left)");
  });
});

describe("a message that does not fit, of a workflow with sensitive fields", () => {
  const unfit = `{"id":"O-1","iban":["${IBAN}"]}`;

  test("is shown by its fields alone, wherever it is shown", async () => {
    await open();
    await send(served.port, {
      path: "/payments",
      headers: { "idempotency-key": '"k-1"' },
      body: unfit,
    });
    const [exception] = await exceptions();
    const shown = await shownPayload(exception?.id ?? "");
    expect(shown).toContain('{"id":"[masked string]","iban":["[masked string]"]}');
    expect(`${shown}${JSON.stringify(exception)}`).not.toContain(IBAN);
  });

  for (const isSealed of [true, false]) {
    test(`lies in the store ${isSealed ? "sealed, with what is given for it" : "in plain form without a ring"}`, async () => {
      const ring = join(folder, "ring.keys");
      makeKeyRing(ring, keyOf(1));
      await open({}, isSealed ? { keyRing: ring } : {});
      await send(served.port, {
        path: "/payments",
        headers: { "idempotency-key": '"k-1"' },
        body: unfit,
      });
      await served.close();
      await app.close();
      const [exception] = await exceptions();
      // Nobody runs: the command waits in the inbox, with its input.
      const input = JSON.stringify({ id: "O-1", iban: IBAN });
      const said = ["admit", exception?.id ?? "", "--input", input, "--reason", "asked them"];
      const ringWords = isSealed ? ["--key-ring", ring] : [];
      expect((await cliAt(store()).say(...said, ...ringWords)).code).toBe(0);
      const found = readdirSync(folder).some((file) =>
        readFileSync(join(folder, file)).includes(IBAN),
      );
      expect(found).toBe(!isSealed);
      await open({}, isSealed ? { keyRing: ring } : {});
      await app.listen();
      await expect.poll(() => exceptions()).toEqual([]);
      const run = await cliAt(store()).json("show", "O-1");
      expect(run).toMatchObject({ run: { startedBy: "ana" } });
    });
  }
});
