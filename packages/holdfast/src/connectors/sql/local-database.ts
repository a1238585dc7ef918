/** Declares a database of the user's for `run.transact`. */
import { HoldfastError } from "../../core/error.ts";
import { integration, type IntegrationOptions } from "../../workflow/integration.ts";
import type { PostgresDatabase, SqliteDatabase } from "../../workflow/local-database.ts";
import { ISOLATIONS, postgresDatabase, type Isolation } from "./postgres-database.ts";
import type { PostgresPool } from "./postgres-session.ts";
import { sqliteDatabase, type SqliteHandle } from "./sqlite-database.ts";

export interface PostgresDatabaseOptions extends IntegrationOptions {
  /** A `Pool` of `pg`, or what gives clients like one. */
  readonly postgres: PostgresPool;
  /** Of each transaction. Default: read committed. */
  readonly isolation?: Isolation;
  readonly sqlite?: never;
}

export interface SqliteDatabaseOptions extends IntegrationOptions {
  /** An open `DatabaseSync` of `node:sqlite`. */
  readonly sqlite: SqliteHandle;
  readonly postgres?: never;
  readonly isolation?: never;
}

/**
 * A database of your own, on PostgreSQL or SQLite. It needs the table `holdfast_local_tx`: call
 * `prepare()`, or run `schemaSql` in a migration.
 *
 * @throws {HoldfastError} HF1001 for an option that is not known or not valid.
 */
export function localDatabase(name: string, options: PostgresDatabaseOptions): PostgresDatabase;
export function localDatabase(name: string, options: SqliteDatabaseOptions): SqliteDatabase;
export function localDatabase(
  name: string,
  options: PostgresDatabaseOptions | SqliteDatabaseOptions,
): PostgresDatabase | SqliteDatabase {
  const { postgres, sqlite, isolation, ...others } = options;
  const system = integration(name, others);
  if ((postgres === undefined) === (sqlite === undefined))
    throw invalid(
      name,
      "needs one of postgres and sqlite",
      "Give a Pool of pg, or a DatabaseSync.",
    );
  if (sqlite !== undefined) {
    if (isolation !== undefined)
      throw invalid(name, "has an isolation, which SQLite does not", "Leave it out.");
    return sqliteDatabase(name, system, sqlite);
  }
  // In JavaScript it may be any word.
  if (isolation !== undefined && !ISOLATIONS.includes(isolation))
    throw invalid(name, "has an isolation that is none", `Choose: ${ISOLATIONS.join(" | ")}.`);
  return postgresDatabase(name, system, postgres, isolation ?? "read committed");
}

function invalid(name: string, how: string, remedy: string): HoldfastError {
  return new HoldfastError("HF1001", `localDatabase "${name}" ${how}.`, remedy);
}
