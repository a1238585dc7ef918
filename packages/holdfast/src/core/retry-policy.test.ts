import { describe, expect, test } from "vitest";
import type { Contract } from "./contract.ts";
import { retryPolicyFor } from "./retry-policy.ts";

const HOUR_MS = 3_600_000;
const keyed = (windowMs: number, canProbe = false): Contract => ({
  kind: "keyed",
  windowMs,
  replays: "non5xx",
  canProbe,
  settleMs: 1_000,
});
const probeable: Contract = { kind: "probeable", canProbe: true, settleMs: 1_000 };
const once: Contract = { kind: "once", canProbe: false, settleMs: 1_000 };

describe("retryPolicyFor", () => {
  test("allows 6 attempts within 24 hours unless something else is declared", () => {
    for (const contract of [{ kind: "read" } as const, probeable, keyed(48 * HOUR_MS)]) {
      expect(retryPolicyFor(contract, undefined, "effect x")).toEqual({
        attemptsMax: 6,
        contentionMax: 8,
        horizonMs: 24 * HOUR_MS,
        backoffFirstMs: 1_000,
        backoffMaxMs: 300_000,
      });
    }
  });

  test("takes what was declared", () => {
    expect(retryPolicyFor(probeable, { attempts: 8, withinMs: HOUR_MS }, "x")).toMatchObject({
      attemptsMax: 8,
      horizonMs: HOUR_MS,
    });
  });

  test("keeps a keyed effect's horizon 10 % inside its window", () => {
    expect(retryPolicyFor(keyed(60_000), undefined, "x").horizonMs).toBe(54_000);
    expect(retryPolicyFor(keyed(10_000), { withinMs: 9_500 }, "x").horizonMs).toBe(9_000);
    expect(retryPolicyFor(keyed(10_000), { withinMs: 8_000 }, "x").horizonMs).toBe(8_000);
  });

  test("refuses to retry beyond the key window, with the numbers", () => {
    expect(() =>
      retryPolicyFor(keyed(24 * HOUR_MS), { withinMs: 36 * HOUR_MS }, "effect send-payout"),
    ).toThrowError(
      expect.objectContaining({
        code: "HF1107",
        message:
          'effect send-payout has repeat "keyed", keyWindow 24 h, but retry.within 36 h: after 24 h a repeat would do it twice.',
        remedy: 'Set retry: { within: "21h" } or less, or add probe.',
      }),
    );
  });

  test("allows exactly the window, less 10 %, and the shortest horizon", () => {
    expect(retryPolicyFor(keyed(10 * HOUR_MS), { withinMs: 10 * HOUR_MS }, "x").horizonMs).toBe(
      9 * HOUR_MS,
    );
    expect(retryPolicyFor(probeable, { withinMs: 1 }, "x").horizonMs).toBe(1);
  });

  test.each([
    [40_000_000, "10h"],
    [39_999_999, "599m"],
    [666_667, "10m"],
    [666_666, "599s"],
    [11_112, "10s"],
    [11_111, "9999ms"],
  ])("advises a horizon for a window of %i ms that would be allowed: %s", (windowMs, within) => {
    expect(() => retryPolicyFor(keyed(windowMs), { withinMs: windowMs + 1 }, "x")).toThrowError(
      expect.objectContaining({ remedy: expect.stringContaining(`"${within}"`) }),
    );
  });

  test("allows it with a look-up, but still stops repeating 10 % before the window ends", () => {
    const policy = retryPolicyFor(keyed(10 * HOUR_MS, true), { withinMs: 36 * HOUR_MS }, "x");
    expect(policy.horizonMs).toBe(9 * HOUR_MS);
  });

  test("gives once a single attempt and refuses any policy for it", () => {
    expect(retryPolicyFor(once, undefined, "x").attemptsMax).toBe(1);
    expect(() => retryPolicyFor(once, { attempts: 2 }, "effect mail")).toThrowError(
      expect.objectContaining({ code: "HF1107" }),
    );
  });

  test.each([{ attempts: 0 }, { attempts: 1.5 }, { attempts: 1_001 }, { withinMs: 0 }])(
    "refuses %j",
    (declared) => {
      expect(() => retryPolicyFor(probeable, declared, "effect x")).toThrowError(
        expect.objectContaining({ code: "HF1001" }),
      );
    },
  );
});
