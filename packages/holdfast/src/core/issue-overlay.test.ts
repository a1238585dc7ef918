import { describe, expect, test } from "vitest";
import {
  isShown,
  issueStatus,
  NO_OVERLAY,
  overlayAfter,
  refuseIssueAct,
  type IssueAct,
  type IssueFacts,
  type Occurrence,
} from "./issue-overlay.ts";

const DAY_MS = 86_400_000;
const PLACE = `f2.1.${"a".repeat(24)}`;
const OTHER = `f2.1.${"b".repeat(24)}`;
const decided = (...acts: readonly IssueAct[]) => {
  let overlay = NO_OVERLAY;
  for (const [at, act] of acts.entries()) {
    overlay = overlayAfter(overlay, act, {
      by: "ana",
      reason: "r",
      atMs: 1000 + at,
      command: null,
    });
  }
  return overlay;
};
const seen = (
  openedAtMs: number,
  codeVersion: string,
  amount: string | null = null,
): Occurrence => ({
  openedAtMs,
  codeVersion,
  amount,
  currency: amount === null ? null : "EUR",
});
const status = (over: Partial<IssueFacts>) =>
  issueStatus({
    overlay: null,
    firstSeenAtMs: 0,
    lastSeenAtMs: over.occurrences?.[0]?.openedAtMs ?? 0,
    occurrences: [],
    versions: ["v1", "v2", "v3"],
    nowMs: 10 * DAY_MS,
    ...over,
  });

const ofDay = (count: number, ago: number) =>
  Array.from({ length: count }, () => seen((10 - ago) * DAY_MS + 1, "v1"));
const mutedUntil = (until: Extract<IssueAct, { kind: "muted" }>["until"]) =>
  decided({ kind: "muted", until });
const merge = (into: string): IssueAct => ({ kind: "merged", into });

describe("the status of a group", () => {
  test("is new for a day, and then ongoing", () => {
    expect(status({ nowMs: DAY_MS - 1 })).toBe("new");
    expect(status({})).toBe("ongoing");
  });

  test("is escalating where a day brings three times as many as the one before", () => {
    expect(status({ occurrences: [...ofDay(12, 1), ...ofDay(4, 2)] })).toBe("escalating");
    expect(status({ occurrences: [...ofDay(12, 1), ...ofDay(5, 2)] })).toBe("ongoing");
    expect(status({ occurrences: ofDay(9, 1) })).toBe("ongoing");
  });

  test.each([
    ["v2", "regressed"],
    ["v3", "regressed"],
    ["v9", "regressed"],
    ["v1", "resolved"],
  ])("resolved in v2 and seen again in %s, it is %s", (version, expected) => {
    const overlay = decided({ kind: "resolved", inVersion: "v2" });
    expect(status({ overlay, occurrences: [seen(2000, version)] })).toBe(expected);
    // Before it was resolved it says nothing.
    expect(status({ overlay, occurrences: [seen(500, version)] })).toBe("resolved");
  });

  test("is not taken for mended where what came again has left the store", () => {
    const overlay = decided({ kind: "resolved", inVersion: "v2" });
    expect(status({ overlay, lastSeenAtMs: 2000 })).toBe("regressed");
  });

  test("stays muted until its time, deployment, count or value", () => {
    const byTime = mutedUntil({ kind: "time", atMs: 5 * DAY_MS });
    expect(status({ overlay: byTime, nowMs: 5 * DAY_MS - 1 })).toBe("muted");
    expect(status({ overlay: byTime, nowMs: 5 * DAY_MS })).toBe("ongoing");
    const byDeploy = mutedUntil({ kind: "deploy", version: "v2" });
    expect(status({ overlay: byDeploy, occurrences: [seen(2000, "v2")] })).toBe("muted");
    expect(status({ overlay: byDeploy, occurrences: [seen(2000, "v3")] })).toBe("ongoing");
    const byCount = mutedUntil({ kind: "count", count: 2 });
    expect(status({ overlay: byCount, occurrences: [seen(2000, "v2"), seen(1, "v2")] })).toBe(
      "muted",
    );
    expect(status({ overlay: byCount, occurrences: [seen(2001, "v2"), seen(2000, "v2")] })).toBe(
      "ongoing",
    );
    const byValue = mutedUntil({ kind: "value", amount: "100", currency: "EUR" });
    expect(status({ overlay: byValue, occurrences: [seen(2000, "v2", "99.99")] })).toBe("muted");
    expect(
      status({
        overlay: byValue,
        occurrences: [seen(2001, "v2", "0.01"), seen(2000, "v2", "99.99")],
      }),
    ).toBe("ongoing");
  });
});

describe("acts upon a group", () => {
  test("are taken back by their opposites", () => {
    const pairs = [
      [{ kind: "muted", until: { kind: "count", count: 5 } }, { kind: "unmuted" }],
      [{ kind: "resolved", inVersion: "v2" }, { kind: "reopened" }],
      [{ kind: "merged", into: OTHER }, { kind: "unmerged" }],
      [{ kind: "split", by: "code" }, { kind: "unsplit" }],
    ] as const;
    for (const [act, undo] of pairs) {
      const done = decided(act);
      expect(() => refuseIssueAct(PLACE, NO_OVERLAY, undo, null)).toThrow(/Nothing was changed/u);
      refuseIssueAct(PLACE, done, undo, null);
      const { muted, resolved, mergedInto, splitBy, revision } = decided(act, undo);
      expect({ muted, resolved, mergedInto, splitBy }).toEqual({
        muted: null,
        resolved: null,
        mergedInto: null,
        splitBy: null,
      });
      expect(revision).toBe(2);
    }
  });

  test("that could not be shown are refused", () => {
    expect(() => refuseIssueAct(PLACE, NO_OVERLAY, merge(PLACE), null)).toThrow(/itself/u);
    const cause = PLACE.replace("f2", "f1");
    expect(() => refuseIssueAct(PLACE, NO_OVERLAY, merge(cause), null)).toThrow(/another level/u);
    const part = decided(merge(PLACE));
    expect(() => refuseIssueAct(PLACE, NO_OVERLAY, merge(OTHER), part)).toThrow(/is part of/u);
    const split: IssueAct = { kind: "split", by: "data" };
    expect(() => refuseIssueAct(cause, NO_OVERLAY, split, null)).toThrow(/by place/u);
  });

  test("hide what is part of another, and what is split", () => {
    expect(isShown(null, "place")).toBe(true);
    expect(isShown(decided({ kind: "merged", into: OTHER }), "place")).toBe(false);
    expect(isShown(decided({ kind: "split", by: "code" }), "place")).toBe(false);
    expect(isShown(decided({ kind: "split", by: "code" }), "cause")).toBe(true);
  });
});
