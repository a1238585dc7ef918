/**
 * Accepts a database that was restored from a backup: what the original did after the backup is not in
 * its journal, so nothing may go on by itself before a person knows what may have been done twice.
 */
import { rmSync } from "node:fs";
import { HoldfastError } from "../core/error.ts";
import { kindNumber } from "../core/record-kinds.ts";
import {
  type Accepted,
  type AtBackup,
  acceptance,
  lostTime,
  openOperations,
} from "../store/acceptance.ts";
import type { Connection } from "./client.ts";
import type { KeySource } from "./key.ts";
import { LEASE_MS, connectTo, openPostgresStore } from "./open.ts";
import { openPostgresReader } from "./reader.ts";
import { verifyPostgresStore } from "./verify.ts";

export interface AcceptOptions extends KeySource {
  readonly url: string;
  /** Why this store is the right one; kept in its journal. */
  readonly reason: string;
  /** Who says so. */
  readonly by: string;
  readonly nowMs: () => number;
  /** What the app keeps outside the database: removed at the end, so that the next start makes it. */
  readonly anchorFile?: string;
  /** How long the lease of an engine is outwaited, milliseconds; by default one lease. */
  readonly waitMsMax?: number;
}

const SQL = {
  ends: `select r.run, max(j.seq) from run r join journal j on j.shard = r.shard and j.run = r.run
    where r.ended_at_ms is null group by r.run order by r.run`,
  lastCommand: "select coalesce(max(posted_at_us), 0), coalesce(max(at_ms), 0) from inbox",
  // Not when anything was written last: what an earlier accepting wrote, which may have died, is
  // younger than the backup.
  lastWork: "select coalesce(max(at_ms), 0) from journal where run > 0 and kind <> $1::int2",
} as const;

/**
 * Checks the whole store and records the decision in its journal. An engine that has it is outwaited
 * for one lease: that of the original lies in the backup.
 *
 * @throws {HoldfastError} HF5006 if it is damaged in itself (accepting does not mend), HF5004 if an
 * engine runs, HF5002 and HF5009 as at any start.
 */
export async function acceptPostgresStore(options: AcceptOptions): Promise<Accepted> {
  const { anchorFile, by, reason, nowMs, waitMsMax = LEASE_MS, ...place } = options;
  const { damage, remedy } = await verifyPostgresStore(place);
  const [first] = damage;
  if (first !== undefined) {
    throw new HoldfastError("HF5006", `the store is damaged: ${first.what}`, remedy ?? "");
  }
  const store = await openPostgresStore({ ...place, nowMs, waitMsMax });
  const atMs = nowMs();
  const at = await atTheBackup(place.url);
  try {
    const flushes = acceptance(store, at, { by, reason, atMs });
    for (const [index, records] of flushes.entries()) {
      await store.flush({ number: index + 1, atMs, records, taken: [] });
    }
  } catch (error) {
    await store.abandon();
    throw error;
  }
  await store.close();
  // Last: until then it keeps every engine out.
  if (anchorFile !== undefined) rmSync(anchorFile, { force: true });
  const openRuns = at.ends.map(({ run }) => run);
  const reader = await openPostgresReader({ url: place.url });
  try {
    const operations = await openOperations(reader);
    return { storeId: store.storeId, operations, openRuns, window: lostTime(at, atMs) };
  } finally {
    await reader.close();
  }
}

async function atTheBackup(url: string): Promise<AtBackup> {
  const connection: Connection = await connectTo(url);
  const only = async (name: "lastCommand" | "lastWork", values: number[] = []) => {
    const [row] = await connection.rows(`accept-${name}`, SQL[name], values);
    // One row of numbers: each is a sum over a table.
    return row as readonly number[];
  };
  try {
    const ends = (await connection.rows("accept-ends", SQL.ends)).map((cells) => {
      return { run: cells[0] as number, seq: cells[1] as number };
    });
    const [lastPos = 0, lastAtMs = 0] = await only("lastCommand");
    const [fromMs = 0] = await only("lastWork", [kindNumber("restored")]);
    return { ends, waiting: { lastPos, lastAtMs, fromMs } };
  } finally {
    await connection.close();
  }
}
