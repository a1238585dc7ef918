import { expect, test } from "vitest";
import { CLOSED_BREAKER, DEFAULT_BREAKER, breakerNext, type BreakerState } from "./breaker.ts";
import type { Failure } from "./failure.ts";
import { ownOf, sharedOf, type SharedBreaker } from "./shared-breaker.ts";

const FORBIDDEN: Failure = {
  effect: "never",
  class: "misconfigured",
  scope: "dependency",
  origin: "remote",
  reasonCode: "HTTP:STATUS_401",
  message: "wrong password",
  evidence: { phase: "answered", status: 401, callCount: 1 },
  rule: { source: "table", id: "http-status/401", version: 1 },
};

/** A try with a wrong password, at this worker. */
function triedInVain(nowMs: number): BreakerState {
  const at = { nowMs, random01: 0 };
  const failed = { kind: "failed", failure: FORBIDDEN, canary: false } as const;
  const open = [1, 2, 3].reduce<BreakerState>(
    (state) => breakerNext(state, failed, DEFAULT_BREAKER, at),
    CLOSED_BREAKER,
  );
  if (open.kind !== "open") throw new Error("three of them do not open it");
  const probing: BreakerState = { kind: "probing", outage: open.outage, startedAtMs: nowMs };
  return breakerNext(probing, { ...failed, canary: true }, DEFAULT_BREAKER, at);
}

test("a try in vain is known to every worker, each by its own clock", () => {
  const told = sharedOf(triedInVain(70_000), 5_000);
  // As the store keeps it.
  const kept = JSON.parse(JSON.stringify(told)) as SharedBreaker;
  expect(ownOf(kept, CLOSED_BREAKER, -2_000)).toMatchObject({
    kind: "open",
    probeAtMs: null,
    outage: { inVainAtMs: 77_000 },
  });
});

test("what opens it is no try in vain, and a person who wants it tried forgets the last one", () => {
  const vain = triedInVain(70_000);
  const tried = breakerNext(vain, { kind: "tryNow", reason: "mended" }, DEFAULT_BREAKER, {
    nowMs: 71_000,
    random01: 0,
  });
  expect(tried).not.toHaveProperty("outage.inVainAtMs");
});
