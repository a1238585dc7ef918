/** For the test of `holdfast rehearse`: a workflow whose look-up is trusted too early. */
import { effect, integration, notDone, workflow } from "holdfast";
import { rehearsal } from "holdfast/testing";
import { z } from "zod";

const ORDER = z.object({ order: z.string() });
const invoice = effect("invoice", {
  on: integration("erp", { owner: "team-erp" }),
  repeat: "probeable",
  timeout: "5s",
  settle: "0s",
  input: ORDER,
  output: z.object({ number: z.string() }),
  run: () => Promise.reject(new Error("a rehearsal calls nobody")),
  probe: () => Promise.resolve(notDone()),
});
const order = workflow(
  "order",
  { input: ORDER, output: z.string(), key: (input) => input.order, owner: "team-orders" },
  async (input, run) => (await run.do(invoice, input)).number,
);

export default rehearsal(order, {
  input: { order: "<1>" },
  world: (bed) => {
    bed.on(invoice).answer({ number: "INV-1" });
  },
  crash: "none",
  duplicates: false,
  cancels: false,
});
