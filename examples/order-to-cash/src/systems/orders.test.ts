import { describe, expect, test } from "vitest";
import { APPROVE_ABOVE_CENTS, order as orderSchema, type Order } from "../order.ts";
import { makeOrders, type ArrivingOrder, type OrderTrait } from "./orders.ts";

const arrivals = makeOrders({ count: 300, seed: 1 });

function ofKind<K extends ArrivingOrder["kind"]>(kind: K): Extract<ArrivingOrder, { kind: K }>[] {
  return arrivals.filter((one): one is Extract<ArrivingOrder, { kind: K }> => one.kind === kind);
}

/** What a careful reader makes of the text: own members only, no text that is not Unicode, exact cents. */
function validOrder(raw: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
  if (typeof value !== "object" || value === null) return false;
  const members = new Map<string, unknown>(Object.entries(value));
  const isText = (name: string): boolean => {
    const text = members.get(name);
    return typeof text === "string" && !/\p{Surrogate}/u.test(text);
  };
  return (
    ["orderId", "customer", "email", "card"].every(isText) &&
    Number.isSafeInteger(members.get("cents"))
  );
}

function countOf(trait: OrderTrait): number {
  return ofKind("order").filter((order) => order.trait === trait).length;
}

describe("makeOrders", () => {
  test("makes the same orders for the same seed, and others for another", () => {
    expect(makeOrders({ count: 300, seed: 1 })).toEqual(arrivals);
    const other = makeOrders({ count: 300, seed: 2 });
    const ids = new Set(ofKind("order").map((order) => order.orderId));
    expect(other.some((one) => one.kind === "order" && ids.has(one.orderId))).toBe(false);
  });

  test("makes as many distinct valid orders as asked, and 8 % and 4 % more", () => {
    const orders = ofKind("order");
    expect(new Set(orders.map((order) => order.orderId)).size).toBe(300);
    expect(orders.every((order) => validOrder(order.raw))).toBe(true);
    const taken = orders.filter((order) => orderSchema.safeParse(JSON.parse(order.raw)).success);
    expect(taken).toHaveLength(300);
    expect(ofKind("duplicate")).toHaveLength(24);
    expect(ofKind("malformed")).toHaveLength(12);
  });

  test("the shares of the traits are as said, and the orders are as their trait says", () => {
    expect([countOf("large"), countOf("declined-card"), countOf("blocked-customer")]).toEqual([
      30, 9, 6,
    ]);
    for (const { raw, trait } of ofKind("order")) {
      const order = JSON.parse(raw) as Order;
      expect(order.cents > APPROVE_ABOVE_CENTS).toBe(trait === "large");
      expect(order.card.startsWith("4000")).toBe(trait === "declined-card");
      expect(/blocked/i.test(order.customer)).toBe(trait === "blocked-customer");
      expect(order.cents).toBeGreaterThan(0);
    }
  });

  test("a duplicate is the same text as its original, and comes after it", () => {
    const wrong = arrivals.filter((one, place) => {
      if (one.kind !== "duplicate") return false;
      const original = arrivals.findIndex(
        (other) => other.kind === "order" && other.orderId === one.orderId && other.raw === one.raw,
      );
      return original < 0 || original > place;
    });
    expect(wrong).toEqual([]);
  });

  test("every flaw occurs, and a careful reader refuses each", () => {
    const malformed = ofKind("malformed");
    expect([...new Set(malformed.map((one) => one.flaw))].toSorted()).toEqual([
      "broken JSON",
      "cents is not whole",
      "cents only in __proto__",
      "empty text",
      "integer beyond 2^53",
      "lone surrogate",
      "missing fields",
      "number beyond double",
    ]);
    expect(malformed.filter((one) => validOrder(one.raw))).toEqual([]);
  });

  test("the ids in malformed orders are of no valid one", () => {
    const ids = ofKind("order").map((order) => order.orderId);
    for (const { raw } of ofKind("malformed")) {
      expect(ids.filter((id) => raw.includes(id))).toEqual([]);
    }
  });

  test("small counts work, and a count that is none is refused", () => {
    expect(makeOrders({ count: 0, seed: 1 })).toEqual([]);
    expect(makeOrders({ count: 1, seed: 1 })).toHaveLength(1);
    expect(() => makeOrders({ count: 1.5, seed: 1 })).toThrow(/whole number of orders, got 1.5/);
  });
});
