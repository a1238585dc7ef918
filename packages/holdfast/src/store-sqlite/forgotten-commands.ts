/** Lets commands go that were taken long ago, and reads what is left of them. */
import { forgottenUntilMs } from "../store/forgotten-commands.ts";
import { type FlushRow, ChainQueries } from "./chain.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import type { Database, Statement } from "./runtime.ts";

export class CommandForgetter {
  readonly #chain: ChainQueries;
  readonly #oldest: Statement;
  readonly #digests: Statement;
  readonly #keep: Statement;
  readonly #remove: Statement;

  constructor(database: Database) {
    this.#chain = new ChainQueries(database);
    this.#oldest = prepareRows(
      database,
      "select taken_by from inbox where taken_by is not null order by taken_by limit 1",
    );
    this.#digests = prepareRows(
      database,
      "select digest from inbox where taken_by = ? order by pos",
    );
    this.#keep = database.prepare("insert into forgotten_command (flush, digests) values (?, ?)");
    this.#remove = database.prepare("delete from inbox where taken_by = ?");
  }

  /**
   * Within a transaction. Flush by flush, the oldest first, until at least `limit` commands are gone
   * or the next is too young.
   *
   * @returns how many have gone.
   */
  forget(untilMs: number, limit: number, newest: FlushRow): number {
    const takenUntilMs = forgottenUntilMs(untilMs, newest.atMs);
    let gone = 0;
    while (gone < limit) {
      const oldest = rowsOf(this.#oldest)[0]?.[0] as number | undefined;
      const flush = oldest === undefined ? null : this.#chain.byId(oldest);
      if (flush === null || flush.atMs > takenUntilMs) break;
      // A blob column of a STRICT table.
      const digests = rowsOf(this.#digests, flush.id).map(([digest]) => digest as Uint8Array);
      this.#keep.run(flush.id, Buffer.concat(digests));
      this.#remove.run(flush.id);
      gone += digests.length;
    }
    return gone;
  }
}

/** Digests of what a flush took, where its commands have left. */
export class ForgottenDigests {
  /** Null in a store of before there were any. */
  readonly #read: Statement | null;
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    const table = "select 1 from sqlite_schema where type = 'table' and name = 'forgotten_command'";
    const isThere = rowsOf(prepareRows(database, table)).length > 0;
    this.#read = isThere
      ? prepareRows(database, "select digests from forgotten_command where flush = ?")
      : null;
  }

  of(flush: number): Buffer | null {
    if (this.#read === null) return null;
    const digests = rowsOf(this.#read, flush)[0]?.[0] as Uint8Array | undefined;
    return digests === undefined ? null : Buffer.from(digests);
  }

  /** The first flush that is not there, or took none, of which there are some all the same. */
  stray(): number | null {
    if (this.#read === null) return null;
    const sql = `select g.flush from forgotten_command g left join flush f on f.id = g.flush
      where f.id is null or f.taken = 0 order by g.flush limit 1`;
    return (rowsOf(prepareRows(this.#database, sql))[0]?.[0] ?? null) as number | null;
  }
}
