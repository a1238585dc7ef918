/**
 * The ERP of the example: invoices. It knows no idempotency keys and refuses no duplicates, its
 * search shows an invoice only some time after it was made, and it answers business errors with
 * HTTP 200 and an error in the body. Many real ones are like this.
 *
 *     node systems/erp.ts --port 4003 --db erp.db --search-lag-ms 700
 */
import {
  centsField,
  listenJson,
  problem,
  textField,
  type JsonAnswer,
  type JsonRequest,
} from "./json-http.ts";
import { inTransaction, ledgerWriter } from "./ledger-store.ts";
import { runSystem } from "./system-program.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS invoice (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,   -- the number is INV-<id>
    order_id      TEXT    NOT NULL,                    -- not unique: this ERP takes what it is sent
    customer      TEXT    NOT NULL,
    cents         INTEGER NOT NULL,
    status        TEXT    NOT NULL CHECK (status IN ('draft', 'posted', 'cancelled')),
    created_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS invoice_by_order ON invoice (order_id);
`;
const INVOICE =
  "SELECT 'INV-' || id AS number, order_id AS orderId, customer, cents, status FROM invoice";

await runSystem({ "search-lag-ms": 700 }, async ({ db, port, numbers }) => {
  db.exec(SCHEMA);
  const insert = db.prepare(
    "INSERT INTO invoice (order_id, customer, cents, status, created_at_ms) VALUES (?, ?, ?, 'draft', ?)",
  );
  const byId = db.prepare(`${INVOICE} WHERE id = ?`);
  const byOrder = db.prepare(`${INVOICE} WHERE order_id = ? AND created_at_ms <= ? ORDER BY id`);
  const setStatus = db.prepare("UPDATE invoice SET status = ? WHERE id = ?");
  const writeLedger = ledgerWriter(db);

  function create(request: JsonRequest): JsonAnswer {
    const orderId = textField(request, "orderId");
    const customer = textField(request, "customer");
    const cents = centsField(request);
    if (orderId === undefined || customer === undefined || cents === undefined) {
      return businessError(
        "INVALID_INVOICE",
        "expected orderId, customer and a whole number of cents",
      );
    }
    if (/blocked/i.test(customer))
      return businessError("CUSTOMER_BLOCKED", `${customer} is blocked for sales`);
    if (cents === 0) return businessError("AMOUNT_ZERO", "an invoice of 0.00 cannot be made");
    const id = inTransaction(db, () => {
      const { lastInsertRowid } = insert.run(orderId, customer, cents, Date.now());
      writeLedger({
        businessKey: orderId,
        action: "create-invoice",
        amountCents: cents,
        idempotencyKey: null,
      });
      return lastInsertRowid;
    });
    return { status: 200, body: byId.get(id) ?? {} };
  }

  /** Posts or cancels; what cannot be done in the state of the invoice is a business error. */
  function change(id: number, to: "posted" | "cancelled"): JsonAnswer {
    return inTransaction(db, () => {
      const invoice = byId.get(id);
      if (!invoice)
        return businessError("INVOICE_NOT_FOUND", `there is no invoice INV-${String(id)}`);
      const { status, orderId, cents } = invoice;
      if (status === "cancelled")
        return businessError("ALREADY_CANCELLED", `INV-${String(id)} is cancelled`);
      if (status === to) return businessError("ALREADY_POSTED", `INV-${String(id)} is posted`);
      setStatus.run(to, id);
      writeLedger({
        businessKey: String(orderId),
        action: to === "posted" ? "post-invoice" : "cancel-invoice",
        amountCents: Number(cents),
        idempotencyKey: null,
      });
      return { status: 200, body: byId.get(id) ?? {} };
    });
  }

  return listenJson(port, (request) => {
    if (request.route === "POST /invoices") return create(request);
    if (request.route === "GET /invoices") {
      const visibleUntilMs = Date.now() - numbers["search-lag-ms"];
      return {
        status: 200,
        body: { invoices: byOrder.all(request.query.get("order") ?? "", visibleUntilMs) },
      };
    }
    const [, id, verb] =
      /^POST \/invoices\/INV-(\d{1,15})\/(post|cancel)$/.exec(request.route) ?? [];
    if (id !== undefined) return change(Number(id), verb === "post" ? "posted" : "cancelled");
    const [, readId] = /^GET \/invoices\/INV-(\d{1,15})$/.exec(request.route) ?? [];
    const invoice = readId === undefined ? undefined : byId.get(Number(readId));
    return invoice ? { status: 200, body: invoice } : problem(404, "about:blank", "Not Found");
  });
});

function businessError(code: string, message: string): JsonAnswer {
  return { status: 200, body: { error: { code, message } } };
}
