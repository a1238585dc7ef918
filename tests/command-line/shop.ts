/**
 * A small app in a process of its own, for the command line to work on. Starts the orders given as
 * JSON, says "ready", and runs until SIGTERM.
 *
 * `node shop.ts STORE ORDERS MENDED`: MENDED is a file; while it is missing the ledger refuses to
 * book.
 */
import { existsSync } from "node:fs";
import { z } from "zod";
import { effect, holdfast, integration, review, workflow } from "holdfast";

const [address = "", ordersText = "[]", mendedPath = ""] = process.argv.slice(2);

const bank = integration("bank", { owner: "team-bank" });
const post = integration("post", { owner: "team-post" });
const ledger = integration("ledger", { owner: "team-ledger" });

class Refused extends Error {}

const refund = effect("refund", {
  on: bank,
  repeat: "keyed",
  keyWindow: "24h",
  input: z.object({ chargeId: z.string() }),
  output: z.object({ refundId: z.string() }),
  run: async ({ chargeId }) => ({ refundId: `re_${chargeId}` }),
});

const charge = effect("charge", {
  on: bank,
  repeat: "keyed",
  keyWindow: "24h",
  input: z.object({ id: z.string() }),
  output: z.object({ chargeId: z.string() }),
  compensate: { effect: refund, input: (_order, { chargeId }) => ({ chargeId }) },
  describe: () => ({ amount: "120.00", currency: "EUR" }),
  run: async ({ id }) => ({ chargeId: `ch_${id}` }),
});

/** The answer is lost and nothing can be looked up: only a person can tell. */
const mail = effect("mail", {
  on: post,
  repeat: "once",
  settle: "20ms",
  input: z.object({ id: z.string() }),
  output: z.object({ messageId: z.string() }),
  run: async (_order, attempt) => {
    if (attempt.number > 1) return { messageId: `sent-by-attempt-${String(attempt.number)}` };
    throw new Error("the line went dead");
  },
});

const book = effect("book", {
  on: ledger,
  repeat: "keyed",
  keyWindow: "24h",
  input: z.object({ id: z.string() }),
  output: z.object({ entry: z.string() }),
  classify: (error) =>
    error instanceof Refused
      ? { class: "data", effect: "never", reasonCode: "LEDGER:NO_ACCOUNT" }
      : undefined,
  run: async ({ id }) => {
    if (!existsSync(mendedPath)) throw new Refused("the account is missing");
    return { entry: `entry of ${id}` };
  },
});

const bigOrder = review("big-order", {
  subject: z.object({ id: z.string() }),
  decision: z.object({ approve: z.boolean(), note: z.string().optional() }),
  by: "finance",
  notBy: "starter",
});

const order = z.object({
  id: z.string(),
  does: z.enum(["charge", "ask", "mail", "book", "sleep"]),
});

const placeOrder = workflow(
  "place-order",
  {
    input: order,
    output: z.object({ told: z.string() }),
    key: ({ id }) => id,
    owner: "team-shop",
  },
  async ({ id, does }, run) => {
    await run.do(charge, { id });
    switch (does) {
      case "charge":
        return { told: "charged" };
      case "ask": {
        const { approve, note } = await run.ask(bigOrder, { id });
        if (!approve) run.stop(`rejected: ${note ?? "no note"}`, { compensate: true });
        return { told: `approved: ${note ?? "no note"}` };
      }
      case "mail":
        return { told: (await run.do(mail, { id })).messageId };
      case "book":
        return { told: (await run.do(book, { id })).entry };
      case "sleep":
        await run.sleep("12h");
        return { told: "slept" };
    }
  },
);

const app = holdfast({ store: `sqlite:${address}`, workflows: [placeOrder] });
for (const one of z.array(order).parse(JSON.parse(ordersText))) {
  await app.start(placeOrder, one, { by: "ana" });
}
await app.listen();
process.on("SIGTERM", () => {
  void app.close();
});
process.stdout.write("ready\n");
