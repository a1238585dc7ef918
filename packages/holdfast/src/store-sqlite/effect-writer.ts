/**
 * The effect ledger's rows. An operation changes twice or more between being sent and being over,
 * often in flushes that follow each other, so rows that are not over are kept at hand: a change
 * needs no look-up then, and a flush writes each row once, sixteen a statement (measured: half the
 * time of one statement a change).
 *
 * What is at hand is what the last flush wrote. A flush that fails is fatal, so it is never ahead.
 */
import type { Change } from "../store/change.ts";
import { settledByAfter } from "../store/row-changes.ts";
import type { EffectProof } from "../core/failure.ts";
import type { EffectRow } from "../store/rows.ts";
import { RowBatch } from "./row-batch.ts";
import type { Database, Statement } from "./runtime.ts";

interface OpenRow {
  readonly run: number;
  readonly operation: number;
  readonly pos: number;
  readonly effect: string;
  proof: EffectProof;
  ended: boolean;
  attempts: number;
  lastSentAtMs: number;
  endedAtMs: number | null;
  ref: string | null;
  settledBy: string | null;
  isChanged: boolean;
  /** Sent in this flush, and nothing is known of it yet. */
  isOnlySent: boolean;
}

export type EffectChange = Extract<Change, { kind: `effect-${string}` }>;

/** Rows at hand; beyond it the oldest are left to the statements below. About 2 MB. */
const ROWS_AT_HAND_MAX = 10_000;

const COLUMNS =
  "pos, run, effect, proof, ended, attempts, last_sent_at_ms, ended_at_ms, ref, settled_by";

const SQL = {
  // Of a row that is only sent. "or rollback" as in journal-writer.ts.
  insert: `insert or rollback into effect (pos, run, effect, proof, ended, attempts,
    last_sent_at_ms) values`,
  write: `insert or rollback into effect (${COLUMNS}) values`,
  // And not "or replace", which would take the row's place in every index and give it back.
  written: `on conflict (pos) do update set proof = excluded.proof, ended = excluded.ended,
    attempts = excluded.attempts, last_sent_at_ms = excluded.last_sent_at_ms,
    ended_at_ms = excluded.ended_at_ms, ref = excluded.ref, settled_by = excluded.settled_by`,
  // Sent once more: whatever was proved of the attempts before, this one may have happened.
  again: `update effect set attempts = attempts + 1, last_sent_at_ms = ?, ended = 0,
    ended_at_ms = null, proof = case proof when 'never' then 'maybe' else proof end
    where pos = (select pos from journal where run = ? and seq = ?)`,
  learn: `update effect set proof = ?1, ended = max(ended, ?2),
    ended_at_ms = coalesce(ended_at_ms, ?3), ref = coalesce(?4, ref),
    settled_by = coalesce(?5, case ?1 when 'never' then settled_by end)
    where pos = (select pos from journal where run = ?6 and seq = ?7)`,
} as const;

export class EffectWriter {
  readonly #insert: RowBatch;
  readonly #write: RowBatch;
  readonly #again: Statement;
  readonly #learn: Statement;
  readonly #open = new OpenRows();
  readonly #changed: OpenRow[] = [];

  constructor(database: Database) {
    this.#insert = new RowBatch(database, SQL.insert, { columns: 7, rowsMax: 16 });
    this.#write = new RowBatch(database, SQL.write, {
      columns: 10,
      rowsMax: 16,
      after: SQL.written,
    });
    this.#again = database.prepare(SQL.again);
    this.#learn = database.prepare(SQL.learn);
  }

  /** `pos` is the position of the record that the change comes from. */
  apply(change: EffectChange, pos: number): void {
    if (change.kind === "effect-sent") {
      const row = newRow(change.row, pos);
      this.#open.add(row);
      this.#touch(row);
      return;
    }
    const row = this.#open.find(change.run, change.operation);
    if (change.kind === "effect-learnt") {
      if (row === undefined) this.#learnStored(change);
      else this.#learnt(row, change);
    } else if (row === undefined) {
      this.#again.run(change.atMs, change.run, change.operation);
    } else {
      this.#sentAgain(row, change.atMs);
    }
  }

  /** Writes the rows that this flush has changed. */
  finishFlush(): void {
    for (const row of this.#changed) {
      const { pos, run, effect, proof, attempts, lastSentAtMs } = row;
      if (row.isOnlySent) {
        this.#insert.add(pos, run, effect, proof, 0, attempts, lastSentAtMs);
        row.isOnlySent = false;
      } else {
        const { endedAtMs, ref, settledBy } = row;
        const ended = row.ended ? 1 : 0;
        this.#write.add(
          pos,
          run,
          effect,
          proof,
          ended,
          attempts,
          lastSentAtMs,
          endedAtMs,
          ref,
          settledBy,
        );
      }
      row.isChanged = false;
      if (row.ended) this.#open.remove(row);
    }
    this.#insert.finish();
    this.#write.finish();
    this.#changed.length = 0;
    this.#open.trim();
  }

  #touch(row: OpenRow): void {
    if (row.isChanged) return;
    row.isChanged = true;
    this.#changed.push(row);
  }

  #sentAgain(row: OpenRow, atMs: number): void {
    row.isOnlySent = false;
    row.attempts += 1;
    row.lastSentAtMs = atMs;
    row.ended = false;
    row.endedAtMs = null;
    if (row.proof === "never") row.proof = "maybe";
    this.#touch(row);
  }

  #learnt(row: OpenRow, change: Extract<EffectChange, { kind: "effect-learnt" }>): void {
    row.isOnlySent = false;
    row.proof = change.proof;
    row.ended ||= change.ended;
    if (change.ended) row.endedAtMs ??= change.atMs;
    row.ref = change.ref ?? row.ref;
    row.settledBy = settledByAfter(row.settledBy, change);
    this.#touch(row);
  }

  #learnStored(change: Extract<EffectChange, { kind: "effect-learnt" }>): void {
    const ended = change.ended ? 1 : 0;
    const { proof, ref, settledBy, run, operation } = change;
    const endedAtMs = change.ended ? change.atMs : null;
    this.#learn.run(proof, ended, endedAtMs, ref, settledBy, run, operation);
  }
}

function newRow({ run, operation, effect, proof, lastSentAtMs }: EffectRow, pos: number): OpenRow {
  return {
    run,
    operation,
    pos,
    effect,
    proof,
    ended: false,
    attempts: 1,
    lastSentAtMs,
    endedAtMs: null,
    ref: null,
    settledBy: null,
    isChanged: false,
    isOnlySent: true,
  };
}

/** By run and then by operation, most runs having one at a time: cheaper than a key of both. */
class OpenRows {
  readonly #ofRun = new Map<number, OpenRow[]>();
  #count = 0;

  find(run: number, operation: number): OpenRow | undefined {
    return this.#ofRun.get(run)?.find((row) => row.operation === operation);
  }

  add(row: OpenRow): void {
    const rows = this.#ofRun.get(row.run);
    if (rows === undefined) this.#ofRun.set(row.run, [row]);
    else rows.push(row);
    this.#count += 1;
  }

  remove(row: OpenRow): void {
    const rows = this.#ofRun.get(row.run);
    const index = rows?.indexOf(row) ?? -1;
    if (rows === undefined || index < 0) return;
    this.#count -= 1;
    if (rows.length === 1) this.#ofRun.delete(row.run);
    else rows.splice(index, 1);
  }

  /** Lets go of the oldest runs while there are too many rows. */
  trim(): void {
    for (const [run, rows] of this.#ofRun) {
      if (this.#count <= ROWS_AT_HAND_MAX) return;
      this.#ofRun.delete(run);
      this.#count -= rows.length;
    }
  }
}
