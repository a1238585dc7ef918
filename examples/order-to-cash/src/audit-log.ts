import { DatabaseSync } from "node:sqlite";
import { systemClock } from "holdfast/testing";

interface AuditEntry {
  readonly orderId: string;
  readonly cents: number;
  readonly atMs: number;
}

/** Our own record of what was sold, in a database of its own. One entry for each order. */
export interface AuditLog {
  /** On disk when it returns. An order that is there already stays as it is. */
  put(orderId: string, cents: number, proof: string): void;
  entries(): AuditEntry[];
  close(): void;
}

export function openAuditLog(file: string): AuditLog {
  const db = new DatabaseSync(file);
  // The wait first: of several engines that start at once, one makes the log, and the others wait.
  db.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  db.exec(`
    CREATE TABLE IF NOT EXISTS audit (
      order_id TEXT    NOT NULL PRIMARY KEY,
      cents    INTEGER NOT NULL,
      proof    TEXT    NOT NULL,               -- JSON: charge and invoice
      at_ms    INTEGER NOT NULL
    ) STRICT;
  `);
  const insert = db.prepare(
    "INSERT INTO audit (order_id, cents, proof, at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  return {
    put: (orderId, cents, proof) => {
      insert.run(orderId, cents, proof, systemClock.nowMs());
    },
    entries: () =>
      db
        .prepare("SELECT order_id, cents, at_ms FROM audit ORDER BY order_id")
        .all()
        .map((row) => ({
          orderId: String(row["order_id"]),
          cents: Number(row["cents"]),
          atMs: Number(row["at_ms"]),
        })),
    close: () => {
      db.close();
    },
  };
}
