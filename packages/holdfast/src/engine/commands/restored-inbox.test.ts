import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatRunId } from "../../core/run-number.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import type { InboxRow } from "../../store/rows.ts";
import { approveOpen } from "../repair/repair-world.test-support.ts";
import { accept, putBackupBack } from "../run/restored-store.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** As somebody who finds no engine at work. */
async function leave(id: string, topic: InboxRow["topic"], body: object): Promise<void> {
  const reader = await openSqliteReader({ path: world.path });
  const data = JSON.stringify(body);
  await reader.post({ id, topic, atMs: world.clock.nowMs(), by: "ana", data });
  await reader.close();
}

async function answerTo(id: string): Promise<unknown> {
  const reader = await openSqliteReader({ path: world.path });
  const answer = await reader.answer(id);
  await reader.close();
  return answer === null ? null : JSON.parse(answer);
}

/** A run whose only attempt to pay has got no answer: a person is asked. */
async function unanswered() {
  const bank = world.counterpart("bank");
  const pay = testEffect("once", bank, "pay");
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  bank.plan("pay", { kind: "lostAnswer", happened: false });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.advance(60_000);
  const [open] = await world.engine.store.load([run]);
  const operation = open?.records.find(({ kind }) => kind === "intent")?.seq ?? 0;
  await world.close();
  const said = { attempts: 1, value: null, ref: null, reason: "looked", operation };
  return { bank, flow, run, said: { ...said, run: formatRunId(run) } };
}

const WITHOUT = /That it did not happen was said of the original/u;

describe("what lay in the inbox of the backup", () => {
  test("does not say any more that an effect did not happen: the original has heard it, too", async () => {
    const { bank, flow, run, said } = await unanswered();
    await leave("said", "settle", { ...said, happened: false });
    await putBackupBack(world, [flow], async () => {
      await world.settle();
      await approveOpen(world, run);
      await world.advance(HOUR_MS);
    });
    expect(bank.ledger).toHaveLength(1);
    await accept(world);
    world.clock.setMs(world.clock.nowMs() + HOUR_MS);
    await world.begin([flow]);
    await world.advance(HOUR_MS);
    expect(bank.requests).toHaveLength(2);
    expect(await world.stateOf(run)).toBe("exception");
    const refused = expect.stringMatching(WITHOUT) as unknown;
    expect(await answerTo("said")).toMatchObject({ ok: false, code: "HF6003", message: refused });
    // But for an exception whose time has passed: who left it has gone, and the run says so to whoever looks next. Nothing else of it has moved.
    const lines = (await world.records(run)).filter(({ kind }) => kind !== "handled").slice(-1);
    expect(lines.map(({ kind }) => kind)).toEqual(["applied"]);
    expect(lines.map(({ head }) => JSON.parse(head ?? "") as unknown)).toMatchObject([
      { command: "refused", topic: "settle", by: "ana", answer: refused },
    ]);
    // Said anew it is about what stands now, and the line on record disturbs nobody.
    await world.close();
    await leave("anew", "settle", { ...said, happened: false });
    await world.begin([flow]);
    await world.settle();
    await approveOpen(world, run);
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
  });

  test("says as ever that an effect happened", async () => {
    const { bank, flow, run, said } = await unanswered();
    await leave("said", "settle", { ...said, happened: true, value: { ref: "theirs" } });
    await putBackupBack(world, [flow], () => world.advance(HOUR_MS));
    await accept(world);
    await world.begin([flow]);
    await world.settle();
    await approveOpen(world, run);
    expect(await world.resultOf(run)).toEqual({ ref: "theirs" });
    expect(bank.requests).toHaveLength(1);
  });

  test("begins runs that know that the original may have begun them", async () => {
    const bank = world.counterpart("bank", "keys");
    const pay = testEffect("keyed", bank, "pay");
    const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
    await world.begin([flow]);
    await world.close();
    await leave("start", "start", { workflow: "flow", input: { id: "1" } });
    // The original's run gets another number, and so another key.
    await putBackupBack(world, [flow], async () => {
      await world.start(flow, { id: "0" });
      await world.advance(HOUR_MS);
    });
    expect(bank.ledger.map(({ id }) => id).toSorted()).toEqual(["0", "1"]);
    await accept(world);
    world.clock.setMs(world.clock.nowMs() + 1);
    await leave("later", "start", { workflow: "flow", input: { id: "2" } });
    await world.begin([flow]);
    await world.advance(HOUR_MS);
    expect(bank.ledger.map(({ id }) => id).toSorted()).toEqual(["0", "1", "2"]);
    expect(await world.exceptions()).toMatchObject([
      { class: "ambiguous", reasonCode: "STORE:RESTORED", step: "pay" },
    ]);
  });

  test("is of the oldest backup, where a store was restored twice", async () => {
    const { bank, flow, run, said } = await unanswered();
    await leave("said", "settle", { ...said, happened: false });
    await accept(world);
    world.clock.setMs(world.clock.nowMs() + HOUR_MS);
    await accept(world);
    await world.begin([flow]);
    expect(await world.stateOf(run)).toBe("exception");
    expect(bank.requests).toHaveLength(1);
  });
});
