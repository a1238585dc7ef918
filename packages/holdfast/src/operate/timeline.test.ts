import { describe, expect, test } from "vitest";
import { HoldfastError } from "../core/error.ts";
import type { JournalRecord } from "../core/journal.ts";
import { RECORD_KINDS, isCellKind } from "../core/record-kinds.ts";
import { NOW_MS, makeFolder, openInline } from "../store-sqlite/test-store.test-support.ts";
import { everyKind } from "../testing/sample-every-kind.ts";
import { hasPayload } from "../core/payload-owner.ts";
import { decisionOf, stackOf, timelineEntry } from "./timeline.ts";

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
  test("says of routing rules who has proposed them, and who has approved", () => {
    const head = { version: 3, rules: [], by: "ana", reason: "claims are new" };
    const routed = (over: object) =>
      timelineEntry(record({ kind: "routed", head: JSON.stringify({ ...head, ...over }) }));
    const proposed = { rules: [], failures: 0, changed: 0 };
    expect(routed({ proposed })).toMatchObject({
      what: "routing rules, version 3, proposed: claims are new",
      by: "ana",
    });
    expect(routed({ approved: { by: "bob", reason: "looked through" } })).toMatchObject({
      what: "routing rules, version 3: proposed by ana: claims are new; approved by bob: looked through",
      by: "bob",
    });
  });

  test("has a sentence for every kind of record", async () => {
    const records = await sampleRecords();
    // Those by which runs leave and come, and those of cells, are in the table below.
    const kinds = RECORD_KINDS.filter(
      (kind) => !isCellKind(kind) && kind !== "archived" && kind !== "imported",
    );
    expect(new Set(records.map(({ kind }) => kind))).toEqual(new Set(kinds));
    for (const one of records) {
      const { what, seq, kind } = timelineEntry(one);
      expect(what).toMatch(/^\S.*[^\s:,]$/);
      expect(what).not.toMatch(/undefined|null|NaN|\[object/);
      expect({ seq, kind }).toEqual({ seq: one.seq, kind: one.kind });
    }
  });

  test.each<[JournalRecord["kind"], object, string]>([
    [
      "settled",
      { happened: true, ref: "ch_9", reason: "seen" },
      "settled: it happened, their reference ch_9; seen",
    ],
    [
      "archived",
      { archive: "arc_1", file: "old.ndjson", runs: [{}, {}] },
      "2 runs left for the archive arc_1 (old.ndjson)",
    ],
    ["imported", { archive: "arc_1", event: "done" }, "import of the archive arc_1 done"],
    ["settled", { happened: false, reason: "no trace" }, "settled: it did not happen; no trace"],
    [
      "settled",
      { happened: false, partsDone: ["line 1", "line 3"], reason: "seen" },
      "settled: it happened in part, and no more than: line 1, line 3; seen",
    ],
    [
      "probe",
      { says: "done", number: 2, ref: "ch_9" },
      "looked up (2.): it was done, their reference ch_9",
    ],
    ["probe", { says: "notDone", number: 1 }, "looked up (1.): it was not done"],
    ["probe", { says: "cannotTell", number: 1, why: "down" }, "looked up (1.): cannot tell, down"],
    ["result", { threw: { name: "RangeError", message: "no" } }, "local work threw RangeError: no"],
    ["result", { now: true }, "time taken"],
    ["answered", { timedOut: true }, "nobody answered in time: the declared default was taken"],
    ["answered", { by: "bo" }, "review answered"],
    ["event", { timedOut: true }, "the event did not come in time"],
    ["event", {}, "the event came"],
    ["closed", { resolution: "settled", reason: "seen" }, "exception closed (settled): seen"],
    [
      "state",
      { from: "running", to: "parked", reason: "down", wakeAtMs: null },
      "running -> parked: down",
    ],
    ["finished", { state: "stopped", compensated: "fully", reason: "no" }, "stopped, undone: no"],
    ["returned", { child: 2, state: "completed" }, "run_00000000002 was completed"],
    ["outcome", { proof: "surely", ref: "ch_9" }, "done, their reference ch_9"],
    [
      "outcome",
      { ...FAILED, proof: "partial" },
      "failed: transient, done in part (HTTP:STATUS_503: busy, asked to wait 2 s)",
    ],
  ])("says of %s %j: %s", (kind, head, what) => {
    expect(timelineEntry(record({ kind, head: JSON.stringify(head) })).what).toBe(what);
  });

  test("tells of a failure its class, proof and rule, and of the decision its reason", () => {
    const entry = timelineEntry(record({ head: JSON.stringify(FAILED) }));
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
        parts: null,
        rule: "http-status/503@3",
      },
      move: { kind: "retry", because: "it asked for 2 s", nextAt: "2027-01-15T08:00:02.000Z" },
      by: null,
    });
  });

  test("tells the stack of an error from a payload", () => {
    const threw = { threw: { name: "TypeError", message: "no" } };
    const stack = JSON.stringify("TypeError: no\n    at work.ts:1:2");
    const step = record({ kind: "result", head: JSON.stringify(threw), data: stack });
    expect([hasPayload(step), stackOf(step)]).toEqual([false, "TypeError: no\n    at work.ts:1:2"]);
    const failed = record({ head: JSON.stringify(FAILED), data: stack });
    expect([hasPayload(failed), stackOf(failed)]).toEqual([false, JSON.parse(stack)]);
    const opened = record({ kind: "opened", data: stack });
    expect([hasPayload(opened), stackOf(opened)]).toEqual([false, JSON.parse(stack)]);
    const result = record({ kind: "result", head: null, data: stack });
    expect([hasPayload(result), stackOf(result)]).toEqual([true, null]);
    const nothing = record({ kind: "result", head: JSON.stringify(threw), data: null });
    expect([hasPayload(nothing), stackOf(nothing)]).toEqual([false, null]);
  });

  test("refuses a head that is not JSON with the code for damage", () => {
    const broken = record({ head: "{" });
    expect(() => timelineEntry(broken)).toThrow(
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
      message: "busy",
      said: null,
    });
  });

  test("has what the other system said, bounded, where the message does not quote it", () => {
    const saying = (message: string) => {
      const failure = { ...FAILED.failure, evidence: { message } };
      return record({ head: JSON.stringify({ ...FAILED, failure }) });
    };
    expect(decisionOf(saying("the IBAN is not valid"))?.said).toBe("the IBAN is not valid");
    expect(timelineEntry(saying("no IBAN")).what).toContain(', they said "no IBAN"');
    expect(decisionOf(saying("x".repeat(900)))?.said).toBe(`${"x".repeat(500)}...`);
    expect(decisionOf(saying(FAILED.failure.message))?.said).toBeNull();
  });

  test("is none where nothing was decided", () => {
    const done = { operation: 4, effect: "charge-card", proof: "surely", end: "value" };
    expect(decisionOf(record({ head: JSON.stringify(done) }))).toBeNull();
    expect(decisionOf(record({ kind: "fired" }))).toBeNull();
  });
});
