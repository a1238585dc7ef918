import { describe, expect, test } from "vitest";
import { RECORD_KINDS, kindNumber } from "../core/record-kinds.ts";
import type { JournalRecord } from "../core/journal.ts";
import type { RecordKind } from "../core/record-kinds.ts";
import {
  SAMPLE_START_MS,
  SampleJournal,
  acceptedEvent,
  askedHead,
  closedHead,
  finishedHead,
  intentHead,
  openedHead,
  outcomeHead,
  startedHead,
  stateHead,
} from "../testing/sample-journal.ts";
import type { HeadOf, RecordOptions } from "../testing/sample-journal.ts";
import { hasProjection, project } from "./projection.ts";

/** What one record of run 7 folds to. Its sequence number is 1, or more after others. */
function changes<Kind extends RecordKind>(
  kind: Kind,
  head: HeadOf[Kind],
  options: RecordOptions = {},
) {
  const sample = new SampleJournal();
  sample.add(7, kind, head, { name: "step", ...options });
  return project(sample.records[0] as JournalRecord);
}

function counted(found: ReturnType<typeof project>) {
  return found.flatMap((change) =>
    change.kind === "counted" ? [[change.name, change.delta]] : [],
  );
}

function kindsOf(found: readonly { readonly kind: string }[]): string[] {
  return found.map(({ kind }) => kind);
}

describe("project", () => {
  test("needs no head of the kinds that change nothing", () => {
    const unread = RECORD_KINDS.filter((kind) => !hasProjection(kindNumber(kind)));
    expect(unread).toEqual([
      "result",
      "timer",
      "fired",
      "called",
      "returned",
      "resumed",
      "applied",
      "restored",
      "edited",
    ]);
    for (const kind of unread) {
      const record = { run: 1, seq: 1, kind, attempt: 0, name: "", atMs: 1, head: "{", data: null };
      expect(project(record)).toEqual([]);
    }
    expect(hasProjection(RECORD_KINDS.length)).toBe(false);
  });

  test("refuses a head that is not JSON", () => {
    const record = {
      run: 1,
      seq: 1,
      kind: "finished",
      attempt: 0,
      name: "",
      atMs: 1,
      head: "{",
      data: null,
    } as const;
    expect(() => project(record)).toThrow(SyntaxError);
  });

  test("counts a run in the state it is in, and only there", () => {
    expect(counted(changes("started", startedHead(7, { state: "waiting" })))).toEqual([
      ["runs/order/waiting", 1],
    ]);
    expect(counted(changes("state", stateHead("waiting", "running")))).toEqual([
      ["runs/order/waiting", -1],
      ["runs/order/running", 1],
    ]);
    expect(counted(changes("state", stateHead("waiting", "waiting")))).toEqual([]);
    expect(counted(changes("finished", finishedHead({ state: "stopped" })))).toEqual([
      ["runs/order/running", -1],
      ["runs/order/stopped", 1],
    ]);
  });

  test("begins an operation with its first intent alone", () => {
    expect(kindsOf(changes("intent", intentHead(1), { attempt: 1 }))).toEqual([
      "effect-sent",
      "counted",
    ]);
    expect(changes("intent", intentHead(3), { attempt: 2 })).toEqual([
      { kind: "effect-sent-again", run: 7, operation: 3, atMs: expect.any(Number) as number },
      { kind: "counted", name: "effect-attempts/charge-card", delta: 1 },
    ]);
  });

  test.each([
    ["a value", { end: "value" }, true],
    ["a failure with proof", { end: "failed", proof: "never" }, true],
    ["a failure of which part was done", { end: "failed", proof: "partial" }, true],
    ["giving up without knowing", { end: "failed", proof: "maybe" }, false],
    ["an attempt that will be repeated", { proof: "never" }, false],
  ] as const)("takes %s for the end of an operation: %#", (_, over, ended) => {
    const [learnt] = changes("outcome", outcomeHead(1, over));
    expect(learnt).toMatchObject({ kind: "effect-learnt", operation: 1, ended });
  });

  test("counts how a step ended, once", () => {
    expect(kindsOf(changes("outcome", outcomeHead(1, { proof: "never" })))).toEqual([
      "effect-learnt",
    ]);
    expect(changes("outcome", outcomeHead(1, { end: "value" })).slice(1)).toEqual([
      { kind: "pending-removed", run: 7, operation: 1 },
      { kind: "counted", name: "effect-ends/charge-card/surely", delta: 1 },
    ]);
  });

  test("says who settled an operation, and that its end is known then", () => {
    const settled = { operation: 1, effect: "charge-card", by: "anna", reason: "seen" } as const;
    expect(changes("settled", { ...settled, proof: "never", happened: false })).toEqual([
      expect.objectContaining({
        kind: "effect-learnt",
        ended: true,
        settledBy: "anna",
        proof: "never",
      }),
    ]);
    expect(
      kindsOf(changes("settled", { ...settled, proof: "surely", happened: true, end: "value" })),
    ).toEqual(["effect-learnt", "pending-removed", "counted"]);
  });

  test("says of what happened in part that its end is not known yet", () => {
    const said = { operation: 1, effect: "charge-card", by: "anna", reason: "seen" } as const;
    const head = { ...said, proof: "partial", happened: false, partsDone: ["line 1"] } as const;
    expect(changes("settled", head)).toEqual([
      expect.objectContaining({ kind: "effect-learnt", ended: false, proof: "partial" }),
    ]);
  });

  test("moves exception, issue and counter together", () => {
    expect(kindsOf(changes("opened", openedHead()))).toEqual([
      "exception-opened",
      "issue-seen",
      "issue-seen",
      "issue-seen",
      "issue-seen",
      "counted",
    ]);
    expect(changes("closed", closedHead(4))).toEqual([
      expect.objectContaining({ kind: "exception-closed", run: 7, seq: 4, by: "anna" }),
      ...closedHead(4).groups.map((fingerprint) => ({ kind: "issue-eased", fingerprint })),
      { kind: "counted", name: "exceptions/data", delta: -1 },
    ]);
  });

  test("takes a kept event only if that is what ended the wait", () => {
    const removed = { kind: "awaiting-removed", run: 7, step: "step" };
    expect(changes("event", { end: "value" })).toEqual([removed]);
    expect(changes("event", { end: "value", kept: 9 })).toEqual([
      removed,
      { kind: "event-taken", seq: 9, run: 7 },
    ]);
  });

  test("remembers the id of an event with the record that accepts it", () => {
    const accepted = acceptedEvent("e1");
    const atMs = SAMPLE_START_MS;
    expect(changes("event", { end: "value", accepted })).toEqual([
      { kind: "awaiting-removed", run: 7, step: "step" },
      { kind: "event-accepted", row: { ...accepted, run: 7, kept: null }, atMs },
    ]);
    expect(changes("kept", accepted)[1]).toEqual({
      kind: "event-accepted",
      row: { ...accepted, run: null, kept: 1 },
      atMs,
    });
  });

  test("takes a kept event away with the exception that stands for it", () => {
    const beside = { subject: "misfit 9", kept: 9 };
    expect(changes("opened", openedHead({ beside }))).toContainEqual({
      kind: "event-taken",
      seq: 9,
      run: 7,
    });
    const opened = changes("opened", openedHead({ beside: { subject: "start 1" } }));
    expect(kindsOf(opened)).not.toContain("event-taken");
    expect(opened[0]).toMatchObject({ row: { subject: "start 1" } });
    expect(changes("opened", openedHead())[0]).toMatchObject({ row: { subject: null } });
  });

  test("answers and escalates the review that was asked", () => {
    expect(changes("asked", askedHead())).toEqual([
      {
        kind: "review-asked",
        row: expect.objectContaining({ run: 7, seq: 1, state: "open" }) as object,
      },
    ]);
    expect(changes("answered", { asked: 5, end: "value", by: "bert" })).toEqual([
      expect.objectContaining({ kind: "review-answered", run: 7, seq: 5, by: "bert" }),
    ]);
    expect(changes("escalated", { asked: 5, to: "head" })).toEqual([
      { kind: "review-escalated", run: 7, seq: 5, to: "head" },
    ]);
  });

  test("closes each chain that an opening found", () => {
    const chain = { incarnation: 3, flush: 9, seal: "ab", clean: false };
    expect(changes("incarnation", { incarnation: 4, closes: [chain] })).toEqual([
      { kind: "chain-closed", by: 4, ...chain },
    ]);
    expect(changes("incarnation", { incarnation: 4, closes: [] })).toEqual([]);
  });

  test("has changes for every kind that it says it has", () => {
    const sample = new SampleJournal();
    sample.add(7, "cancel", { by: "anna", reason: "withdrawn" });
    sample.add(7, "pending", { operation: 1, integration: "erp", ref: "r", dueAtMs: 1 });
    sample.add(7, "probe", { ...outcomeHead(1), says: "done", number: 1, askedAtMs: 1 });
    sample.add(7, "awaited", { event: "paid", key: "k", dueAtMs: null });
    sample.add(0, "group", { group: 1, event: "passed", runs: [], crashes: 0 });
    sample.add(0, "dependency", { integration: "erp", to: "open", reason: "", probeAtMs: null });
    sample.add(0, "kept", acceptedEvent("1"));
    const early = { integration: "erp", ref: "r", owner: "team", dueAtMs: 9 } as const;
    sample.add(0, "early", { ...early, event: "kept", kept: 0 });
    sample.add(0, "early", { ...early, event: "taken", kept: 1 });
    sample.add(0, "early", { ...early, event: "unasked", kept: 1 });
    sample.add(7, "late", { deadlineAtMs: 1, onLate: "ask" });
    expect(sample.records.map((record) => kindsOf(project(record)))).toEqual([
      ["run-touched"],
      ["pending-added", "effect-learnt"],
      ["effect-learnt"],
      ["awaiting-added"],
      ["group-passed"],
      ["dependency-moved"],
      ["event-kept", "event-accepted"],
      ["early-kept"],
      ["early-over"],
      ["early-over"],
      ["run-touched"],
    ]);
  });
});
