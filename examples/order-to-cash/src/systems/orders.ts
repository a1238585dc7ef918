import { seededRandom, type SeededRandom } from "holdfast/testing";
import { APPROVE_ABOVE_CENTS, type Order } from "../order.ts";

/** What will happen to a valid order, if the rules of the example are followed. */
export type OrderTrait = "plain" | "large" | "declined-card" | "blocked-customer";

/** One arrival: the text as it comes in. */
export type ArrivingOrder =
  | {
      readonly kind: "order";
      readonly raw: string;
      readonly orderId: string;
      readonly trait: OrderTrait;
    }
  /** An order that has arrived before, with the same content. */
  | { readonly kind: "duplicate"; readonly raw: string; readonly orderId: string }
  /** Must be refused with a clear error. `flaw` says why; an orderId in it is used nowhere else. */
  | { readonly kind: "malformed"; readonly raw: string; readonly flaw: string };

const SHARES = {
  large: 0.1,
  declinedCard: 0.03,
  blockedCustomer: 0.02,
  duplicate: 0.08,
  malformed: 0.04,
};

const NAMES = [
  "Ada",
  "Blaise",
  "Carl",
  "Dorothy",
  "Edsger",
  "Frances",
  "Grace",
  "Hedy",
  "Ibn",
  "Joan",
];
const FIRMS = [
  "Bakery",
  "Chandlers",
  "Dairy",
  "Foundry",
  "Joinery",
  "Mills",
  "Nursery",
  "Printworks",
];

/** How an order may be broken, given the text of a good one. */
const FLAWS: readonly { readonly flaw: string; readonly spoil: (order: Order) => string }[] = [
  { flaw: "broken JSON", spoil: (order) => JSON.stringify(order).slice(0, -9) },
  { flaw: "missing fields", spoil: ({ orderId, cents }) => JSON.stringify({ orderId, cents }) },
  { flaw: "cents is not whole", spoil: (order) => JSON.stringify({ ...order, cents: 12.5 }) },
  {
    // Whoever copies members carelessly reads the missing amount through the prototype.
    flaw: "cents only in __proto__",
    spoil: ({ cents, ...rest }) =>
      `${JSON.stringify(rest).slice(0, -1)},"__proto__":{"cents":${String(cents)}}}`,
  },
  {
    flaw: "lone surrogate",
    spoil: (order) => JSON.stringify({ ...order, customer: `${order.customer} \ud800` }),
  },
  { flaw: "number beyond double", spoil: (order) => withRawCents(order, "1e400") },
  { flaw: "integer beyond 2^53", spoil: (order) => withRawCents(order, "90071992547409930") },
  { flaw: "empty text", spoil: () => "" },
];

/**
 * Orders as they arrive: `count` distinct valid ones, about 8 % duplicates and 4 % malformed ones
 * among them. Of the valid, 10 % are above APPROVE_ABOVE_CENTS, 3 % have a card that is declined and
 * 2 % a blocked customer; at small counts these are rounded. The same count and seed give the same
 * arrivals; ids of different seeds are different.
 *
 * @throws {RangeError} if `count` is not a whole number of at least 0.
 */
export function makeOrders(options: {
  readonly count: number;
  readonly seed: number;
}): ArrivingOrder[] {
  const { count, seed } = options;
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new RangeError(`expected a whole number of orders, got ${String(count)}`);
  }
  const random = seededRandom(seed, "orders");
  const traits = random.shuffle(traitsFor(count));
  const arrivals: { readonly place: number; readonly order: ArrivingOrder }[] = traits.map(
    (trait, index) => {
      const orderId = `ORD-${String(seed)}-${String(index + 1).padStart(5, "0")}`;
      const raw = JSON.stringify(makeOrder(random, orderId, trait));
      return { place: index, order: { kind: "order", raw, orderId, trait } };
    },
  );
  const originals = random.shuffle(arrivals).slice(0, Math.round(count * SHARES.duplicate));
  const duplicates = originals.flatMap(({ place, order }) => {
    if (order.kind !== "order") return [];
    const { raw, orderId } = order;
    // Anywhere after the order it repeats: at once, or when that one has long been done.
    const later = place + (count - place) * random.next();
    return [{ place: later, order: { kind: "duplicate", raw, orderId } as const }];
  });
  const malformed = Array.from({ length: Math.round(count * SHARES.malformed) }, (_, index) => {
    const orderId = `ORD-${String(seed)}-M${String(index + 1).padStart(4, "0")}`;
    const { flaw, spoil } = FLAWS[index % FLAWS.length] ?? random.pick(FLAWS);
    const raw = spoil(makeOrder(random, orderId, "plain"));
    return { place: count * random.next(), order: { kind: "malformed", raw, flaw } as const };
  });
  // The sort is stable, so a duplicate with the place of its original still comes after it.
  return [...arrivals, ...duplicates, ...malformed]
    .toSorted((one, other) => one.place - other.place)
    .map((arrival) => arrival.order);
}

function traitsFor(count: number): OrderTrait[] {
  const traits: OrderTrait[] = [
    ...times<OrderTrait>(Math.round(count * SHARES.large), "large"),
    ...times<OrderTrait>(Math.round(count * SHARES.declinedCard), "declined-card"),
    ...times<OrderTrait>(Math.round(count * SHARES.blockedCustomer), "blocked-customer"),
  ];
  return [...traits, ...times<OrderTrait>(count - traits.length, "plain")];
}

function times<T>(length: number, value: T): T[] {
  return Array.from({ length }, () => value);
}

function makeOrder(random: SeededRandom, orderId: string, trait: OrderTrait): Order {
  const name = `${random.pick(NAMES)} ${random.pick(FIRMS)} ${String(random.integer(90) + 10)}`;
  const digits = String(random.integer(1_000_000_000)).padStart(12, "0");
  return {
    orderId,
    customer: trait === "blocked-customer" ? `${name} (blocked)` : name,
    email: `${name.toLowerCase().replaceAll(" ", ".")}@example.test`,
    card: `${trait === "declined-card" ? "4000" : "4242"}${digits}`,
    cents:
      trait === "large"
        ? APPROVE_ABOVE_CENTS + 1 + random.integer(2_000_000)
        : 100 + random.integer(APPROVE_ABOVE_CENTS - 99),
  };
}

/** JSON with an amount that JSON.stringify would not write. */
function withRawCents(order: Order, text: string): string {
  return JSON.stringify({ ...order, cents: 0 }).replace('"cents":0', `"cents":${text}`);
}
