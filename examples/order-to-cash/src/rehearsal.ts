/**
 * What may go wrong with place-order, played in virtual time against a fake world: no server is
 * started. `npx holdfast rehearse examples/order-to-cash/src/rehearsal.ts`
 */
import { rehearsal, type Testbed } from "holdfast/testing";
import { orderEffects } from "./effects.ts";
import { connectSystems } from "./integrations.ts";
import { bigOrder, placeOrderWith } from "./workflow.ts";

// Nothing listens there: a rehearsal calls nobody.
const NOWHERE = { crm: 1, payments: 1, erp: 1, mail: 1 };
const effects = orderEffects(connectSystems(NOWHERE), {
  put: () => undefined,
  entries: () => [],
  close: () => undefined,
});
const placeOrder = placeOrderWith(effects);

function world(bed: Testbed): void {
  bed.on(effects.upsertCustomer).answer({});
  bed.on(effects.chargeCard).answer({ chargeId: "ch_1" });
  bed.on(effects.refundCard).answer({ refundId: "re_1" });
  bed.on(effects.createInvoice).answer(({ orderId }) => ({ number: `INV-${orderId}` }));
  bed.on(effects.postInvoice).answer(({ number }) => ({ number }));
  bed.on(effects.cancelInvoice).answer(({ number }) => ({ number }));
  bed.on(effects.sendConfirmation).answer({ messageId: "m-1" });
  bed.on(effects.writeAudit).answer({});
  bed.decide(bigOrder, { approve: true, note: "known customer" }, { user: "finance" });
}

function charged(bed: Testbed): number {
  return bed.on(effects.chargeCard).happened - bed.on(effects.refundCard).happened;
}

function invoiced(bed: Testbed): number {
  return bed.on(effects.createInvoice).happened - bed.on(effects.cancelInvoice).happened;
}

const laws = {
  effects: [effects.refundCard, effects.cancelInvoice],
  world,
  always: {
    "the card is charged at most once": (bed: Testbed) => bed.on(effects.chargeCard).happened <= 1,
    "no invoice without a charge": (bed: Testbed) =>
      invoiced(bed) <= bed.on(effects.chargeCard).happened,
    "no confirmation without a posted invoice": (bed: Testbed) =>
      bed.on(effects.sendConfirmation).happened === 0 || bed.on(effects.postInvoice).happened === 1,
  },
  atEnd: {
    "what is charged is invoiced, and what is not is not": (bed: Testbed) =>
      charged(bed) === invoiced(bed),
  },
};

const customer = { customer: "Ada", email: "ada@example.com", card: "4111111111111111" };

export default [
  rehearsal(placeOrder, { ...laws, input: { ...customer, orderId: "ORD-small", cents: 12_500 } }),
  rehearsal(placeOrder, { ...laws, input: { ...customer, orderId: "ORD-large", cents: 900_000 } }),
];
