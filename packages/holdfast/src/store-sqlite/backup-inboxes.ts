/**
 * Which commands lay in the inbox of a backup when its store was accepted. The original of the store
 * has had them too, so they are not taken as if they had come today.
 */
import { kindNumber, type AppliedHead, type BackupInbox } from "../core/journal.ts";
import type { WaitingCommand } from "../store/rows.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import type { Database } from "./runtime.ts";

type OfBackup = Pick<WaitingCommand, "restoredFromMs">;

/** Reads what `store accept` has put on record, and tells of a command whether it is one of these. */
export function backupInboxes(database: Database): (pos: number, atMs: number) => OfBackup {
  const accepted = acceptedInboxes(database);
  return (pos, atMs) => {
    // By its time too: a place in the inbox may have become free since.
    const own = accepted.filter((inbox) => pos <= inbox.lastPos && atMs <= inbox.acceptedAtMs);
    if (own.length === 0) return {};
    // Of a store without any work nothing is known but when the command was left.
    return { restoredFromMs: Math.min(...own.map(({ fromMs }) => fromMs || atMs)) };
  };
}

function acceptedInboxes(database: Database): readonly (BackupInbox & { acceptedAtMs: number })[] {
  const applied = prepareRows(
    database,
    "select head, at_ms from journal where run = 0 and kind = ? order by seq",
  );
  return rowsOf(applied, kindNumber("applied")).flatMap((cells) => {
    // Only `store accept` writes this kind in the journal of the store.
    const { waiting } = JSON.parse(cells[0] as string) as AppliedHead;
    return waiting === undefined ? [] : [{ ...waiting, acceptedAtMs: cells[1] as number }];
  });
}

/** Position of the newest command; 0 if none was ever left. */
export function lastCommandPos(database: Database): number {
  const last = prepareRows(database, "select max(pos) from inbox");
  return (rowsOf(last)[0]?.[0] as number | null | undefined) ?? 0;
}
