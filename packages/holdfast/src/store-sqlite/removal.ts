/**
 * Removes runs that leave, in the transaction of the flush whose record says so. The digests of their
 * records stay, because the seals of the flushes that wrote them are built on these.
 */
import type { Change } from "../store/change.ts";
import type { Database, Statement } from "./runtime.ts";

/** In this order: a ledger's row is found by its record. */
export const REMOVAL_SQL = [
  "insert into removed_record (pos, run, digest) select pos, run, digest from journal where run = ?",
  "delete from effect where pos in (select pos from journal where run = ?)",
  "delete from journal where run = ?",
  "delete from exception where run = ?",
  "delete from review where run = ?",
  "delete from run where run = ?",
] as const;

export class RemovalWriter {
  readonly #database: Database;
  /** Prepared at first use: most engines never let a run go. */
  #statements: readonly Statement[] | null = null;

  constructor(database: Database) {
    this.#database = database;
  }

  remove({ runs }: Extract<Change, { kind: "runs-archived" }>): void {
    this.#statements ??= REMOVAL_SQL.map((sql) => this.#database.prepare(sql));
    for (const { run } of runs) {
      for (const statement of this.#statements) statement.run(run);
    }
  }
}
