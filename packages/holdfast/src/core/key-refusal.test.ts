import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KEY_REPLAYS, type Contract, type KeyReplays } from "./contract.ts";
import { EFFECT_PROOFS, FAILURE_CLASSES, PHASES, type Failure } from "./failure.ts";
import { refusalSettles } from "./key-refusal.ts";
import { usableWindowMs } from "./retry-policy.ts";

const WINDOW_MS = 100_000;
const PROBES = { canProbe: false, settleMs: 1_000 };

function keyed(replays: KeyReplays): Contract {
  return { kind: "keyed", windowMs: WINDOW_MS, replays, ...PROBES };
}

/** A card that was declined: the answer to our one request, with the proof that nothing was done. */
function refusal(over: Partial<Failure> = {}): Failure {
  return {
    effect: "never",
    class: "policy",
    scope: "item",
    origin: "remote",
    reasonCode: "PSP:CARD_DECLINED",
    message: "answered 402",
    evidence: { phase: "answered", status: 402, callCount: 1 },
    rule: { source: "effect", id: "effect/charge", version: 1 },
    ...over,
  };
}

const LIVE = { nowMs: 1_000, firstSentAtMs: 500, samePayload: true };

const aged = (ageMs: number) => ({ nowMs: ageMs, firstSentAtMs: 0, samePayload: true });

describe("a refusal of a repeat under the same key", () => {
  test.each([
    ["2xx", false],
    ["non5xx", true],
    ["all", true],
    ["redrives", false],
  ] as const)("settles the lost attempt where answers are kept (%s: %s)", (replays, settles) => {
    expect(refusalSettles(refusal(), keyed(replays), LIVE)).toBe(settles);
  });

  test.each<[string, Contract]>([
    ["read", { kind: "read" }],
    ["idempotent", { kind: "idempotent", why: "put", ...PROBES }],
    ["probeable", { kind: "probeable", canProbe: true, settleMs: 1_000 }],
    ["once", { kind: "once", ...PROBES }],
  ])("says nothing where there is no key (%s)", (_kind, contract) => {
    expect(refusalSettles(refusal(), contract, LIVE)).toBe(false);
  });

  test("says nothing once the key is too old, or guards another payload", () => {
    const until = usableWindowMs(WINDOW_MS);
    expect(refusalSettles(refusal(), keyed("all"), aged(until - 1))).toBe(true);
    expect(refusalSettles(refusal(), keyed("all"), aged(until))).toBe(false);
    expect(refusalSettles(refusal(), keyed("all"), { ...LIVE, samePayload: false })).toBe(false);
  });

  test.each<[string, Failure["evidence"]]>([
    ["it never reached them", { phase: "none", status: 402, callCount: 0 }],
    ["it was one of several calls", { phase: "answered", status: 402, callCount: 2 }],
    ["nobody counted the calls", { phase: "answered", status: 402 }],
    ["it is no refusal", { phase: "answered", status: 200, callCount: 1 }],
    ["it is their fault, not a no", { phase: "answered", status: 500, callCount: 1 }],
    ["it has no status", { phase: "answered", callCount: 1 }],
  ])("says nothing if %s", (_why, evidence) => {
    expect(refusalSettles(refusal({ evidence }), keyed("all"), LIVE)).toBe(false);
  });

  test("is believed of no status that may come from before the key is looked at", () => {
    const believed = Array.from({ length: 600 }, (_, status) => status).filter((status) => {
      const evidence = { phase: "answered", status, callCount: 1 } as const;
      return refusalSettles(refusal({ evidence }), keyed("all"), LIVE);
    });
    expect(believed).toEqual([402, 422]);
  });

  test("is believed only of the classes that judge the request, and only with proof", () => {
    const told = fc.property(
      fc.constantFrom(...FAILURE_CLASSES),
      fc.constantFrom(...EFFECT_PROOFS),
      fc.constantFrom(...KEY_REPLAYS),
      fc.constantFrom(...PHASES),
      (failureClass, effect, replays, phase) => {
        const evidence = { phase, status: 402, callCount: 1 };
        const failure = refusal({ class: failureClass, effect, evidence });
        const believed =
          effect === "never" &&
          phase === "answered" &&
          (replays === "non5xx" || replays === "all") &&
          ["permanent", "data", "policy"].includes(failureClass);
        return refusalSettles(failure, keyed(replays), LIVE) === believed;
      },
    );
    expect(fc.check(told, { numRuns: 2_000 }).counterexample).toBeNull();
  });
});
