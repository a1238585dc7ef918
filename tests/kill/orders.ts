/** The workflow of the fault tests: one effect of each contract, a local step and a sleep. */
import { workflow, type Duration } from "holdfast";
import { z } from "zod";
import { effectsOn } from "./effects.ts";

/** Calls to the counterpart at a time. */
const CONCURRENCY = 4;

/** @param settle - as of `effectsOn`. */
export function placeOrderOn(port: number, settle?: Duration) {
  const { price, putProfile, charge, book, tell } = effectsOn(port, CONCURRENCY, settle);
  return workflow(
    "place-order",
    {
      input: z.object({ id: z.string() }),
      output: z.object({ told: z.boolean(), refs: z.array(z.string()) }),
      key: ({ id }) => id,
      owner: "team-orders",
    },
    async ({ id }, run) => {
      const { cents } = await run.do(price, { id });
      const total = await run.step("add-shipping", () => cents + 490);
      const order = { id, cents: total };
      const profile = await run.do(putProfile, order);
      const both = await Promise.all([run.do(charge, order), run.do(book, order)]);
      await run.sleep("60ms");
      const told = await run.try(tell, order);
      return { told: told.ok, refs: [profile, ...both].map(({ ref }) => ref) };
    },
  );
}
