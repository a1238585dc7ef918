import { describe, expect, test } from "vitest";
import { HoldfastError } from "../core/error.ts";
import { RECORD_KINDS, type JournalRecord } from "../core/journal.ts";
import { NOW_MS, makeFolder, openInline } from "../store-sqlite/test-store.test-support.ts";
import { everyKind } from "../testing/sample-journal.ts";
import { decisionOf, timelineEntry } from "./timeline.ts";

async function sampleRecords(): Promise<readonly JournalRecord[]> {
  const folder = makeFolder();
  try {
    const store = await openInline(`${folder.path}/store.db`);
    const { records } = everyKind(store);
    await store.abandon();
    return records;
  } finally {
    folder.remove();
  }
}

function record(over: Partial<JournalRecord>): JournalRecord {
  const plain = {
    run: 1,
    seq: 7,
    attempt: 2,
    name: "charge",
    atMs: NOW_MS,
    head: null,
    data: null,
  };
  return { kind: "outcome", ...plain, ...over };
}

const FAILED = {
  operation: 4,
  effect: "charge-card",
  proof: "maybe",
  failure: {
    effect: "maybe",
    class: "transient",
    scope: "item",
    origin: "remote",
    reasonCode: "HTTP:STATUS_503",
    message: "busy",
    evidence: { retryAfterMs: 2_000 },
    rule: { source: "table", id: "http-status/503", version: 3 },
  },
  move: { kind: "retry", delayMs: 2_000, because: "it asked for 2 s" },
  nextAtMs: NOW_MS + 2_000,
};

describe("the timeline", () => {
  test("has a sentence for every kind of record", async () => {
    const records = await sampleRecords();
    expect(new Set(records.map(({ kind }) => kind))).toEqual(new Set(RECORD_KINDS));
    for (const one of records) {
      const { what, seq, kind } = timelineEntry(one, null);
      expect(what).toMatch(/^\S.*[^\s:,]$/);
      expect(what).not.toMatch(/undefined|null|NaN|\[object/);
      expect({ seq, kind }).toEqual({ seq: one.seq, kind: one.kind });
    }
  });

  test("tells of a failure its class, proof and rule, and of the decision its reason", () => {
    const entry = timelineEntry(record({ head: JSON.stringify(FAILED) }), null);
    expect(entry).toEqual({
      seq: 7,
      at: "2027-01-15T08:00:00.000Z",
      kind: "outcome",
      step: "charge",
      attempt: 2,
      what: "failed: transient, may have happened (HTTP:STATUS_503: busy, asked to wait 2 s)",
      proof: "maybe",
      failure: {
        class: "transient",
        family: "transient",
        effect: "maybe",
        reasonCode: "HTTP:STATUS_503",
        message: "busy",
        rule: "http-status/503@3",
      },
      move: { kind: "retry", because: "it asked for 2 s", nextAt: "2027-01-15T08:00:02.000Z" },
      by: null,
    });
  });

  test("leaves payloads out unless they are asked for, and cuts them between characters", () => {
    const one = record({ kind: "result", data: '"ab🚀"' });
    expect(timelineEntry(one, null)).not.toHaveProperty("payload");
    const whole = { text: '"ab🚀"', chars: 6, isCut: false };
    expect(timelineEntry(one, 6).payload).toEqual(whole);
    expect(timelineEntry(one, 4).payload).toEqual({ text: '"ab', chars: 6, isCut: true });
  });

  test("refuses a head that is not JSON with the code for damage", () => {
    const broken = record({ head: "{" });
    expect(() => timelineEntry(broken, null)).toThrow(
      new HoldfastError(
        "HF5006",
        "Record 7 of run_00000000001 cannot be read: its head is not JSON.",
        "Find out what else is damaged with: holdfast store verify",
      ),
    );
  });
});

describe("the decision of a record", () => {
  test("is its move with the rule that classified", () => {
    expect(decisionOf(record({ head: JSON.stringify(FAILED) }))).toEqual({
      at: "2027-01-15T08:00:00.000Z",
      seq: 7,
      step: "charge",
      rule: "http-status/503@3",
      reasonCode: "HTTP:STATUS_503",
      class: "transient",
      move: "retry",
      because: "it asked for 2 s",
    });
  });

  test("is none where nothing was decided", () => {
    const done = { operation: 4, effect: "charge-card", proof: "surely", end: "value" };
    expect(decisionOf(record({ head: JSON.stringify(done) }))).toBeNull();
    expect(decisionOf(record({ kind: "fired" }))).toBeNull();
  });
});
