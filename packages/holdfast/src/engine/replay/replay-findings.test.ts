/** What a plan says of itself, what has moved since it was made, and items that never come to an end. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseJson } from "../../core/json-text.ts";
import { parseRate } from "../../core/rate.ts";
import {
  REPLAY_COOL_DOWN_MS,
  REPLAY_DECISIONS_MAX,
  type ReplayPlan,
} from "../../core/replay/replay-plan.ts";
import { formatRunId } from "../../core/run-number.ts";
import { versionOf } from "../../core/run-version.ts";
import { coolDownOf } from "../../operate/replay/cool-down.ts";
import { showReplay } from "../../operate/replay/replay-acts.ts";
import { readReplay, summaryOf } from "../../operate/replay/replay-view.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import { workflow } from "../../workflow/workflow.ts";
import { ANSWER, REFERENCE, testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";
import { ReplayWorld } from "./replay-world.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const ITEM_MOVED = /has moved/u;

let world: TestWorld;
let replay: ReplayWorld;
beforeEach(() => {
  world = new TestWorld();
  replay = new ReplayWorld(world);
});
afterEach(() => world.remove());

/** Items of a plan with where each of their runs stands now. */
async function standing(plan: ReplayPlan): Promise<ReplayPlan["items"]> {
  const items: ReplayPlan["items"][number][] = [];
  for (const [run, seq, print] of plan.items) {
    const row = (await world.exceptions()).find((one) => formatRunId(one.run) === run);
    items.push([run, seq, print, versionOf(await world.records(row?.run ?? 0))]);
  }
  return items;
}

test.each([
  ["edited", { act: "edit", changes: [{ at: "/id", value: "other" }] }],
  ["done again", { act: "again", step: "book" }],
] as const)("what has moved since the plan was made is not %s", async (_name, how) => {
  const news = { name: "news", schema: REFERENCE };
  const book = testEffect("keyed", replay.bank, "book", { keyWindow: "7d", editable: ["/id"] });
  const flow = workflow(
    "flow",
    { input: REFERENCE, output: ANSWER, owner: "ops", key: ({ id }) => id },
    async (input, run) => {
      const [booked] = await Promise.all([run.do(book, input), run.wait(news, { key: input.id })]);
      return booked;
    },
  );
  await world.begin([flow]);
  for (const id of ["0", "1"]) await world.start(flow, { id });
  await world.settle();
  const resumed = await replay.planned();
  const plan = await replay.planned({ how, items: await standing(resumed) });
  const run = await replay.laid(plan);
  await world.engine.commands.send("news", "0", "news 1", { id: "0" });
  await world.settle();
  replay.refuses = () => null;
  await replay.say(plan, "start");
  const { tally } = await replay.outcome(run);
  expect(tally).toMatchObject({ succeeded: 1, skipped: 1 });
  expect((await replay.results(run)).get(0)?.because).toMatch(ITEM_MOVED);
  expect(replay.bank.count("book")).toBe(1);
});

test("a plan of repairs that does not say where its runs stand is refused", async () => {
  await replay.begin();
  await replay.stand(1);
  const plan = await replay.planned({ how: { act: "again", step: "book" } });
  await expect(replay.laid(plan)).rejects.toMatchObject({ code: "HF4102" });
});

/** Runs that stand; the next call of one of them does not come back. */
async function standStuck(count: number, limits: LifeOptions["limits"] = {}): Promise<void> {
  const book = testEffect("keyed", replay.bank, "book", { keyWindow: "7d", timeout: "12h" });
  const flow = testWorkflow("flow", (input, run) => run.do(book, input));
  await world.begin([flow], { limits });
  for (let n = 0; n < count; n += 1) await world.start(flow, { id: String(n) });
  await world.settle();
  replay.refuses = () => null;
  replay.bank.plan("book", { kind: "slow", takesMs: 11 * HOUR_MS });
}

test("stopped, a plan does not wait for an item of which nothing comes", async () => {
  await standStuck(3);
  const before = replay.bank.requests.length;
  const plan = await replay.planned();
  const run = await replay.laid(plan);
  await replay.say(plan, "start");
  await world.until("the first call", () => replay.bank.requests.length > before);
  await replay.say(plan, "stop");
  await world.advance(2 * MINUTE_MS);
  expect(await replay.outcome(run)).toMatchObject({
    end: "stopped",
    tally: { "not-judged": 1, "not-reached": 2 },
  });
});

test("a plan that waits for its place behind another can be stopped", async () => {
  await standStuck(2, { replayAtOnceMax: 1 });
  const before = replay.bank.requests.length;
  const { items } = await replay.planned();
  const first = await replay.planned({ items: items.slice(0, 1) });
  const second = await replay.planned({ items: items.slice(1) });
  const own = await replay.laid(first);
  const other = await replay.laid(second);
  await replay.say(first, "start");
  await world.until("the first call", () => replay.bank.requests.length > before);
  await replay.say(second, "start");
  await world.advance(MINUTE_MS);
  await replay.say(second, "stop");
  await world.advance(MINUTE_MS);
  expect(await replay.outcome(other)).toMatchObject({ tally: { "not-reached": 1 } });
  expect(await world.stateOf(own)).not.toBe("completed");
  await replay.say(first, "stop");
  await world.advance(2 * MINUTE_MS);
  expect(world.engine.replays.keptCount).toBe(0);
});

test("of several exceptions of one run each item is judged by itself, wave after wave", async () => {
  const book = testEffect("keyed", replay.bank, "book", { keyWindow: "7d" });
  const mail = testEffect("keyed", replay.bank, "mail", { keyWindow: "7d" });
  const flow = testWorkflow("flow", (input, run) =>
    Promise.all([run.do(book, input), run.do(mail, input)]),
  );
  await world.begin([flow]);
  const stands = await world.start(flow, { id: "0" });
  await world.settle();
  replay.refuses = () => null;
  const plan = await replay.planned({ canary: [1] });
  expect(plan.items).toHaveLength(2);
  const run = await replay.laid(plan);
  await replay.say(plan, "start");
  expect(await replay.outcome(run)).toMatchObject({
    end: "completed",
    tally: { passed: 1, succeeded: 1 },
  });
  expect(await world.stateOf(stands)).toBe("completed");
});

test("what stopped itself is told with the next plan of its cause, until its time is over", async () => {
  await replay.begin();
  await replay.stand(2);
  const plan = await replay.planned();
  const run = await replay.laid(plan);
  await replay.say(plan, "start");
  expect(await replay.outcome(run)).toMatchObject({ end: "stopped" });
  const endedAtMs = (await world.row(run)).endedAtMs ?? 0;
  const next = await replay.planned({ reason: "once more" });
  const reader = await openSqliteReader({ path: world.path });
  try {
    const at = new Date(endedAtMs + REPLAY_COOL_DOWN_MS).toISOString();
    const told = { after: plan.id, at };
    const nowMs = world.clock.nowMs();
    expect(await coolDownOf(reader, next, nowMs)).toEqual(told);
    await replay.laid(next);
    const page = { after: null, limit: 1 };
    expect((await showReplay(reader, next.id, page, nowMs)).notBefore).toEqual(told);
    expect((await showReplay(reader, plan.id, page, nowMs)).notBefore).toBeNull();
    const other = { fingerprints: ["f2.1.00"] };
    expect(await coolDownOf(reader, other, nowMs)).toBeNull();
    expect(await coolDownOf(reader, next, endedAtMs + REPLAY_COOL_DOWN_MS)).toBeNull();
    // The command line alone refuses it: started all the same, it waits for nothing.
    replay.refuses = () => null;
    replay.bank.plan("book", { kind: "slow", takesMs: 3_000 });
    await replay.say(next, "start");
    expect(await showReplay(reader, next.id, page, nowMs)).toMatchObject({
      state: "running",
      notBefore: null,
    });
  } finally {
    await reader.close();
  }
});

test("the sums of the store count, not those that the plan says of itself", async () => {
  const book = testEffect("keyed", replay.bank, "book", { keyWindow: "7d" });
  const flow = workflow(
    "flow",
    {
      input: REFERENCE,
      output: ANSWER,
      owner: "ops",
      key: ({ id }) => id,
      describe: () => ({ amount: "6000", currency: "EUR" }),
    },
    (input, run) => run.do(book, input),
  );
  await world.begin([flow]);
  for (const id of ["0", "1"]) await world.start(flow, { id });
  await world.settle();
  replay.refuses = () => null;
  const plan = await replay.planned();
  const run = await replay.laid(plan);
  await replay.say(plan, "start");
  await world.advance(MINUTE_MS);
  expect((await replay.results(run)).size).toBe(0);
  const reader = await openSqliteReader({ path: world.path });
  const shown = summaryOf(await readReplay(reader, plan.id));
  await reader.close();
  expect(shown).toMatchObject({
    state: "planned",
    startedBy: null,
    because: expect.stringMatching(/12000 EUR.*a second person has to approve it/u),
  });
  await replay.say(plan, "start");
  await world.advance(MINUTE_MS);
  expect((await replay.results(run)).size).toBe(0);
  await replay.say(plan, "approve", "bo");
  await replay.say(plan, "start");
  expect(await replay.outcome(run)).toMatchObject({ end: "completed", tally: { succeeded: 2 } });
});

test("whoever hands in a plan is its maker, or it is not carried out", async () => {
  await replay.begin();
  await replay.stand(1);
  replay.refuses = () => null;
  const plan = await replay.planned();
  const run = await replay.laid(plan, "mallory");
  await replay.say(plan, "approve", "mallory");
  await replay.say(plan, "start", "mallory");
  const { end, because, tally } = await replay.outcome(run);
  expect({ end, tally }).toMatchObject({ end: "stopped", tally: { "not-reached": 1 } });
  expect(because).toContain("mallory");
});

test("at the limit of decisions a plan stops: nobody could stop it afterwards", async () => {
  await standStuck(2);
  const plan = await replay.planned();
  const run = await replay.laid(plan);
  await replay.say(plan, "start");
  // Refused, each of them: it runs.
  for (let n = 1; n < REPLAY_DECISIONS_MAX; n += 1) await replay.say(plan, "resume");
  await world.advance(2 * MINUTE_MS);
  expect(await replay.outcome(run)).toMatchObject({
    end: "stopped",
    because: expect.stringContaining(`${String(REPLAY_DECISIONS_MAX)} decisions`),
  });
  const events = (await world.records(run)).filter(({ kind }) => kind === "event");
  expect(events.map(({ data }) => parseJson(data ?? "null")).length).toBe(REPLAY_DECISIONS_MAX);
});

test("a plan's rate holds over engines that end one after the other", async () => {
  await replay.begin();
  await replay.stand(6);
  replay.refuses = () => null;
  const plan = await replay.planned({ rate: parseRate("1/m", "rate"), canary: [] });
  const run = await replay.laid(plan);
  const first = replay.bank.requests.length;
  await replay.say(plan, "start");
  for (let life = 0; life < 2; life += 1) {
    await world.advance(1_000);
    await world.crash();
    await replay.begin();
  }
  await world.advance(1_000);
  // One as it began, and none of those to come before its minute is over.
  expect(replay.bank.requests.length - first).toBe(1);
  expect(await replay.outcome(run)).toMatchObject({ end: "completed", tally: { succeeded: 6 } });
});
