/**
 * The mail server of the example: takes every message. A message is accepted after its final dot
 * and before the 250, which is when its ledger row is written.
 *
 *     node systems/mail.ts --port 4004 --db mail.db
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import { inTransaction, ledgerWriter } from "./ledger-store.ts";
import { runSystem } from "./system-program.ts";

const MESSAGE_BYTES_MAX = 1024 * 1024;
const CLOSE_MS_MAX = 1_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS message (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT    NOT NULL,
    recipients TEXT    NOT NULL,   -- JSON array of addresses
    source     TEXT    NOT NULL
  ) STRICT;
`;

await runSystem({}, async ({ db, port }) => {
  db.exec(SCHEMA);
  const insert = db.prepare(
    "INSERT INTO message (message_id, recipients, source) VALUES (?, ?, ?)",
  );
  const writeLedger = ledgerWriter(db);

  function accept(source: string, recipients: readonly string[]): void {
    const headers = headersOf(source);
    const [named] = /\bORD-[\w-]+/.exec(headers.get("subject") ?? "") ?? [];
    inTransaction(db, () => {
      insert.run(headers.get("message-id") ?? "", JSON.stringify(recipients), source);
      writeLedger({
        // A message of no order is accepted too; the verdict will call it orphaned.
        businessKey: headers.get("x-order-id") ?? named ?? "(none)",
        action: "send-confirmation",
        amountCents: null,
        idempotencyKey: null,
      });
    });
  }

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    size: MESSAGE_BYTES_MAX,
    closeTimeout: CLOSE_MS_MAX,
    onData: (stream, session, callback) => {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => {
        if (!stream.sizeExceeded) parts.push(part);
      });
      stream.on("end", () => {
        if (stream.sizeExceeded) {
          callback(Object.assign(new Error("message is too large"), { responseCode: 552 }));
          return;
        }
        accept(
          Buffer.concat(parts).toString("utf8"),
          session.envelope.rcptTo.map((recipient) => recipient.address),
        );
        callback(null);
      });
    },
  });
  // A client that leaves in the middle is an error of its connection, not of the server.
  server.on("error", (error) => process.stderr.write(`mail connection: ${error.message}\n`));
  const listener = server.listen(port, "127.0.0.1");
  await once(listener, "listening");
  return {
    // A server that listens on a host and a port has an AddressInfo.
    port: (listener.address() as AddressInfo).port,
    close: async () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
});

/** Header fields by lower-case name, unfolded (RFC 5322, 2.2.3). The first of a name counts. */
function headersOf(source: string): Map<string, string> {
  const [head = ""] = source.split(/\r?\n\r?\n/, 1);
  const fields = new Map<string, string>();
  for (const line of head.replaceAll(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (colon > 0 && !fields.has(name)) fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
}
