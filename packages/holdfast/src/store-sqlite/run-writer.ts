/**
 * The rows of runs, written once at the end of a flush, whatever it did to them: a start costs a
 * share of one statement, a run that starts and ends within a flush is one insert, and one that
 * wakes and ends is one update.
 */
import { RUN_STATES } from "../core/run-state.ts";
import type { RunState } from "../core/run-state.ts";
import type { Change } from "../store/change.ts";
import type { RunRow } from "../store/rows.ts";
import { RowBatch } from "./row-batch.ts";
import { RUN_COLUMNS, RUN_WIDTH } from "../store/row-columns.ts";
import { sqliteCode } from "./sqlite-errors.ts";
import type { Database, Statement } from "./runtime.ts";

export type RunChange = Extract<Change, { kind: `run-${string}` }>;

type RunMoved = Extract<Change, { kind: "run-moved" | "run-finished" }>;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface NewRun {
  readonly keyHash: string;
  readonly inputDigest: string;
  readonly row: Mutable<RunRow>;
}

const SQL = {
  // "or rollback" as in journal-writer.ts.
  insert: `insert or rollback into run (${RUN_COLUMNS}) values`,
  claim: "insert or rollback into run_key (key_hash, run, generation, input_digest) values",
  // A later generation takes the key over. Changes nothing if it is no later one.
  reclaim: `insert into run_key (key_hash, run, generation, input_digest) values (?, ?, ?, ?)
    on conflict (key_hash) do update set run = excluded.run, generation = excluded.generation,
    input_digest = excluded.input_digest where excluded.generation > generation`,
  move: `update run set state = ?, reason = ?, wake_at_ms = ?, dependency = ?, updated_at_ms = ?
    where run = ?`,
  touch: "update run set updated_at_ms = ? where run = ?",
  finish: `update run set state = ?, reason = ?, wake_at_ms = null, dependency = null,
    compensated = ?, updated_at_ms = ?, ended_at_ms = ? where run = ?`,
} as const;

export class RunWriter {
  readonly #insert: RowBatch;
  readonly #claim: RowBatch;
  readonly #reclaim: Statement;
  readonly #move: Statement;
  readonly #touch: Statement;
  readonly #finish: Statement;
  /** Runs that this flush starts. */
  readonly #fresh = new Map<number, NewRun>();
  /** Where this flush has moved other runs last: that says all about them. */
  readonly #moved = new Map<number, RunMoved>();

  constructor(database: Database) {
    this.#insert = new RowBatch(database, SQL.insert, { columns: RUN_WIDTH, rowsMax: 8 });
    this.#claim = new RowBatch(database, SQL.claim, { columns: 4, rowsMax: 8 });
    this.#reclaim = database.prepare(SQL.reclaim);
    this.#move = database.prepare(SQL.move);
    this.#touch = database.prepare(SQL.touch);
    this.#finish = database.prepare(SQL.finish);
  }

  apply(change: RunChange): void {
    if (change.kind === "run-started") {
      const { keyHash, inputDigest, row } = change;
      this.#fresh.set(row.run, { keyHash, inputDigest, row: { ...row } });
      return;
    }
    const { run } = change;
    const fresh = this.#fresh.get(run);
    if (fresh !== undefined) {
      changeFresh(fresh.row, change);
      return;
    }
    const before = this.#moved.get(run);
    if (change.kind === "run-touched") {
      if (before !== undefined) this.#write(before);
      this.#moved.delete(run);
      this.#touch.run(change.atMs, run);
      return;
    }
    // An end says more than a move does.
    if (before?.kind === "run-finished") this.#write(before);
    this.#moved.set(run, change);
  }

  #write(change: RunMoved): void {
    const { run, atMs, reason } = change;
    const state = stateNumber(change.state);
    const { changes } =
      change.kind === "run-moved"
        ? this.#move.run(state, reason, change.wakeAtMs, change.dependency, atMs, run)
        : this.#finish.run(state, reason, change.compensated, atMs, atMs, run);
    // A record that hits no row is a bug of the engine, which must not become a missing row.
    if (changes !== 1) throw cannot(run, "it was never started");
  }

  /** Writes the runs that this flush has moved or started. */
  finishFlush(): void {
    for (const change of this.#moved.values()) this.#write(change);
    this.#moved.clear();
    if (this.#fresh.size === 0) return;
    for (const { row } of this.#fresh.values()) this.#insert.add(...runValues(row));
    this.#insert.finish();
    try {
      this.#claimKeys();
    } catch (error) {
      const [first] = this.#fresh.keys();
      const because = "its key, or that of a run started with it, belongs to another run";
      throw isTaken(error) ? cannot(first ?? 0, because, error) : error;
    }
    this.#fresh.clear();
  }

  #claimKeys(): void {
    for (const { row, keyHash, inputDigest } of this.#fresh.values()) {
      const key = Buffer.from(keyHash, "hex");
      const digest = Buffer.from(inputDigest, "hex");
      if (row.generation === 1) {
        this.#claim.add(key, row.run, row.generation, digest);
      } else if (this.#reclaim.run(key, row.run, row.generation, digest).changes !== 1) {
        throw cannot(row.run, "its key belongs to another run");
      }
    }
    this.#claim.finish();
  }
}

/** What the statements do to a stored row, done to one that is not written yet. */
function changeFresh(
  row: Mutable<RunRow>,
  change: Exclude<RunChange, { kind: "run-started" }>,
): void {
  row.updatedAtMs = change.atMs;
  if (change.kind === "run-touched") return;
  row.state = change.state;
  row.reason = change.reason;
  row.wakeAtMs = change.kind === "run-moved" ? change.wakeAtMs : null;
  row.dependency = change.kind === "run-moved" ? change.dependency : null;
  if (change.kind === "run-moved") return;
  row.compensated = change.compensated;
  row.endedAtMs = change.atMs;
}

function cannot(run: number, because: string, cause?: unknown): Error {
  const message = `a record of run ${run} cannot be written: ${because}`;
  return new Error(message, cause === undefined ? undefined : { cause });
}

/** SQLITE_CONSTRAINT */
const CONSTRAINT = 19;

function isTaken(error: unknown): boolean {
  return sqliteCode(error) === CONSTRAINT;
}

/** The number under which a state is stored. */
function stateNumber(state: RunState): number {
  return RUN_STATES.indexOf(state);
}

/** In the order of RUN_COLUMNS. */
function runValues(row: RunRow) {
  return [
    row.run,
    row.namespace,
    row.workflow,
    row.key,
    row.generation,
    row.version,
    row.owner,
    row.lane,
    row.correlationId,
    row.startedBy,
    stateNumber(row.state),
    row.reason,
    row.wakeAtMs,
    row.dependency,
    row.parentRun,
    row.parentStep,
    row.startedAtMs,
    row.updatedAtMs,
    row.endedAtMs,
    row.deadlineAtMs,
    row.compensated,
    row.amount,
    row.currency,
    row.keys,
  ];
}
