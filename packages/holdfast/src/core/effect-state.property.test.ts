import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { REPEAT_KINDS } from "./contract.ts";
import { effectRecordOf, type EffectRecord } from "./effect-record.ts";
import { FRESH_EFFECT, foldEffect, type EffectState } from "./effect-state.ts";
import { EFFECT_PROOFS } from "./failure.ts";
import { PROBE_SAYINGS, type JournalRecord } from "./journal.ts";
import type { RecordKind } from "./record-kinds.ts";
import type { Move } from "./move.ts";

const MOVES: readonly Move[] = [
  { kind: "retry", delayMs: 1, because: "x" },
  { kind: "wait", delayMs: 1, because: "x" },
  { kind: "redo", delayMs: 1, because: "x" },
  { kind: "resume", because: "x" },
  { kind: "adopt", because: "x" },
  { kind: "resolve", unknown: "outcome-unknown", because: "x" },
  { kind: "askOutcome", unknown: "result-unknown", because: "x" },
  { kind: "park", scope: "key", because: "x" },
  { kind: "hold", because: "x" },
  { kind: "stop", because: "x" },
  { kind: "repair", because: "x" },
];

const ended = {
  operation: fc.constant(1),
  effect: fc.constant("x"),
  proof: fc.constantFrom(...EFFECT_PROOFS),
};
const decided = {
  move: fc.constantFrom(...MOVES),
  // Ends are rare, or nothing would ever follow one.
  end: fc.constantFrom("value" as const, "failed" as const),
  nextAtMs: fc.nat(1_000),
};
const optional = {
  requiredKeys: ["operation", "effect", "proof"] as ("operation" | "effect" | "proof")[],
};

/** Kind and head of a record; also of courses that no engine would write. */
const content = fc.oneof(
  fc.record({
    kind: fc.constant("intent" as const),
    head: fc.record({
      operation: fc.constantFrom(1, 1, 1, 2),
      contract: fc.constantFrom(...REPEAT_KINDS),
      integration: fc.constant("erp"),
    }),
  }),
  fc.record({
    kind: fc.constant("outcome" as const),
    head: fc.record({ ...ended, ...decided }, optional),
  }),
  fc.record({
    kind: fc.constant("probe" as const),
    head: fc
      .tuple(fc.record({ ...ended, ...decided }, optional), fc.constantFrom(...PROBE_SAYINGS))
      .map(([head, says]) => ({ ...head, says, number: 1, askedAtMs: 7 })),
  }),
  fc.record({
    kind: fc.constant("settled" as const),
    head: fc.record({ ...ended, move: decided.move, end: decided.end }, optional),
  }),
  fc.record({
    kind: fc.constantFrom("pending" as const, "opened" as const, "resumed" as const),
    head: fc.constant({ ref: "r", dueAtMs: 5 }),
  }),
  fc.record({
    kind: fc.constant("closed" as const),
    head: fc.record({ opened: fc.nat(12) }),
  }),
);

const records: fc.Arbitrary<readonly EffectRecord[]> = fc
  .array(content, { maxLength: 12 })
  .map((list) =>
    list.map(
      (own, index) =>
        // The heads lack only what the fold does not read.
        ({
          // As read from a journal, so without fast-check's bare objects.
          ...(JSON.parse(JSON.stringify(own)) as typeof own),
          seq: index + 1,
          attempt: index,
          atMs: index * 1_000,
          data: null,
        }) as EffectRecord,
    ),
  );

/** The states after each record. */
function statesOf(list: readonly EffectRecord[]): readonly EffectState[] {
  let state = FRESH_EFFECT;
  return list.map((record) => (state = foldEffect(state, record)));
}

describe("for any records", () => {
  test("nothing is due for another attempt over an open outcome unless it is harmless", () => {
    const courses = fc.property(records, (list) =>
      statesOf(list).every(({ next, proof, intent, openMaybe }) => {
        if (next.kind !== "due" || next.action !== "attempt" || intent === null) return true;
        if (proof === null || proof === "never") return true;
        // What was done in part stays; of the rest it has to be known that nothing was done.
        if (proof === "partial" && !openMaybe) return true;
        return ["read", "idempotent", "keyed"].includes(intent.contract);
      }),
    );
    expect(fc.check(courses, { numRuns: 5_000 }).counterexample).toBeNull();
  });

  test("the flag and the proof say the same", () => {
    const courses = fc.property(records, (list) =>
      statesOf(list).every(
        ({ openMaybe, proof }) => proof === "partial" || openMaybe === (proof === "maybe"),
      ),
    );
    expect(fc.check(courses, { numRuns: 2_000 }).counterexample).toBeNull();
  });

  test("folding live, with a crash after any record, gives what folding the journal gives", () => {
    const courses = fc.property(records, fc.nat(12), (list, crashAt) => {
      const live = list.reduce(foldEffect, FRESH_EFFECT);
      const read = list
        .map((r): JournalRecord => ({
          run: 1,
          seq: r.seq,
          kind: r.kind,
          attempt: r.attempt,
          name: "x",
          atMs: r.atMs,
          head: JSON.stringify(r.head),
          data: r.data,
        }))
        .map((own) => effectRecordOf(own))
        .filter((record) => record !== null);
      const before = read.slice(0, crashAt).reduce(foldEffect, FRESH_EFFECT);
      const after = read.slice(crashAt).reduce(foldEffect, before);
      return isDeepStrictEqual(after, live);
    });
    expect(fc.check(courses, { numRuns: 1_000 }).counterexample).toBeNull();
  });

  test("the code's answer never changes once given, except by a person's resume", () => {
    const courses = fc.property(records, (list) => {
      const states = statesOf(list);
      return states.every((state, index) => {
        const before = states[index - 1]?.next;
        const record = list[index];
        if (before?.kind !== "ended" || record?.kind === "intent") return true;
        if (record?.kind === "resumed" && before.end === "failed") return true;
        return state.next === before;
      });
    });
    expect(fc.check(courses, { numRuns: 3_000 }).counterexample).toBeNull();
  });

  test("an attempt that is in flight stays so until something is recorded about it", () => {
    const courses = fc.property(records, (list) => {
      const states = statesOf(list);
      return states.every((state, index) => {
        const before = states[index - 1]?.next;
        const kind = list[index]?.kind;
        if (before?.kind !== "inDoubt") return true;
        if (kind !== "opened" && kind !== "closed" && kind !== "resumed") return true;
        return state.next.kind === "inDoubt";
      });
    });
    expect(fc.check(courses, { numRuns: 2_000 }).counterexample).toBeNull();
  });
});

function row(kind: RecordKind, head: string | null): JournalRecord {
  return { run: 1, seq: 2, kind, attempt: 1, name: "x", atMs: 3, head, data: '"v"' };
}

function at(seq: number) {
  return { seq, attempt: 1, atMs: seq, data: null };
}

test("a late end that opens what a person had settled turns the repeat into a look-up", () => {
  const own = { operation: 1, effect: "x", proof: "never" } as const;
  const intent = { operation: 1, contract: "once", integration: "erp" };
  const list: readonly EffectRecord[] = [
    { ...at(1), kind: "intent", head: intent } as EffectRecord,
    { ...at(2), kind: "settled", head: { ...own, happened: false, by: "ana", reason: "x" } },
    { ...at(3), kind: "outcome", head: { ...own, proof: "maybe" } },
  ];
  expect(statesOf(list).map(({ next }) => next)).toMatchObject([
    { kind: "inDoubt" },
    { kind: "due", action: "attempt" },
    { kind: "due", action: "probe" },
  ]);
});

describe("reading", () => {
  test("parses the heads of an effect's records and passes by the others", () => {
    expect(effectRecordOf(row("pending", '{"ref":"r"}'))).toEqual({
      kind: "pending",
      seq: 2,
      attempt: 1,
      atMs: 3,
      data: '"v"',
      head: { ref: "r" },
    });
    expect(effectRecordOf(row("result", "{}"))).toBeNull();
    expect(effectRecordOf(row("outcome", null))).toBeNull();
  });
});
