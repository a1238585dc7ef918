/**
 * The CRM of the example: customers by e-mail address. A PUT says what the customer is to be, so
 * doing it twice changes nothing; its ledger has a row for each time all the same.
 *
 *     node systems/crm.ts --port 4001 --db crm.db
 */
import { listenJson, problem, textField, type JsonAnswer, type JsonRequest } from "./json-http.ts";
import { inTransaction, ledgerWriter } from "./ledger-store.ts";
import { runSystem } from "./system-program.ts";

await runSystem({}, async ({ db, port }) => {
  db.exec(
    "CREATE TABLE IF NOT EXISTS customer (email TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT",
  );
  const upsert = db.prepare(
    "INSERT INTO customer (email, name) VALUES (?, ?) ON CONFLICT (email) DO UPDATE SET name = excluded.name",
  );
  const find = db.prepare("SELECT email, name FROM customer WHERE email = ?");
  const writeLedger = ledgerWriter(db);

  function put(email: string, request: JsonRequest): JsonAnswer {
    const header = request.headers["x-order-id"];
    const orderId =
      textField(request, "orderId") ?? (typeof header === "string" ? header : undefined);
    const name = textField(request, "name");
    if (orderId === undefined || name === undefined) {
      return problem(
        400,
        "about:blank",
        "expected a name, and an orderId in the body or in X-Order-Id",
      );
    }
    inTransaction(db, () => {
      upsert.run(email, name);
      const idempotencyKey = request.headers["idempotency-key"];
      writeLedger({
        businessKey: orderId,
        action: "upsert-customer",
        amountCents: null,
        idempotencyKey: typeof idempotencyKey === "string" ? idempotencyKey : null,
      });
    });
    return { status: 200, body: { email, name } };
  }

  return listenJson(port, (request) => {
    const [, method, path] = /^(PUT|GET) \/customers\/([^/]+)$/.exec(request.route) ?? [];
    const email = path === undefined ? undefined : decoded(path);
    if (email === undefined) return problem(404, "about:blank", "Not Found");
    if (method === "PUT") return put(email, request);
    const customer = find.get(email);
    return customer
      ? { status: 200, body: customer }
      : problem(404, "about:blank", "No such customer");
  });
});

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    // Percent signs that are not UTF-8: no customer is called that.
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
