import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLimitUsedUp, retryAfterMs } from "./retry-after.ts";

const NOW = Date.UTC(2026, 10, 20, 12, 0, 0);
const NOW_HTTP = "Fri, 20 Nov 2026 12:00:00 GMT";

function wait(headers: Record<string, string | string[]>): number | null {
  return retryAfterMs(headers, NOW);
}

describe("retryAfterMs", () => {
  test.each([
    ["delay-seconds", { "retry-after": "120" }, 120_000],
    ["zero seconds", { "retry-after": "0" }, 0],
    ["six hours, honoured in full", { "retry-after": "21600" }, 21_600_000],
    ["a fraction, which some servers send", { "retry-after": "1.5" }, 1_500],
    ["spaces around", { "retry-after": " 7 " }, 7_000],
    ["an IMF date", { "retry-after": "Fri, 20 Nov 2026 12:01:00 GMT" }, 60_000],
    ["an RFC 850 date", { "retry-after": "Friday, 20-Nov-26 12:01:00 GMT" }, 60_000],
    ["an asctime date", { "retry-after": "Fri Nov 20 12:01:00 2026" }, 60_000],
    ["milliseconds", { "retry-after-ms": "250", "retry-after": "1" }, 250],
    ["Amazon's milliseconds", { "x-amz-retry-after": "1500" }, 1_500],
    ["seconds until reset", { "x-ratelimit-reset": "30" }, 30_000],
    ["Unix seconds", { "x-ratelimit-reset": String(NOW / 1_000 + 90) }, 90_000],
    ["Unix milliseconds", { "x-ratelimit-reset": String(NOW + 4_000) }, 4_000],
    ["an RFC 3339 reset", { "x-ratelimit-reset": "2026-11-20T12:00:10Z" }, 10_000],
    ["a Go duration", { "x-ratelimit-reset-tokens": "6m0s" }, 360_000],
    ["a Go duration below a second", { "x-ratelimit-reset-requests": "120ms" }, 120],
    ["hours and fractions", { "x-ratelimit-reset": "1h2m3.5s" }, 3_723_500],
    ["RateLimit-Reset", { "ratelimit-reset": "50" }, 50_000],
    ["RateLimit of draft 7", { ratelimit: "limit=100, remaining=0, reset=50" }, 50_000],
    ["RateLimit of draft 8", { ratelimit: '"default";r=0;t=30' }, 30_000],
    ["the longer of two used-up limits", { ratelimit: '"a";r=0;t=30, "b";r=0;t=90' }, 90_000],
    ["only the used-up limit", { ratelimit: '"a";r=0;t=30, "b";r=5;t=90' }, 30_000],
    ["the first of several values that reads", { "retry-after": ["soon", "3"] }, 3_000],
  ])("reads %s", (_form, headers, expected) => {
    expect(wait(headers)).toBe(expected);
  });

  test("takes the longer of two limits, and none that has something left", () => {
    const limits = {
      "x-ratelimit-remaining-requests": "0",
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-remaining-tokens": "0",
      "x-ratelimit-reset-tokens": "2m",
    };
    expect(wait(limits)).toBe(120_000);
    expect(wait({ ...limits, "x-ratelimit-remaining-tokens": "7" })).toBe(1_000);
    expect(wait({ "x-ratelimit-remaining": "3", "x-ratelimit-reset": "60" })).toBeNull();
  });

  test("does not depend on our clock where the answer has a date of its own", () => {
    const headers = { "retry-after": "Fri, 20 Nov 2026 12:01:00 GMT", date: NOW_HTTP };
    for (const skewMs of [-86_400_000, 0, 3_600_000]) {
      expect(retryAfterMs(headers, NOW + skewMs)).toBe(60_000);
    }
  });

  test.each([
    "",
    "soon",
    "-5",
    "1e3",
    "0x10",
    "NaN",
    "Infinity",
    "12 potatoes",
    "2026",
    "99999999999999",
    "Fri, 20 Nov 2026 11:59:00 GMT",
    "Fri, 40 Nov 2026 12:00:00 GMT",
    "20 Nov 2026",
    "2026-11-20",
  ])("ignores %j", (garbage) => {
    const expected = garbage === "2026" ? 2_026_000 : null;
    expect(wait({ "retry-after": garbage })).toBe(expected);
  });

  test("ignores what is negative, absurd or no number in every other field", () => {
    for (const garbage of ["-1", "", "x", "9".repeat(15), "6q", "1h1q"]) {
      for (const name of [
        "retry-after-ms",
        "x-amz-retry-after",
        "x-ratelimit-reset",
        "ratelimit-reset",
      ]) {
        expect(wait({ [name]: garbage })).toBeNull();
      }
      expect(wait({ ratelimit: garbage })).toBeNull();
    }
  });

  test("answers null or whole milliseconds within a year, whatever the fields hold", () => {
    const names = ["retry-after", "retry-after-ms", "date", "ratelimit", "x-ratelimit-reset"];
    const field = fc.oneof(fc.string(), fc.integer().map(String), fc.date().map(String));
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...names), field),
        fc.integer(),
        (headers, nowMs) => {
          const waitMs = retryAfterMs(headers, nowMs);
          if (waitMs === null) return;
          expect(Number.isInteger(waitMs)).toBe(true);
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual(366 * 86_400_000);
        },
      ),
    );
  });
});

describe("isLimitUsedUp", () => {
  test("is true only where a field says that nothing remains", () => {
    expect(isLimitUsedUp({ "x-ratelimit-remaining": "0" })).toBe(true);
    expect(isLimitUsedUp({ "ratelimit-remaining": "0" })).toBe(true);
    expect(isLimitUsedUp({ ratelimit: '"default";r=0;t=30' })).toBe(true);
    expect(isLimitUsedUp({ "x-ratelimit-remaining": "1" })).toBe(false);
    expect(isLimitUsedUp({})).toBe(false);
  });
});
