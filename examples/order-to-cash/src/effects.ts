/**
 * What a run of place-order does outside, each with its repeat contract: the answer to "if I send it
 * twice, what happens?".
 */
import { cannotTell, conflict, done, effect, notDone, type Attempt, type Seen } from "holdfast";
import { HttpCallFailed, type HttpClient } from "holdfast/connectors/http";
import { z } from "zod";
import type { AuditLog } from "./audit-log.ts";
import { ErpRefused, SETTLE_MS, type Systems } from "./integrations.ts";
import { amountOf } from "./order.ts";

const SETTLE = `${SETTLE_MS}ms` as const;
const TIMEOUT = "1200ms";
/** Generous, because 60 % of the requests may fail; what uses it up waits for a person. */
const RETRY = { attempts: 25, within: "5m", first: "200ms" } as const;
const KEY_WINDOW = "24h";

const cents = z.int().min(1);
const nothing = z.object({});
const chargeRef = z.object({ chargeId: z.string() });
const refundRef = z.object({ refundId: z.string() });
const invoiceRef = z.object({ number: z.string() });

export type OrderEffects = ReturnType<typeof orderEffects>;

export function orderEffects(systems: Systems, audit: AuditLog) {
  const refund = refundCard(systems.payments);
  const cancel = cancelInvoice(systems.erp);
  return {
    upsertCustomer: upsertCustomer(systems.crm),
    chargeCard: chargeCard(systems.payments, refund),
    refundCard: refund,
    createInvoice: createInvoice(systems.erp, cancel),
    cancelInvoice: cancel,
    postInvoice: postInvoice(systems.erp),
    sendConfirmation: sendConfirmation(systems.mail),
    writeAudit: writeAudit(systems.audit, audit),
  };
}

/** Idempotent: the customer is what we say, however often we say it. */
function upsertCustomer({ on, client }: Systems["crm"]) {
  return effect("upsert-customer", {
    on,
    repeat: "idempotent",
    why: "upsert",
    timeout: TIMEOUT,
    retry: RETRY,
    input: z.object({ orderId: z.string(), name: z.string(), email: z.string() }),
    output: nothing,
    sensitive: ["/email"],
    // A customer without an order does no harm.
    compensate: "none",
    run: async ({ orderId, name, email }, attempt) => {
      const path = `/customers/${encodeURIComponent(email)}`;
      const json = { orderId, name };
      await client.request(attempt, { method: "PUT", path, json, expect: "none" });
      return {};
    },
  });
}

/** Keyed: the provider drops repeats of our key for a day. Undone by a refund, which is keyed too. */
function chargeCard({ on, client }: Systems["payments"], refund: ReturnType<typeof refundCard>) {
  return effect("charge-card", {
    on,
    repeat: "keyed",
    keyWindow: KEY_WINDOW,
    settle: SETTLE,
    timeout: TIMEOUT,
    retry: RETRY,
    // A declined card is not the payment team's to solve: the desk calls the customer.
    owner: "order-desk",
    input: z.object({ orderId: z.string(), card: z.string(), cents }),
    output: chargeRef,
    describe: (charge) => amountOf(charge.cents),
    sensitive: ["/card"],
    classify: (error) =>
      error instanceof HttpCallFailed && error.evidence.status === 402
        ? { class: "policy", effect: "never", reasonCode: "PAYMENTS:CARD_DECLINED" }
        : undefined,
    run: async (charge, attempt) => {
      const path = "/charges";
      const answer = await client.request(attempt, { method: "POST", path, json: charge });
      return chargeRef.parse(answer.body);
    },
    probe: async (_charge, attempt) => {
      const found = z.object({ charges: z.array(chargeRef) });
      const { charges } = found.parse(await read(client, attempt, "/charges", attempt.key));
      return onlyOne(charges, (charge) => charge.chargeId);
    },
    compensate: {
      effect: refund,
      input: ({ orderId, cents: charged }, { chargeId }) => ({ orderId, chargeId, cents: charged }),
    },
  });
}

function refundCard({ on, client }: Systems["payments"]) {
  return effect("refund-card", {
    on,
    repeat: "keyed",
    keyWindow: KEY_WINDOW,
    settle: SETTLE,
    timeout: TIMEOUT,
    retry: RETRY,
    input: z.object({ orderId: z.string(), chargeId: z.string(), cents }),
    output: refundRef,
    describe: (refund) => amountOf(refund.cents),
    run: async (refund, attempt) => {
      const path = "/refunds";
      const answer = await client.request(attempt, { method: "POST", path, json: refund });
      return refundRef.parse(answer.body);
    },
    probe: async (_refund, attempt) => {
      const found = z.object({ refunds: z.array(refundRef) });
      const { refunds } = found.parse(await read(client, attempt, "/refunds", attempt.key));
      return onlyOne(refunds, (refund) => refund.refundId);
    },
  });
}

/** Probeable: the ERP knows no keys, but can be searched by our order number. */
function createInvoice({ on, client }: Systems["erp"], cancel: ReturnType<typeof cancelInvoice>) {
  return effect("create-invoice", {
    on,
    repeat: "probeable",
    settle: SETTLE,
    timeout: TIMEOUT,
    retry: RETRY,
    owner: "accounts-receivable",
    input: z.object({ orderId: z.string(), customer: z.string(), cents }),
    output: invoiceRef,
    describe: (wanted) => amountOf(wanted.cents),
    run: async (wanted, attempt) => change(client, attempt, "/invoices", { ...wanted }),
    probe: async (wanted, attempt) => {
      const query = { order: wanted.orderId };
      const answer = await client.request(attempt, { method: "GET", path: "/invoices", query });
      const { invoices } = z.object({ invoices: z.array(invoice) }).parse(answer.body);
      const [first] = invoices;
      if (first !== undefined && first.cents !== wanted.cents) return conflict(first);
      return onlyOne(invoices, (found) => found.number);
    },
    compensate: {
      effect: cancel,
      input: (_wanted, { number }) => ({ number }),
    },
  });
}

/** Probeable: the state of the invoice tells whether it was posted. */
function postInvoice({ on, client }: Systems["erp"]) {
  return effect("post-invoice", {
    on,
    repeat: "probeable",
    settle: SETTLE,
    timeout: TIMEOUT,
    retry: RETRY,
    owner: "accounts-receivable",
    input: invoiceRef,
    output: invoiceRef,
    // Cancelling the invoice takes its posting back with it.
    compensate: "none",
    run: async ({ number }, attempt) => change(client, attempt, `/invoices/${number}/post`),
    probe: async ({ number }, attempt) => seenInState(client, attempt, number, "posted"),
  });
}

function cancelInvoice({ on, client }: Systems["erp"]) {
  return effect("cancel-invoice", {
    on,
    repeat: "probeable",
    settle: SETTLE,
    timeout: TIMEOUT,
    retry: RETRY,
    owner: "accounts-receivable",
    input: invoiceRef,
    output: invoiceRef,
    run: async ({ number }, attempt) => change(client, attempt, `/invoices/${number}/cancel`),
    probe: async ({ number }, attempt) => seenInState(client, attempt, number, "cancelled"),
  });
}

/**
 * Once: a mail server that has taken a message may lose its reply, and nobody can look that up. It
 * declares no undoing, so the front office hears of a confirmation whose order was taken back.
 */
function sendConfirmation({ on, client }: Systems["mail"]) {
  return effect("send-confirmation", {
    on,
    repeat: "once",
    timeout: "1500ms",
    input: z.object({ orderId: z.string(), to: z.string(), invoice: z.string() }),
    output: z.object({ messageId: z.string() }),
    sensitive: ["/to"],
    run: async ({ orderId, to, invoice: number }, attempt) => {
      const { messageId } = await client.send(attempt, {
        to,
        subject: `Your order ${orderId}`,
        text: `Thank you. Your invoice is ${number}.\n`,
        headers: { "X-Order-Id": orderId },
      });
      return { messageId };
    },
  });
}

/** Idempotent: the order number is the primary key of the audit log. */
function writeAudit({ on }: Systems["audit"], audit: AuditLog) {
  return effect("write-audit", {
    on,
    repeat: "idempotent",
    why: "put",
    timeout: "5s",
    retry: RETRY,
    input: z.object({ orderId: z.string(), chargeId: z.string(), invoice: z.string(), cents }),
    output: nothing,
    // What was done stays on record, also if it was undone.
    compensate: "none",
    run: async ({ orderId, cents: charged, ...proof }) => {
      audit.put(orderId, charged, JSON.stringify(proof));
      return {};
    },
  });
}

const invoice = z.object({
  number: z.string(),
  orderId: z.string(),
  cents: z.number(),
  status: z.enum(["draft", "posted", "cancelled"]),
});
const erpAnswer = z.union([
  invoice,
  z.object({ error: z.object({ code: z.string(), message: z.string() }) }),
]);

/** @throws {ErpRefused} for an error that the ERP reports with HTTP 200. */
async function change(
  client: HttpClient,
  attempt: Attempt,
  path: string,
  json?: object,
): Promise<z.infer<typeof invoiceRef>> {
  const call = { method: "POST", path, ...(json === undefined ? {} : { json }) } as const;
  const said = erpAnswer.parse((await client.request(attempt, call)).body);
  if ("error" in said) throw new ErpRefused(said.error.code, said.error.message);
  return { number: said.number };
}

async function seenInState(
  client: HttpClient,
  attempt: Attempt,
  number: string,
  wanted: "posted" | "cancelled",
): Promise<Seen<z.infer<typeof invoiceRef>>> {
  const answer = await client.request(attempt, { method: "GET", path: `/invoices/${number}` });
  const found = invoice.parse(answer.body);
  if (found.status === wanted) return done({ number }, { ref: number });
  // Posted can still be cancelled; what is cancelled will never be posted.
  return found.status === "cancelled" ? conflict(found) : notDone();
}

async function read(
  client: HttpClient,
  attempt: Attempt,
  path: string,
  key: string,
): Promise<unknown> {
  return (await client.request(attempt, { method: "GET", path, query: { key } })).body;
}

function onlyOne<T>(found: readonly T[], refOf: (one: T) => string): Seen<T> {
  const [first, second] = found;
  if (first === undefined) return notDone();
  if (second !== undefined) return cannotTell(`${String(found.length)} of them are there`);
  return done(first, { ref: refOf(first) });
}
