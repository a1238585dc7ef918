/**
 * Digests of a flush's records, made by the caller's thread while the writer's is at the flush
 * before: the writer's thread is what a flush waits for (measured: a twelfth of its time).
 */
import { RecordDigests } from "../store/record-digest.ts";
import { sealKey } from "../store/seal.ts";
import type { RecordColumns } from "../store/store.ts";
import { digestsOf, isEven } from "./record-columns.ts";

export interface DigestsAhead {
  /** Position that the first record was taken to get: a digest covers it. */
  readonly firstPos: number;
  /** One after the other, DIGEST_BYTES each. */
  readonly digests: Uint8Array;
}

export class AheadDigester {
  readonly #digests: RecordDigests;
  #nextPos: number;

  /** @param lastPos - of the newest record when the store was opened. */
  constructor(secret: Uint8Array, lastPos: number) {
    this.#digests = new RecordDigests(sealKey(secret));
    this.#nextPos = lastPos + 1;
  }

  /**
   * For the flush that is handed over next. Null where a column is shorter than another: the writer
   * refuses that.
   */
  of(records: RecordColumns): DigestsAhead | null {
    if (!isEven(records)) return null;
    const firstPos = this.#nextPos;
    this.#nextPos += records.run.length;
    return { firstPos, digests: digestsOf(this.#digests, records, firstPos) };
  }
}
