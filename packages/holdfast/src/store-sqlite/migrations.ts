/**
 * Brings a database to the newest schema. `user_version` is the number of migrations it has had,
 * `application_id` says that it is ours at all.
 */
import { HoldfastError } from "../core/error.ts";
import { sql as cell } from "./migrations/0001_cell.sql.ts";
import { sql as initial } from "./migrations/0001_initial.sql.ts";
import { sql as forgottenCommands } from "./migrations/0002_forgotten-commands.sql.ts";
import { sql as exceptionMarks } from "./migrations/0003_exception-marks.sql.ts";
import { sql as pause } from "./migrations/0004_pause.sql.ts";
import { readPragma } from "./pragmas.ts";
import type { Database } from "./runtime.ts";

/** In order; a migration is never edited or removed once released. */
const MIGRATIONS: readonly string[] = [initial + cell, forgottenCommands, exceptionMarks, pause];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** "HFST" */
const APPLICATION_ID = 0x48465354;

/**
 * Version of the schema in the file; 0 for a file without tables.
 *
 * @throws {HoldfastError} HF5002 if the file is somebody else's, HF5010 if it is newer than we are.
 */
export function schemaVersion(database: Database, path: string): number {
  const version = Number(readPragma(database, "user_version"));
  const application = Number(readPragma(database, "application_id"));
  const tables = database.prepare("select count(*) as n from sqlite_schema").get()?.["n"];
  if (version === 0 && application === 0 && tables === 0) return 0;
  if (application !== APPLICATION_ID || version < 1) {
    throw new HoldfastError(
      "HF5002",
      `${path} is a database, but not one of Holdfast's`,
      "Name another file for the store; this one was left as it is.",
    );
  }
  if (version > SCHEMA_VERSION) {
    throw new HoldfastError(
      "HF5010",
      `the store has schema ${String(version)}, this Holdfast knows ${String(SCHEMA_VERSION)}`,
      "Run the newer version of Holdfast that wrote it, or restore a backup made before it.",
      { where: path },
    );
  }
  return version;
}

/** Applies what is missing up to version `to`, all in one transaction: a store is of one version or another. */
export function migrate(database: Database, from: number, to = SCHEMA_VERSION): void {
  if (from >= to) return;
  database.exec("begin immediate");
  for (const sql of MIGRATIONS.slice(from, to)) database.exec(sql);
  database.exec(`pragma application_id = ${String(APPLICATION_ID)}`);
  database.exec(`pragma user_version = ${String(to)}`);
  database.exec("commit");
}
