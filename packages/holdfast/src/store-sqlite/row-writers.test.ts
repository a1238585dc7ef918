/**
 * The writers that gather what a flush does to a row, against the plain statements that do one
 * change at a time: the rows must be the same, wherever the flushes end.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EffectRow, RunRow } from "../store/rows.ts";
import { EffectWriter, type EffectChange } from "./effect-writer.ts";
import { migrate } from "./migrations.ts";
import { RunWriter, type RunChange } from "./run-writer.ts";
import { openDatabase } from "./runtime.ts";
import type { Database } from "./runtime.ts";

const RUNS = [11, 12];

function emptyStore(): Database {
  const database = openDatabase(":memory:");
  migrate(database, 0);
  return database;
}

function rowsOfTable(database: Database, table: string, order: string): unknown[] {
  return database.prepare(`select * from ${table} order by ${order}`).all();
}

/** Where each flush ends: after how many changes. */
const flushSizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 20 });

function inFlushes<Item>(
  items: readonly Item[],
  sizes: readonly number[],
  writer: { finishFlush(): void },
  apply: (item: Item) => void,
): void {
  let left = sizes[0] ?? 1;
  let flush = 0;
  for (const item of items) {
    apply(item);
    left -= 1;
    if (left > 0) continue;
    writer.finishFlush();
    flush += 1;
    left = sizes[flush % sizes.length] ?? 1;
  }
  writer.finishFlush();
}

describe("the effect ledger", () => {
  const proof = fc.constantFrom("never", "maybe", "partial", "surely");
  const operation = fc.record({
    run: fc.constantFrom(...RUNS),
    operation: fc.integer({ min: 1, max: 2 }),
  });
  const text = fc.option(fc.constantFrom("a", "b"), { nil: null });
  const change = fc.oneof(
    operation.map((of) => ({ kind: "again" as const, ...of })),
    fc
      .record({ proof, ended: fc.boolean(), ref: text, settledBy: text })
      .chain((what) => operation.map((of) => ({ kind: "learnt" as const, ...of, ...what }))),
  );

  test("is the same, wherever a flush ends", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), flushSizes, (changes, sizes) => {
        const gathered = emptyStore();
        const plain = emptyStore();
        for (const database of [gathered, plain]) insertIntents(database);
        const writer = new EffectWriter(gathered);
        const sent = new Set<number>();
        let atMs = 100;
        inFlushes(changes, sizes, writer, (item) => {
          atMs += 1;
          const pos = posOf(item.run, item.operation);
          // The first thing that happens to an operation is that it is sent.
          const effect: EffectChange = !sent.has(pos)
            ? { kind: "effect-sent", row: sentRow(item.run, item.operation, atMs) }
            : item.kind === "again"
              ? { kind: "effect-sent-again", run: item.run, operation: item.operation, atMs }
              : { ...item, kind: "effect-learnt", atMs };
          sent.add(pos);
          writer.apply(effect, pos);
          applyPlainly(plain, effect, pos);
        });
        expect(rowsOfTable(gathered, "effect", "pos")).toEqual(rowsOfTable(plain, "effect", "pos"));
      }),
      { numRuns: 300 },
    );
  });

  test("is right for operations that were sent before this writer was there", () => {
    const database = emptyStore();
    insertIntents(database);
    const first = new EffectWriter(database);
    first.apply({ kind: "effect-sent", row: sentRow(11, 1, 5) }, posOf(11, 1));
    first.finishFlush();
    const second = new EffectWriter(database);
    const learnt = { proof: "surely", ended: true, ref: "r", settledBy: null, atMs: 9 } as const;
    second.apply({ kind: "effect-learnt", run: 11, operation: 1, ...learnt }, 99);
    second.finishFlush();
    expect(rowsOfTable(database, "effect", "pos")).toMatchObject([
      { pos: posOf(11, 1), proof: "surely", ended: 1, ended_at_ms: 9, ref: "r", attempts: 1 },
    ]);
  });
});

describe("runs", () => {
  const state = fc.constantFrom("running", "waiting", "parked", "exception");
  const move = fc.oneof(
    fc.record({ kind: fc.constantFrom("run-touched" as const, "run-left-lane" as const) }),
    fc.record({ kind: fc.constant("run-on-version" as const), version: fc.constantFrom("2", "3") }),
    fc.record({
      kind: fc.constant("run-moved" as const),
      state,
      reason: fc.constantFrom("a", "b"),
      wakeAtMs: fc.option(fc.integer({ min: 1, max: 9 }), { nil: null }),
      dependency: fc.option(fc.constant("crm"), { nil: null }),
    }),
  );
  const lives = fc.array(fc.tuple(fc.array(move, { maxLength: 6 }), fc.boolean(), fc.boolean()), {
    minLength: 1,
    maxLength: 12,
  });

  test("are the same, wherever a flush ends", () => {
    fc.assert(
      fc.property(lives, flushSizes, (all, sizes) => {
        const changes = all.flatMap(([moves, ends, compensated], index) =>
          lifeOf(100 + index, moves, ends ? { compensated: compensated ? "fully" : "no" } : null),
        );
        const gathered = emptyStore();
        const plain = emptyStore();
        const writer = new RunWriter(gathered);
        inFlushes(changes, sizes, writer, (change) => {
          writer.apply(change);
        });
        const oneByOne = new RunWriter(plain);
        for (const change of changes) {
          oneByOne.apply(change);
          oneByOne.finishFlush();
        }
        expect(rowsOfTable(gathered, "run", "run")).toEqual(rowsOfTable(plain, "run", "run"));
      }),
    );
  });

  test("refuse a second run of one key, and give the key to a later generation", () => {
    const database = emptyStore();
    const writer = new RunWriter(database);
    writer.apply(started(1, "aa", 1));
    writer.finishFlush();
    writer.apply(started(2, "aa", 2));
    writer.finishFlush();
    for (const generation of [1, 2]) {
      const other = new RunWriter(database);
      other.apply(started(3 + generation, "aa", generation));
      expect(() => {
        other.finishFlush();
      }).toThrow("belongs to another run");
    }
  });

  test("refuse a change to a run that was never started", () => {
    const writer = new RunWriter(emptyStore());
    const change = { state: "waiting", reason: "", wakeAtMs: null, dependency: null } as const;
    writer.apply({ kind: "run-moved", run: 7, atMs: 1, ...change });
    expect(() => {
      writer.finishFlush();
    }).toThrow("it was never started");
  });
});

function posOf(run: number, operationOfRun: number): number {
  return RUNS.indexOf(run) * 2 + operationOfRun;
}

/** The records that `run` and `operation` are looked up in. */
function insertIntents(database: Database): void {
  const insert = database.prepare(
    "insert into journal values (?, ?, ?, 2, 1, 'e', 0, null, null, zeroblob(16))",
  );
  for (const run of RUNS) {
    for (const seq of [1, 2]) insert.run(posOf(run, seq), run, seq);
  }
}

function sentRow(run: number, of: number, atMs: number): EffectRow {
  return {
    run,
    operation: of,
    step: "e",
    effect: "e",
    integration: "i",
    contract: "keyed",
    key: "k",
    generation: 1,
    digest: "d",
    proof: "maybe",
    ended: false,
    attempts: 1,
    firstSentAtMs: atMs,
    lastSentAtMs: atMs,
    endedAtMs: null,
    ref: null,
    undoes: null,
    settledBy: null,
    amount: null,
    currency: null,
  };
}

function applyPlainly(database: Database, item: EffectChange, pos: number): void {
  if (item.kind === "effect-sent") {
    database
      .prepare("insert into effect values (?, ?, 'e', 'maybe', 0, 1, ?, null, null, null)")
      .run(pos, item.row.run, item.row.lastSentAtMs);
  } else if (item.kind === "effect-sent-again") {
    database
      .prepare(
        `update effect set attempts = attempts + 1, last_sent_at_ms = ?, ended = 0,
        ended_at_ms = null, proof = case proof when 'never' then 'maybe' else proof end
        where pos = ?`,
      )
      .run(item.atMs, pos);
  } else {
    const ended = item.ended ? 1 : 0;
    database
      .prepare(
        `update effect set proof = ?, ended = max(ended, ?), ended_at_ms =
        coalesce(ended_at_ms, ?), ref = coalesce(?, ref),
        settled_by = case when ? is not null then ? when ? = 'never' then settled_by end
        where pos = ?`,
      )
      .run(
        item.proof,
        ended,
        item.ended ? item.atMs : null,
        item.ref,
        item.settledBy,
        item.settledBy,
        item.proof,
        pos,
      );
  }
}

type Move =
  | { readonly kind: "run-touched" | "run-left-lane" }
  | { readonly kind: "run-on-version"; readonly version: string }
  | {
      readonly kind: "run-moved";
      readonly state: "running" | "waiting" | "parked" | "exception";
      readonly reason: string;
      readonly wakeAtMs: number | null;
      readonly dependency: string | null;
    };

function lifeOf(
  run: number,
  moves: readonly Move[],
  end: { readonly compensated: RunRow["compensated"] } | null,
): RunChange[] {
  const moved = moves.map((one, index): RunChange => ({ ...one, run, atMs: 10 + index }));
  const finished: RunChange = {
    kind: "run-finished",
    run,
    state: "completed",
    reason: "done",
    compensated: end?.compensated ?? "no",
    atMs: 99,
  };
  const beginning = started(run, run.toString(16).padStart(4, "0"), 1);
  return [beginning, ...moved, ...(end === null ? [] : [finished])];
}

function started(run: number, keyHash: string, generation: number): RunChange {
  const row: RunRow = {
    run,
    namespace: "main",
    workflow: "w",
    key: keyHash,
    generation,
    version: "1",
    codeVersion: "1",
    owner: "o",
    lane: "acme",
    correlationId: "c",
    startedBy: "app",
    state: "running",
    reason: "",
    wakeAtMs: null,
    dependency: null,
    parentRun: null,
    parentStep: null,
    startedAtMs: 1,
    updatedAtMs: 1,
    endedAtMs: null,
    deadlineAtMs: null,
    compensated: "no",
    amount: null,
    currency: null,
    keys: null,
  };
  return { kind: "run-started", row, keyHash, inputDigest: "a".repeat(32) };
}
