/**
 * Recomputes digests and seals from the stored bytes, flush by flush and chain by chain, and stops
 * at the first that does not hold.
 */
import { parseJson } from "../core/json-text.ts";
import { kindNumber } from "../core/record-kinds.ts";
import type { IncarnationHead } from "../core/journal.ts";
import type { CheckedStore, Damage } from "../store/damage.ts";
import { type Cells, INBOX_COLUMNS, toInbox } from "../store/row-columns.ts";
import { toSealedRecord } from "../store/record-check.ts";
import { RecordDigests } from "../store/record-digest.ts";
import { DIGEST_BYTES, flushSeal, genesis, takenDigest } from "../store/seal.ts";
import type { Predecessor } from "../store/store.ts";
import { hex } from "../store/chain-heads.ts";
import { ForgottenCommands } from "../store/forgotten-commands.ts";
import { type FlushRow, flushesAfter } from "./chain.ts";
import type { Connection } from "./client.ts";
import { byId } from "./flush-builder.ts";
import { ForgottenDigests } from "./forgotten-commands.ts";
import { CHAINS_SQL, journalWithGaps } from "./journal-reading.ts";

export interface CheckedFlushes {
  readonly damage: Damage | null;
  readonly flushes: number;
  readonly records: number;
  /** Of these, records of runs that have left: only their digests are here. */
  readonly removed: number;
}

const FLUSHES_PER_READ = 500;
const INCARNATION_KIND = kindNumber("incarnation");

const TAKEN_SQL = `select ${INBOX_COLUMNS}, digest from inbox
  where taken_by = $1::int8 and taken_in = $2::int4`;

/** Within a transaction, whose snapshot it checks. */
export async function checkFlushes(
  connection: Connection,
  store: CheckedStore,
): Promise<CheckedFlushes> {
  const check = new FlushCheck(connection, store);
  const damage = await check.all();
  const { flushes, records, removed } = check;
  return { damage, flushes, records, removed };
}

class FlushCheck {
  flushes = 0;
  records = 0;
  removed = 0;
  readonly #connection: Connection;
  readonly #key: string;
  readonly #digests: RecordDigests;
  readonly #storeId: string;
  readonly #visit: CheckedStore["visit"];
  readonly #journal: AsyncGenerator<Cells, void, undefined>;
  #next: Cells | null = null;
  readonly #forgotten = new ForgottenCommands();
  readonly #forgottenDigests: ForgottenDigests;
  readonly #heads = new Map<number, FlushRow>();
  /** Ends of chains as later chains have recorded them. */
  readonly #closes: Predecessor[] = [];

  constructor(connection: Connection, store: CheckedStore) {
    this.#connection = connection;
    this.#key = store.key;
    this.#digests = new RecordDigests(store.key);
    this.#storeId = store.storeId;
    this.#visit = store.visit;
    this.#journal = journalWithGaps(connection);
    this.#forgottenDigests = new ForgottenDigests(connection);
  }

  async all(): Promise<Damage | null> {
    await this.#advance();
    for (const [incarnation] of await this.#connection.rows("chains", CHAINS_SQL)) {
      const damage = await this.#chain(incarnation as number);
      if (damage !== null) return damage;
    }
    if (this.#next !== null) return named(this.#next, "belongs to no flush");
    return this.#ends() ?? this.#forgotten.damage();
  }

  async #chain(incarnation: number): Promise<Damage | null> {
    let seal: Uint8Array = genesis(this.#key, this.#storeId, incarnation);
    let number = 0;
    let pos = 0;
    for (;;) {
      const read = this.#connection.rows;
      const rows = await flushesAfter(read, incarnation, number, FLUSHES_PER_READ);
      for (const row of rows) {
        if (row.number !== number + 1 || row.firstPos !== pos + 1) {
          return { what: `flush ${number + 1} of incarnation ${incarnation} is missing` };
        }
        const damage = await this.#flush(row, seal);
        if (damage !== null) return damage;
        ({ number, seal } = row);
        pos = row.lastPos;
        this.#heads.set(incarnation, row);
        this.flushes += 1;
      }
      if (rows.length < FLUSHES_PER_READ) return null;
    }
  }

  async #flush(row: FlushRow, previous: Uint8Array): Promise<Damage | null> {
    const name = `flush ${row.number} of incarnation ${row.incarnation}`;
    const records = await this.#recordDigests(row);
    if (!Buffer.isBuffer(records)) return records;
    const taken = await this.#takenDigests(row, name);
    if (!Buffer.isBuffer(taken)) return taken;
    const seal = flushSeal(this.#key, previous, row, Buffer.concat([records, taken]));
    this.#forgotten.seen(row.atMs);
    if (seal.equals(row.seal)) return null;
    return { what: `the seal of ${name} does not hold`, pos: row.firstPos };
  }

  async #recordDigests(row: FlushRow): Promise<Buffer | Damage> {
    const digests = Buffer.alloc((row.lastPos - row.firstPos + 1) * DIGEST_BYTES);
    for (let pos = row.firstPos; pos <= row.lastPos; pos += 1) {
      const cells = this.#next;
      if (cells === null || cells[8] !== pos || cells[10] !== row.incarnation) {
        return { what: `record ${pos} of incarnation ${row.incarnation} is missing`, pos };
      }
      const offset = (pos - row.firstPos) * DIGEST_BYTES;
      this.records += 1;
      if (isGone(cells)) {
        this.removed += 1;
        // Whether it has left in order is looked at apart: see removed-records.ts.
        digests.set((cells[9] as Uint8Array).subarray(0, DIGEST_BYTES), offset);
        await this.#advance();
        continue;
      }
      this.#digests.write(toSealedRecord(cells), digests, offset);
      const stored = cells[9] as Uint8Array;
      if (!digests.subarray(offset, offset + DIGEST_BYTES).equals(stored)) {
        return named(cells, "was changed");
      }
      this.#visit?.(asVisited(cells));
      this.#noteCloses(cells);
      await this.#advance();
    }
    return digests;
  }

  async #takenDigests(row: FlushRow, name: string): Promise<Buffer | Damage> {
    if (row.taken === 0) return Buffer.alloc(0);
    const { incarnation, number, taken } = row;
    const rows = await this.#connection.rows("taken", TAKEN_SQL, [incarnation, number]);
    const left = rows.length === 0 ? await this.#forgottenDigests.of(incarnation, number) : null;
    const shown = rows.length + (left?.length ?? 0) / DIGEST_BYTES;
    if (shown !== taken) {
      return { what: `${name} took ${taken} commands, the inbox shows ${shown}` };
    }
    if (left !== null) {
      this.#forgotten.left(name, row.atMs);
      return left;
    }
    const digests: { id: string; digest: Buffer }[] = [];
    for (const cells of rows) {
      const command = toInbox(cells);
      const digest = takenDigest(this.#key, command, number, command.answer ?? "");
      if (!digest.equals(cells[6] as Uint8Array)) {
        return { what: `command ${command.id} in the inbox was changed` };
      }
      digests.push({ id: command.id, digest });
    }
    return Buffer.concat(digests.toSorted(byId).map(({ digest }) => digest));
  }

  /** A chain must end where the one that followed it says, neither before nor behind. */
  #ends(): Damage | null {
    for (const { incarnation, flush, seal } of this.#closes) {
      const head = this.#heads.get(incarnation);
      if (head === undefined) return { what: `the chain of incarnation ${incarnation} is missing` };
      if (head.number < flush) {
        return { what: `flush ${flush} of incarnation ${incarnation}, its last, is missing` };
      }
      if (head.number > flush) {
        return { what: `incarnation ${incarnation} has written after it was replaced at ${flush}` };
      }
      if (hex(head.seal) !== seal) {
        return { what: `incarnation ${incarnation} ends with another seal than was recorded` };
      }
    }
    return null;
  }

  #noteCloses(cells: Cells): void {
    if (cells[2] !== INCARNATION_KIND) return;
    // The digest has just shown that the engine wrote it.
    const head = parseJson((cells[6] as string | null) ?? "null") as IncarnationHead;
    this.#closes.push(...head.closes);
  }

  async #advance(): Promise<void> {
    const { value } = await this.#journal.next();
    this.#next = value ?? null;
  }
}

/** The store's own journal is run 0 to everybody else; its rows have an incarnation in its place. */
function asVisited(cells: Cells): ReturnType<typeof toSealedRecord> {
  const record = toSealedRecord(cells);
  return { ...record, run: Math.max(0, record.run) };
}

/** Its run has left for an archive, and only its digest is here. */
function isGone(cells: Cells): boolean {
  return cells[2] === null;
}

function named(cells: Cells, what: string): Damage {
  const run = Math.max(0, cells[0] as number);
  const [seq, pos] = [cells[1] as number, cells[8] as number];
  const place = `record ${pos} of incarnation ${String(cells[10])} (run ${run}, seq ${seq})`;
  return { what: `${place} ${what}`, pos, run, seq };
}
