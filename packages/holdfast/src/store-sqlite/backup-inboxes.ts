/**
 * Which commands lay in the inbox of a backup when its store was accepted. The original of the store
 * has had them too, so they are not taken as if they had come today.
 */
import { kindNumber } from "../core/journal.ts";
import { type OfBackup, ofBackups } from "../store/acceptance.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import type { Database } from "./runtime.ts";

/** Reads what `store accept` has put on record, and tells of a command whether it is one of these. */
export function backupInboxes(database: Database): (pos: number, atMs: number) => OfBackup {
  const applied = prepareRows(
    database,
    "select head, at_ms from journal where run = 0 and kind = ? order by seq",
  );
  const rows = rowsOf(applied, kindNumber("applied"));
  return ofBackups(rows.map(([head, atMs]) => ({ head: head as string, atMs: atMs as number })));
}

/** Position of the newest command; 0 if none was ever left. */
export function lastCommandPos(database: Database): number {
  const last = prepareRows(database, "select max(pos) from inbox");
  return (rowsOf(last)[0]?.[0] as number | null | undefined) ?? 0;
}
