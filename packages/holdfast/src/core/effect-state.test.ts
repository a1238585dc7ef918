import { describe, expect, test } from "vitest";
import type { RepeatKind } from "./contract.ts";
import { type EffectRecord } from "./effect-record.ts";
import { FRESH_EFFECT, foldEffect, type EffectState } from "./effect-state.ts";
import type { Failure } from "./failure.ts";
import type { IntentHead } from "./journal.ts";
import type { Move } from "./move.ts";

const FAILURE: Failure = {
  effect: "maybe",
  class: "transient",
  scope: "item",
  origin: "network",
  reasonCode: "NODE:ECONNRESET",
  message: "connection reset",
  evidence: {},
  rule: { source: "table", id: "node/ECONNRESET", version: 1 },
};
const NEVER: Failure = { ...FAILURE, effect: "never" };
const RETRY: Move = { kind: "retry", delayMs: 1_000, because: "x" };
const RESOLVE: Move = { kind: "resolve", unknown: "outcome-unknown", because: "x" };
const ASK: Move = { kind: "askOutcome", unknown: "outcome-unknown", because: "x" };

/** Writes records with rising `seq`, ten seconds apart. */
function journal(contract: RepeatKind = "probeable") {
  const records: EffectRecord[] = [];
  let seq = 10;
  const place = (attempt: number) => {
    seq += 1;
    return { seq, attempt, atMs: seq * 10_000, data: null };
  };
  const operation = 11;
  const own = { operation, effect: "create-invoice" };
  const head: IntentHead = {
    ...own,
    integration: "erp",
    contract,
    key: "hf1_x",
    generation: 1,
    digest: "d",
    deadlineAtMs: 0,
  };
  const self = {
    records,
    intent: (attempt: number, over: Partial<IntentHead> = {}) => {
      records.push({ ...place(attempt), kind: "intent", head: { ...head, ...over } });
      return self;
    },
    outcome: (
      attempt: number,
      over: Partial<Extract<EffectRecord, { kind: "outcome" }>["head"]>,
    ) => {
      records.push({
        ...place(attempt),
        kind: "outcome",
        head: { ...own, proof: "maybe", ...over },
      });
      return self;
    },
    probe: (over: Partial<Extract<EffectRecord, { kind: "probe" }>["head"]>) => {
      const number = records.filter((r) => r.kind === "probe").length + 1;
      const at = place(0);
      // The question was put before its answer was written down.
      const asked = { ...own, says: "notDone", askedAtMs: at.atMs - 5_000, number } as const;
      records.push({ ...at, kind: "probe", head: { ...asked, proof: "maybe", ...over } });
      return self;
    },
    settled: (over: Partial<Extract<EffectRecord, { kind: "settled" }>["head"]>) => {
      records.push({
        ...place(0),
        kind: "settled",
        head: { ...own, proof: "never", happened: false, by: "ana", reason: "statement", ...over },
      });
      return self;
    },
    pending: () => {
      records.push({
        ...place(1),
        kind: "pending",
        head: { operation, integration: "erp", ref: "job-7", dueAtMs: 5 },
      });
      return self;
    },
    opened: () => {
      // Only its place in the journal matters to the fold.
      const opened: Partial<Extract<EffectRecord, { kind: "opened" }>["head"]> = {
        class: "ambiguous",
      };
      records.push({ ...place(0), kind: "opened", head: opened } as EffectRecord);
      return self;
    },
    closed: (opened: number) => {
      records.push({
        ...place(0),
        kind: "closed",
        head: {
          opened,
          resolution: "resumed",
          by: "ana",
          reason: "x",
          groups: ["f2.1.0"],
          class: "ambiguous",
        },
      });
      return self;
    },
    resumed: () => {
      records.push({
        ...place(0),
        kind: "resumed",
        head: { by: "ana", reason: "fixed", steps: [] },
      });
      return self;
    },
    state: () => records.reduce<EffectState>(foldEffect, FRESH_EFFECT),
  };
  return self;
}

/** What follows an attempt that ended with this move, proven not to have happened. */
function after(move: Move) {
  return journal().intent(1).outcome(1, { proof: "never", failure: NEVER, move }).state().next;
}

/** A `once` effect whose outcome a person is asked for. */
function askedOnce() {
  return journal("once").intent(1).outcome(1, { move: ASK });
}

describe("what to do next", () => {
  test("nothing recorded is a fresh step", () => {
    expect(journal().state()).toBe(FRESH_EFFECT);
  });

  test("an intent without an outcome is in doubt, with when it was sent", () => {
    expect(journal().intent(1).state()).toMatchObject({
      next: { kind: "inDoubt", attempt: 1, sentAtMs: 110_000 },
      operation: 11,
      firstSentAtMs: 110_000,
      lastSentAtMs: 110_000,
      openMaybe: false,
      proof: null,
    });
  });

  test("a value ends the step, with its record", () => {
    const state = journal()
      .intent(1)
      .outcome(1, { proof: "surely", end: "value", ref: "INV-7" })
      .state();
    expect(state).toMatchObject({
      next: { kind: "ended", end: "value", record: { seq: 12 } },
      proof: "surely",
      ref: "INV-7",
    });
  });

  test("a failure that was given to the code ends it too", () => {
    const stop: Move = { kind: "stop", because: "x" };
    const state = journal()
      .intent(1)
      .outcome(1, { proof: "never", end: "failed", failure: NEVER, move: stop })
      .state();
    expect(state.next).toMatchObject({
      kind: "ended",
      end: "failed",
      failure: { effect: "never" },
    });
  });

  test("a retry is due when the record says", () => {
    const state = journal()
      .intent(1)
      .outcome(1, {
        proof: "never",
        failure: NEVER,
        move: RETRY,
        nextAtMs: 121_500,
        meters: { attempts: 1, contentions: 0, crashes: 0 },
      })
      .state();
    expect(state).toMatchObject({
      next: { kind: "due", atMs: 121_500, action: "attempt" },
      meters: { attempts: 1 },
      immediateUsed: 0,
    });
  });

  test("an immediate retry is remembered", () => {
    const fast: Move = { kind: "retry", delayMs: 300, because: "x" };
    const state = journal()
      .intent(1)
      .outcome(1, { proof: "never", failure: NEVER, move: fast })
      .state();
    expect(state.immediateUsed).toBe(1);
  });

  test("an open outcome is looked up, then looked up again with its log, then retried", () => {
    const open = journal()
      .intent(1)
      .outcome(1, { failure: FAILURE, move: RESOLVE, nextAtMs: 500_000 });
    expect(open.state()).toMatchObject({
      next: { kind: "due", atMs: 500_000, action: "probe" },
      openMaybe: true,
      unknown: "outcome-unknown",
    });
    open.probe({ nextAtMs: 600_000 });
    expect(open.state()).toMatchObject({
      next: { kind: "due", atMs: 600_000, action: "probe" },
      probes: [{ says: "notDone", askedAtMs: 125_000 }],
      unknown: "outcome-unknown",
    });
    open.probe({ proof: "never", move: RETRY, nextAtMs: 700_000 });
    expect(open.state()).toMatchObject({
      next: { kind: "due", atMs: 700_000, action: "attempt" },
      openMaybe: false,
      unknown: null,
    });
    expect(open.intent(2).state()).toMatchObject({
      next: { kind: "inDoubt", attempt: 2 },
      probes: [],
      firstSentAtMs: 110_000,
      lastSentAtMs: 150_000,
      attempt: 2,
    });
  });

  test("a look-up brings what it found out, and leaves the rest", () => {
    const open = journal().intent(1).outcome(1, { failure: FAILURE, move: RESOLVE, ref: "job-1" });
    expect(open.probe({ nextAtMs: 1, fenced: true, why: "down" }).state()).toMatchObject({
      probes: [{ fenced: true, why: "down" }],
      failure: FAILURE,
      ref: "job-1",
    });
    const found = open.probe({ proof: "surely", says: "done", ref: "INV-7", end: "value" }).state();
    expect(found).toMatchObject({ ref: "INV-7", next: { kind: "ended", end: "value" } });
  });

  test("what is asked stays the same while looking", () => {
    const lost: Move = { kind: "resolve", unknown: "result-unknown", because: "x" };
    const open = journal().intent(1).outcome(1, { proof: "surely", move: lost });
    expect(open.probe({ proof: "surely", nextAtMs: 1 }).state()).toMatchObject({
      unknown: "result-unknown",
      next: { kind: "due", action: "probe" },
    });
    const other = open.probe({ proof: "surely", move: RESOLVE }).state();
    expect(other.unknown).toBe("outcome-unknown");
  });

  test("a later attempt that did nothing does not close what an earlier one left open", () => {
    const state = journal("keyed")
      .intent(1)
      .outcome(1, { proof: "maybe", move: RETRY })
      .intent(2)
      .outcome(2, { proof: "never", move: RETRY })
      .state();
    expect(state).toMatchObject({
      proof: "maybe",
      openMaybe: true,
      next: { kind: "due", action: "attempt" },
    });
  });

  test("an intent after an intent leaves the first one open", () => {
    expect(journal().intent(1).intent(2).state()).toMatchObject({
      openMaybe: true,
      proof: "maybe",
    });
  });

  test("accepted work waits under its reference", () => {
    expect(journal().intent(1).pending().state().next).toEqual({
      kind: "pending",
      ref: "job-7",
      dueAtMs: 5,
    });
  });

  test("parked, held and given up are told apart", () => {
    expect(after({ kind: "park", scope: "dependency", because: "x" })).toEqual({
      kind: "parked",
      scope: "dependency",
      dependency: "erp",
    });
    expect(after({ kind: "hold", because: "x" })).toEqual({ kind: "held" });
    expect(after({ kind: "cancel", because: "x" })).toEqual({ kind: "givingUp", move: "cancel" });
  });

  test("a read has no intent; its budget counts from its first end", () => {
    const state = journal("read")
      .outcome(1, { proof: "maybe", failure: FAILURE, move: RETRY, nextAtMs: 1 })
      .state();
    expect(state).toMatchObject({
      next: { kind: "due", action: "attempt" },
      budgetFromMs: 110_000,
      firstSentAtMs: null,
      operation: 11,
      attempt: 1,
    });
  });

  test("a new generation starts a new operation", () => {
    const state = journal()
      .intent(1)
      .outcome(1, { proof: "maybe", move: ASK })
      .intent(2, { operation: 13, generation: 2, key: "hf1_y" })
      .state();
    expect(state).toMatchObject({
      operation: 13,
      proof: null,
      openMaybe: false,
      firstSentAtMs: 130_000,
      intent: { key: "hf1_y" },
    });
  });
});

describe("people", () => {
  test("an exception is what the step waits for, until it is closed", () => {
    const open = journal().intent(1).outcome(1, { move: ASK });
    expect(open.state().next).toEqual({ kind: "person", move: "askOutcome", opened: null });
    expect(open.opened().state()).toMatchObject({
      next: { kind: "person", opened: 13 },
      opened: 13,
    });
    expect(open.closed(99).state().opened).toBe(13);
    expect(open.closed(13).state()).toMatchObject({
      next: { kind: "person", opened: null },
      opened: null,
    });
  });

  test("what a person says happened ends it; what did not is due again", () => {
    expect(
      askedOnce().settled({ proof: "surely", happened: true, end: "value", ref: "ch_7" }).state(),
    ).toMatchObject({
      next: { kind: "ended", end: "value" },
      openMaybe: false,
      ref: "ch_7",
    });
    expect(askedOnce().settled({}).state()).toMatchObject({
      next: { kind: "due", action: "attempt", atMs: 130_000 },
      openMaybe: false,
    });
    expect(
      askedOnce()
        .settled({ move: { kind: "cancel", because: "x" } })
        .state().next,
    ).toEqual({ kind: "givingUp", move: "cancel" });
  });

  test("resume makes it due at once with a new budget", () => {
    const handOver: Move = { kind: "handOver", reason: "attempts-used-up", because: "x" };
    const state = journal()
      .intent(1)
      .outcome(1, {
        proof: "never",
        failure: NEVER,
        move: handOver,
        meters: { attempts: 5, contentions: 1, crashes: 2 },
      })
      .opened()
      .resumed()
      .state();
    expect(state).toMatchObject({
      next: { kind: "due", action: "attempt", atMs: 140_000 },
      meters: { attempts: 0, contentions: 0, crashes: 0 },
      budgetFromMs: 140_000,
      firstSentAtMs: 110_000,
    });
  });

  test("resume gives the immediate retries back", () => {
    const fast: Move = { kind: "retry", delayMs: 300, because: "x" };
    const used = journal().intent(1).outcome(1, { proof: "never", failure: NEVER, move: fast });
    expect(used.resumed().state().immediateUsed).toBe(0);
  });

  test("resume voids a failure that the code was given, but not a value", () => {
    const failed = journal()
      .intent(1)
      .outcome(1, { proof: "never", end: "failed", failure: NEVER });
    expect(failed.resumed().state().next).toMatchObject({ kind: "due", action: "attempt" });
    const done = journal().intent(1).outcome(1, { proof: "surely", end: "value" });
    expect(done.resumed().state().next).toMatchObject({ kind: "ended", end: "value" });
  });

  test("resume never repeats over an unknown outcome, nor what surely happened", () => {
    for (const proof of ["maybe", "surely", "partial"] as const) {
      const state = (contract: RepeatKind) =>
        journal(contract)
          .intent(1)
          .outcome(1, { proof, end: "failed", failure: FAILURE })
          .resumed()
          .state().next;
      expect(state("once")).toMatchObject({ kind: "due", action: "probe" });
      expect(state("probeable")).toMatchObject({ kind: "due", action: "probe" });
      expect(state("keyed")).toMatchObject({ kind: "due", action: "attempt" });
    }
  });

  test("resume leaves alone what is in flight or pending", () => {
    expect(journal().intent(1).resumed().state().next.kind).toBe("inDoubt");
    expect(journal().intent(1).pending().resumed().state().next.kind).toBe("pending");
  });

  test("an answer that the code was given stays, and a later settlement changes the proof only", () => {
    const given = journal().intent(1).outcome(1, { end: "failed", failure: FAILURE, move: ASK });
    const state = given.settled({ proof: "surely", happened: true, ref: "INV-1" }).state();
    expect(state).toMatchObject({
      next: { kind: "ended", end: "failed" },
      proof: "surely",
      openMaybe: false,
      ref: "INV-1",
    });
    expect(given.probe({ proof: "never", move: RETRY }).pending().state().next.kind).toBe("ended");
  });
});

test("an operation that is done in part and open stays open, whatever is sent all the same", () => {
  const parts = [
    { name: "a", effect: "surely" },
    { name: "b", effect: "maybe" },
  ] as const;
  const failure: Failure = { ...FAILURE, effect: "partial", parts };
  const sent = journal("keyed").intent(1).outcome(1, { proof: "partial", failure, move: RETRY });
  expect(sent.intent(2).state()).toMatchObject({ openMaybe: true, maybeBefore: true });
  const rest: Failure = { ...NEVER, parts: [{ name: "b", effect: "never" }] };
  sent.outcome(2, { proof: "partial", failure: rest, move: RETRY });
  expect(sent.state()).toMatchObject({ openMaybe: true, parts });
});
