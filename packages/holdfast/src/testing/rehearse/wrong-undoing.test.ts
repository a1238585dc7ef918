import { expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import { integration } from "../../workflow/integration.ts";
import { workflow } from "../../workflow/workflow.ts";
import { rehearse } from "./rehearse.ts";

const payments = integration("payments", { owner: "team-payments" });
const ORDER = z.object({ order: z.string() });
type Order = z.output<typeof ORDER>;
const common = {
  on: payments,
  repeat: "keyed",
  keyWindow: "24h",
  input: ORDER,
  output: z.object({}),
  run: () => Promise.reject(new Error("the real system is not to be called")),
} as const;

/** What is told of undoings, where two payments are each undone by a refund of that. */
async function told(input: (pay: Order) => Order): Promise<ReadonlySet<string>> {
  const refund = effect("refund", common);
  const pay = effect("pay", { ...common, compensate: { effect: refund, input } });
  const order = workflow(
    "order",
    { input: ORDER, output: z.null(), key: (of: Order) => of.order, owner: "team-orders" },
    async ({ order: id }, run) => {
      await run.do(pay, { order: `${id} goods` }, { as: "goods" });
      await run.do(pay, { order: `${id} freight` }, { as: "freight" });
      await run.sleep("1h");
      return null;
    },
  );
  const { failed } = await rehearse(order, {
    input: { order: "1" },
    crash: "none",
    faults: "none",
    duplicates: false,
    effects: [refund],
    world: (bed) => {
      bed.on(pay).answer({});
      bed.on(refund).answer({});
    },
  });
  const undoings = failed.filter(({ law }) => law === "what was taken back is undone");
  return new Set(undoings.map(({ what }) => what));
}

const swapped = ({ order }: Order) => ({ order: order === "1 goods" ? "1 freight" : "1 goods" });

const saidOf = (step: string) => `the undoing of ${step} does not name what pay has done there`;
const BOTH = new Set([saidOf("pay#goods"), saidOf("pay#freight")]);

test("an undoing of the wrong thing is found, although all are undone as often as done", async () => {
  expect(await told(swapped)).toEqual(BOTH);
  expect(await told(() => ({ order: "all" }))).toEqual(BOTH);
  expect(await told(() => ({ order: "1 goods" }))).toEqual(new Set([saidOf("pay#freight")]));
});

test("an undoing that names its own, also within a longer text, is none of these", async () => {
  expect(await told((of) => of)).toEqual(new Set());
  expect(await told(({ order }) => ({ order: `refund of ${order}` }))).toEqual(new Set());
});
