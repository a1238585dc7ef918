/** Takes commands out of the inbox in the flush that applies them, once. */
import type { FlushBatch } from "../store/store.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import { INBOX_COLUMNS, toInbox } from "../store/row-columns.ts";
import type { Database, Statement } from "./runtime.ts";
import { takenDigest } from "../store/seal.ts";

export class InboxWriter {
  readonly #find: Statement;
  readonly #take: Statement;
  readonly #key: string;

  constructor(database: Database, key: string) {
    this.#find = prepareRows(
      database,
      `select ${INBOX_COLUMNS}, pos from inbox where id = ? and taken_by is null`,
    );
    this.#take = database.prepare(
      "update inbox set taken_by = ?, answer = ?, digest = ? where pos = ?",
    );
    this.#key = key;
  }

  /**
   * Marks the commands as taken by this flush.
   *
   * @returns their new digests, in order of position, for the seal.
   * @throws if one is not waiting: it must not be applied a second time.
   */
  take(taken: FlushBatch["taken"], flushId: number): Buffer {
    const digests = taken.map(({ id, answer }) => {
      const cells = rowsOf(this.#find, id)[0];
      if (cells === undefined) throw new Error(`the inbox holds no waiting command ${id}`);
      const pos = cells[6] as number;
      const digest = takenDigest(this.#key, toInbox(cells), flushId, answer);
      this.#take.run(flushId, answer, digest, pos);
      return { pos, digest };
    });
    digests.sort((left, right) => left.pos - right.pos);
    return Buffer.concat(digests.map(({ digest }) => digest));
  }
}
