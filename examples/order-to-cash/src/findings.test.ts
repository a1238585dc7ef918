import { describe, expect, test } from "vitest";
import type { JudgedBooks, OrderBook } from "./books.ts";
import { brokenContracts, findingsOf } from "./findings.ts";
import type { LedgerRow } from "./systems/ledger.ts";

const SENT_AT_MS = 1_700_000_000_000;

function row(orderId: string, action: string, atMs = SENT_AT_MS): LedgerRow {
  return { businessKey: orderId, action, amountCents: 100, idempotencyKey: null, atMs };
}

const ALL = [
  "upsert-customer",
  "charge-card",
  "create-invoice",
  "post-invoice",
  "send-confirmation",
  "write-audit",
];

type Operation = OrderBook["operations"][number];

function operation(effect: string, over: Partial<Operation> = {}): Operation {
  return {
    run: 1,
    operation: 2,
    step: effect,
    effect,
    integration: "erp",
    contract: "probeable",
    key: "hf1_x",
    generation: 1,
    digest: "00",
    proof: "surely",
    ended: true,
    attempts: 2,
    firstSentAtMs: SENT_AT_MS,
    lastSentAtMs: SENT_AT_MS,
    endedAtMs: SENT_AT_MS,
    ref: null,
    undoes: null,
    settledBy: null,
    amount: null,
    currency: null,
    ...over,
  };
}

function order(orderId: string, state: OrderBook["run"]["state"], over: Partial<OrderBook> = {}) {
  return {
    orderId,
    run: {
      run: 1,
      namespace: "main",
      workflow: "place-order",
      key: orderId,
      generation: 1,
      version: "1",
      codeVersion: "1",
      owner: "order-desk",
      lane: null,
      correlationId: "run_1",
      startedBy: "intake",
      state,
      reason: "it waits for the rain to stop",
      wakeAtMs: null,
      dependency: null,
      parentRun: null,
      parentStep: null,
      startedAtMs: SENT_AT_MS,
      updatedAtMs: SENT_AT_MS,
      endedAtMs: null,
      deadlineAtMs: null,
      compensated: "no",
      amount: null,
      currency: null,
      keys: null,
    },
    effects: Object.fromEntries(ALL.map((effect) => [effect, "done" as const])),
    operations: ALL.map((effect) => operation(effect)),
    exceptions: [],
    reviews: [],
    ...over,
  } satisfies OrderBook;
}

type Exceptions = OrderBook["exceptions"];
type Reviews = OrderBook["reviews"];

/** Rows with the columns that are looked at; the others do not matter here. */
function exceptions(of: { readonly owner?: string; readonly effectName?: string }): Exceptions {
  return [of] as unknown as Exceptions;
}

function reviews(of: { readonly by: string }): Reviews {
  return [of] as unknown as Reviews;
}

const done = (orderId: string): LedgerRow[] => ALL.map((action) => row(orderId, action));

function find(books: JudgedBooks, accepted = books.orders.map((one) => one.orderId)) {
  return findingsOf(books, new Map(accepted.map((orderId) => [orderId, "run_x"])));
}

test("nothing is found where every order has what it says", () => {
  const found = find({ orders: [order("A", "completed")], ledger: done("A") });
  expect({ ...found, totals: {} }).toEqual({
    duplicated: [],
    orphaned: [],
    lost: [],
    unfounded: [],
    notUndone: [],
    stuck: [],
    vanished: [],
    totals: {},
  });
});

describe("a mail of a completed order", () => {
  const ledger = done("A").filter((one) => one.action !== "send-confirmation");
  const effects = { ...order("A", "completed").effects, "send-confirmation": "open" as const };

  test("that is not there is lost if nobody was told", () => {
    const found = find({ orders: [order("A", "completed", { effects })], ledger });
    expect(found.lost).toMatchObject([{ orderId: "A", action: "send-confirmation" }]);
  });

  test("that is not there is a question if somebody owns it", () => {
    const owned = { effects, exceptions: exceptions({ effectName: "send-confirmation" }) };
    const books = { orders: [order("A", "completed", owned)], ledger };
    expect(find(books).lost).toEqual([]);
  });
});

test("a charge of a cancelled order must have been refunded, and that is judged for rejected ones too", () => {
  for (const state of ["cancelled", "stopped"] as const) {
    const found = find({ orders: [order("A", state)], ledger: done("A") });
    expect(found.notUndone.map((finding) => finding.action)).toEqual([
      "charge-card",
      "create-invoice",
    ]);
  }
});

function stuck(over: Partial<OrderBook>, state: "exception" | "review"): number {
  return find({ orders: [order("A", state, over)], ledger: done("A") }).stuck.length;
}

describe("an order that is not over", () => {
  test("is stuck if the engine should have brought it on, and says why", () => {
    const operations = [operation("post-invoice", { ended: false, proof: "maybe" })];
    const found = find({ orders: [order("A", "parked", { operations })], ledger: done("A") });
    expect(found.stuck).toEqual([
      {
        orderId: "A",
        why: "parked: it waits for the rain to stop; post-invoice maybe after 2 attempts",
      },
    ]);
  });

  test("is stuck if it waits for a person and nobody is named", () => {
    expect(stuck({}, "exception")).toBe(1);
    expect(stuck({ exceptions: exceptions({ owner: "" }) }, "exception")).toBe(1);
    expect(stuck({ exceptions: exceptions({ owner: "order-desk" }) }, "exception")).toBe(0);
    expect(stuck({}, "review")).toBe(1);
    expect(stuck({ reviews: reviews({ by: "finance" }) }, "review")).toBe(0);
  });
});

test("an accepted order that the store does not know has vanished", () => {
  const books = { orders: [order("A", "completed")], ledger: done("A") };
  expect(find(books, ["A", "B"]).vanished).toEqual(["B"]);
});

function contractsOf(books: JudgedBooks) {
  return brokenContracts(books, find(books));
}

describe("a duplicate", () => {
  const orders = [order("A", "completed")];

  test("is a broken contract if its last row came later than the settle time", () => {
    const ledger = [...done("A"), row("A", "create-invoice", SENT_AT_MS + 7_500)];
    expect(contractsOf({ orders, ledger })).toMatchObject([
      { orderId: "A", action: "create-invoice", rowCount: 2, lateMs: 7_500 },
    ]);
  });

  test("is our own fault if both came in time, or if the effect has another contract", () => {
    const early = [...done("A"), row("A", "create-invoice", SENT_AT_MS + 4_000)];
    expect(contractsOf({ orders, ledger: early })).toEqual([]);
    const keyed = [
      order("A", "completed", { operations: [operation("charge-card", { contract: "keyed" })] }),
    ];
    const late = [...done("A"), row("A", "charge-card", SENT_AT_MS + 7_500)];
    expect(contractsOf({ orders: keyed, ledger: late })).toEqual([]);
    expect(find({ orders: keyed, ledger: late }).duplicated).toHaveLength(1);
  });
});
