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
  readonly inputDigest: string;
  readonly row: Mutable<RunRow>;
}

const SQL = {
  // "or rollback" as in journal-writer.ts.
  insert: `insert or rollback into run (${RUN_COLUMNS}, input_digest) values`,
  move: `update run set state = ?, reason = ?, wake_at_ms = ?, dependency = ?, updated_at_ms = ?
    where run = ?`,
  touch: "update run set updated_at_ms = ? where run = ?",
  leaveLane: "update run set lane = null, updated_at_ms = ? where run = ?",
  onVersion: "update run set code_version = ?, updated_at_ms = ? where run = ?",
  finish: `update run set state = ?, reason = ?, wake_at_ms = null, dependency = null,
    compensated = ?, updated_at_ms = ?, ended_at_ms = ? where run = ?`,
} as const;

export class RunWriter {
  readonly #insert: RowBatch;
  readonly #move: Statement;
  readonly #touch: Statement;
  readonly #leaveLane: Statement;
  readonly #onVersion: Statement;
  readonly #finish: Statement;
  /** Runs that this flush starts. */
  readonly #fresh = new Map<number, NewRun>();
  /** Where this flush has moved other runs last: that says all about them. */
  readonly #moved = new Map<number, RunMoved>();

  constructor(database: Database) {
    this.#insert = new RowBatch(database, SQL.insert, { columns: RUN_WIDTH + 1, rowsMax: 8 });
    this.#move = database.prepare(SQL.move);
    this.#touch = database.prepare(SQL.touch);
    this.#leaveLane = database.prepare(SQL.leaveLane);
    this.#onVersion = database.prepare(SQL.onVersion);
    this.#finish = database.prepare(SQL.finish);
  }

  apply(change: RunChange): void {
    if (change.kind === "run-started") {
      const { inputDigest, row } = change;
      this.#fresh.set(row.run, { inputDigest, row: { ...row } });
      return;
    }
    const { run } = change;
    const fresh = this.#fresh.get(run);
    if (fresh !== undefined) {
      changeFresh(fresh.row, change);
      return;
    }
    const before = this.#moved.get(run);
    if (change.kind !== "run-moved" && change.kind !== "run-finished") {
      if (before !== undefined) this.#write(before);
      this.#moved.delete(run);
      this.#writeAside(change);
      return;
    }
    // An end says more than a move does.
    if (before?.kind === "run-finished") this.#write(before);
    this.#moved.set(run, change);
  }

  /** What says nothing of where the run stands. */
  #writeAside(change: Exclude<RunChange, RunMoved | { kind: "run-started" }>): void {
    const { run, atMs } = change;
    if (change.kind === "run-on-version") this.#onVersion.run(change.version, atMs, run);
    else if (change.kind === "run-touched") this.#touch.run(atMs, run);
    else this.#leaveLane.run(atMs, run);
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
    try {
      for (const { row, inputDigest } of this.#fresh.values()) {
        this.#insert.add(...runValues(row), Buffer.from(inputDigest, "hex"));
      }
      this.#insert.finish();
    } catch (error) {
      const [first] = this.#fresh.keys();
      const because = "its key, or that of a run started with it, belongs to another run";
      throw isTaken(error) ? cannot(first ?? 0, because, error) : error;
    }
    this.#fresh.clear();
  }
}

/** What the statements do to a stored row, done to one that is not written yet. */
function changeFresh(
  row: Mutable<RunRow>,
  change: Exclude<RunChange, { kind: "run-started" }>,
): void {
  row.updatedAtMs = change.atMs;
  if (change.kind === "run-touched") return;
  if (change.kind === "run-left-lane") {
    row.lane = null;
    return;
  }
  if (change.kind === "run-on-version") {
    row.codeVersion = change.version;
    return;
  }
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
    row.codeVersion,
  ];
}
