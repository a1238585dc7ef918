import { describe, expect, test } from "vitest";
import { feedOf } from "./breaker-feed.ts";
import { FAILURE_CLASSES, type Failure } from "./failure.ts";

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

describe("feedOf", () => {
  test("says what each kind of failure tells of the other system", () => {
    const feeds = FAILURE_CLASSES.map((cls) =>
      feedOf(failed({ class: cls, evidence: { phase: "answered", status: 400 } })),
    );
    expect(feeds).toEqual([
      "alive",
      "alive",
      "alive",
      "soft",
      "alive",
      "setting",
      "alive",
      "setting",
      "alive",
      "alive",
      "silent",
      "alive",
      "silent",
      "silent",
      "silent",
    ]);
  });

  test("tells no answer, gateway errors and our own shortage apart", () => {
    const transient = (over: Partial<Failure>) => feedOf(failed({ class: "transient", ...over }));
    for (const status of [502, 503, 504]) {
      expect(transient({ evidence: { phase: "answered", status } })).toBe("soft");
    }
    expect(transient({ evidence: { phase: "sent" } })).toBe("soft");
    expect(transient({ evidence: { phase: "answered", status: 500 } })).toBe("alive");
    expect(transient({ evidence: { phase: "none" }, scope: "system" })).toBe("silent");
    expect(transient({ evidence: { phase: "sent" }, origin: "code" })).toBe("silent");
    expect(feedOf(failed({ evidence: { phase: "none" } }))).toBe("hard");
    expect(feedOf(failed({ evidence: {} }))).toBe("soft");
  });

  test("takes the word of a code that only who had no connection gets, if nobody watched the call", () => {
    for (const code of ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH"]) {
      expect(feedOf(failed({ evidence: { code } }))).toBe("hard");
      expect(feedOf(failed({ evidence: { code, phase: "sent" } }))).toBe("soft");
    }
    for (const code of ["57P01", "ECONNRESET", "UND_ERR_SOCKET"])
      expect(feedOf(failed({ evidence: { code } }))).toBe("soft");
  });
});
