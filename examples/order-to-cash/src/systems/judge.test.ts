import { describe, expect, test } from "vitest";
import { judge, type Evidence, type OrderAccount } from "./judge.ts";
import type { LedgerRow } from "./ledger.ts";

const EXPECTED = [
  "upsert-customer",
  "charge-card",
  "create-invoice",
  "post-invoice",
  "send-confirmation",
];

function row(businessKey: string, action: string): LedgerRow {
  return { businessKey, action, amountCents: 100, idempotencyKey: null, atMs: 1 };
}

/** The rows of an order that went through. */
function allRows(orderId: string): LedgerRow[] {
  return EXPECTED.map((action) => row(orderId, action));
}

function completed(orderId: string): OrderAccount {
  const effects = Object.fromEntries(EXPECTED.map((action) => [action, "done" as const]));
  return { orderId, state: "completed", effects };
}

function verdictOf(
  rows: readonly LedgerRow[],
  orders: readonly OrderAccount[],
  over: Partial<Evidence> = {},
) {
  return judge({
    rows,
    orders,
    expected: EXPECTED,
    repeatable: ["upsert-customer"],
    undoneBy: { "charge-card": "refund-card", "create-invoice": "cancel-invoice" },
    ...over,
  });
}

const NOTHING = { duplicated: [], lost: [], orphaned: [], unfounded: [], notUndone: [] };

describe("judge", () => {
  test("finds nothing where everything was done once", () => {
    const rows = [...allRows("A"), ...allRows("B")];
    expect(verdictOf(rows, [completed("A"), completed("B")])).toMatchObject(NOTHING);
  });

  test("finds a duplicate, but not of an effect that may be repeated", () => {
    const rows = [...allRows("A"), row("A", "upsert-customer"), row("A", "create-invoice")];
    expect(verdictOf(rows, [completed("A")])).toMatchObject({
      ...NOTHING,
      duplicated: [{ orderId: "A", action: "create-invoice", rowCount: 2 }],
    });
  });

  test("the same effect for two orders is no duplicate", () => {
    const rows = [...allRows("A"), ...allRows("B")];
    expect(verdictOf(rows, [completed("A"), completed("B")]).duplicated).toEqual([]);
  });

  test("finds what a completed order has lost", () => {
    const rows = allRows("A").filter((one) => one.action !== "send-confirmation");
    const verdicts = verdictOf(rows, [completed("A")]);
    expect(verdicts.lost).toMatchObject([
      { orderId: "A", action: "send-confirmation", rowCount: 0 },
    ]);
    expect(verdicts.orphaned).toEqual([]);
  });

  test("an order that is not completed has lost nothing yet", () => {
    const waiting: OrderAccount = {
      orderId: "A",
      state: "review",
      effects: { "upsert-customer": "done" },
    };
    expect(verdictOf([row("A", "upsert-customer")], [waiting])).toMatchObject(NOTHING);
  });

  test("finds a row of an order that nobody knows", () => {
    const verdicts = verdictOf([...allRows("A"), row("X", "charge-card")], [completed("A")]);
    expect(verdicts.orphaned).toEqual([
      { orderId: "X", action: "charge-card", rowCount: 1, because: "Holdfast knows no such order" },
    ]);
  });

  test.each(["not-done", "none"] as const)("finds a row that is recorded as %s", (recorded) => {
    const order: OrderAccount = {
      orderId: "A",
      state: "exception",
      effects: { "create-invoice": recorded },
    };
    expect(verdictOf([row("A", "create-invoice")], [order])).toMatchObject({
      ...NOTHING,
      orphaned: [{ because: `recorded as ${recorded} in an order that is exception` }],
    });
  });

  test("a row that is recorded as open is explained, and so is an open effect without a row", () => {
    const order: OrderAccount = {
      orderId: "A",
      state: "exception",
      effects: { "charge-card": "open", "send-confirmation": "open" },
    };
    expect(verdictOf([row("A", "charge-card")], [order])).toMatchObject(NOTHING);
  });

  test("finds an effect that is recorded as done and was not, in an order of any state", () => {
    const order: OrderAccount = {
      orderId: "A",
      state: "review",
      effects: { "charge-card": "done" },
    };
    expect(verdictOf([], [order])).toMatchObject({
      ...NOTHING,
      unfounded: [{ orderId: "A", action: "charge-card" }],
    });
  });

  test("charge and refund side by side are what a compensated order looks like", () => {
    const order: OrderAccount = {
      orderId: "A",
      state: "compensated",
      effects: { "charge-card": "done", "refund-card": "done" },
    };
    const rows = [row("A", "charge-card"), row("A", "refund-card")];
    expect(verdictOf(rows, [order])).toMatchObject(NOTHING);
  });

  test("finds a compensated order whose charge was never given back", () => {
    const order: OrderAccount = {
      orderId: "A",
      state: "compensated",
      effects: { "charge-card": "done", "create-invoice": "not-done" },
    };
    expect(verdictOf([row("A", "charge-card")], [order])).toMatchObject({
      ...NOTHING,
      notUndone: [
        {
          orderId: "A",
          action: "charge-card",
          because: "compensated without a row of refund-card",
        },
      ],
    });
  });

  test("counts what was recorded and what is there, by action", () => {
    const open: OrderAccount = {
      orderId: "B",
      state: "parked",
      effects: { "charge-card": "open" },
    };
    const { totals } = verdictOf(
      [...allRows("A"), row("B", "charge-card")],
      [completed("A"), open],
    );
    expect(totals["charge-card"]).toEqual({ done: 1, open: 1, rows: 2 });
    expect(totals["refund-card"]).toEqual({ done: 0, open: 0, rows: 0 });
  });

  test("names from outside cannot be mistaken for members of an object", () => {
    const order: OrderAccount = { orderId: "__proto__", state: "review", effects: {} };
    const verdicts = verdictOf([row("__proto__", "constructor")], [order]);
    expect(verdicts.orphaned).toMatchObject([{ orderId: "__proto__", action: "constructor" }]);
  });

  test("refuses two accounts of one order", () => {
    expect(() => verdictOf([], [completed("A"), completed("A")])).toThrow(/got two for A/);
  });
});
