import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import type { InboxAnswer, InboxCommands } from "../engine/commands/inbox-bodies.ts";
import type { StoreReader } from "../store/store.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import type { SqliteStore } from "../store-sqlite/index.ts";
import { NOW_MS, makeFolder, openInline } from "../store-sqlite/test-store.test-support.ts";
import {
  askedHead,
  closedHead,
  intentHead,
  openedHead,
  SampleJournal,
  startedHead,
} from "../testing/sample-journal.ts";
import { giveCommand } from "./command.ts";
import type { Command, CommandAnswer, CommandBodies, Patience } from "./command.ts";
import { listExceptions } from "./list-work.ts";
import { answerReview, cancelRun, closeException, resumeRun, settleEffect } from "./decisions.ts";

const RUN = "run_00000000001";
const CANCEL: Command = { topic: "cancel", by: "bo", body: { run: RUN, reason: "called off" } };

let folder: ReturnType<typeof makeFolder>;
let engine: SqliteStore;
let reader: StoreReader;
let journal: SampleJournal;

beforeEach(async () => {
  folder = makeFolder();
  const path = `${folder.path}/store.db`;
  engine = await openInline(path);
  journal = new SampleJournal();
  journal.continueIn(engine);
  journal.add(1, "started", startedHead(1, { key: "O-1" }));
  await journal.flushTo(engine);
  reader = await openSqliteReader({ path });
});

afterEach(async () => {
  await reader.close();
  await engine.abandon();
  folder.remove();
});

/** Time moves only while something waits; `meanwhile` is what happens at each of these moments. */
function patience(waitMs: number, meanwhile: (pause: number) => Promise<void> = async () => {}) {
  let nowMs = NOW_MS;
  let pauses = 0;
  const given: Patience = {
    waitMs,
    nowMs: () => nowMs,
    pause: async (ms) => {
      nowMs += ms;
      pauses += 1;
      await meanwhile(pauses);
    },
  };
  return { given, waitedMs: () => nowMs - NOW_MS };
}

/** Takes all commands as an engine does, with one answer. */
async function takeAll(answer: InboxAnswer): Promise<readonly string[]> {
  const rows = await engine.inbox(10);
  const taken = rows.map(({ id }) => ({ id, answer: JSON.stringify(answer) }));
  await journal.flushTo(engine, taken);
  return rows.map(({ id }) => id);
}

function engineAnswers(answer: InboxAnswer) {
  return patience(10_000, async (pause) => {
    if (pause === 3) await takeAll(answer);
  });
}

describe("a command", () => {
  test("is one row in the form that the engine takes", async () => {
    const { given } = patience(0);
    const receipt = await giveCommand(reader, CANCEL, given);
    expect(receipt).toMatchObject({ topic: "cancel", run: RUN, by: "bo", outcome: "sent" });
    const [row] = await engine.inbox(10);
    expect(row).toMatchObject({ id: receipt.id, topic: "cancel", by: "bo", atMs: NOW_MS });
    expect(JSON.parse(row?.data ?? "")).toEqual({ run: RUN, reason: "called off" });
    expectTypeOf<InboxAnswer>().toExtend<CommandAnswer>();
    expectTypeOf<CommandBodies>().toEqualTypeOf<Pick<InboxCommands, keyof CommandBodies>>();
  });

  test("is answered by the engine, soon after it has done it", async () => {
    const { given, waitedMs } = engineAnswers({ ok: true });
    expect(await giveCommand(reader, CANCEL, given)).toMatchObject({ outcome: "applied" });
    expect(waitedMs()).toBeLessThan(500);
  });

  test("that the engine refuses is an error with the engine's code and words", async () => {
    const refusal = {
      ok: false,
      code: "HF6003",
      message: "it has ended",
      remedy: "Look.",
    } as const;
    const given = giveCommand(reader, CANCEL, engineAnswers(refusal).given);
    await expect(given).rejects.toMatchObject({ ...dropOk(refusal), where: RUN });
    const unknown = { ...refusal, code: "HF9999" };
    const again = giveCommand(reader, CANCEL, engineAnswers(unknown).given);
    await expect(again).rejects.toMatchObject({ code: "HF6003", message: "it has ended" });
  });

  test("given again while the first waits joins it; once answered, it is a new one", async () => {
    const first = await giveCommand(reader, CANCEL, patience(0).given);
    const second = await giveCommand(reader, CANCEL, patience(0).given);
    expect(second.id).toBe(first.id);
    expect(await takeAll({ ok: true })).toEqual([first.id]);
    const third = await giveCommand(reader, CANCEL, patience(0).given);
    expect(third.id).not.toBe(first.id);
    const other = { ...CANCEL, by: "cy" };
    expect((await giveCommand(reader, other, patience(0).given)).id).not.toBe(third.id);
  });

  test("is kept where no engine runs, and where the engine ends while it is waited for", async () => {
    const { given } = patience(60_000, async (pause) => {
      if (pause === 5) await engine.close();
    });
    expect(await giveCommand(reader, CANCEL, given)).toMatchObject({ outcome: "kept" });
    const { given: later, waitedMs } = patience(60_000);
    expect(await giveCommand(reader, CANCEL, later)).toMatchObject({ outcome: "kept" });
    expect(waitedMs()).toBe(0);
  });

  test("that is kept tells of one before it that decides the same, whoever left that", async () => {
    await engine.close();
    const review = journal.add(1, "asked", askedHead(), { name: "big" });
    const no = patience(0).given;
    const answer = (by: string, ok: boolean): Command => {
      const body = { run: RUN, seq: review, decision: { ok }, reason: "seen" };
      return { topic: "answer", by, body };
    };
    const first = await giveCommand(reader, answer("bo", true), no);
    expect(first).toMatchObject({ outcome: "kept", before: null });
    const second = await giveCommand(reader, answer("cy", false), no);
    expect(second.before).toMatchObject({ id: first.id, topic: "answer", by: "bo" });
    expect((await giveCommand(reader, answer("bo", true), no)).before).toBeNull();
    expect((await giveCommand(reader, CANCEL, no)).before).toBeNull();
    const other = { ...answer("di", true), body: { run: RUN, seq: 99, decision: 1 } } as Command;
    expect((await giveCommand(reader, other, no)).before).toMatchObject({ topic: "cancel" });
  });

  test("that the engine does not answer in time is an error that says it is kept", async () => {
    const { given, waitedMs } = patience(2_000);
    await expect(giveCommand(reader, CANCEL, given)).rejects.toMatchObject({
      code: "HF6005",
      message: `The engine did not answer within 2 s whether it could cancel ${RUN}.`,
    });
    expect(waitedMs()).toBe(2_000);
    expect(await engine.inbox(10)).toHaveLength(1);
  });
});

describe("what the projections already refuse", () => {
  const no = patience(0).given;
  const bo = { by: "bo", reason: "because" };

  test("leaves nothing in the inbox", async () => {
    const review = journal.add(1, "asked", askedHead({ notBy: "ana" }), { name: "big" });
    const operation = journal.nextSeq(1);
    journal.add(1, "intent", intentHead(operation), { name: "charge", attempt: 1 });
    const outcome = { operation, effect: "charge-card", proof: "surely", end: "value" } as const;
    journal.add(1, "outcome", outcome, { name: "charge", attempt: 1, data: "{}" });
    await journal.flushTo(engine);
    const settlement = { happened: false, value: null, ref: null };
    const reviewId = `rev_00000000001_${String(review)}`;
    const refused = [
      [answerReview(reader, reviewId, true, { by: "ana" }, no), "HF6002"],
      [answerReview(reader, "rev_00000000001_99", true, bo, no), "HF6001"],
      [answerReview(reader, "eff_00000000001_1", true, bo, no), "HF6001"],
      [settleEffect(reader, `eff_00000000001_${String(operation)}`, settlement, bo, no), "HF6003"],
      [settleEffect(reader, "eff_00000000009_1", settlement, bo, no), "HF6001"],
      [resumeRun(reader, { run: "O-9" }, null, bo, no), "HF6001"],
    ] as const;
    for (const [given, code] of refused) await expect(given).rejects.toMatchObject({ code });
    journal.add(
      1,
      "answered",
      { asked: review, end: "value", by: "bo" },
      { name: "big", data: "1" },
    );
    await journal.flushTo(engine);
    const again = answerReview(reader, reviewId, true, bo, no);
    await expect(again).rejects.toThrow('Review "large-order" was answered already, by bo at ');
    expect(await engine.inbox(10)).toEqual([]);
  });

  test("includes runs that have ended, and reviews that were withdrawn with them", async () => {
    const review = journal.add(1, "asked", askedHead(), { name: "big" });
    const finished = { from: "running", state: "stopped", workflow: "order", lane: null } as const;
    journal.add(1, "finished", { ...finished, reason: "done" });
    await journal.flushTo(engine);
    const reviewId = `rev_00000000001_${String(review)}`;
    const answer = answerReview(reader, reviewId, true, bo, no);
    await expect(answer).rejects.toThrow(/was withdrawn: its run no longer needs the answer/);
    for (const given of [
      cancelRun(reader, { run: "O-1" }, bo, no),
      resumeRun(reader, { run: RUN }, null, bo, no),
    ]) {
      await expect(given).rejects.toThrow(/^run_00000000001 is stopped and cannot be /);
    }
    expect(await engine.inbox(10)).toEqual([]);
  });

  test("lets an effect that stays be settled as happened only", async () => {
    const operation = journal.nextSeq(1);
    journal.add(1, "intent", intentHead(operation), { name: "ship", attempt: 1 });
    const outcome = { operation, effect: "ship", proof: "surely", end: "value" } as const;
    journal.add(1, "outcome", outcome, { name: "ship", attempt: 1, data: "{}" });
    const stays = openedHead({ operation, reasonCode: "HF3004", class: "permanent" });
    journal.add(1, "opened", stays, { name: "ship" });
    await journal.flushTo(engine);
    const [exception] = (await listExceptions(reader, { limit: 10 }, 0)).exceptions;
    const effectId = `eff_00000000001_${String(operation)}`;
    expect(exception).toMatchObject({ page: "HF3004", effectId });
    expect(exception?.settleWith).toContain(`holdfast settle ${effectId} happened --exception`);
    const said = { value: null, ref: null };
    const not = settleEffect(reader, effectId, { ...said, happened: false }, bo, no);
    await expect(not).rejects.toMatchObject({ code: "HF6003" });
    await settleEffect(reader, effectId, { ...said, happened: true }, bo, no);
    expect(await engine.inbox(10)).toHaveLength(1);
  });

  test("includes exceptions that are closed, or that a run waits for", async () => {
    const beside = { subject: "start 1" };
    const open = journal.add(1, "opened", openedHead({ beside }));
    const closed = journal.add(1, "opened", openedHead({ beside: { subject: "start 2" } }));
    journal.add(1, "closed", closedHead(closed, { resolution: "dealt-with", beside: true }));
    const awaited = journal.add(1, "opened", openedHead(), { name: "invoice" });
    const ofStore = journal.add(0, "opened", openedHead({ beside, workflow: "" }));
    await journal.flushTo(engine);
    const refused = [
      [`exc_00000000001_${String(closed)}`, "HF6003"],
      [`exc_00000000001_${String(awaited)}`, "HF6003"],
      ["exc_00000000001_99", "HF6001"],
      ["eff_00000000001_1", "HF6001"],
    ] as const;
    for (const [id, code] of refused)
      await expect(closeException(reader, id, bo, no)).rejects.toMatchObject({ code });
    expect(await engine.inbox(10)).toEqual([]);
    for (const [run, seq] of [
      [1, open],
      [0, ofStore],
    ] as const)
      await closeException(reader, `exc_0000000000${String(run)}_${String(seq)}`, bo, no);
    expect((await engine.inbox(10)).map(({ topic, data }) => [topic, JSON.parse(data)])).toEqual([
      ["close", { run: RUN, seq: open, reason: "because" }],
      ["close", { run: "run_00000000000", seq: ofStore, reason: "because" }],
    ]);
  });

  test("does not let what stands beside a run hide an outcome that is unknown", async () => {
    const operation = journal.nextSeq(1);
    journal.add(1, "intent", intentHead(operation), { name: "charge", attempt: 1 });
    const ambiguous = { class: "ambiguous", family: "ambiguous", operation } as const;
    journal.add(1, "opened", openedHead(ambiguous), { name: "charge" });
    journal.add(1, "opened", openedHead({ beside: { subject: "start 1" } }));
    await journal.flushTo(engine);
    const resuming = resumeRun(reader, { run: RUN }, null, bo, no);
    await expect(resuming).rejects.toMatchObject({ code: "HF6004" });
  });

  test("does not include a run that waits, and what is resumed is what was seen", async () => {
    journal.add(1, "opened", openedHead(), { name: "invoice" });
    const newest = journal.add(1, "opened", openedHead(), { name: "letter" });
    await journal.flushTo(engine);
    await resumeRun(reader, { run: RUN }, null, bo, no);
    const [row] = await engine.inbox(10);
    const body = { run: RUN, step: null, seen: newest, reason: "because" };
    expect(JSON.parse(row?.data ?? "")).toEqual(body);
  });

  test("includes what is about an exception that is no longer the open one", async () => {
    const operation = journal.nextSeq(1);
    journal.add(1, "intent", intentHead(operation), { name: "charge", attempt: 1 });
    const ambiguous = { class: "ambiguous", family: "ambiguous", operation } as const;
    const first = journal.add(1, "opened", openedHead(ambiguous), { name: "charge" });
    journal.add(1, "closed", closedHead(first), { name: "charge" });
    const second = journal.add(1, "opened", openedHead(ambiguous), { name: "charge" });
    const letter = journal.add(1, "opened", openedHead(), { name: "letter" });
    await journal.flushTo(engine);
    const happened = { happened: true, value: {}, ref: null };
    const effect = `eff_00000000001_${String(operation)}`;
    const settle = (seq: number) =>
      settleEffect(reader, effect, happened, { ...bo, exception: exceptionId(seq) }, no);
    await expect(settle(first)).rejects.toMatchObject({
      code: "HF6003",
      message: expect.stringMatching(
        /^Nothing was done: exc_00000000001_3 is no longer open: resumed by anna at /,
      ) as string,
    });
    await expect(settle(letter)).rejects.toMatchObject({ code: "HF6003" });
    await expect(settle(99)).rejects.toMatchObject({ code: "HF6001" });
    await expect(resumeSeen(first)).rejects.toMatchObject({ code: "HF6003" });
    await expect(resumeSeen(second)).rejects.toMatchObject({ code: "HF6004" });
    expect(await engine.inbox(10)).toEqual([]);
    await settle(second);
    await resumeSeen(letter);
    const bodies = (await engine.inbox(10)).map(({ data }): unknown => JSON.parse(data));
    // Only what waits because of the one that was seen goes on.
    expect(bodies).toMatchObject([
      { operation, exception: second },
      { step: "letter", seen: letter, exception: letter },
    ]);
  });

  test("prints with each exception the commands that are taken, and no other", async () => {
    const operation = journal.nextSeq(1);
    journal.add(1, "intent", intentHead(operation), { name: "charge", attempt: 1 });
    const ambiguous = { class: "ambiguous", family: "ambiguous", operation } as const;
    journal.add(1, "opened", openedHead(ambiguous), { name: "charge" });
    journal.add(1, "opened", openedHead(), { name: "letter" });
    journal.add(1, "opened", openedHead({ beside: { subject: "start 1" } }));
    await journal.flushTo(engine);
    const { exceptions } = await listExceptions(reader, { limit: 10 }, 0);
    expect(exceptions.map(({ settleWith, resumeWith }) => [settleWith, resumeWith])).toEqual([
      [
        'holdfast settle eff_00000000001_2 happened --value JSON --exception exc_00000000001_3 --reason "..."   or   holdfast settle eff_00000000001_2 not --exception exc_00000000001_3 --reason "..."',
        null,
      ],
      [null, 'holdfast resume run_00000000001 --exception exc_00000000001_4 --reason "..."'],
      [null, null],
    ]);
    const { waitsFor } = await cancelRun(reader, { run: RUN }, bo, no);
    expect(waitsFor).toMatchObject({ owner: "finance", step: "charge" });
  });

  test("does not include an effect whose outcome is open", async () => {
    const operation = journal.nextSeq(1);
    journal.add(1, "intent", intentHead(operation), { name: "charge", attempt: 1 });
    await journal.flushTo(engine);
    const effect = `eff_00000000001_${String(operation)}`;
    const settlement = { happened: true, value: { ch: 1 }, ref: "ch_1" };
    await settleEffect(reader, effect, settlement, bo, no);
    const [row] = await engine.inbox(10);
    expect(JSON.parse(row?.data ?? "")).toEqual({
      ...settlement,
      run: RUN,
      operation,
      attempts: 1,
      reason: "because",
    });
  });
});

function exceptionId(seq: number): string {
  return `exc_00000000001_${String(seq)}`;
}

function resumeSeen(seq: number) {
  const seen = { by: "bo", reason: "because", exception: exceptionId(seq) };
  return resumeRun(reader, { run: RUN }, null, seen, patience(0).given);
}

function dropOk({ ok: _ok, ...rest }: Extract<InboxAnswer, { ok: false }>) {
  return rest;
}
