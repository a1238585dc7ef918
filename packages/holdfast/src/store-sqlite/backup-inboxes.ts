/**
 * Which commands lay in the inbox of a backup when its store was accepted. The original of the store
 * has had them too, so they are not taken as if they had come today.
 */
import type { BackupInbox } from "../core/journal.ts";
import { kindNumber } from "../core/record-kinds.ts";
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

/** Position of the newest command, and the latest time that one bears; 0 if none was ever left. */
export function lastCommand(database: Database): Pick<BackupInbox, "lastPos" | "lastAtMs"> {
  const sql = "select coalesce(max(pos), 0), coalesce(max(at_ms), 0) from inbox";
  // One row, and both are numbers.
  const [lastPos, lastAtMs] = rowsOf(prepareRows(database, sql))[0] as [number, number];
  return { lastPos, lastAtMs };
}
