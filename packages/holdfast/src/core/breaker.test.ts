import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CLOSED_BREAKER,
  DEFAULT_BREAKER,
  PROBE_MS_MAX,
  admit,
  breakerNext,
  breakerText,
  parkedUntilMs,
  reopened,
  type BreakerConfig,
  type BreakerState,
} from "./breaker.ts";
import type { Failure } from "./failure.ts";

function failed(over: Partial<Failure> = {}): Failure {
  return {
    effect: "never",
    class: "unavailable",
    scope: "dependency",
    origin: "network",
    reasonCode: "NODE:ECONNREFUSED",
    message: "x",
    evidence: { phase: "created", callCount: 1 },
    rule: { source: "table", id: "node", version: 1 },
    ...over,
  };
}

const REFUSED = failed();
const GATEWAY = failed({
  class: "transient",
  effect: "maybe",
  evidence: { phase: "answered", status: 502 },
});
const FORBIDDEN = failed({
  class: "misconfigured",
  reasonCode: "HTTP:STATUS_401",
  evidence: { phase: "answered", status: 401 },
});
const BAD_ORDER = failed({ class: "data", evidence: { phase: "answered", status: 400 } });

type Step = "ok" | Failure;

/** Plays ends of calls, one every `everyMs`, none of them a canary. */
function play(
  steps: readonly Step[],
  from: BreakerState = CLOSED_BREAKER,
  config: BreakerConfig = DEFAULT_BREAKER,
  everyMs = 100,
): BreakerState {
  return steps.reduce(
    (state, step, index) =>
      breakerNext(state, ended(step, false), config, { nowMs: index * everyMs, random01: 0 }),
    from,
  );
}

function ended(step: Step, canary: boolean) {
  return step === "ok"
    ? ({ kind: "succeeded", canary } as const)
    : ({ kind: "failed", canary, failure: step } as const);
}

/** Lets the canary go and ends it. */
function tried(state: BreakerState, step: Step, nowMs: number, random01 = 0): BreakerState {
  const admission = admit(state, 0, DEFAULT_BREAKER, nowMs);
  if (admission.kind !== "go") throw new Error("no canary was let through");
  return breakerNext(admission.state, ended(step, admission.canary), DEFAULT_BREAKER, {
    nowMs,
    random01,
  });
}

function ask(state: BreakerState, nowMs: number): BreakerState {
  const asked = { kind: "tryNow", reason: "bo has it tried" } as const;
  return breakerNext(state, asked, DEFAULT_BREAKER, { nowMs, random01: 0 });
}

function probeAtOf(state: BreakerState): number | null {
  if (state.kind !== "open") throw new Error(`expected open, got ${state.kind}`);
  return state.probeAtMs;
}

const repeat = (step: Step, count: number) => Array.from({ length: count }, () => step);

describe("parking", () => {
  const at = { nowMs: 1_000, random01: 0 };

  test("comes of a retry budget that is empty, and is tried like after an outage", () => {
    const open = breakerNext(CLOSED_BREAKER, { kind: "retriesUsedUp" }, DEFAULT_BREAKER, at);
    expect(open).toMatchObject({ kind: "open", probeAtMs: 6_000 });
    expect(breakerNext(open, { kind: "retriesUsedUp" }, DEFAULT_BREAKER, at)).toBe(open);
  });

  test("by hand ends by itself, and a person may end it sooner", () => {
    const byHand = { kind: "parkedByHand", reason: "maintenance", untilMs: 60_000 } as const;
    const open = breakerNext(CLOSED_BREAKER, byHand, DEFAULT_BREAKER, at);
    expect(open).toMatchObject({ kind: "open", probeAtMs: 60_000, outage: { sinceMs: 1_000 } });
    expect(admit(open, 0, DEFAULT_BREAKER, 59_999).kind).toBe("wait");
    expect(tried(open, "ok", 60_000)).toMatchObject({ kind: "closed", ramp: { limit: 1 } });
    // Not because somebody lets one run go on, or an engine starts.
    const unasked = { kind: "tryNow", reason: null } as const;
    expect(breakerNext(open, unasked, DEFAULT_BREAKER, at)).toBe(open);
    const asked = { kind: "tryNow", reason: "bo has it tried" } as const;
    const now = breakerNext(open, asked, DEFAULT_BREAKER, at);
    expect(breakerNext(now, unasked, DEFAULT_BREAKER, at)).toMatchObject({ probeAtMs: 1_000 });
    expect(tried(now, "ok", 1_000).kind).toBe("closed");
  });

  test("a try in vain that somebody asked for changes nothing of those that come by themselves", () => {
    const open = tried(play(repeat(REFUSED, 3)), REFUSED, 5_200);
    const plannedAtMs = probeAtOf(open) ?? Number.NaN;
    expect(plannedAtMs).toBe(5_200 + 10_000);
    // Twice, the second time before the first has gone.
    const vain = tried(ask(ask(open, 6_000), 6_500), REFUSED, 7_000);
    expect(vain).toMatchObject({ probeAtMs: plannedAtMs, outage: { spacingMs: 10_000 } });
    expect(tried(vain, REFUSED, plannedAtMs)).toMatchObject({ probeAtMs: plannedAtMs + 20_000 });
    // Of one that a person has parked for long no try was planned that should come after it.
    const byHand = { kind: "parkedByHand", reason: "release", untilMs: 9e9 } as const;
    const parked = breakerNext(open, byHand, DEFAULT_BREAKER, { nowMs: 6_000, random01: 0 });
    expect(tried(ask(parked, 7_000), REFUSED, 7_000)).toMatchObject({ probeAtMs: 17_000 });
  });

  test("by hand takes the place of an outage, which began when it began", () => {
    const down = play([REFUSED, REFUSED, REFUSED]);
    const byHand = { kind: "parkedByHand", reason: "maintenance", untilMs: 60_000 } as const;
    const open = breakerNext(down, byHand, DEFAULT_BREAKER, { nowMs: 9_000, random01: 0 });
    const sinceMs = down.kind === "open" ? down.outage.sinceMs : null;
    expect(open).toMatchObject({ probeAtMs: 60_000, outage: { reason: "maintenance", sinceMs } });
  });
});

describe("answers that come late", () => {
  const config = { ...DEFAULT_BREAKER, slowMs: 2_000 };
  const late = (tookMs: number, failure?: Failure) => (state: BreakerState, at: number) => {
    const event =
      failure === undefined
        ? ({ kind: "succeeded", canary: false, tookMs } as const)
        : ({ kind: "failed", canary: false, failure, tookMs } as const);
    return breakerNext(state, event, config, { nowMs: at, random01: 0 });
  };
  const times = (count: number, step: ReturnType<typeof late>, from = CLOSED_BREAKER) =>
    Array.from({ length: count }, (_, n) => n * 100).reduce(step, from);

  test("count as bad calls where that is declared, by their share", () => {
    const half = times(5, late(2_000));
    expect(times(4, late(2_001), half).kind).toBe("closed");
    expect(times(5, late(2_001), half)).toMatchObject({
      kind: "open",
      probeAtMs: 5_400,
      outage: {
        class: "unavailable",
        reason: "5 of 10 calls failed or took longer than 2 s within 30 s (the last one took 2 s)",
      },
    });
  });

  test("count so also if they refuse, and say otherwise as much as any answer", () => {
    expect(times(10, late(2_001, BAD_ORDER)).kind).toBe("open");
    expect(times(10, late(100, BAD_ORDER)).kind).toBe("closed");
    // Somebody is there: refusals in a row are over.
    const refused = times(2, late(0, REFUSED));
    expect(times(1, late(0, REFUSED), times(1, late(2_001), refused)).kind).toBe("closed");
  });
});

describe("opening", () => {
  test("needs three refused connections in a row", () => {
    expect(play([REFUSED, REFUSED]).kind).toBe("closed");
    expect(play([REFUSED, REFUSED, "ok", REFUSED, REFUSED]).kind).toBe("closed");
    expect(play([REFUSED, REFUSED, REFUSED])).toMatchObject({
      kind: "open",
      outage: {
        class: "unavailable",
        reason: "not reachable 3 times in a row (NODE:ECONNREFUSED)",
      },
    });
  });

  test("counts refusals anew after another kind of failure", () => {
    expect(play([REFUSED, REFUSED, GATEWAY, REFUSED, REFUSED]).kind).toBe("closed");
    expect(play([GATEWAY, REFUSED, REFUSED, REFUSED]).kind).toBe("open");
  });

  test("needs half of at least ten calls within 30 s otherwise", () => {
    const half = [...repeat("ok", 5), ...repeat(GATEWAY, 5)];
    expect(play(half.slice(0, 9)).kind).toBe("closed");
    expect(play(half)).toMatchObject({
      kind: "open",
      outage: { reason: "5 of 10 calls failed within 30 s (NODE:ECONNREFUSED)" },
    });
    expect(play([...repeat("ok", 6), ...repeat(GATEWAY, 5)]).kind).toBe("closed");
  });

  test("forgets calls that are older than 30 s", () => {
    expect(play(repeat(GATEWAY, 12), CLOSED_BREAKER, DEFAULT_BREAKER, 4_000).kind).toBe("closed");
    expect(play(repeat(GATEWAY, 12), CLOSED_BREAKER, DEFAULT_BREAKER, 2_000).kind).toBe("open");
  });

  test("takes the declared share and number", () => {
    const config = { ...DEFAULT_BREAKER, openAt: 0.2, of: 5 };
    expect(play(["ok", "ok", "ok", "ok", GATEWAY], CLOSED_BREAKER, config).kind).toBe("open");
    expect(play(["ok", "ok", "ok", GATEWAY], CLOSED_BREAKER, config).kind).toBe("closed");
  });

  test("needs three identical wrong settings in a row, and then does not try by itself", () => {
    const other = { ...FORBIDDEN, reasonCode: "HTTP:STATUS_403" };
    expect(play([FORBIDDEN, FORBIDDEN, other, FORBIDDEN]).kind).toBe("closed");
    const state = play(repeat(FORBIDDEN, 3));
    expect(state).toMatchObject({
      kind: "open",
      probeAtMs: null,
      outage: { class: "misconfigured" },
    });
    expect(admit(state, 0, DEFAULT_BREAKER, 1e12)).toEqual({ kind: "wait", atMs: null });
    const asked = breakerNext(state, { kind: "tryNow", reason: null }, DEFAULT_BREAKER, {
      nowMs: 7,
      random01: 0,
    });
    expect(admit(asked, 0, DEFAULT_BREAKER, 7)).toMatchObject({ kind: "go", canary: true });
  });

  test("does not try a wrong setting again because of a hint", () => {
    const locked = { ...FORBIDDEN, evidence: { ...FORBIDDEN.evidence, retryAfterMs: 60_000 } };
    expect(probeAtOf(play(repeat(locked, 3)))).toBeNull();
    expect(probeAtOf(play(repeat(failed({ class: "exhausted", evidence: {} }), 3)))).toBeNull();
  });

  test("waits for a quota's reset if the other side said when", () => {
    const exhausted = failed({ class: "exhausted", evidence: { retryAfterMs: 60_000 } });
    expect(probeAtOf(play(repeat(exhausted, 3)))).toBe(200 + 60_000);
  });

  test("is not fed by what is wrong with a payload, whatever its number", () => {
    expect(play(repeat(BAD_ORDER, 50)).kind).toBe("closed");
    // An answer is a sign of life: it ends the row of refused connections.
    expect(play([REFUSED, REFUSED, BAD_ORDER, REFUSED]).kind).toBe("closed");
  });
});

describe("while open", () => {
  const open = play(repeat(REFUSED, 3));

  test("nothing goes until the first probe, and then one call only", () => {
    expect(admit(open, 0, DEFAULT_BREAKER, 5_199)).toEqual({ kind: "wait", atMs: 5_200 });
    const first = admit(open, 0, DEFAULT_BREAKER, 5_200);
    expect(first).toMatchObject({ kind: "go", canary: true });
    const probing = first.kind === "go" ? first.state : open;
    expect(admit(probing, 1, DEFAULT_BREAKER, 5_201)).toEqual({ kind: "wait", atMs: 65_200 });
    expect(admit(probing, 1, DEFAULT_BREAKER, 65_200)).toMatchObject({ kind: "go", canary: true });
  });

  test("ends of calls from before change nothing", () => {
    expect(play(["ok", GATEWAY, FORBIDDEN], open)).toBe(open);
  });

  test("waits twice as long after each failed trial, at most 5 minutes, and 20 % more by chance", () => {
    let state = open;
    let nowMs = 5_200;
    const spacings: number[] = [];
    for (let trial = 0; trial < 8; trial += 1) {
      state = tried(state, REFUSED, nowMs);
      const atMs = probeAtOf(state) ?? Number.NaN;
      spacings.push(atMs - nowMs);
      nowMs = atMs;
    }
    expect(spacings).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
    expect(probeAtOf(tried(open, REFUSED, 5_200, 0.5))).toBe(5_200 + 11_000);
  });

  test("keeps to a longer wait that the other side asked for", () => {
    const busy = { ...REFUSED, evidence: { phase: "created", retryAfterMs: 100_000 } } as const;
    expect(probeAtOf(tried(open, busy, 5_200))).toBe(105_200);
  });

  test("tries again after the same wait if a trial said nothing about the other system", () => {
    const interrupted = failed({ class: "interrupted" });
    expect(tried(open, interrupted, 5_200)).toMatchObject({
      probeAtMs: 10_200,
      outage: { class: "unavailable", spacingMs: 5_000 },
    });
  });

  test("turns into waiting for a setting if the trial finds a wrong one", () => {
    expect(tried(open, FORBIDDEN, 5_200)).toMatchObject({
      probeAtMs: null,
      outage: { class: "misconfigured" },
    });
  });
});

describe("coming back", () => {
  const back = tried(play(repeat(REFUSED, 3)), "ok", 5_200);

  test("lets 1, 2, 4, 8 ... calls run at a time and then all", () => {
    let state = back;
    const limits: (number | null)[] = [];
    for (let calls = 0; calls < 64; calls += 1) {
      limits.push(state.kind === "closed" ? (state.ramp?.limit ?? null) : 0);
      state = play(["ok"], state);
    }
    expect(limits.slice(0, 8)).toEqual([1, 2, 2, 4, 4, 4, 4, 8]);
    expect(limits.slice(62)).toEqual([32, null]);
    expect(admit(back, 0, DEFAULT_BREAKER, 6_000).kind).toBe("go");
    expect(admit(back, 1, DEFAULT_BREAKER, 6_000)).toEqual({ kind: "wait", atMs: null });
  });

  test("also starts after an answer that refuses the payload", () => {
    expect(tried(play(repeat(REFUSED, 3)), BAD_ORDER, 5_200)).toEqual(back);
  });

  test("stops at the first certain sign and waits longer than before", () => {
    const again = play([REFUSED], back);
    expect(again).toMatchObject({
      kind: "open",
      outage: { reason: "failed again while coming back (NODE:ECONNREFUSED)", spacingMs: 10_000 },
    });
  });

  test("stops at a share of 3 calls, and not at one of a system that always loses some", () => {
    expect(play(["ok", GATEWAY, "ok", "ok"], back)).toMatchObject({ kind: "closed" });
    expect(play(["ok", GATEWAY, GATEWAY], back)).toMatchObject({
      kind: "open",
      outage: { spacingMs: 10_000 },
    });
  });
});

test("a parked run asks again with the breaker, or after the first wait while it is closed", () => {
  const at = { nowMs: 1_000, random01: 0.5 };
  expect(parkedUntilMs(CLOSED_BREAKER, DEFAULT_BREAKER, at)).toBe(1_000 + 5_500);
  const row = { reason: "x", class: "unavailable", sinceMs: 5 } as const;
  const open = reopened(row, 9_000, DEFAULT_BREAKER);
  expect(parkedUntilMs(open, DEFAULT_BREAKER, at)).toBe(9_000);
  const probing = admit(open, 0, DEFAULT_BREAKER, 9_000);
  expect(parkedUntilMs(probing.kind === "go" ? probing.state : open, DEFAULT_BREAKER, at)).toBe(
    69_000,
  );
  expect(parkedUntilMs(reopened(row, null, DEFAULT_BREAKER), DEFAULT_BREAKER, at)).toBeNull();
});

test("every state has a sentence", () => {
  const open = play(repeat(REFUSED, 3));
  expect(breakerText(CLOSED_BREAKER)).toBe(
    "Other calls go to it; this one did not get through and is tried again.",
  );
  expect(breakerText(open)).toBe(
    "It is not called: not reachable 3 times in a row (NODE:ECONNREFUSED); one call is tried at 1970-01-01 00:00:05 UTC.",
  );
  expect(breakerText(play(repeat(FORBIDDEN, 3)))).toContain("a setting must change");
});

describe("for any course of events", () => {
  const step = fc.constantFrom<Step>("ok", REFUSED, GATEWAY, FORBIDDEN, BAD_ORDER);
  const events = fc.array(
    fc.record({ step, gapMs: fc.integer({ min: 0, max: 400_000 }), ask: fc.boolean() }),
    { maxLength: 60 },
  );
  const random01 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  test("at most one canary is under way, waits are 5 s to 6 minutes, nobody waits without an end", () => {
    const course = fc.property(events, random01, (list, random) => {
      let state: BreakerState = CLOSED_BREAKER;
      let nowMs = 0;
      for (const event of list) {
        nowMs += event.gapMs;
        const before = state;
        const admission = admit(state, 0, DEFAULT_BREAKER, nowMs);
        const canary = admission.kind === "go" && admission.canary;
        if (admission.kind === "go") state = admission.state;
        if (canary && admit(state, 1, DEFAULT_BREAKER, nowMs).kind === "go") return false;
        if (
          before.kind === "open" &&
          before.probeAtMs !== null &&
          nowMs >= before.probeAtMs &&
          !canary
        )
          return false;
        state = breakerNext(state, ended(event.step, canary), DEFAULT_BREAKER, {
          nowMs,
          random01: random,
        });
        if (state.kind === "open" && state !== before && state.probeAtMs !== null) {
          const waitMs = state.probeAtMs - nowMs;
          if (waitMs < 5_000 || waitMs > PROBE_MS_MAX * 1.2) return false;
        }
        // Only a wrong setting stays closed off without a time.
        if (
          state.kind === "open" &&
          state.probeAtMs === null &&
          state.outage.class !== "misconfigured"
        )
          return false;
      }
      return true;
    });
    expect(fc.check(course, { numRuns: 1_000 }).counterexample).toBeNull();
  });

  test("once all is well again it comes back to normal", () => {
    const course = fc.property(events, (list) => {
      let state = play(list.map((event) => event.step));
      let nowMs = 1e9;
      for (let calls = 0; calls < 200; calls += 1) {
        nowMs += PROBE_MS_MAX * 2;
        if (state.kind === "open" && state.probeAtMs === null) {
          state = breakerNext(state, { kind: "tryNow", reason: null }, DEFAULT_BREAKER, {
            nowMs,
            random01: 0,
          });
        }
        state = tried(state, "ok", nowMs);
      }
      return state.kind === "closed" && state.ramp === null;
    });
    expect(fc.check(course).counterexample).toBeNull();
  });
});
