import { describe, expect, test } from "vitest";
import type { JournalRecord } from "./journal.ts";
import { laneHeadOf, quarantineOf } from "./lane.ts";
import type { RecordKind } from "./record-kinds.ts";

function record(seq: number, kind: RecordKind, head: unknown, name = ""): JournalRecord {
  const written = head === null ? null : JSON.stringify(head);
  return { run: 1, seq, kind, attempt: 0, name, atMs: 1, head: written, data: null };
}

const because = "It crashed the engine 3 times.";
const poison = { class: "poison", because };

test("a lane's record says which run has left it, and whose turn it is", () => {
  const head = {
    event: "left",
    lane: "acme",
    cause: "operator",
    by: "ana",
    reason: "slow",
    next: 2,
  };
  expect(laneHeadOf(record(4, "lane", head))).toEqual(head);
});

describe("a run is in quarantine", () => {
  test("from when it was put away because it has crashed the engine, until that is closed", () => {
    const opened = [record(1, "started", null), record(2, "opened", poison)];
    expect(quarantineOf(opened)).toEqual(poison);
    expect(quarantineOf([...opened, record(3, "closed", { opened: 2 })])).toBe(null);
    expect(quarantineOf(opened.slice(0, 1))).toBe(null);
  });

  test("although an earlier exception of it was closed", () => {
    const again = [
      record(2, "opened", { ...poison, because: "the first time" }),
      record(3, "closed", { opened: 2 }),
      record(4, "opened", poison),
    ];
    expect(quarantineOf(again)).toEqual(poison);
  });

  test("for no other exception, for none of a step, and for none that stands beside it", () => {
    const others = [
      record(2, "opened", { ...poison, class: "defect" }),
      record(3, "opened", poison, "step"),
      record(4, "opened", { ...poison, beside: { subject: "start" } }),
      record(5, "resumed", poison),
    ];
    expect(quarantineOf(others)).toBe(null);
  });
});
