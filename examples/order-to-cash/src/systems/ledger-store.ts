import { DatabaseSync } from "node:sqlite";

/** One effect that was really executed. */
export interface Executed {
  /** The order that it was done for. */
  readonly businessKey: string;
  /** The name that the effect has in our workflow, so that the two can be compared. */
  readonly action: string;
  readonly amountCents: number | null;
  readonly idempotencyKey: string | null;
}

/**
 * Opens the database of a system, with its ledger. FULL is read back because the whole example rests
 * on it: a row is on disk before its answer leaves.
 *
 * @throws {Error} if SQLite does not say that it writes through to the disk.
 */
export function openLedger(file: string): DatabaseSync {
  const db = new DatabaseSync(file);
  db.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  const synchronous = db.prepare("PRAGMA synchronous").get()?.["synchronous"];
  if (synchronous !== 2) {
    throw new Error(`expected synchronous = 2 (FULL) in ${file}, got ${String(synchronous)}`);
  }
  db.exec(`
    CREATE TABLE IF NOT EXISTS ledger (
      business_key    TEXT    NOT NULL,
      action          TEXT    NOT NULL,
      amount_cents    INTEGER,
      idempotency_key TEXT,
      at_ms           INTEGER NOT NULL
    ) STRICT;
  `);
  return db;
}

/** Writes one row for one executed effect; the caller's transaction commits it with the effect. */
export function ledgerWriter(db: DatabaseSync): (executed: Executed) => void {
  const insert = db.prepare(
    "INSERT INTO ledger (business_key, action, amount_cents, idempotency_key, at_ms) VALUES (?, ?, ?, ?, ?)",
  );
  return (executed) => {
    const { businessKey, action, amountCents, idempotencyKey } = executed;
    insert.run(businessKey, action, amountCents, idempotencyKey, Date.now());
  };
}

/** Runs the work in one transaction, which is on disk when this returns. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
