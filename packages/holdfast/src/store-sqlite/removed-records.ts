/**
 * Records that are gone: each must have left with its run, for an archive that is on record. Their
 * digests are here, so the seals of their flushes are checked as if they were.
 */
import type { ArchivedHead } from "../core/archived.ts";
import { parseJson } from "../core/json-text.ts";
import { kindNumber } from "../core/record-kinds.ts";
import type { SealedRecord } from "../store/record-digest.ts";
import type { Damage } from "../store/damage.ts";
import { DIGEST_BYTES, digestOf } from "../store/seal.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import type { Database, Statement } from "./runtime.ts";

const ARCHIVED = kindNumber("archived");

/** Collects over one check of flushes, all of them or those since the anchor. */
export class RemovedRecords {
  /** Records whose digest alone was found. */
  count = 0;
  readonly #read: Statement;
  /**
   * Runs of these, until the record is seen that let them go: it comes behind all of theirs. So there
   * are never more than were in the store at one time.
   */
  readonly #unexplained = new Map<number, Unexplained>();
  /** The first run of which more is gone than its archive has. */
  #tooMany: Damage | null = null;

  constructor(database: Database) {
    this.#read = prepareRows(
      database,
      "select pos, run, digest from removed_record where pos >= ? and pos <= ? order by pos",
    );
  }

  /** Writes the digests of the records from `first` to `last`, all of them gone, into `target`. */
  digests(first: number, last: number, target: Buffer, offset: number): Damage | null {
    if (first > last) return null;
    let pos = first;
    for (const cells of rowsOf(this.#read, first, last)) {
      if (cells[0] !== pos) break;
      // A blob column of a STRICT table.
      target.set(cells[2] as Uint8Array, offset + (pos - first) * DIGEST_BYTES);
      this.#add(cells[1] as number, pos);
      this.count += 1;
      pos += 1;
    }
    return pos > last ? null : { what: `record ${pos} is missing`, pos };
  }

  #add(run: number, pos: number): void {
    const known = this.#unexplained.get(run);
    if (known === undefined) this.#unexplained.set(run, { pos, records: 1 });
    else known.records += 1;
  }

  /** Every record that is here, once its digest was found right. */
  note({ kind, run, head }: SealedRecord): void {
    if (kind !== ARCHIVED || run !== 0) return;
    const { runs } = parseJson(head ?? "null") as ArchivedHead;
    for (const archived of runs) {
      const gone = this.#unexplained.get(archived.run);
      this.#unexplained.delete(archived.run);
      // Less is no mistake: a check may begin in the middle of a run. What each was, verify asks.
      if (gone !== undefined && gone.records > archived.records)
        this.#tooMany ??= { ...notAsArchived(archived.run), pos: gone.pos };
    }
  }

  /** A record that is gone although nothing on record has let it go. */
  damage(): Damage | null {
    const [first] = this.#unexplained;
    if (first === undefined) return this.#tooMany;
    const [run, { pos }] = first;
    return { what: `record ${pos} (run ${run}) was removed, and no archive has it`, pos, run };
  }
}

interface Unexplained {
  /** Of the first of them. */
  readonly pos: number;
  records: number;
}

/**
 * What was removed of each run is what the record says that let it go: all of it, and no more.
 *
 * @param checked - how many removed records the seals have been checked with.
 */
export function removalDamage(database: Database, checked: number): readonly Damage[] {
  const damage: Damage[] = [];
  let run: RemovedRun = { number: 0, records: 0, digest: digestOf([]), found: [] };
  for (const [number, records, digest, found] of removedRows(database)) {
    if (run.number !== number) {
      damage.push(...changed(run));
      run = { number, records, digest, found: [] };
    }
    if (found !== null) run.found.push(found);
  }
  damage.push(...changed(run));
  const count = prepareRows(database, "select count(*) from removed_record");
  const kept = rowsOf(count)[0]?.[0] as number;
  if (kept !== checked) {
    damage.push({
      what: `${kept} digests of removed records are kept, ${checked} belong to a flush`,
    });
  }
  return damage;
}

interface RemovedRun {
  readonly number: number;
  readonly records: number;
  readonly digest: Uint8Array;
  readonly found: Uint8Array[];
}

type RemovedRow = [run: number, records: number, digest: Uint8Array, found: Uint8Array | null];

function removedRows(database: Database): Iterable<RemovedRow> {
  const rows = prepareRows(
    database,
    `select a.run, a.records, a.digest, r.digest from archived_run a
      left join removed_record r on r.run = a.run order by a.run, r.pos`,
  ).iterate();
  // `setReturnArrays` makes every row an array of cells, which the declared type does not know.
  return rows as unknown as Iterable<RemovedRow>;
}

function changed({ number, records, digest, found }: RemovedRun): readonly Damage[] {
  if (found.length === records && digestOf(found).equals(digest)) return [];
  return [notAsArchived(number)];
}

function notAsArchived(run: number): Damage {
  return { what: `what is left of run ${run}, which was archived, was changed`, run };
}
