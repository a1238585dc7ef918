/**
 * Whether records are what was written, asked whenever the engine reads a run: nothing is executed
 * from a changed record. What it costs is a digest a record.
 */
import { HoldfastError } from "../core/error.ts";
import { RECORD_WIDTH } from "./row-columns.ts";
import type { Cells } from "./row-columns.ts";
import { RecordDigests } from "./record-digest.ts";
import type { SealedRecord } from "./record-digest.ts";
import { DIGEST_BYTES } from "./seal.ts";

/** Cells of a record: RECORD_COLUMNS, then position and digest. */
export class RecordCheck {
  readonly #digests: RecordDigests;
  readonly #digest = Buffer.alloc(DIGEST_BYTES);

  constructor(key: string) {
    this.#digests = new RecordDigests(key);
  }

  /**
   * Looks at the next record of a run.
   *
   * @param seq - the number that it must have: a run's records have no gaps.
   * @throws {HoldfastError} HF5006 if it is not what was written, or one before it is gone.
   */
  require(cells: Cells, seq: number): void {
    const record = toSealedRecord(cells);
    const { pos, run } = record;
    const digest = cells[RECORD_WIDTH + 1] as Uint8Array;
    this.#digests.write(record, this.#digest, 0);
    if (!this.#digest.equals(digest)) throw damaged(pos, run, record.seq, "was changed");
    if (record.seq !== seq) throw damaged(pos, run, seq, "is missing before this one");
  }
}

/** The cells of a journal row (RECORD_COLUMNS, then position) as the digest covers them. */
export function toSealedRecord(c: Cells): SealedRecord {
  return {
    run: c[0] as number,
    seq: c[1] as number,
    kind: c[2] as number,
    attempt: c[3] as number,
    name: c[4] as string,
    atMs: c[5] as number,
    head: c[6] as string | null,
    data: c[7] as string | null,
    pos: c[RECORD_WIDTH] as number,
  };
}

function damaged(pos: number, run: number, seq: number, how: string): HoldfastError {
  const which = `record ${String(pos)} (run ${String(run)}, seq ${String(seq)}) ${how}`;
  return new HoldfastError(
    "HF5006",
    `the store is damaged: ${which}; nothing was executed from it`,
    "Run `holdfast store verify` for the details, then restore the newest backup that passes it.",
  );
}
