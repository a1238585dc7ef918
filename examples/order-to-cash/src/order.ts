import { z } from "zod";

/** Above this, somebody has to approve. */
export const APPROVE_ABOVE_CENTS = 500_000;

/** The largest amount that the desk takes at all. */
const CENTS_MAX = 100_000_000;

const text = z.string().min(1).max(200);

/** An order as it arrives. */
export const order = z.object({
  orderId: z.string().regex(/^ORD-[\w-]{1,60}$/),
  customer: text,
  email: z.email().max(200),
  card: z.string().regex(/^\d{12,19}$/),
  cents: z.int().min(1).max(CENTS_MAX),
});
export type Order = z.infer<typeof order>;

/** For people: 12345 is "123.45". */
export function amountOf(cents: number): { readonly amount: string; readonly currency: "EUR" } {
  return { amount: (cents / 100).toFixed(2), currency: "EUR" };
}
