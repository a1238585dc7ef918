/** Runs that are pulled from a store, and held against code. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Counterpart } from "./engine/counterpart.test-support.ts";
import { testEffect, testWorkflow } from "./engine/test-effects.test-support.ts";
import { TestWorld } from "./engine/test-world.test-support.ts";
import { Repairing } from "./engine/repair/repair-world.test-support.ts";
import { historiesOf, makeHistories } from "./engine/versions/histories.test-support.ts";
import { formatRunId } from "./core/run-number.ts";
import { pullRun } from "./operate/pull-run.ts";
import { openSqliteReader } from "./store-sqlite/index.ts";
import { checkPulledRun, type CheckedCode } from "./testing/check-pulled-run.ts";
import { effect } from "./workflow/effect.ts";
import { integration } from "./workflow/integration.ts";
import { review } from "./workflow/review.ts";
import type { Run } from "./workflow/run.ts";
import { workflow } from "./workflow/workflow.ts";

const CHANCE = new Uint8Array(32).fill(9);
let world: TestWorld;
let system: Counterpart;
let folder: string;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("erp", "keys");
  folder = mkdtempSync(join(tmpdir(), "holdfast-pulled-"));
});
afterEach(async () => {
  await world.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function pulled(run: string, keepsUndeclared = false) {
  const reader = await openSqliteReader({ path: world.path });
  try {
    return await pullRun(reader, { run, keepsUndeclared, chance: CHANCE });
  } finally {
    await reader.close();
  }
}

async function checked(run: string, code: CheckedCode, keepsUndeclared = false) {
  const file = join(folder, `${run}.hfrun`);
  writeFileSync(file, (await pulled(run, keepsUndeclared)).text);
  return await checkPulledRun(file, code);
}

test("a run in any state is pulled, and fits the code that it ran with, and no other", async () => {
  await makeHistories(world);
  const { workflows, effects } = historiesOf(system);
  const reader = await openSqliteReader({ path: world.path });
  const rows = await reader.runs({ afterRun: 0, limit: 100 });
  await reader.close();
  expect(new Set(rows.map(({ state }) => state)).size).toBeGreaterThan(5);
  for (const { key, run } of rows) {
    const id = formatRunId(run);
    const file = join(folder, `${id}.hfrun`);
    writeFileSync(file, (await pulled(id)).text);
    const verdict = await checkPulledRun(file, { workflows, effects, version: "v2" });
    expect([key, verdict.misfit?.message ?? null]).toEqual([key, null]);
    const renamed = historiesOf(system, "renamed");
    const other = await checkPulledRun(file, { workflows: renamed.workflows, version: "v2" });
    // "back" was cancelled: it is taken back by its journal.
    const expected = key === "back" ? undefined : "HF2104";
    expect([key, other.misfit?.code]).toEqual([key, expected]);
  }
});

const SECRET = "ada@bank.org";
const shop = integration("shop", { owner: "shop" });
const ORDER = z.object({ id: z.string(), mail: z.email(), iban: z.string(), cents: z.number() });
const greet = effect("greet", {
  on: shop,
  repeat: "keyed",
  keyWindow: "24h",
  // Declares nothing: the address is known all the same.
  input: z.object({ text: z.string(), ref: z.string() }),
  output: z.object({ ok: z.boolean() }),
  run: () => Promise.resolve({ ok: true }),
});
const approve = review("approve", {
  subject: z.object({ mail: z.email() }),
  decision: z.object({ ok: z.boolean(), note: z.string() }),
  sensitive: ["/mail", "/note"],
  by: "boss",
});
type Order = z.output<typeof ORDER>;

const flowOf = (body: (order: Order, run: Run) => Promise<unknown>) =>
  workflow(
    "shop",
    {
      input: ORDER,
      output: z.any(),
      key: ({ id }) => id,
      owner: "shop",
      sensitive: ["/mail", "/iban"],
    },
    body,
  );

const body = async ({ mail, cents }: Order, run: Run) => {
  const ref = run.uuid("ref");
  const luck = run.random("luck");
  await run.do(greet, { text: `Dear ${mail}`, ref }, { as: mail });
  const made = await run.step("make", () => ({ pin: "very-secret-pin", cents }));
  const decision = await run.ask(approve, { mail });
  await run.do(greet, { text: `${decision.note} ${String(luck)}`, ref }, { as: "again" });
  return { to: mail, ref, cents: made.cents };
};
const flow = flowOf(body);
const INPUT = { id: "A-1", mail: SECRET, iban: "DE89370400440532013000", cents: 1234 };

async function played(): Promise<void> {
  await world.begin([flow], { version: "v1", effects: [greet] });
  const run = await world.start(flow, INPUT);
  await world.untilState(run, "review");
  const [asked] = await world.reviews(run);
  const decision = { ok: true, note: "call 0170-1234567" };
  await world.engine.commands.answer(run, asked?.seq ?? 0, decision, "bo");
  await world.untilState(run, "completed");
}

describe("a run with sensitive values", () => {
  test("holds none of them, and fits: equal values have stayed equal, derived ones are found", async () => {
    await played();
    const { text, header, undeclared } = await pulled("A-1");
    for (const secret of [SECRET, INPUT.iban, "0170-1234567", "very-secret-pin"])
      expect(text).not.toContain(secret);
    expect(text).toContain('\\"cents\\":1234');
    expect(header).toMatchObject({ workflow: "shop", codeVersion: "v1", undeclared: "faked" });
    expect(undeclared).toEqual(["step shop/make"]);
    expect(await checked("A-1", { workflows: [flow] })).toMatchObject({
      workflow: "shop",
      state: "completed",
      misfit: null,
    });
  });

  test("keeps what nobody has declared where that is asked for", async () => {
    await played();
    const { text } = await pulled("A-1", true);
    expect(text).toContain("very-secret-pin");
    expect(text).not.toContain(SECRET);
  });

  test("has nothing in it that was made with the key of the store", async () => {
    await played();
    const [row] = await world.allRuns();
    const stored = await world.records(row?.run ?? 0);
    const heads = stored.map(({ head }) => head ?? "").join(" ");
    const made = heads.match(/hf1_[0-9a-z]{52}|[0-9a-f]{32,64}/g) ?? [];
    expect(made.length).toBeGreaterThan(5);
    const { text } = await pulled("A-1");
    expect(made.filter((one) => text.includes(one))).toEqual([]);
  });

  test.each([
    [
      "another input of a step",
      async (order: Order, run: Run) => body({ ...order, mail: `x${order.mail}` }, run),
      /step "greet#\[masked\]" was the effect "greet"; your code asks for effect greet#x\[masked\]/,
    ],
    [
      "a step that is gone",
      async ({ mail }: Order, run: Run) =>
        run.do(greet, { text: `Dear ${mail}`, ref: run.uuid("ref") }, { as: mail }),
      /step "make" was local work; your code no longer asks for it/,
    ],
    [
      "another derived value",
      async (order: Order, run: Run) => {
        const ref = run.uuid("other");
        await run.do(greet, { text: `Dear ${order.mail}`, ref: `${ref}-x` }, { as: order.mail });
      },
      /at \/ref/,
    ],
    [
      "a step behind the end",
      async (order: Order, run: Run) => {
        await body(order, run);
        await run.do(greet, { text: "once more", ref: "" }, { as: "more" });
      },
      /had completed; your code asks for effect greet#more here/,
    ],
    [
      "another result",
      async (order: Order, run: Run) => ({ ...(await body(order, run)), cents: 1 }),
      /had completed with another result than your code returns now: at \/cents/,
    ],
    [
      "an error at the end",
      async (order: Order, run: Run) => {
        await body(order, run);
        throw new TypeError("x is not a function");
      },
      /had completed; your code throws: TypeError: x is not a function/,
    ],
    [
      "a stop at the end",
      async (order: Order, run: Run) => {
        await body(order, run);
        return run.stop("no");
      },
      /had completed; your code stops: no/,
    ],
    [
      "an end that never comes",
      async (order: Order, run: Run) => {
        await body(order, run);
        await new Promise(() => undefined);
      },
      /had completed; your code does not return here/,
    ],
  ])("does not fit code with %s", async (_what, changed, message) => {
    await played();
    const { misfit } = await checked("A-1", { workflows: [flowOf(changed)] });
    expect(misfit?.code).toBe("HF2104");
    expect(misfit?.message).toMatch(message);
    expect(misfit?.remedy).toMatch(/run\.since.*\d+ values of the file are fakes/s);
  });
});

test("a derived value is taken from the history only where the rest is what the history holds", async () => {
  const note = testEffect("keyed", system, "note");
  const made = testWorkflow("made", async (_input, run) => {
    for (const name of ["a", "b"]) await run.do(note, { id: run.uuid(name) }, { as: name });
    return run.uuid("c");
  });
  await world.begin([made]);
  const run = await world.start(made, { id: "7" });
  await world.untilState(run, "completed");
  expect((await checked("7", { workflows: [made] })).misfit).toBeNull();
  const swapped = testWorkflow("made", async (_input, run_) => {
    await run_.do(note, { id: run_.uuid("a") }, { as: "a" });
    await run_.do(note, { id: run_.uuid("a2") + run_.uuid("b") }, { as: "b" });
    return run_.uuid("c");
  });
  expect((await checked("7", { workflows: [swapped] })).misfit?.message).toMatch(
    /step "note#b".*at \/id/,
  );
});

test("an input that a person has corrected is held to what the code asks with", async () => {
  const street = effect("street", {
    on: shop,
    repeat: "keyed",
    keyWindow: "24h",
    input: z.object({ street: z.string() }),
    output: z.object({ ok: z.boolean() }),
    sensitive: ["/street"],
    editable: ["/street"],
    classify: () => ({ class: "data", effect: "never" }),
    run: (input) =>
      input.street === "High Street 1"
        ? Promise.resolve({ ok: true })
        : Promise.reject(new Error("no such street")),
  });
  const moves = (text: string) =>
    testWorkflow("moves", async (_input, run) => run.do(street, { street: text }));
  const first = moves("Hihg Street 1");
  await world.begin([first]);
  const run = await world.start(first, { id: "8" });
  await world.untilState(run, "exception");
  const changed = { step: "street", value: [{ at: "/street", value: "High Street 1" }] };
  await new Repairing(world).repair(run, "edit", changed);
  await world.untilState(run, "completed");
  const { text } = await pulled("8");
  expect(text).not.toMatch(/H[a-z]{3} Street 1/);
  // What the code asks with is not in the file: it may be anything where a fake stands for it.
  expect((await checked("8", { workflows: [moves("Hihg Street 1")] })).misfit).toBeNull();
  const other = effect("street", {
    on: shop,
    repeat: "keyed",
    keyWindow: "24h",
    input: z.object({ street: z.string(), more: z.number() }),
    output: z.object({ ok: z.boolean() }),
    sensitive: ["/street"],
    run: () => Promise.resolve({ ok: true }),
  });
  const more = testWorkflow("moves", async (_input, run_) =>
    run_.do(other, { street: "", more: 1 }),
  );
  const { misfit } = await checked("8", { workflows: [more] });
  expect(misfit?.message).toMatch(/with another input .* differs at \/street, \/more/);
});

const labels = (prefix: string) =>
  flowOf(async ({ mail }, run) => {
    await run.step("none", () => null);
    return `${prefix} ${mail}`;
  });

test("a result that is sensitive as a whole is not held to what stands for it", async () => {
  const labelled = labels("for");
  await world.begin([labelled]);
  const run = await world.start(labelled, INPUT);
  await world.untilState(run, "completed");
  expect((await checked("A-1", { workflows: [labelled] })).misfit).toBeNull();
  expect((await checked("A-1", { workflows: [labels("to")] })).misfit).toBeNull();
});

test("a workflow that the code lacks, and a file that is none, are told so", async () => {
  await played();
  expect(
    (await checked("A-1", { workflows: [testWorkflow("x", async () => null)] })).misfit,
  ).toMatchObject({ code: "HF2105" });
  const code = { workflows: [flow] };
  await expect(checkPulledRun(join(folder, "no.hfrun"), code)).rejects.toMatchObject({
    code: "HF4102",
  });
  writeFileSync(join(folder, "other.hfrun"), "{}\n");
  await expect(checkPulledRun(join(folder, "other.hfrun"), code)).rejects.toMatchObject({
    code: "HF5025",
  });
});
