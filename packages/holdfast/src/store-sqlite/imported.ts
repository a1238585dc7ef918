/** A store that archives were read into: it can be looked at, and no run of it ever goes on. */
import { HoldfastError } from "../core/error.ts";
import type { ImportedArchiveRow } from "../store/rows.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import type { Database } from "./runtime.ts";

/** By id; one row for each `holdfast import`. */
export function importedArchives(database: Database): ImportedArchiveRow[] {
  const sql =
    "select archive, sha256, runs, records, at_ms, done from imported_archive order by archive";
  return rowsOf(prepareRows(database, sql)).map((cells) => ({
    archive: cells[0] as string,
    sha256: cells[1] as string,
    runs: cells[2] as number,
    records: cells[3] as number,
    atMs: cells[4] as number,
    done: cells[5] === 1,
  }));
}

/** @throws {HoldfastError} HF5016 if this store is for looking only. */
export function refuseImported(database: Database, path: string): void {
  if (importedArchives(database).length === 0) return;
  throw new HoldfastError(
    "HF5016",
    `The store ${path} was made by \`holdfast import\`: its runs have left another store and never go on.`,
    "Look at it with: holdfast runs, show, effects. An app needs the store that they came from, or a new one.",
  );
}

/** @throws {HoldfastError} HF5016 if this store has runs of its own. */
export function requireForLooking(database: Database, path: string): void {
  const hasRecords = rowsOf(prepareRows(database, "select 1 from journal limit 1")).length > 0;
  if (!hasRecords || importedArchives(database).length > 0) return;
  throw new HoldfastError(
    "HF5016",
    `The store ${path} is that of an app: an archive is not read into it. Nothing was changed.`,
    "Name a file that is not there yet, for example: --store sqlite:./archive.db",
  );
}
