import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { SystemName } from "./system-process.ts";

/** One effect that one of the other systems has really executed. */
export interface LedgerRow {
  readonly businessKey: string;
  readonly action: string;
  readonly amountCents: number | null;
  readonly idempotencyKey: string | null;
  readonly atMs: number;
}

/**
 * All rows of a system's ledger, in the order in which they were written.
 * @throws {Error} if there is no such file, or no ledger in it.
 */
export function readLedger(file: string): LedgerRow[] {
  if (!existsSync(file)) throw new Error(`expected a ledger in ${file}, got no such file`);
  // Not read-only: after a SIGKILL the write-ahead log has to be recovered by whoever opens it next.
  const db = new DatabaseSync(file);
  try {
    return db
      .prepare(
        "SELECT business_key, action, amount_cents, idempotency_key, at_ms FROM ledger ORDER BY rowid",
      )
      .all()
      .map((row) => ({
        businessKey: String(row["business_key"]),
        action: String(row["action"]),
        amountCents: row["amount_cents"] === null ? null : Number(row["amount_cents"]),
        idempotencyKey: row["idempotency_key"] === null ? null : String(row["idempotency_key"]),
        atMs: Number(row["at_ms"]),
      }));
  } finally {
    db.close();
  }
}

/** Which system executes which effect, by the effect's name. */
export const SYSTEM_OF_ACTION = {
  "upsert-customer": "crm",
  "charge-card": "payments",
  "refund-card": "payments",
  "create-invoice": "erp",
  "post-invoice": "erp",
  "cancel-invoice": "erp",
  "send-confirmation": "mail",
} as const satisfies Record<string, SystemName>;
