import { describe, expect, test } from "vitest";
import type { JournalRecord } from "./journal.ts";
import { lastSeqAt, openedSince, sentCountOf, sentSince, wasApplied } from "./seen.ts";

function record(seq: number, part: Partial<JournalRecord> = {}): JournalRecord {
  const none = { attempt: 0, name: "", head: null, data: null };
  return { run: 1, seq, kind: "state", atMs: seq, ...none, ...part };
}

describe("what was decided", () => {
  test("is about the attempts that were seen, and says what has left since", () => {
    expect(sentSince("pay", 2, { sentCount: 2 })).toBeNull();
    expect(sentSince("pay", 1, { sentCount: 2 })).toBe(
      '"pay" has been sent 2 times by now; this was said when it had been sent 1 time, and says nothing about what has left since.',
    );
  });

  test("is about exceptions that were open then, and about no later one", () => {
    expect(openedSince(null, 5, "why")).toBeNull();
    expect(openedSince(5, 5, "why")).toBeNull();
    expect(openedSince(6, 5, "It is late.")).toMatch(/^Nothing was resumed: .* It is late\.$/);
  });

  test("is about what was written until then; a clock that was set back shows less, not more", () => {
    expect(lastSeqAt([], 9)).toBe(0);
    expect(lastSeqAt([record(1), record(2), record(3)], 2)).toBe(2);
    expect(lastSeqAt([record(1), record(2)], 0)).toBe(0);
    expect(lastSeqAt([record(1), record(2), record(3, { atMs: 0 })], 1)).toBe(1);
    expect(lastSeqAt([record(1), record(2)], Number.POSITIVE_INFINITY)).toBe(2);
  });

  test("counts the attempts of its own operation", () => {
    const intents = [1, 2, 3].map((seq) => {
      const name = seq === 2 ? "other" : "pay";
      const head = JSON.stringify({ operation: seq === 2 ? 2 : 1 });
      return record(seq, { kind: "intent", name, head });
    });
    expect(sentCountOf([...intents, record(4, { name: "pay" })], 1)).toBe(2);
    expect(sentCountOf(intents, 9)).toBe(0);
    expect(sentCountOf([record(1)], 1)).toBe(0);
  });

  test("is known again by the command's id, which no text in a head can imitate", () => {
    const applied = record(1, { head: JSON.stringify({ by: "bo", command: 'c"1' }) });
    expect(wasApplied([applied], 'c"1')).toBe(true);
    expect(wasApplied([applied], "c")).toBe(false);
    const imitation = record(1, { head: JSON.stringify({ reason: '"command":"c1"' }) });
    expect(wasApplied([imitation, record(2)], "c1")).toBe(false);
  });
});
