import { expect, test } from "vitest";
import type { Contract } from "./contract.ts";
import { isToldByRepeat, repeatText, type KeyAge, type Situation } from "./situation.ts";

const probing = { settleMs: 20_000 };
const keyed: Contract = {
  kind: "keyed",
  windowMs: 86_400_000,
  replays: "all",
  canProbe: false,
  ...probing,
};
const fresh = { nowMs: 1_000, firstSentAtMs: 0, samePayload: true, timeoutMs: 5_000 };

const told = (contract: Contract) => isToldByRepeat(contract, fresh);
// Nothing else of a situation is asked.
const text = (contract: Contract, over: Partial<KeyAge> = {}) =>
  repeatText(contract, { ...fresh, ...over } as Situation);

test("a repeat tells what happened only where nobody can look, and it is harmless", () => {
  expect(told(keyed)).toBe(true);
  expect(told({ ...keyed, canProbe: true })).toBe(false);
  expect(told({ kind: "idempotent", why: "upsert", canProbe: false, ...probing })).toBe(true);
  expect(told({ kind: "once", canProbe: false, ...probing })).toBe(false);
  // What became of a read is of no account.
  expect(told({ kind: "read" })).toBe(false);
});

test("a sentence says why a repeat is harmless, or not", () => {
  expect(text(keyed)).toBe("key 1 s old of 24 h");
  expect(text(keyed, { firstSentAtMs: null })).toBe("key 0 ms old of 24 h");
  expect(text(keyed, { samePayload: false })).toMatch(/its key does not protect it$/);
  expect(text(keyed, { nowMs: 86_000_000 })).toMatch(/, too old to repeat$/);
  expect(text({ kind: "read" })).toBe("a read changes nothing");
  expect(text({ kind: "probeable", canProbe: true, ...probing })).toMatch(/after a look-up/);
  expect(text({ kind: "once", canProbe: false, ...probing })).toBe("it may be done only once");
});
