/** Reference case 1: an order becomes cash, whatever CRM, payments, ERP and mail do meanwhile. */
import { review, workflow, type Run } from "holdfast";
import { z } from "zod";
import type { OrderEffects } from "./effects.ts";
import { amountOf, APPROVE_ABOVE_CENTS, order, type Order } from "./order.ts";

export const bigOrder = review("big-order", {
  subject: z.object({ orderId: z.string(), customer: z.string(), cents: z.int() }),
  decision: z.object({ approve: z.boolean(), note: z.string().min(1) }),
  by: "finance-approvers",
  notBy: "starter",
  describe: ({ cents }) => amountOf(cents),
});

/**
 * The confirmation comes last: by then the sale is done, and a mail that may or may not have arrived
 * is no reason to undo it.
 */
export function placeOrderWith(effects: OrderEffects) {
  return workflow(
    "place-order",
    {
      input: order,
      output: z.object({ invoice: z.string(), confirmation: z.enum(["sent", "unknown"]) }),
      key: ({ orderId }) => orderId,
      owner: "order-desk",
      onFailure: "compensate",
      reviews: [bigOrder],
      describe: ({ cents, customer }) => ({ ...amountOf(cents), keys: { customer } }),
      sensitive: ["/card", "/email"],
    },
    async (input, run) => {
      const { orderId, customer, email, card, cents } = input;
      await run.do(effects.upsertCustomer, { orderId, name: customer, email });
      const credit = await run.step("check-credit", () => checkCredit(input));
      if (credit.mustBeApproved) {
        const decision = await run.ask(bigOrder, { orderId, customer, cents });
        if (!decision.approve) run.stop(`rejected: ${decision.note}`);
      }
      // A declined card is left to the exception that the order desk owns: nothing was charged, and
      // what the desk wants is to call the customer, not to find the order closed.
      const { chargeId } = await run.do(effects.chargeCard, { orderId, card, cents });
      const { number } = await run.do(effects.createInvoice, { orderId, customer, cents });
      await run.do(effects.postInvoice, { number });
      const confirmation = await confirm(run, effects, { orderId, to: email, invoice: number });
      await run.do(effects.writeAudit, { orderId, chargeId, invoice: number, cents });
      return { invoice: number, confirmation };
    },
  );
}

/** The rule is the same on every machine and at any time, so it may be a plain step. */
function checkCredit({ cents }: Order): { readonly mustBeApproved: boolean } {
  return { mustBeApproved: cents > APPROVE_ABOVE_CENTS };
}

async function confirm(
  run: Run,
  effects: OrderEffects,
  message: { readonly orderId: string; readonly to: string; readonly invoice: string },
): Promise<"sent" | "unknown"> {
  const first = await run.try(effects.sendConfirmation, message);
  if (first.ok) return "sent";
  // It may have arrived: the front office has an exception that says so, and the order goes on.
  if (first.failure.effect !== "never") return "unknown";
  // It surely has not left, so a second message cannot double it; now it waits until somebody decides.
  await run.do(effects.sendConfirmation, message, { as: "send-confirmation-again" });
  return "sent";
}
