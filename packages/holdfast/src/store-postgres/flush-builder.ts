/**
 * Makes the statements of one flush: the fence, the records, every row that is looked up, the
 * commands it took, and the seal over all of it.
 */
import { RECORD_KINDS } from "../core/record-kinds.ts";
import type { RecordKind } from "../core/record-kinds.ts";
import { hasProjection, project } from "../store/projection.ts";
import { INBOX_COLUMNS, toInbox } from "../store/row-columns.ts";
import { RecordDigests } from "../store/record-digest.ts";
import { DIGEST_BYTES, flushSeal, genesis, sealKey, takenDigest } from "../store/seal.ts";
import type { FlushBatch, RecordColumns } from "../store/store.ts";
import { type ColumnType, binaryArray, binaryChunks } from "./binary-array.ts";
import type { FlushRow } from "./chain.ts";
import { FENCE_NAMES, FENCE_SQL } from "./lease.ts";
import type { OwnedShards } from "./owned-shards.ts";
import { removalOf } from "./removal.ts";
import { shardOfArchived } from "./run-keys.ts";
import { type Derived, Projections } from "./projections.ts";
import type { ReadRows } from "./runs-at-hand.ts";
import { SYSTEM_SHARD, chainShard, storedRun, textShard } from "./shard.ts";
import { type Written, counted, unnestedAs } from "./table.ts";

export interface Writing {
  readonly storeId: string;
  readonly secret: Uint8Array;
  readonly incarnation: number;
  readonly owned: OwnedShards;
  /** Others write to the store too. */
  readonly isShared: boolean;
}

/** A flush as it is sent, as often as it has to be. */
export interface BuiltFlush {
  readonly head: FlushRow;
  readonly statements: readonly Written[];
}

/** What differs from record to record; "incarnation" does not, and "pos" counts. */
const JOURNAL_COLUMNS: Readonly<Record<string, ColumnType>> = {
  shard: "int2",
  run: "int8",
  seq: "int4",
  kind: "int2",
  attempt: "int4",
  name: "text",
  at_ms: "int8",
  head: "text",
  data: "text",
  digest: "bytea",
};
const JOURNAL_WIDTH = Object.keys(JOURNAL_COLUMNS).length;

const SQL = {
  journal: `insert into journal (${Object.keys(JOURNAL_COLUMNS).join(", ")}, incarnation, pos)
    select ${unnestedAs(Object.values(JOURNAL_COLUMNS))}, $${JOURNAL_WIDTH + 1}::int8,
      generate_series($${JOURNAL_WIDTH + 2}::int8, $${JOURNAL_WIDTH + 3}::int8)`,
  // Only behind the flush before it: refused with "division by zero" if that one is missing.
  flush: counted(
    `insert into flush (incarnation, number, first_pos, last_pos, records, taken, at_ms, closed,
      seal) select $1, $2, $3, $4, $5, $6, $7, $8, t.seal from unnest($9::bytea[]) as t (seal)
      where $2 = 1 or exists (select 1 from flush where incarnation = $1 and number = $2 - 1)`,
    10,
  ),
  waiting: `select ${INBOX_COLUMNS}, target from inbox where (shard, id) in
    (select * from unnest($1::int2[], $2::text[])) and taken_by is null`,
  take: counted(
    `update inbox set taken_by = $1::int8, taken_in = $2::int4, answer = t.answer, digest = t.digest
      from unnest($3::int2[], $4::text[], $5::text[], $6::bytea[]) as t (shard, id, answer, digest)
      where inbox.shard = t.shard and inbox.id = t.id and inbox.taken_by is null`,
    7,
  ),
} as const;

export class FlushBuilder {
  readonly #writing: Writing;
  readonly #key: string;
  readonly #digests: RecordDigests;
  readonly #read: ReadRows;
  readonly #projections: Projections;
  #head: FlushRow | null = null;

  constructor(writing: Writing, read: ReadRows) {
    this.#writing = writing;
    this.#key = sealKey(writing.secret);
    this.#digests = new RecordDigests(this.#key);
    this.#read = read;
    const { isShared, incarnation } = writing;
    this.#projections = new Projections(isShared ? chainShard(incarnation) : SYSTEM_SHARD);
  }

  /** Shards that were given up: what another makes of their rows is not at hand here. */
  forget(shards: ReadonlySet<number>): void {
    this.#projections.forget(shards);
  }

  async open(): Promise<void> {
    await this.#projections.open(this.#read);
  }

  /** Newest flush built of this chain. */
  get head(): FlushRow | null {
    return this.#head;
  }

  /**
   * Flushes have to be built in their order.
   *
   * @param earlier - resolves when the flush before is done; awaited before anything is read.
   */
  async build(batch: FlushBatch, closed: boolean, earlier: Promise<void>): Promise<BuiltFlush> {
    const derived = derive(batch.records, this.#writing.incarnation);
    await this.#readMissing(batch, derived, earlier);
    const { records, number, atMs } = batch;
    const { incarnation, owned, storeId, isShared } = this.#writing;
    if (number === 1) this.#projections.beginChain(incarnation);
    for (const entry of derived) this.#projections.fold(entry);
    const leaving = derived.flatMap(({ change }) =>
      change.kind === "runs-archived" ? change.runs : [],
    );
    const firstPos = (this.#head?.lastPos ?? 0) + 1;
    const lastPos = firstPos + records.run.length - 1;
    const journal = this.#journal(records, firstPos);
    const commands = await this.#taken(batch, earlier);
    const numbers = {
      incarnation,
      number,
      firstPos,
      lastPos,
      taken: batch.taken.length,
      atMs,
      closed,
    };
    const previous = this.#head?.seal ?? genesis(this.#key, storeId, incarnation);
    const digests = Buffer.concat([journal.digests, commands.digests]);
    const seal = flushSeal(this.#key, previous, numbers, digests);
    this.#head = { ...numbers, seal };
    const shards = new Set([...journal.shards, ...commands.targets]);
    for (const run of leaving) shards.add(shardOfArchived(run));
    if (derived.some(isOfKeeper)) shards.add(SYSTEM_SHARD);
    const statements = [
      { name: FENCE_NAMES.worker, text: FENCE_SQL.worker, values: [incarnation] },
      // Who has the store for itself loses a shard only with its row in "worker".
      ...(isShared ? [shardsStatement(incarnation, owned.fence(shards))] : []),
      ...journal.statements,
      ...removalOf(leaving),
      ...this.#projections.finish(),
      ...commands.statements,
      flushStatement(this.#head, records.run.length),
    ];
    return { head: this.#head, statements };
  }

  /** What is read here was written by earlier flushes, so they have to be done. */
  async #readMissing(
    { records }: FlushBatch,
    derived: readonly Derived[],
    earlier: Promise<void>,
  ): Promise<void> {
    const runs = this.#projections.missing(records.run, derived);
    if (runs.length > 0) {
      await earlier;
      await this.#projections.load(runs, this.#read);
    }
    const over = this.#projections.missingOver(derived);
    if (over.length === 0) return;
    await earlier;
    await this.#projections.loadOver(over, this.#read);
  }

  #journal(records: RecordColumns, firstPos: number) {
    const { incarnation } = this.#writing;
    const count = records.run.length;
    const digests = Buffer.allocUnsafe(count * DIGEST_BYTES);
    const runs = records.run.map((run) => storedRun(run, incarnation));
    const shards = records.run.map((run) =>
      run === 0 ? chainShard(incarnation) : this.#projections.shardOf(run),
    );
    for (const [index, run] of runs.entries()) {
      const record = sealedRecord(records, index, run, firstPos + index);
      this.#digests.write(record, digests, index * DIGEST_BYTES);
    }
    const { seq, kind, attempt, name, atMs, head, data } = records;
    const columns = [shards, runs, seq, kind, attempt, name, atMs, head, data];
    const types = Object.values(JOURNAL_COLUMNS);
    const values = [
      // As many columns as types, by the list above; the last is made of what is side by side.
      ...columns.map((cells, index) => binaryArray(types[index] as ColumnType, cells)),
      binaryChunks(digests, DIGEST_BYTES),
      incarnation,
      firstPos,
      firstPos + count - 1,
    ];
    const statements = count === 0 ? [] : [{ name: "journal", text: SQL.journal, values }];
    const owned = shards.filter((_, index) => records.run[index] !== 0);
    return { statements, digests, shards: owned };
  }

  /** Marks commands as taken. One that is not waiting must not be applied a second time. */
  async #taken({ taken, number }: FlushBatch, earlier: Promise<void>) {
    if (taken.length === 0) return { statements: [], digests: Buffer.alloc(0), targets: [] };
    await earlier;
    const ids = taken.map(({ id }) => id);
    const shards = binaryArray("int2", ids.map(textShard));
    const found = await this.#read("waiting", SQL.waiting, [shards, binaryArray("text", ids)]);
    const commands = new Map(found.map((cells) => [cells[0] as string, toInbox(cells)]));
    const targets = found.map((cells) => cells[INBOX_WIDTH] as number);
    const digests = taken.map(({ id, answer }) => {
      const command = commands.get(id);
      if (command === undefined) throw new Error(`the inbox holds no waiting command ${id}`);
      return { id, digest: takenDigest(this.#key, command, number, answer) };
    });
    const values = [
      this.#writing.incarnation,
      number,
      shards,
      binaryArray("text", ids),
      binaryArray(
        "text",
        taken.map(({ answer }) => answer),
      ),
      binaryArray(
        "bytea",
        digests.map(({ digest }) => digest),
      ),
      taken.length,
    ];
    return {
      statements: [{ name: "take", text: SQL.take, values }],
      digests: Buffer.concat(digests.toSorted(byId).map(({ digest }) => digest)),
      targets,
    };
  }
}

/** Rows that belong to no run and are the keeper's to write. */
function isOfKeeper({ change, record }: Derived): boolean {
  const { kind } = change;
  // What has started a run is written by who owns that run.
  if (change.kind === "message-received") return change.row.state !== "started";
  if (kind.startsWith("exception-")) return record.run === 0;
  if (kind === "issue-overlaid" || kind === "routing-set" || kind === "rule-set") return true;
  return kind === "event-kept" || kind === "event-accepted" || kind.startsWith("early-");
}

/** Number of INBOX_COLUMNS. */
const INBOX_WIDTH = 6;

/** The order in which the digests of taken commands go into a seal. */
export function byId(left: { readonly id: string }, right: { readonly id: string }): number {
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}

/** What the records of a flush change, in order. */
function derive(records: RecordColumns, by: number): Derived[] {
  const derived: Derived[] = [];
  for (const [index, kind] of records.kind.entries()) {
    if (!hasProjection(kind)) continue;
    const record = {
      run: cell(records.run, index),
      seq: cell(records.seq, index),
      kind: RECORD_KINDS[kind] as RecordKind,
      attempt: cell(records.attempt, index),
      name: cell(records.name, index),
      atMs: cell(records.atMs, index),
      head: cell(records.head, index),
      data: cell(records.data, index),
    };
    for (const change of project(record)) derived.push({ change, record, by });
  }
  return derived;
}

function sealedRecord(records: RecordColumns, index: number, run: number, pos: number) {
  return {
    pos,
    run,
    seq: cell(records.seq, index),
    kind: cell(records.kind, index),
    attempt: cell(records.attempt, index),
    name: cell(records.name, index),
    atMs: cell(records.atMs, index),
    head: cell(records.head, index),
    data: cell(records.data, index),
  };
}

/** A value of a column; a shorter column is a bug of the caller and must not become a null. */
function cell<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new RangeError(`a column of the flush ends before ${index}`);
  return value;
}

function shardsStatement(incarnation: number, fence: ReturnType<OwnedShards["fence"]>): Written {
  return { name: FENCE_NAMES.shards, text: FENCE_SQL.shards, values: [incarnation, ...fence] };
}

function flushStatement(head: FlushRow, records: number): Written {
  const { incarnation, number, firstPos, lastPos, taken, atMs, closed, seal } = head;
  const numbers = [incarnation, number, firstPos, lastPos, records, taken, atMs, closed ? 1 : 0];
  const values = [...numbers, binaryArray("bytea", [seal]), 1];
  return { name: "flush", text: SQL.flush, values };
}
