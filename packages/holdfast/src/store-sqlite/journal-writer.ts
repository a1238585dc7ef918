/**
 * Appends records to the journal: the hot path. Sixteen rows a statement, because binding is cheap
 * and starting a statement is not (measured: a quarter less time than one row a statement; 32 and
 * 64 were no better).
 */
import type { RecordColumns } from "../store/store.ts";
import type { DigestsAhead } from "./digests-ahead.ts";
import { column, digestsOf } from "./record-columns.ts";
import { RowStatements } from "./row-batch.ts";
import type { Bound } from "./row-batch.ts";
import type { Database } from "./runtime.ts";
import { RecordDigests } from "../store/record-digest.ts";
import { DIGEST_BYTES } from "../store/seal.ts";

const ROWS_PER_STATEMENT = 16;
const COLUMNS = 10;

export class JournalWriter {
  readonly #statements: RowStatements;
  readonly #digests: RecordDigests;

  constructor(database: Database, key: string) {
    // "or rollback": undoing the whole flush needs no copies of pages, undoing a statement does.
    const sql = "insert or rollback into journal values";
    const options = { columns: COLUMNS, rowsMax: ROWS_PER_STATEMENT };
    this.#statements = new RowStatements(database, sql, options);
    this.#digests = new RecordDigests(key);
  }

  /**
   * Inserts the records at `firstPos` and on.
   *
   * @param ahead - their digests if they have been made already: for other positions they are not
   *   used.
   * @returns their digests, one after the other, for the seal.
   */
  append(records: RecordColumns, firstPos: number, ahead: DigestsAhead | null): Uint8Array {
    const count = records.run.length;
    const digests = fits(ahead, firstPos, count)
      ? ahead.digests
      : digestsOf(this.#digests, records, firstPos);
    let index = 0;
    while (index < count) {
      const { rows, statement, bound } = this.#statements.for(count - index);
      for (let row = 0; row < rows; row += 1) {
        this.#bind(bound, row * COLUMNS, records, index + row, firstPos, digests);
      }
      statement.run(...bound);
      index += rows;
    }
    return digests;
  }

  #bind(
    bound: Bound[],
    at: number,
    records: RecordColumns,
    index: number,
    firstPos: number,
    digests: Uint8Array,
  ): void {
    const offset = index * DIGEST_BYTES;
    bound[at] = firstPos + index;
    bound[at + 1] = column(records.run, index);
    bound[at + 2] = column(records.seq, index);
    bound[at + 3] = column(records.kind, index);
    bound[at + 4] = column(records.attempt, index);
    bound[at + 5] = column(records.name, index);
    bound[at + 6] = column(records.atMs, index);
    bound[at + 7] = column(records.head, index);
    bound[at + 8] = column(records.data, index);
    bound[at + 9] = digests.subarray(offset, offset + DIGEST_BYTES);
  }
}

/** A flush that was refused before it was written leaves those after it with other positions. */
function fits(ahead: DigestsAhead | null, firstPos: number, count: number): ahead is DigestsAhead {
  return ahead?.firstPos === firstPos && ahead.digests.length === count * DIGEST_BYTES;
}
