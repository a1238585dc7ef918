/** Holds the books against the promises (reliability, section 2). Pure. */
import type { JudgedBooks, OrderBook } from "./books.ts";
import { SETTLE_MS } from "./integrations.ts";
import { judge, type Finding, type Verdicts } from "./systems/judge.ts";

const EXPECTED = [
  "upsert-customer",
  "charge-card",
  "create-invoice",
  "post-invoice",
  "write-audit",
];
/** Doing it twice changes nothing, and the CRM's ledger shows each time. */
const REPEATABLE = ["upsert-customer"];
const UNDONE_BY = { "charge-card": "refund-card", "create-invoice": "cancel-invoice" };

export interface Findings extends Verdicts {
  /** Orders that are neither over nor in the hands of a named person or team, with what they wait for. */
  readonly stuck: readonly { readonly orderId: string; readonly why: string }[];
  /** Accepted orders that the store does not know. */
  readonly vanished: readonly string[];
}

export function findingsOf(books: JudgedBooks, accepted: ReadonlyMap<string, string>): Findings {
  const verdicts = judge({
    rows: books.ledger,
    orders: books.orders.map((order) => ({
      orderId: order.orderId,
      // Nothing of a cancelled or rejected order may be left, also where nothing had to be undone.
      state: isTakenBack(order) ? "compensated" : order.run.state,
      effects: order.effects,
    })),
    expected: EXPECTED,
    repeatable: REPEATABLE,
    undoneBy: UNDONE_BY,
  });
  const known = new Set(books.orders.map((order) => order.orderId));
  return {
    ...verdicts,
    lost: [...verdicts.lost, ...lostMails(books)],
    stuck: books.orders.flatMap((order) => {
      const why = whyStuck(order);
      return why === null ? [] : [{ orderId: order.orderId, why }];
    }),
    vanished: [...accepted.keys()].filter((orderId) => !known.has(orderId)),
  };
}

export function isTakenBack({ run }: OrderBook): boolean {
  return run.state === "cancelled" || run.state === "stopped";
}

/** A mail may be missing only where its order has an open exception that says so. */
function lostMails({ orders, ledger }: JudgedBooks): Finding[] {
  const action = "send-confirmation";
  const mailed = new Set(
    ledger.filter((row) => row.action === action).map((row) => row.businessKey),
  );
  return orders
    .filter(({ run, orderId }) => run.state === "completed" && !mailed.has(orderId))
    .filter((order) => !order.exceptions.some((open) => open.effectName === action))
    .map(({ orderId }) => ({
      orderId,
      action,
      rowCount: 0,
      because: "completed without a mail, and nobody was told",
    }));
}

/** Null if the order is over, or somebody who is named has it. */
function whyStuck(order: OrderBook): string | null {
  const { run, exceptions, reviews } = order;
  switch (run.state) {
    case "completed":
    case "stopped":
    case "cancelled":
      return null;
    case "review":
      return reviews.some((review) => review.by !== "") ? null : whyOf(order);
    case "exception":
    case "held":
      return exceptions.some((exception) => exception.owner !== "") ? null : whyOf(order);
    case "running":
    case "waiting":
    case "parked":
    case "paused":
    case "cancelling":
    case "compensating":
      return whyOf(order);
  }
}

function whyOf({ run, operations }: OrderBook): string {
  const open = operations
    .filter((operation) => !operation.ended)
    .map(({ step, proof, attempts }) => `${step} ${proof} after ${String(attempts)} attempts`);
  return [`${run.state}: ${run.reason}`, ...open].join("; ");
}

/** A duplicate that is explained by a request that landed later than its contract allows. */
export interface BrokenContract extends Finding {
  /** From the first attempt until the last row came. */
  readonly lateMs: number;
}

/** Duplicates whose last row came later than the settle time after the first attempt was sent. */
export function brokenContracts(books: JudgedBooks, findings: Findings): BrokenContract[] {
  return findings.duplicated.flatMap((finding) => {
    const order = books.orders.find((one) => one.orderId === finding.orderId);
    const operation = order?.operations.find((one) => one.effect === finding.action);
    if (operation?.contract !== "probeable") return [];
    const rows = books.ledger.filter(
      (row) => row.businessKey === finding.orderId && row.action === finding.action,
    );
    const lateMs = Math.max(...rows.map((row) => row.atMs)) - operation.firstSentAtMs;
    return lateMs > SETTLE_MS ? [{ ...finding, lateMs }] : [];
  });
}
