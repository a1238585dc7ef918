/**
 * Appends records to the journal: the hot path. Sixteen rows a statement, because binding is cheap
 * and starting a statement is not (measured: a quarter less time than one row a statement; 32 and
 * 64 were no better).
 */
import type { RecordColumns } from "../store/store.ts";
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
   * @returns their digests, one after the other, for the seal.
   */
  append(records: RecordColumns, firstPos: number): Buffer {
    const count = records.run.length;
    const digests = Buffer.allocUnsafe(count * DIGEST_BYTES);
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
    digests: Buffer,
  ): void {
    const record = {
      pos: firstPos + index,
      run: column(records.run, index),
      seq: column(records.seq, index),
      kind: column(records.kind, index),
      attempt: column(records.attempt, index),
      name: column(records.name, index),
      atMs: column(records.atMs, index),
      head: column(records.head, index),
      data: column(records.data, index),
    };
    const offset = index * DIGEST_BYTES;
    this.#digests.write(record, digests, offset);
    bound[at] = record.pos;
    bound[at + 1] = record.run;
    bound[at + 2] = record.seq;
    bound[at + 3] = record.kind;
    bound[at + 4] = record.attempt;
    bound[at + 5] = record.name;
    bound[at + 6] = record.atMs;
    bound[at + 7] = record.head;
    bound[at + 8] = record.data;
    bound[at + 9] = digests.subarray(offset, offset + DIGEST_BYTES);
  }
}

/** A value of a column; a shorter column is a bug of the caller and must not become a null. */
function column<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new RangeError(`a column of the flush ends before ${index}`);
  return value;
}
