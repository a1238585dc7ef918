/**
 * What is declared sensitive is nowhere to be seen: neither where payloads are asked for, nor in any
 * sentence that was built from them. Looked for by value, in everything that is shown and written.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { cannotTell, effect, holdfast, integration, review, workflow, type App } from "./index.ts";
import { openSqliteReader } from "./store-sqlite/index.ts";
import { runCommandLine } from "./cli/program.ts";
import { outside } from "./command-line.ts";

const IBAN = "DE89370400440532013000";
const CARD = "4111111111111111";
const SECRETS = [IBAN, CARD, "super-secret-note", "424213579246801"];

const bank = integration("bank", { owner: "team-bank" });

const refuses = effect("refuses", {
  on: bank,
  repeat: "once",
  settle: "10ms",
  input: z.object({ id: z.string(), iban: z.string() }),
  output: z.object({ ref: z.string() }),
  sensitive: ["/iban"],
  classify: (error) =>
    error instanceof RangeError ? { class: "data", effect: "never" } : undefined,
  run: ({ iban }) =>
    Promise.reject(new RangeError(`no account ${iban} (${encodeURIComponent(iban)})`)),
});

const charges = effect("charges", {
  on: bank,
  repeat: "keyed",
  keyWindow: "24h",
  input: z.object({ card: z.string(), cents: z.number() }),
  output: z.object({ ref: z.string(), pin: z.number() }),
  sensitive: ["/card", "/pin"],
  compensate: "none",
  run: async () => ({ ref: "ch_1", pin: 424213579246801 }),
});

const approve = review("approve", {
  subject: z.object({ cents: z.number(), iban: z.string() }),
  decision: z.object({ ok: z.boolean(), note: z.string().optional() }),
  by: "finance",
  sensitive: ["/iban", "/note"],
});

const paid = {
  name: "paid",
  schema: z.object({ iban: z.string(), cents: z.number() }),
  sensitive: ["/iban"],
};

const input = z.object({
  id: z.string(),
  iban: z.string(),
  lines: z.array(z.object({ iban: z.string() })),
});

const pays = workflow(
  "pays",
  {
    input,
    output: z.any(),
    key: ({ id }) => id,
    owner: "team",
    sensitive: ["/iban", "/lines/*/iban"],
  },
  async ({ id, iban }, run) => {
    run.now("began");
    await run.step("undeclared", () => ({ copy: iban }));
    await run.step("declared", () => ({ open: "to see", copy: iban }), { sensitive: ["/copy"] });
    const { pin } = await run.do(charges, { card: CARD, cents: 5 });
    const { note } = await run.ask(approve, { cents: 5, iban });
    await run.wait(paid, { key: id });
    await run.step("throws", () => {
      throw new Error(`cannot book ${iban}, ${String(pin)}: ${note ?? ""}`);
    });
  },
);

const fails = workflow(
  "fails",
  { input, output: z.any(), key: ({ id }) => id, owner: "team", sensitive: ["/iban"] },
  async ({ id, iban }, run) => run.do(refuses, { id, iban }),
);

let folder: string;
let app: App;
let logged: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-sensitive-"));
  logged = [];
  app = holdfast({
    store: `sqlite:${join(folder, "holdfast.db")}`,
    workflows: [pays, fails],
    log: (line) => logged.push(line),
  });
});
afterEach(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

async function cli(...words: readonly string[]): Promise<string> {
  let said = "";
  const terminal = {
    env: {},
    hasFile: () => true,
    userName: () => "bo",
    out: (text: string) => (said += text),
    err: (text: string) => (said += text),
    width: null,
  };
  await runCommandLine(
    [...words, "--store", `sqlite:${join(folder, "holdfast.db")}`],
    terminal,
    outside,
  );
  return said;
}

/** Everything that an operator can look at, in both forms. */
async function everythingShown(run: string): Promise<string> {
  const commands = [
    ["show", run, "--payloads", "--stack"],
    ["why", run],
    ["runs"],
    ["exceptions", "--all"],
    ["effects"],
    ["reviews", "--all"],
  ];
  let all = logged.join("\n");
  for (const command of commands) {
    all += await cli(...command);
    all += await cli(...command, "--json");
  }
  return all;
}

async function untilState(run: string, state: string): Promise<void> {
  const arrived = async () => (await app.get(run))?.state === state;
  if (await arrived()) return;
  await new Promise<void>((resolve) => {
    const off = app.on(() => {
      void arrived().then((isSo) => {
        if (!isSo) return;
        off();
        resolve();
      });
    });
  });
}

async function reviewOf(run: string): Promise<string> {
  const reviews = JSON.parse(await cli("reviews", "--key", run, "--json")) as {
    readonly reviews: readonly { readonly id: string }[];
  };
  return reviews.reviews[0]?.id ?? "";
}

const order = { id: "1", iban: IBAN, lines: [{ iban: IBAN }] };

describe("what is declared sensitive", () => {
  test("is shown by its type only, in every payload and every sentence", async () => {
    const { id } = await app.start(pays, order);
    await untilState(id, "review");
    await app.answer(await reviewOf(id), { ok: true, note: "super-secret-note" }, { by: "bo" });
    await untilState(id, "waiting");
    await app.send(paid, { key: "1", id: "e1", payload: { iban: IBAN, cents: 5 } });
    await untilState(id, "held");
    const shown = await everythingShown(id);
    for (const secret of SECRETS) expect(shown).not.toContain(secret);
    expect(shown).toContain(
      '{"id":"1","iban":"[masked string]","lines":[{"iban":"[masked string]"}]}',
    );
    expect(shown).toContain('{"card":"[masked string]","cents":5}');
    expect(shown).toContain('{"ref":"ch_1","pin":"[masked number]"}');
    expect(shown).toContain('{"cents":5,"iban":"[masked string]"}');
    expect(shown).toContain('{"ok":true,"note":"[masked string]"}');
    expect(shown).toContain('{"iban":"[masked string]","cents":5}');
    expect(shown).toContain("cannot book [masked], [masked]: [masked]");
    expect(logged.join()).toContain("cannot book [masked]");
  });

  test("and what nobody has declared is masked whole", async () => {
    const { id } = await app.start(pays, order);
    await untilState(id, "review");
    const shown = await cli("show", id, "--payloads");
    expect(shown).not.toContain('"[masked number]" (nobody');
    expect(shown).toContain('"[masked object]" (nobody has declared what is sensitive in it)');
    expect(shown).toContain('{"open":"to see","copy":"[masked string]"}');
  });

  test("is not in what is journalled of a failure, over a restart either", async () => {
    const { id } = await app.start(fails, { ...order, lines: [] });
    await untilState(id, "exception");
    const shown = await everythingShown(id);
    expect(shown).not.toContain(IBAN);
    expect(shown).toContain("no account [masked] ([masked])");
    const reader = await openSqliteReader({ path: join(folder, "holdfast.db") });
    const [{ run } = { run: 0 }] = await reader.runsByKey("1", 10);
    const heads = (await reader.records(run, 0, 100)).map(({ head }) => head).join("\n");
    await reader.close();
    expect(heads).not.toContain(IBAN);
  });

  test("is not in what a caller is told of a wrong value", async () => {
    const strict = z
      .string()
      .refine(() => false, { error: ({ input: got }) => `no such account ${String(got)}` });
    const wrong = { ...paid, schema: z.object({ iban: strict }) };
    const sending = app.send(wrong, { key: "1", id: "e", payload: { iban: IBAN } });
    await expect(sending).rejects.toThrow("no such account [masked]");
    const asks = workflow(
      "asks",
      {
        input: z.object({ iban: strict }),
        output: z.any(),
        key: () => "k",
        owner: "t",
        sensitive: ["/iban"],
      },
      () => Promise.resolve(null),
    );
    const other = holdfast({ store: ":memory:", workflows: [asks] });
    await expect(other.start(asks, { iban: IBAN })).rejects.toThrow("no such account [masked]");
    await other.close();
  });
});

test("neither a look-up's answer nor the reason of a stop quotes it", async () => {
  const looks = effect("looks", {
    on: bank,
    repeat: "probeable",
    settle: "10ms",
    input: z.object({ iban: z.string() }),
    output: z.object({}),
    sensitive: ["/iban"],
    run: () => Promise.reject(new Error("the line was cut")),
    probe: async ({ iban }) => cannotTell(`two rows for ${iban}`),
  });
  const stops = workflow(
    "stops",
    { input, output: z.any(), key: ({ id }) => id, owner: "team", sensitive: ["/iban"] },
    async ({ iban, id }, run) => {
      if (id === "stop") run.stop(`${iban} is blocked`);
      return run.do(looks, { iban });
    },
  );
  const other = holdfast({
    store: `sqlite:${join(folder, "holdfast.db")}`,
    workflows: [stops],
    log: () => undefined,
  });
  const probed = new Promise<void>((resolve) => {
    other.on((event) => {
      if (event.type === "probe.answered") setImmediate(resolve);
    });
  });
  const stopped = await other.start(stops, { ...order, id: "stop", lines: [] });
  await expect(stopped.result()).rejects.toThrow("[masked] is blocked");
  const { id } = await other.start(stops, { ...order, lines: [] });
  await probed;
  // What was answered is durable after this.
  await other.close();
  const shown = await cli("show", id);
  expect(shown).toContain("two rows for [masked]");
  expect(shown).not.toContain(IBAN);
});

test("a pointer that is none is refused where it is written", () => {
  const options = { subject: z.any(), decision: z.any(), by: "x", sensitive: ["iban"] };
  expect(() => review("r", options)).toThrow(
    expect.objectContaining({
      code: "HF1001",
      message: expect.stringContaining('begins with "/"'),
    }),
  );
});
