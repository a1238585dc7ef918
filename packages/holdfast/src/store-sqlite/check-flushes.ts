/**
 * Recomputes digests and seals from the stored bytes, flush by flush, and stops at the first that
 * does not hold. Start-up does it from the anchor on, `store verify` from the beginning.
 */
import type { CheckedStore, Damage } from "../store/damage.ts";
import { ForgottenCommands } from "../store/forgotten-commands.ts";
import { ChainQueries } from "./chain.ts";
import type { FlushRow } from "./chain.ts";
import { ForgottenDigests } from "./forgotten-commands.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import { RemovedRecords } from "./removed-records.ts";
import { INBOX_COLUMNS, toInbox } from "../store/row-columns.ts";
import type { Cells } from "../store/row-columns.ts";
import type { Database, Statement } from "./runtime.ts";
import { toSealedRecord } from "../store/record-check.ts";
import { RecordDigests } from "../store/record-digest.ts";
import { DIGEST_BYTES, flushSeal, genesis, takenDigest } from "../store/seal.ts";

export interface CheckedFlushes {
  readonly damage: Damage | null;
  /** Newest flush that holds; the one to start from if there was none. */
  readonly last: FlushRow | null;
  readonly flushes: number;
  readonly records: number;
  /** Of these, records of runs that have left: only their digests are here. */
  readonly removed: number;
}

/** Flush rows read at once. */
const FLUSHES_PER_READ = 500;
/** Records read at once; the engine caps a flush at this number. */
const RECORDS_PER_READ = 2000;

/** Checks every flush after `from` (null: from the first), in order. */
export function checkFlushes(
  database: Database,
  store: CheckedStore,
  from: FlushRow | null,
  onFlush: (flush: FlushRow) => void = () => undefined,
): CheckedFlushes {
  const check = new FlushCheck(database, store);
  let last = from;
  let flushes = 0;
  let records = 0;
  for (;;) {
    const rows = check.chain.after(last?.id ?? 0, FLUSHES_PER_READ);
    for (const row of rows) {
      const damage = check.flush(row, last);
      if (damage !== null) return { damage, last, flushes, records, removed: check.removed.count };
      last = row;
      flushes += 1;
      records += row.lastPos - row.firstPos + 1;
      onFlush(row);
    }
    if (rows.length < FLUSHES_PER_READ) break;
  }
  const damage = check.beyond(last) ?? check.removed.damage() ?? check.forgotten.damage();
  return { damage, last, flushes, records, removed: check.removed.count };
}

class FlushCheck {
  readonly chain: ChainQueries;
  readonly removed: RemovedRecords;
  readonly forgotten = new ForgottenCommands();
  readonly #forgottenDigests: ForgottenDigests;
  readonly #key: string;
  readonly #digests: RecordDigests;
  readonly #storeId: string;
  readonly #visit: CheckedStore["visit"];
  readonly #records: Statement;
  readonly #taken: Statement;
  readonly #beyond: Statement;
  readonly #takenBeyond: Statement;
  /** Newest flush seen of each chain. */
  readonly #heads = new Map<number, FlushRow>();

  constructor(database: Database, store: CheckedStore) {
    this.chain = new ChainQueries(database);
    this.removed = new RemovedRecords(database);
    this.#forgottenDigests = new ForgottenDigests(database);
    this.#key = store.key;
    this.#digests = new RecordDigests(store.key);
    this.#storeId = store.storeId;
    this.#visit = store.visit;
    this.#records = prepareRows(
      database,
      `select run, seq, kind, attempt, name, at_ms, head, data, pos, digest from journal
        where pos >= ? and pos <= ? order by pos limit ${RECORDS_PER_READ}`,
    );
    this.#taken = prepareRows(
      database,
      `select ${INBOX_COLUMNS}, digest from inbox where taken_by = ? order by pos`,
    );
    this.#beyond = prepareRows(
      database,
      "select pos, run, seq from journal where pos > ? order by pos limit 1",
    );
    this.#takenBeyond = prepareRows(
      database,
      "select id from inbox where taken_by > ? order by taken_by limit 1",
    );
  }

  flush(row: FlushRow, last: FlushRow | null): Damage | null {
    const name = `flush ${row.number} of incarnation ${row.incarnation}`;
    if (row.id !== (last?.id ?? 0) + 1 || row.firstPos !== (last?.lastPos ?? 0) + 1) {
      return { what: `flushes are missing before ${name}`, pos: (last?.lastPos ?? 0) + 1 };
    }
    const previous = this.#previous(row);
    if (previous === null) return { what: `the chain has a gap before ${name}`, pos: row.firstPos };
    const records = this.#recordDigests(row);
    if (!Buffer.isBuffer(records)) return records;
    const taken = this.#takenDigests(row);
    if (!Buffer.isBuffer(taken)) return taken;
    const seal = flushSeal(this.#key, previous, row, Buffer.concat([records, taken]));
    if (!seal.equals(row.seal)) {
      return { what: `the seal of ${name} does not hold`, pos: row.firstPos };
    }
    this.#heads.set(row.incarnation, row);
    this.forgotten.seen(row.atMs);
    return null;
  }

  /** What lies behind the last flush was written by nobody. */
  beyond(last: FlushRow | null): Damage | null {
    const cells = rowsOf(this.#beyond, last?.lastPos ?? 0)[0];
    if (cells !== undefined) {
      const [pos, run, seq] = cells as [number, number, number];
      return { what: `record ${pos} belongs to no flush`, pos, run, seq };
    }
    const command = rowsOf(this.#takenBeyond, last?.id ?? 0)[0];
    if (command !== undefined)
      return { what: `command ${String(command[0])} was taken by a flush that is not there` };
    const stray = this.#forgottenDigests.stray();
    return stray === null
      ? null
      : { what: `digests of commands are kept for flush ${stray}, which took none` };
  }

  /** Seal that this flush's seal is built on; null if that flush is missing. */
  #previous(row: FlushRow): Uint8Array | null {
    if (row.number === 1) return genesis(this.#key, this.#storeId, row.incarnation);
    const previous =
      this.#heads.get(row.incarnation) ?? this.chain.inChain(row.incarnation, row.number - 1);
    if (previous === null || previous.number !== row.number - 1) return null;
    return previous.seal;
  }

  #recordDigests(row: FlushRow): Buffer | Damage {
    const count = row.lastPos - row.firstPos + 1;
    const digests = Buffer.alloc(count * DIGEST_BYTES);
    let pos = row.firstPos;
    while (pos <= row.lastPos) {
      const rows = this.#readFrom(pos, row.lastPos);
      if (!Array.isArray(rows)) return rows;
      for (const cells of rows) {
        const at = cells[8] as number;
        const offset = (pos - row.firstPos) * DIGEST_BYTES;
        const damage =
          this.removed.digests(pos, at - 1, digests, offset) ??
          this.#record(cells, digests, (at - row.firstPos) * DIGEST_BYTES);
        if (damage !== null) return damage;
        pos = at + 1;
      }
      if (rows.length > 0) continue;
      const offset = (pos - row.firstPos) * DIGEST_BYTES;
      const damage = this.removed.digests(pos, row.lastPos, digests, offset);
      if (damage !== null) return damage;
      pos = row.lastPos + 1;
    }
    return digests;
  }

  /** Some records from `pos` on, or the first of them that cannot be read. */
  #readFrom(pos: number, lastPos: number): Cells[] | Damage {
    try {
      return rowsOf(this.#records, pos, lastPos);
    } catch (error) {
      // A page is damaged so badly that SQLite refuses it: one by one, to name the record.
      const bad = firstUnreadable(this.#records, pos, lastPos);
      if (bad === null) throw error;
      const because = error instanceof Error ? error.message : "unknown";
      return { what: `record ${bad} cannot be read: ${because}`, pos: bad };
    }
  }

  #record(cells: Cells, digests: Buffer, offset: number): Damage | null {
    const record = toSealedRecord(cells);
    const { run, seq, pos } = record;
    this.#digests.write(record, digests, offset);
    // A blob column of a STRICT table.
    const stored = cells[9] as Uint8Array;
    if (digests.subarray(offset, offset + DIGEST_BYTES).equals(stored)) {
      this.#visit?.(record);
      this.removed.note(record);
      return null;
    }
    return { what: `record ${pos} (run ${run}, seq ${seq}) was changed`, pos, run, seq };
  }

  #takenDigests(row: FlushRow): Buffer | Damage {
    const name = `flush ${row.number} of incarnation ${row.incarnation}`;
    const rows = rowsOf(this.#taken, row.id);
    const left = rows.length === 0 && row.taken > 0 ? this.#forgottenDigests.of(row.id) : null;
    const shown = rows.length + (left?.length ?? 0) / DIGEST_BYTES;
    if (shown !== row.taken) {
      const what = `${name} took ${row.taken} commands, the inbox shows ${shown}`;
      return { what, pos: row.firstPos };
    }
    if (left !== null) {
      this.forgotten.left(name, row.atMs);
      return left;
    }
    const digests: Buffer[] = [];
    for (const cells of rows) {
      const command = toInbox(cells);
      const digest = takenDigest(this.#key, command, row.id, command.answer ?? "");
      // A blob column of a STRICT table.
      if (!digest.equals(cells[6] as Uint8Array)) {
        return { what: `command ${command.id} in the inbox was changed`, pos: row.firstPos };
      }
      digests.push(digest);
    }
    return Buffer.concat(digests);
  }
}

/** Position of the first record between the two that SQLite cannot read; null if it can read all. */
function firstUnreadable(records: Statement, firstPos: number, lastPos: number): number | null {
  for (let pos = firstPos; pos <= lastPos; pos += 1) {
    if (!canRead(records, pos)) return pos;
  }
  return null;
}

function canRead(records: Statement, pos: number): boolean {
  try {
    rowsOf(records, pos, pos);
    return true;
  } catch {
    // Whatever it is that SQLite or its binding cannot make of the row: that is the answer.
    return false;
  }
}
