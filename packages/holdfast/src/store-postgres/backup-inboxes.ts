/** Which commands lay in the inbox of a backup when its store was accepted. */
import { kindNumber } from "../core/record-kinds.ts";
import { type OfBackup, ofBackups } from "../store/acceptance.ts";
import type { ReadRows } from "./runs-at-hand.ts";

/** By the moment at which it was posted: the inbox has no other order. */
export type TellBackup = (postedAtUs: number, atMs: number) => OfBackup;

const ACCEPTED_SQL = `select j.head, j.at_ms from incarnation i
  join journal j on j.shard = i.shard and j.run = -i.incarnation
  where j.kind = $1::int2 order by j.at_ms`;

export async function backupInboxes(read: ReadRows): Promise<TellBackup> {
  const rows = await read("accepted-backups", ACCEPTED_SQL, [kindNumber("applied")]);
  return ofBackups(rows.map(([head, atMs]) => ({ head: head as string, atMs: atMs as number })));
}
