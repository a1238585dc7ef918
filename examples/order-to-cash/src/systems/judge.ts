import type { LedgerRow } from "./ledger.ts";

/**
 * What Holdfast says of one effect. `open`: it may have happened, and somebody or something is on
 * it. `not-done`: it was tried and is known not to have happened. `none`: it was never tried.
 */
export type RecordedEffect = "done" | "open" | "not-done" | "none";

/** What Holdfast says of one order. An effect that is not named is `none`. */
export interface OrderAccount {
  readonly orderId: string;
  /** `completed` and `compensated` are judged; every other state is only compared row by row. */
  readonly state: string;
  readonly effects: Readonly<Record<string, RecordedEffect>>;
}

export interface Finding {
  readonly orderId: string;
  readonly action: string;
  /** Rows in the ledgers for this order and action. */
  readonly rowCount: number;
  readonly because: string;
}

/** Effects of one name: what Holdfast recorded, and what the ledgers have. */
interface ActionTotals {
  readonly done: number;
  readonly open: number;
  readonly rows: number;
}

/** All lists are empty if every promise was kept. */
export interface Verdicts {
  /** More than one row for the order and action, repeatable actions excepted. */
  readonly duplicated: readonly Finding[];
  /** The order is reported completed, and the row of an expected action is missing. */
  readonly lost: readonly Finding[];
  /** A row that no order records as done or as open. */
  readonly orphaned: readonly Finding[];
  /** An effect is recorded as done, in an order of any state, and there is no row. */
  readonly unfounded: readonly Finding[];
  /** The order is reported compensated, and an effect with an undoing was done but not undone. */
  readonly notUndone: readonly Finding[];
  readonly totals: Readonly<Record<string, ActionTotals>>;
}

export interface Evidence {
  /** The rows of all ledgers. */
  readonly rows: readonly LedgerRow[];
  readonly orders: readonly OrderAccount[];
  /** Actions that a completed order must have a row of. */
  readonly expected: readonly string[];
  /** Actions that may have several rows: doing them twice changes nothing. */
  readonly repeatable: readonly string[];
  /** Which action undoes which: `{ "charge-card": "refund-card" }`. */
  readonly undoneBy: Readonly<Record<string, string>>;
}

/**
 * Compares what Holdfast says with what the other systems have really executed (settled.md 32).
 * Pure: everything it knows is in the evidence.
 *
 * @throws {RangeError} if two accounts are of the same order: then there is no one account to judge.
 */
export function judge(evidence: Evidence): Verdicts {
  const accounts = accountsById(evidence.orders);
  const rowCounts = countRows(evidence.rows);
  const counted = [...rowCounts.values()];
  const rowsOf = (orderId: string, action: string): number =>
    rowCounts.get(rowKey(orderId, action))?.rowCount ?? 0;
  return {
    duplicated: counted
      .filter(({ action, rowCount }) => rowCount > 1 && !evidence.repeatable.includes(action))
      .map((row) => ({ ...row, because: `${String(row.rowCount)} rows, at most 1 may be` })),
    orphaned: counted.flatMap((row) => {
      const because = whyOrphaned(accounts.get(row.orderId), row.action);
      return because === undefined ? [] : [{ ...row, because }];
    }),
    lost: evidence.orders
      .filter((order) => order.state === "completed")
      .flatMap(({ orderId }) =>
        evidence.expected
          .filter((action) => rowsOf(orderId, action) === 0)
          .map((action) => ({ orderId, action, rowCount: 0, because: "completed without a row" })),
      ),
    unfounded: evidence.orders.flatMap(({ orderId, effects, state }) =>
      Object.entries(effects)
        .filter(([action, recorded]) => recorded === "done" && rowsOf(orderId, action) === 0)
        .map(([action]) => ({
          orderId,
          action,
          rowCount: 0,
          because: `recorded as done in an order that is ${state}, without a row`,
        })),
    ),
    notUndone: evidence.orders
      .filter((order) => order.state === "compensated")
      .flatMap(({ orderId }) =>
        Object.entries(evidence.undoneBy)
          .filter(
            ([action, undoing]) => rowsOf(orderId, action) > 0 && rowsOf(orderId, undoing) === 0,
          )
          .map(([action, undoing]) => ({
            orderId,
            action,
            rowCount: rowsOf(orderId, action),
            because: `compensated without a row of ${undoing}`,
          })),
      ),
    totals: totalsOf(evidence),
  };
}

interface CountedRows {
  readonly orderId: string;
  readonly action: string;
  readonly rowCount: number;
}

function accountsById(orders: readonly OrderAccount[]): Map<string, OrderAccount> {
  const accounts = new Map<string, OrderAccount>();
  for (const order of orders) {
    if (accounts.has(order.orderId)) {
      throw new RangeError(`expected one account for each order, got two for ${order.orderId}`);
    }
    accounts.set(order.orderId, order);
  }
  return accounts;
}

function countRows(rows: readonly LedgerRow[]): Map<string, CountedRows> {
  const counted = new Map<string, CountedRows>();
  for (const { businessKey: orderId, action } of rows) {
    const key = rowKey(orderId, action);
    counted.set(key, { orderId, action, rowCount: (counted.get(key)?.rowCount ?? 0) + 1 });
  }
  return counted;
}

function rowKey(orderId: string, action: string): string {
  return JSON.stringify([orderId, action]);
}

function whyOrphaned(account: OrderAccount | undefined, action: string): string | undefined {
  if (account === undefined) return "Holdfast knows no such order";
  const recorded = recordedOf(account, action);
  if (recorded === "done" || recorded === "open") return undefined;
  return `recorded as ${recorded} in an order that is ${account.state}`;
}

function recordedOf(account: OrderAccount, action: string): RecordedEffect {
  return Object.hasOwn(account.effects, action) ? (account.effects[action] ?? "none") : "none";
}

function totalsOf({
  rows,
  orders,
  expected,
  repeatable,
  undoneBy,
}: Evidence): Record<string, ActionTotals> {
  const actions = new Set([
    ...expected,
    ...repeatable,
    ...Object.entries(undoneBy).flat(),
    ...rows.map((row) => row.action),
    ...orders.flatMap((order) => Object.keys(order.effects)),
  ]);
  return Object.fromEntries(
    [...actions].toSorted().map((action) => [
      action,
      {
        done: orders.filter((order) => recordedOf(order, action) === "done").length,
        open: orders.filter((order) => recordedOf(order, action) === "open").length,
        rows: rows.filter((row) => row.action === action).length,
      },
    ]),
  );
}
