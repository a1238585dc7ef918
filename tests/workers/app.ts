/** A module for `holdfast worker`. */
import { workflow } from "holdfast";
import { z } from "zod";

export const double = workflow(
  "double",
  {
    input: z.object({ order: z.string(), amount: z.number() }),
    output: z.object({ amount: z.number(), pid: z.number() }),
    key: ({ order }) => order,
    owner: "finance",
  },
  async ({ amount }, run) => ({
    amount: await run.step("double", () => amount * 2),
    pid: await run.step("who", () => process.pid),
  }),
);

export default { workflows: [double], version: "7" };
