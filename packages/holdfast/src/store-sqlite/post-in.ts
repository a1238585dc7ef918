/** Leaves a command in the inbox inside a transaction of the user's own, in the store's file. */
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import {
  inboxIsFull,
  noTransaction,
  otherDatabase,
  type PromisedCommand,
} from "../store/promised.ts";
import { postedDigest } from "../store/seal.ts";

/** What is used of a `DatabaseSync` of `node:sqlite`. */
export interface SqliteTransaction {
  readonly isTransaction: boolean;
  location(name?: string): string | null;
  prepare(sql: string): {
    run(...values: (string | number | Uint8Array)[]): { readonly changes: number | bigint };
  };
}

interface Place {
  /** The store's file. */
  readonly path: string;
  /** Commands that may wait; counts those of this transaction. */
  readonly waitingMax: number;
}

// One statement, and the first that reads: what was read before could be older than what others
// have written, and SQLite would refuse the write. "main" because a temporary table comes first.
const POST = `insert into main.inbox (id, topic, at_ms, sent_by, data, digest)
  select ?, ?, ?, ?, ?, ? where
    (select count(*) from (select 1 from main.inbox where taken_by is null limit ?)) < ?`;

/**
 * There when the transaction is committed, and not if it is rolled back.
 *
 * @throws {HoldfastError} HF5014, HF5015, HF4205; nothing was written.
 */
export function postInSqlite(tx: unknown, command: PromisedCommand, place: Place): void {
  const { path, waitingMax } = place;
  if (!isDatabase(tx) || !tx.isTransaction)
    throw noTransaction("a DatabaseSync of node:sqlite on which BEGIN IMMEDIATE was executed");
  const found = tx.location();
  if (!isSameFile(found, path))
    throw otherDatabase(`it is in ${found ?? "memory"}, the store is ${resolve(path)}`);
  const { id, topic, atMs, by, data } = command;
  const { changes } = tx
    .prepare(POST)
    .run(id, topic, atMs, by, data, postedDigest(command), waitingMax, waitingMax);
  if (Number(changes) === 0) throw inboxIsFull(waitingMax);
}

/** By what it can do: another copy of the package, or a wrapper, is as good. */
function isDatabase(tx: unknown): tx is SqliteTransaction {
  const known = tx as Partial<SqliteTransaction> | null | undefined;
  return (
    typeof known?.isTransaction === "boolean" &&
    typeof known.location === "function" &&
    typeof known.prepare === "function"
  );
}

/**
 * By their names without symbolic links, as SQLite names the files beside them. A hard link is
 * another name: who opens one file by two of them has two write-ahead logs, which damages it.
 * Source: sqlite.org/howtocorrupt.html, 2.5.
 */
function isSameFile(found: string | null, path: string): boolean {
  if (found === null || !existsSync(found)) return false;
  return realpathSync.native(found) === realpathSync.native(path);
}
