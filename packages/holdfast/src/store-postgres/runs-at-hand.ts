/**
 * The rows of runs that are at work, kept at hand so that a flush reads nothing: a run's row and all
 * of its rows that may still change. Only the owner of a shard writes its rows, so what is at hand
 * is what the last flush made of them. What is not at hand is read first.
 *
 * A flush that fails is fatal, so what is at hand is never ahead of a flush that was not done.
 */
import {
  EXCEPTION_COLUMNS,
  REVIEW_COLUMNS,
  RUN_COLUMNS,
  type Cells,
  toException,
  toReview,
  toRunAt,
} from "../store/row-columns.ts";
import type { EffectState } from "../store/row-changes.ts";
import type { AwaitingAt, EffectAt, PendingAt, ReviewAt, RunAt } from "./tables.ts";
import type { ExceptionAt } from "./exception-tables.ts";
import { type Cell, binaryArray } from "./binary-array.ts";
import { SYSTEM_SHARD } from "./shard.ts";

/** Reads rows as arrays of cells, on the connection that writes. */
export type ReadRows = (
  name: string,
  text: string,
  values: readonly (Cell | Buffer)[],
) => Promise<readonly Cells[]>;

export interface RunAtHand {
  readonly shard: number;
  /** Null for the store itself, which is run 0 and has exceptions as runs have. */
  row: RunAt | null;
  /** Operations not known to have ended, by number; and those that this flush asked for. */
  readonly effects: Map<number, EffectAt>;
  /** Open ones by sequence number; and those that this flush asked for. */
  readonly exceptions: Map<number, ExceptionAt>;
  readonly reviews: Map<number, ReviewAt>;
  awaiting: readonly AwaitingAt[];
  pending: readonly PendingAt[];
}

/** Which row of a run a change is about. */
export interface Wanted {
  readonly table: "effect" | "exception" | "review";
  readonly run: number;
  /** Number of the operation, or sequence number. */
  readonly seq: number;
}

/** Runs at hand; beyond it those not touched for longest are let go of. About 2 KB each. */
const RUNS_AT_HAND_MAX = 20_000;

const EFFECT_STATE =
  "run, operation, effect, proof, attempts, last_sent_at_ms, ended_at_ms, ref, settled_by, integration";
const AWAITING_COLUMNS = "shard, run, seq, event, key, step, since_ms, due_at_ms";
const PENDING_COLUMNS = "shard, run, seq, operation, integration, ref, due_at_ms";

export class RunsAtHand {
  readonly #runs = new Map<number, RunAtHand>();
  readonly #store = nothingOf(SYSTEM_SHARD, null);

  get(run: number): RunAtHand {
    const found = run === 0 ? this.#store : this.#runs.get(run);
    if (found === undefined) {
      throw new Error(`a record of run ${run} cannot be written: it was never started`);
    }
    return found;
  }

  has(run: number): boolean {
    return this.#runs.has(run);
  }

  add(row: RunAt): RunAtHand {
    const made = nothingOf(row.shard, row);
    this.#runs.set(row.run, made);
    return made;
  }

  forget(run: number): void {
    this.#runs.delete(run);
  }

  forgetShards(shards: ReadonlySet<number>): void {
    for (const [run, { shard }] of this.#runs) if (shards.has(shard)) this.#runs.delete(run);
  }

  /** Reads these runs with their open rows. Those that are not in the store are left out. */
  async load(runs: readonly number[], read: ReadRows): Promise<void> {
    const values = [binaryArray("int8", runs)];
    const of = (table: string, columns: string, open: string) =>
      read(`at-hand-${table}`, openRows(table, columns, open), values);
    const [rows, effects, exceptions, reviews, awaiting, pending] = await Promise.all([
      read(
        "at-hand-run",
        `select shard, ${RUN_COLUMNS} from run where run = any($1::int8[])`,
        values,
      ),
      of("effect", EFFECT_STATE, "and t.ended = 0"),
      of("exception", EXCEPTION_COLUMNS, "and t.closed_at_ms is null"),
      of("review", REVIEW_COLUMNS, "and t.state = 'open'"),
      of("awaiting", AWAITING_COLUMNS, "order by t.run, t.seq"),
      of("pending", PENDING_COLUMNS, "order by t.run, t.seq"),
    ]);
    for (const cells of rows) {
      this.add({ shard: cells[0] as number, ...toRunAt(cells, 1) });
    }
    for (const cells of effects) this.#put("effect", cells);
    for (const cells of exceptions) this.#put("exception", cells);
    for (const cells of reviews) this.#put("review", cells);
    for (const cells of awaiting) {
      const row = toAwaiting(cells);
      const hand = this.get(row.run);
      hand.awaiting = [...hand.awaiting, row];
    }
    for (const cells of pending) {
      const row = toPending(cells);
      const hand = this.get(row.run);
      hand.pending = [...hand.pending, row];
    }
  }

  /** Reads rows that are over, and so not at hand, because a late record is about them. */
  async loadOver(wanted: readonly Wanted[], read: ReadRows): Promise<void> {
    for (const table of ["effect", "exception", "review"] as const) {
      const ofTable = wanted.filter((want) => want.table === table);
      if (ofTable.length === 0) continue;
      const number = table === "effect" ? "operation" : "seq";
      const columns = {
        effect: EFFECT_STATE,
        exception: EXCEPTION_COLUMNS,
        review: REVIEW_COLUMNS,
      };
      const rows = await read(
        `over-${table}`,
        `select ${columns[table]} from ${table} where (shard, run, ${number}) in
          (select * from unnest($1::int2[], $2::int8[], $3::int4[]))`,
        [
          binaryArray(
            "int2",
            ofTable.map(({ run }) => this.get(run).shard),
          ),
          binaryArray(
            "int8",
            ofTable.map(({ run }) => run),
          ),
          binaryArray(
            "int4",
            ofTable.map(({ seq }) => seq),
          ),
        ],
      );
      for (const cells of rows) this.#put(table, cells);
    }
  }

  isAtHand({ table, run, seq }: Wanted): boolean {
    const hand = run === 0 ? this.#store : this.#runs.get(run);
    if (hand === undefined) return false;
    if (table === "effect") return hand.effects.has(seq);
    return (table === "exception" ? hand.exceptions : hand.reviews).has(seq);
  }

  /** Lets go of what is over, and of the oldest runs while there are too many. */
  trim(touched: Iterable<number>): void {
    forgetOver(this.#store);
    for (const run of touched) {
      const hand = this.#runs.get(run);
      if (hand === undefined) continue;
      this.#runs.delete(run);
      if (hand.row?.endedAtMs !== null) continue;
      forgetOver(hand);
      // Back at the end: the map's order is that of the last touch.
      this.#runs.set(run, hand);
    }
    if (this.#runs.size <= RUNS_AT_HAND_MAX) return;
    for (const run of this.#runs.keys()) {
      if (this.#runs.size <= RUNS_AT_HAND_MAX) return;
      this.#runs.delete(run);
    }
  }

  #put(table: Wanted["table"], cells: Cells): void {
    const hand = this.get(cells[0] as number);
    const { shard } = hand;
    const number = cells[1] as number;
    if (table === "effect") hand.effects.set(number, { shard, ...toEffectState(cells) });
    else if (table === "exception") hand.exceptions.set(number, { shard, ...toException(cells) });
    else hand.reviews.set(number, { shard, ...toReview(cells) });
  }
}

/** By the runs' rows, whose index needs no shard. */
function openRows(table: string, columns: string, open: string): string {
  return `select ${prefixed("t", columns)} from run r
    join ${table} t on t.shard = r.shard and t.run = r.run where r.run = any($1::int8[]) ${open}`;
}

export function prefixed(alias: string, columns: string): string {
  return columns
    .split(",")
    .map((column) => `${alias}.${column.trim()}`)
    .join(", ");
}

function nothingOf(shard: number, row: RunAt | null): RunAtHand {
  return {
    shard,
    row,
    effects: new Map(),
    exceptions: new Map(),
    reviews: new Map(),
    awaiting: [],
    pending: [],
  };
}

function forgetOver(hand: RunAtHand): void {
  forget(hand.effects, (row) => row.endedAtMs !== null);
  forget(hand.exceptions, (row) => row.closedAtMs !== null);
  forget(hand.reviews, (row) => row.state !== "open");
}

function forget<Row>(rows: Map<number, Row>, isOver: (row: Row) => boolean): void {
  for (const [number, row] of rows) if (isOver(row)) rows.delete(number);
}

function toEffectState(c: Cells): EffectState {
  return {
    run: c[0] as number,
    operation: c[1] as number,
    effect: c[2] as string,
    proof: c[3] as EffectState["proof"],
    attempts: c[4] as number,
    lastSentAtMs: c[5] as number,
    endedAtMs: c[6] as number | null,
    ref: c[7] as string | null,
    settledBy: c[8] as string | null,
    integration: c[9] as string,
  };
}

function toAwaiting(c: Cells): AwaitingAt {
  return {
    shard: c[0] as number,
    run: c[1] as number,
    seq: c[2] as number,
    event: c[3] as string,
    key: c[4] as string,
    step: c[5] as string,
    sinceMs: c[6] as number,
    dueAtMs: c[7] as number | null,
  };
}

function toPending(c: Cells): PendingAt {
  return {
    shard: c[0] as number,
    run: c[1] as number,
    seq: c[2] as number,
    operation: c[3] as number,
    integration: c[4] as string,
    ref: c[5] as string,
    dueAtMs: c[6] as number,
  };
}
