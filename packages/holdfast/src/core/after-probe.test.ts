import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  PROBE_SCHEDULE_MS,
  afterProbe,
  firstProbeAtMs,
  type AfterProbe,
  type ProbeAnswer,
  type ProbeCase,
} from "./after-probe.ts";
import type { Contract } from "./contract.ts";
import type { Failure } from "./failure.ts";
import { PROBE_SAYINGS } from "./journal.ts";
import { DEFAULT_RETRY } from "./retry-policy.ts";
import type { Situation } from "./situation.ts";

const SENT_MS = 1_000_000;
const SETTLE_MS = 8_000;
const CONTRACT: Contract = { kind: "probeable", canProbe: true, settleMs: SETTLE_MS };

const FAILURE: Failure = {
  effect: "maybe",
  class: "transient",
  scope: "item",
  origin: "network",
  reasonCode: "NODE:ECONNRESET",
  message: "connection reset",
  evidence: { phase: "sent" },
  rule: { source: "table", id: "node/ECONNRESET", version: 1 },
};

function probeCase(earlier: readonly ProbeAnswer[] = [], over: Partial<ProbeCase> = {}): ProbeCase {
  return {
    failure: FAILURE,
    contract: CONTRACT,
    unknown: "outcome-unknown",
    lastSentAtMs: SENT_MS,
    earlier,
    neverSaid: null,
    ...over,
  };
}

const POLICY = { ...DEFAULT_RETRY, attemptsMax: 5, horizonMs: 600_000 };

function situation(over: Partial<Situation> = {}): Situation {
  return {
    nowMs: SENT_MS + SETTLE_MS,
    attempt: 1,
    meters: { attempts: 1, contentions: 0, crashes: 0 },
    firstSentAtMs: SENT_MS,
    budgetFromMs: SENT_MS,
    openMaybe: true,
    neverSaid: null,
    isDoneInPart: false,
    samePayload: true,
    resultNeeded: true,
    haveResult: false,
    policy: POLICY,
    hintMs: null,
    othersPass: true,
    wasAlone: true,
    attemptsBefore: 0,
    deadlineAtMs: null,
    timeoutMs: 0,
    probeCount: 1,
    random01: 0.5,
    cancelRequested: false,
    immediateUsed: 0,
    ...over,
  };
}

const absent = (afterSentMs: number, fenced = false): ProbeAnswer => ({
  says: "notDone",
  askedAtMs: SENT_MS + afterSentMs,
  fenced,
});
const unknown = (afterSentMs: number): ProbeAnswer => ({
  says: "cannotTell",
  askedAtMs: SENT_MS + afterSentMs,
  why: "search is down",
});
const kindOf = (result: AfterProbe) => (result.kind === "decided" ? result.move.kind : result.kind);

test("the first look is at settle", () => {
  expect(firstProbeAtMs(CONTRACT, SENT_MS)).toBe(SENT_MS + SETTLE_MS);
});

describe("a look that finds nothing", () => {
  test("before settle counts for nothing, and the next one is at settle", () => {
    expect(afterProbe(absent(100), probeCase(), situation())).toMatchObject({
      kind: "probeAgain",
      atMs: SENT_MS + SETTLE_MS,
    });
    expect(kindOf(afterProbe(absent(9_000), probeCase([absent(100)]), situation()))).toBe(
      "probeAgain",
    );
  });

  test("counts the second time, a quarter of settle after the first that counted", () => {
    expect(afterProbe(absent(8_000), probeCase(), situation())).toMatchObject({
      kind: "probeAgain",
      atMs: SENT_MS + 10_000,
      because:
        "Look-up 1: one look found nothing, and two are needed; next at 1970-01-01 00:16:50 UTC.",
    });
    expect(afterProbe(absent(9_999), probeCase([absent(8_000)]), situation()).kind).toBe(
      "probeAgain",
    );
    expect(afterProbe(absent(10_000), probeCase([absent(8_000)]), situation())).toMatchObject({
      kind: "decided",
      proof: "never",
      move: { kind: "retry" },
    });
  });

  test("still counts with an answer between that could not tell", () => {
    const earlier = [absent(8_000), unknown(10_000)];
    expect(kindOf(afterProbe(absent(15_000), probeCase(earlier), situation()))).toBe("retry");
  });

  test("does not use up the schedule, however late it comes", () => {
    const earlier = [unknown(8_000), unknown(10_000)];
    expect(afterProbe(absent(15_000), probeCase(earlier), situation())).toMatchObject({
      atMs: SENT_MS + 17_000,
    });
    const later = [...earlier, absent(15_000)];
    expect(afterProbe(unknown(17_000), probeCase(later), situation())).toMatchObject({
      atMs: SENT_MS + 17_000 + PROBE_SCHEDULE_MS[1],
    });
  });

  test("counts at once if the other system has fenced it", () => {
    expect(afterProbe(absent(1, true), probeCase(), situation())).toMatchObject({ proof: "never" });
  });

  test("is a lagging search where it surely happened", () => {
    const result = probeCase([], { unknown: "result-unknown" });
    expect(kindOf(afterProbe(absent(9_000, true), result, situation()))).toBe("probeAgain");
  });
});

function never(over: Partial<Situation>, failure: Partial<Failure> = {}): AfterProbe {
  const probe = probeCase([], { failure: { ...FAILURE, ...failure } });
  return afterProbe(absent(1, true), probe, situation(over));
}

describe("once it is proven that it never happened", () => {
  test("it is sent again within the limits, with a sentence that says both", () => {
    const result = never({});
    expect(result).toMatchObject({
      move: {
        kind: "retry",
        because: expect.stringMatching(/does not have it\. Temporary failure .+ attempt 1 of 5/),
      },
    });
  });

  test("it is cancelled if that was asked for", () => {
    expect(kindOf(never({ cancelRequested: true }))).toBe("cancel");
  });

  test("it is handed over when the attempts are used up", () => {
    expect(kindOf(never({ meters: { attempts: 5, contentions: 0, crashes: 0 } }))).toBe("handOver");
  });

  test("it is stopped if it was refused for good, and resumed if we were interrupted", () => {
    expect(kindOf(never({}, { class: "permanent" }))).toBe("stop");
    expect(kindOf(never({}, { class: "interrupted" }))).toBe("resume");
    expect(kindOf(never({}, { class: "ambiguous" }))).toBe("retry");
  });
});

test("what is found is adopted; what is found different goes to the owner of the data", () => {
  const done: ProbeAnswer = { says: "done", askedAtMs: SENT_MS };
  expect(afterProbe(done, probeCase(), situation())).toMatchObject({
    proof: "surely",
    move: { kind: "adopt" },
  });
  expect(afterProbe({ ...done, says: "conflict" }, probeCase(), situation())).toMatchObject({
    proof: "maybe",
    move: { kind: "repair" },
  });
});

test("a look that cannot tell is repeated by schedule, then a person is asked", () => {
  const earlier: ProbeAnswer[] = [];
  const waits: number[] = [];
  let atMs = SENT_MS + SETTLE_MS;
  let result: AfterProbe | null = null;
  for (let number = 1; number <= 10 && result?.kind !== "decided"; number += 1) {
    const answer: ProbeAnswer = { says: "cannotTell", askedAtMs: atMs, why: "search is down" };
    result = afterProbe(answer, probeCase(earlier), situation());
    if (result.kind === "probeAgain") {
      waits.push(result.atMs - atMs);
      earlier.push(answer);
      atMs = result.atMs;
    }
  }
  expect(waits).toEqual([SETTLE_MS / 4, ...PROBE_SCHEDULE_MS]);
  expect(result).toMatchObject({
    proof: "maybe",
    move: {
      kind: "askOutcome",
      unknown: "outcome-unknown",
      because: "After 7 look-ups it is still unknown: the look-up could not tell (search is down).",
    },
  });
});

/** Written from the rule, not from the code: does this log prove that nothing happened? */
function isProven(log: readonly ProbeAnswer[]): boolean {
  const last = log.at(-1);
  if (last?.says !== "notDone") return false;
  const first = log.find((a) => a.says === "notDone" && a.askedAtMs >= SENT_MS + SETTLE_MS);
  return (
    last.fenced === true ||
    (first !== undefined && first !== last && last.askedAtMs - first.askedAtMs >= SETTLE_MS / 4)
  );
}

test("for any answers at any times, nothing is sent again before two absents apart, or a fence", () => {
  const answer = fc.record({
    says: fc.constantFrom(...PROBE_SAYINGS),
    askedAtMs: fc.integer({ min: SENT_MS, max: SENT_MS + 20_000 }),
    fenced: fc.boolean(),
  });
  const logs = fc.array(answer, { minLength: 1, maxLength: 9 });
  const check = fc.property(logs, fc.boolean(), (answers, cancelRequested) => {
    const log = answers.toSorted((a, b) => a.askedAtMs - b.askedAtMs);
    const last = log.pop();
    if (last === undefined) return false;
    const result = afterProbe(last, probeCase(log), situation({ cancelRequested }));
    const proven = isProven([...log, last]);
    if (result.kind === "probeAgain") return result.atMs > last.askedAtMs && !proven;
    if (result.proof === "never") return proven;
    return !proven && ["adopt", "repair", "askOutcome"].includes(result.move.kind);
  });
  expect(fc.check(check, { numRuns: 2_000 }).counterexample).toBeNull();
});

describe("a look once more, after it was said that nothing happened", () => {
  const AT_MS = SENT_MS + 3_600_000;
  const FRESH_MS = 300_000;
  const saidBy = (by: "person" | "look-up", agoMs: number) =>
    probeCase([], { neverSaid: { by, atMs: AT_MS - agoMs } });
  const look = (says: ProbeAnswer["says"]): ProbeAnswer => ({
    says,
    askedAtMs: AT_MS,
    why: "down",
  });

  test.each(["person", "look-up"] as const)("sends it where nothing is found (%s)", (by) => {
    // One look is enough here, and how long ago it was said does not matter.
    expect(afterProbe(look("notDone"), saidBy(by, 2 * FRESH_MS), situation())).toMatchObject({
      kind: "decided",
      proof: "never",
      move: {
        kind: "resume",
        because: "The other system was asked once more and does not have it; it is sent.",
      },
    });
  });

  test("goes by the word of a person where it cannot tell, as long as that is fresh", () => {
    const fresh = afterProbe(look("cannotTell"), saidBy("person", FRESH_MS), situation());
    expect(fresh).toMatchObject({ proof: "never", move: { kind: "resume" } });
    expect(fresh.kind === "decided" && fresh.move.because).toContain("a person has just said");
    const stale = afterProbe(look("cannotTell"), saidBy("person", FRESH_MS + 1), situation());
    expect(stale.kind).toBe("probeAgain");
    const seen = afterProbe(look("cannotTell"), saidBy("look-up", 1), situation());
    expect(seen.kind).toBe("probeAgain");
  });

  test("adopts what has come since, and gives what differs to a person", () => {
    expect(kindOf(afterProbe(look("done"), saidBy("person", 1), situation()))).toBe("adopt");
    expect(kindOf(afterProbe(look("conflict"), saidBy("person", 1), situation()))).toBe("repair");
  });
});

test("a record that differs is a failure of its own, about the answer and not the call", () => {
  const result = afterProbe({ says: "conflict", askedAtMs: SENT_MS }, probeCase(), situation());
  expect(result).toMatchObject({
    failure: {
      effect: "maybe",
      class: "data",
      scope: "item",
      origin: "remote",
      reasonCode: "HF3007",
      rule: { source: "signal", id: "probe/conflict", version: 1 },
    },
  });
});

test("what was an echo means what it says once nothing of ours is found", () => {
  const failure: Failure = {
    ...FAILURE,
    class: "ambiguous",
    unlessOurs: { class: "data", scope: "item" },
  };
  const fenced = afterProbe(absent(9_000, true), probeCase([], { failure }), situation());
  expect(fenced).toMatchObject({ proof: "never", failure: { class: "data", effect: "never" } });
  const plain = afterProbe(absent(9_000, true), probeCase(), situation());
  expect(plain.kind === "decided" && "failure" in plain).toBe(false);
});

test("a search that misses what surely happened uses up the schedule", () => {
  const sure = { unknown: "result-unknown" } as const;
  const earlier = PROBE_SCHEDULE_MS.map((ms, at) => absent(SETTLE_MS + ms + at));
  const last = afterProbe(
    absent(90_000_000),
    probeCase([...earlier, absent(80_000_000)], sure),
    situation(),
  );
  expect(last).toMatchObject({ proof: "surely", move: { kind: "askOutcome" } });
});
