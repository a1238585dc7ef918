/**
 * Rows of what has left and of what was read in. Used by a flush and by verify's fold, which cannot
 * remove records: that is removal.ts.
 */
import type { Change } from "../store/change.ts";
import type { Database, Statement } from "./runtime.ts";

/** Keys that one record forgets at most, the oldest first. */
const KEYS_FORGOTTEN_MAX = 1_000;

const SQL = {
  insert: `insert into archived_run (run, seq, records, digest, key_hash, generation, input_digest,
    key_until_ms) values (?, ?, ?, ?, ?, ?, ?, ?)`,
  forgetKeys: `update archived_run set key_hash = null, generation = null, input_digest = null,
    key_until_ms = null where run in (select run from archived_run where key_until_ms <= ?
    order by key_until_ms, run limit ${String(KEYS_FORGOTTEN_MAX)})`,
  // All of them: what a fold of the records that are left would have forgotten is not the same.
  forgetEvents: "delete from accepted_event where until_ms <= ?",
  imported: `insert into imported_archive (archive, sha256, runs, records, at_ms, done)
    values (?, ?, ?, ?, ?, ?) on conflict (archive) do update set done = max(done, excluded.done)`,
} as const;

type ArchiveChange = Extract<Change, { kind: "runs-archived" | "archive-imported" }>;

export class ArchiveWriter {
  readonly #insert: Statement;
  readonly #forgetKeys: Statement;
  readonly #forgetEvents: Statement;
  readonly #imported: Statement;

  constructor(database: Database) {
    this.#insert = database.prepare(SQL.insert);
    this.#forgetKeys = database.prepare(SQL.forgetKeys);
    this.#forgetEvents = database.prepare(SQL.forgetEvents);
    this.#imported = database.prepare(SQL.imported);
  }

  apply(change: ArchiveChange): void {
    if (change.kind === "archive-imported") {
      const { archive, sha256, runs, records, atMs, done } = change.row;
      this.#imported.run(archive, sha256, runs, records, atMs, done ? 1 : 0);
      return;
    }
    const { seq, atMs, keysUntilMs, runs } = change;
    for (const { run, records, digest, keyHash, generation, inputDigest } of runs) {
      const key = [bytes(keyHash), generation, bytes(inputDigest), keysUntilMs] as const;
      this.#insert.run(run, seq, records, bytes(digest), ...key);
    }
    this.#forgetKeys.run(atMs);
    this.#forgetEvents.run(atMs);
  }
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex, "hex");
}
