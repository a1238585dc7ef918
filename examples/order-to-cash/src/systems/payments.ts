/**
 * The payment provider of the example. It honours Idempotency-Key for a window, as the IETF draft
 * says (draft-ietf-httpapi-idempotency-key-header): same key and same request, the same answer.
 *
 *     node systems/payments.ts --port 4002 --db payments.db --key-window-ms 86400000
 */
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import {
  centsField,
  listenJson,
  problem,
  textField,
  type JsonAnswer,
  type JsonRequest,
} from "./json-http.ts";
import { keyedAnswers, type KeyedWork } from "./keyed-answers.ts";
import { ledgerWriter } from "./ledger-store.ts";
import { runSystem } from "./system-program.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS charge (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id        TEXT    NOT NULL,
    cents           INTEGER NOT NULL,
    idempotency_key TEXT    NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS refund (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_id       INTEGER NOT NULL REFERENCES charge (id),
    order_id        TEXT    NOT NULL,
    cents           INTEGER NOT NULL,
    idempotency_key TEXT    NOT NULL
  ) STRICT;
`;
const PROBLEMS = "https://payments.example/problems";
const CHARGE =
  "SELECT 'ch_' || id AS chargeId, order_id AS orderId, cents, idempotency_key AS key FROM charge";
const REFUND =
  "SELECT 're_' || id AS refundId, 'ch_' || charge_id AS chargeId, order_id AS orderId, cents, idempotency_key AS key FROM refund";

await runSystem(
  { "key-window-ms": 24 * 3_600_000, "work-ms": 10 },
  async ({ db, port, numbers }) => {
    db.exec(SCHEMA);
    const chargeWork = chargeDesk(db);
    const refundWork = refundDesk(db);
    const chargesByKey = db.prepare(`${CHARGE} WHERE idempotency_key = ? ORDER BY id`);
    const refundsByKey = db.prepare(`${REFUND} WHERE idempotency_key = ? ORDER BY id`);
    const answers = keyedAnswers(db, { windowMs: numbers["key-window-ms"], problems: PROBLEMS });

    async function keyed(request: JsonRequest, work: KeyedWork | undefined): Promise<JsonAnswer> {
      if (work === undefined) {
        return problem(400, `${PROBLEMS}/invalid-request`, "A field is missing or wrong");
      }
      return answers(request, work, async () => delay(numbers["work-ms"]));
    }

    return listenJson(port, (request) => {
      const key = request.query.get("key") ?? "";
      switch (request.route) {
        case "POST /charges":
          return keyed(request, chargeWork(request));
        case "POST /refunds":
          return keyed(request, refundWork(request));
        case "GET /charges":
          return { status: 200, body: { charges: chargesByKey.all(key) } };
        case "GET /refunds":
          return { status: 200, body: { refunds: refundsByKey.all(key) } };
        default:
          return problem(404, "about:blank", "Not Found");
      }
    });
  },
);

/** What a request for a charge asks to be done; undefined if it asks for nothing that can be. */
function chargeDesk(db: DatabaseSync): (request: JsonRequest) => KeyedWork | undefined {
  const insert = db.prepare(
    "INSERT INTO charge (order_id, cents, idempotency_key) VALUES (?, ?, ?)",
  );
  const byId = db.prepare(`${CHARGE} WHERE id = ?`);
  const writeLedger = ledgerWriter(db);
  return (request) => {
    const orderId = textField(request, "orderId");
    const card = textField(request, "card");
    const cents = centsField(request);
    if (orderId === undefined || card === undefined || cents === undefined) return undefined;
    return {
      asked: JSON.stringify(["charge", orderId, cents, card]),
      execute: (key) => {
        if (card.startsWith("4000")) {
          return problem(402, `${PROBLEMS}/card-declined`, "The card was declined");
        }
        const { lastInsertRowid } = insert.run(orderId, cents, key);
        writeLedger({
          businessKey: orderId,
          action: "charge-card",
          amountCents: cents,
          idempotencyKey: key,
        });
        return { status: 201, body: byId.get(lastInsertRowid) ?? {} };
      },
    };
  };
}

/** As `chargeDesk`, for refunds. */
function refundDesk(db: DatabaseSync): (request: JsonRequest) => KeyedWork | undefined {
  const insert = db.prepare(
    "INSERT INTO refund (charge_id, order_id, cents, idempotency_key) VALUES (?, ?, ?, ?)",
  );
  const chargeById = db.prepare("SELECT 1 FROM charge WHERE id = ?");
  const byId = db.prepare(`${REFUND} WHERE id = ?`);
  const writeLedger = ledgerWriter(db);
  return (request) => {
    const orderId = textField(request, "orderId");
    const [, chargeId] = /^ch_(\d{1,15})$/.exec(textField(request, "chargeId") ?? "") ?? [];
    const cents = centsField(request);
    if (orderId === undefined || chargeId === undefined || cents === undefined) return undefined;
    return {
      asked: JSON.stringify(["refund", orderId, cents, chargeId]),
      execute: (key) => {
        if (!chargeById.get(Number(chargeId))) {
          return problem(404, `${PROBLEMS}/no-such-charge`, "There is no such charge");
        }
        // A second refund of the same charge under another key is executed: refusing it here would
        // hide from the ledger that somebody asked twice.
        const { lastInsertRowid } = insert.run(Number(chargeId), orderId, cents, key);
        writeLedger({
          businessKey: orderId,
          action: "refund-card",
          amountCents: cents,
          idempotencyKey: key,
        });
        return { status: 201, body: byId.get(lastInsertRowid) ?? {} };
      },
    };
  };
}
