/** What a person has decided is applied to what was seen, once, and to nothing that came later. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatRunId, parseItemId } from "../../core/run-number.ts";
import type { InboxRow } from "../../store/rows.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;
const OPEN: LifeOptions = { limits: { inboxIdleMs: 200, inboxBusyMs: 25 } };
let world: TestWorld;
let bank: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank");
});
afterEach(() => world.remove());

async function post(
  id: string,
  topic: InboxRow["topic"],
  command: object,
  by = "cli ana",
): Promise<void> {
  const reader = await openSqliteReader({ path: world.path });
  const data = JSON.stringify(command);
  await reader.post({ id, topic, atMs: world.clock.nowMs(), by, data });
  await reader.close();
}

async function answerTo(id: string): Promise<unknown> {
  let answer: string | null = null;
  await world.until(`an answer to ${id}`, async () => {
    const reader = await openSqliteReader({ path: world.path });
    answer = await reader.answer(id);
    await reader.close();
    return answer !== null;
  });
  return JSON.parse(answer ?? "null");
}

const resume = (run: number) => ({ run: formatRunId(run), step: null, reason: "mended" });

/** "It did not happen", of what the ledger shows now. */
async function notHappened(run: number) {
  const [effect] = await world.effects(run);
  const said = { happened: false, value: null, ref: null, reason: "looked: not there" };
  const { operation = 0, attempts = 0 } = effect ?? {};
  return { run: formatRunId(run), operation, attempts, ...said };
}

/** A second person approves what the command has proposed. */
async function approve(id: string, command: string): Promise<void> {
  const { proposal } = (await answerTo(command)) as { readonly proposal: string };
  const { run, seq } = parseItemId("prp", proposal);
  await post(id, "decide", { run: formatRunId(run), seq, approve: true, reason: "seen" }, "cli bo");
}

const pay = () => testEffect("once", bank, "pay");
const pays = () => testWorkflow("flow", (input, run) => run.do(pay(), input));

/** Its code throws something else each time that it runs. */
function breaksAnew() {
  let count = 0;
  return testWorkflow("flow", async (_input, run) => {
    await run.sleep("1s");
    count += 1;
    throw new Error(`broken ${String(count)}`);
  });
}

test("'it did not happen', said of the first attempt by two people, is not applied to the second", async () => {
  bank.plan("pay", { kind: "lostAnswer", happened: false }, { kind: "lostAnswer", happened: true });
  const flow = pays();
  await world.begin([flow], OPEN);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const said = await notHappened(run);
  await post("c1", "settle", said);
  await approve("d1", "c1");
  expect(await answerTo("d1")).toEqual({ ok: true });
  await world.advance(5_000);
  expect(bank.requestsOf("pay")).toHaveLength(2);
  await post("c2", "settle", said);
  expect(await answerTo("c2")).toMatchObject({
    code: "HF6003",
    message: expect.stringContaining("sent 2 times by now; this was said when it had been sent 1"),
  });
  await world.advance(60_000);
  expect([bank.requestsOf("pay").length, bank.count("pay")]).toEqual([2, 1]);
  expect(await world.stateOf(run)).toBe("exception");
});

test("a settle that is taken again after a crash is recognised, and lets no third attempt go", async () => {
  bank.plan("pay", { kind: "lostAnswer", happened: false }, { kind: "silent", happened: true });
  const flow = pays();
  let settled = false;
  await world.begin([flow], {
    ...OPEN,
    fateOf: ({ kinds }) => {
      if (settled) return "diesBefore";
      settled = kinds.includes("settled");
      return "applied";
    },
  });
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  await post("c1", "settle", await notHappened(run));
  await approve("d1", "c1");
  // The attempt that follows leaves; the process dies before the command is marked as taken.
  await world.until("death", () => world.life.watched.isDead);
  expect(bank.requestsOf("pay")).toHaveLength(2);
  await world.crash();
  await world.begin([flow], OPEN);
  expect(await answerTo("d1")).toEqual({ ok: true });
  await world.advance(60_000);
  expect([bank.requestsOf("pay").length, bank.count("pay")]).toEqual([2, 1]);
  expect(await world.stateOf(run)).toBe("exception");
});

test("a settle given to this process is about what the ledger shows at the call", async () => {
  bank.plan("pay", { kind: "lostAnswer", happened: false }, { kind: "lostAnswer", happened: true });
  const flow = pays();
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const { operation } = await notHappened(run);
  const said = { run, operation, happened: false, value: null, ref: null, by: "bo", reason: "no" };
  await world.engine.commands.settle(said);
  await world.advance(HOUR_MS);
  await expect(world.engine.commands.settle({ ...said, attempts: 1 })).rejects.toMatchObject({
    code: "HF6003",
  });
  expect(bank.requestsOf("pay")).toHaveLength(2);
  await world.engine.commands.settle({ ...said, happened: true, value: { ref: "pay:1" } });
  expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
});

test("a resume that is taken twice over a crash does not let a later exception go on", async () => {
  const flow = breaksAnew();
  let armed = false;
  await world.begin([flow], {
    ...OPEN,
    fateOf: ({ kinds }) => (armed && kinds.includes("closed") ? "diesAfter" : "applied"),
  });
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "held");
  armed = true;
  await post("c1", "resume", resume(run));
  await world.until("death", () => world.life.watched.isDead);
  await world.crash();
  await world.begin([flow], OPEN);
  expect(await answerTo("c1")).toEqual({ ok: true });
  await world.advance(60_000);
  const all = (await world.exceptions(run)).map(({ resolution }) => resolution);
  expect(all).toEqual(["resumed", null]);
});

test("a resume of a step that is taken twice over a crash lets one more attempt go, not two", async () => {
  bank.always("note", { kind: "no", class: "data" });
  const note = testEffect("keyed", bank, "note");
  const flow = testWorkflow("flow", (input, run) => run.do(note, input));
  let resumed = false;
  await world.begin([flow], {
    ...OPEN,
    fateOf: ({ kinds }) => {
      if (resumed) return "diesBefore";
      resumed = kinds.includes("resumed");
      return "applied";
    },
  });
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const step = (await world.exceptions(run))[0]?.step;
  await post("c1", "resume", { ...resume(run), step });
  await world.until("death", () => world.life.watched.isDead);
  await world.crash();
  await world.begin([flow], OPEN);
  expect(await answerTo("c1")).toEqual({ ok: true });
  await world.advance(60_000);
  const resumptions = (await world.records(run)).filter(({ kind }) => kind === "resumed");
  expect(resumptions).toHaveLength(1);
});

test("a resume names the exception that was seen, and lets no later one go on", async () => {
  const flow = breaksAnew();
  await world.begin([flow], OPEN);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "held");
  const seen = (await world.exceptions(run))[0]?.seq;
  await post("c1", "resume", { ...resume(run), seen });
  expect(await answerTo("c1")).toEqual({ ok: true });
  await world.until("the second", async () => (await world.exceptions(run)).length === 2);
  await post("c2", "resume", { ...resume(run), seen });
  expect(await answerTo("c2")).toMatchObject({
    code: "HF6003",
    message: expect.stringContaining("something else has come up since this was decided"),
  });
  const newest = (await world.exceptions(run))[1]?.seq;
  await post("c3", "resume", { ...resume(run), seen: newest });
  expect(await answerTo("c3")).toEqual({ ok: true });
});

test("a resume of a step does not let a later exception of that step go on", async () => {
  bank.always("note", { kind: "no", class: "data" });
  const note = testEffect("keyed", bank, "note");
  const flow = testWorkflow("flow", (input, run) => run.do(note, input));
  await world.begin([flow], OPEN);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const [first] = await world.exceptions(run);
  const command = { ...resume(run), step: first?.step, seen: first?.seq };
  await post("c1", "resume", command);
  expect(await answerTo("c1")).toEqual({ ok: true });
  await world.until("the second", async () => (await world.exceptions(run)).length === 2);
  await post("c2", "resume", command);
  expect(await answerTo("c2")).toMatchObject({ code: "HF6003" });
  expect(bank.requestsOf("note")).toHaveLength(2);
});

test("a resume of what was open when it was posted does not void a deadline that has passed since", async () => {
  bank.always("note", { kind: "no", class: "data" });
  const note = testEffect("keyed", bank, "note");
  const flow = testWorkflow("flow", (input, run) => run.do(note, input), { deadline: "1h" });
  await world.begin([flow], OPEN);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  await world.crash();
  // No engine runs: the command is kept. It is of a version that does not say what was seen.
  await post("c1", "resume", resume(run));
  world.clock.setMs(world.clock.nowMs() + 2 * HOUR_MS);
  await world.begin([flow], OPEN);
  expect(await answerTo("c1")).toMatchObject({ code: "HF6003" });
  const late = (await world.exceptions(run)).filter((e) => e.class === "expired");
  expect(late.map((e) => [e.resolution, e.closedBy])).toEqual([[null, null]]);
});

test("a settle of a run that has ended is about what was seen as well, and is known again", async () => {
  bank.plan("pay", { kind: "lostAnswer", happened: false });
  const flow = testWorkflow("flow", async (input, run) => {
    await run.try(pay(), input);
    return null;
  });
  let settled = false;
  await world.begin([flow], {
    ...OPEN,
    fateOf: ({ kinds }) => {
      if (settled) return "diesBefore";
      settled = kinds.includes("settled");
      return "applied";
    },
  });
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "completed");
  const said = await notHappened(run);
  await post("c1", "settle", { ...said, attempts: said.attempts + 1 });
  expect(await answerTo("c1")).toMatchObject({ code: "HF6003" });
  await post("c2", "settle", said);
  await approve("d2", "c2");
  await world.until("death", () => world.life.watched.isDead);
  await world.crash();
  await world.begin([flow], OPEN);
  expect(await answerTo("d2")).toEqual({ ok: true });
});

test("what was decided about an exception is not applied when another one is open", async () => {
  bank.plan("pay", { kind: "lostAnswer", happened: true });
  const flow = pays();
  await world.begin([flow], OPEN);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const [open] = await world.exceptions(run);
  const said = await notHappened(run);
  await post("c1", "settle", { ...said, exception: (open?.seq ?? 0) - 1 });
  const other = { code: "HF6003", message: expect.stringContaining("no longer the open one") };
  expect(await answerTo("c1")).toMatchObject(other);
  await post("c2", "settle", { ...said, exception: open?.seq });
  expect(await answerTo("c2")).toMatchObject({ ok: true });
});

test("nor is a resume of a run as a whole", async () => {
  const flow = breaksAnew();
  await world.begin([flow], OPEN);
  const run = await world.start(flow, { id: "1" });
  await world.advance(2_000);
  await world.untilState(run, "held");
  const [open] = await world.exceptions(run);
  const seen = { ...resume(run), seen: 1_000 };
  await post("c1", "resume", { ...seen, exception: (open?.seq ?? 0) - 1 });
  const other = { code: "HF6003", message: expect.stringContaining("no longer the open one") };
  expect(await answerTo("c1")).toMatchObject(other);
  await post("c2", "resume", { ...seen, exception: open?.seq });
  expect(await answerTo("c2")).toEqual({ ok: true });
});
