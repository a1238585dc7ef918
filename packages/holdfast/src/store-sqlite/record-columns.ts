/** The records of a flush, column by column, as the writer's thread and the caller's read them. */
import type { RecordDigests } from "../store/record-digest.ts";
import { DIGEST_BYTES } from "../store/seal.ts";
import type { RecordColumns } from "../store/store.ts";

/** A value of a column; a shorter column is a bug of the caller and must not become a null. */
export function column<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new RangeError(`a column of the flush ends before ${index}`);
  return value;
}

/** Whether all columns are as long as the first. */
export function isEven({
  run,
  seq,
  kind,
  attempt,
  name,
  atMs,
  head,
  data,
}: RecordColumns): boolean {
  return [seq, kind, attempt, name, atMs, head, data].every(({ length }) => length === run.length);
}

/**
 * Digests of records that get the positions from `firstPos` on, one after the other.
 *
 * @throws {RangeError} if a column is shorter than another.
 */
export function digestsOf(
  digester: RecordDigests,
  records: RecordColumns,
  firstPos: number,
): Uint8Array {
  const count = records.run.length;
  // Not from the pool of small buffers: all of that would be copied to another thread.
  const digests = Buffer.from(new ArrayBuffer(count * DIGEST_BYTES));
  for (let index = 0; index < count; index += 1) {
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
    digester.write(record, digests, index * DIGEST_BYTES);
  }
  return digests;
}
