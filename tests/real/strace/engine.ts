/**
 * One run of ten steps on its own store, to be killed at a system call and started again with the
 * same arguments. Ends by itself when the run has ended.
 *
 * `node engine.ts STORE PORT ORDER`
 */
import { holdfast, workflow } from "holdfast";
import { z } from "zod";
import { effectsOn } from "../../kill/effects.ts";

const [store = "", port = "", id = ""] = process.argv.slice(2);
const { price, putProfile, charge, book, tell } = effectsOn(Number(port), 4);

const placeOrder = workflow(
  "place-order",
  {
    input: z.object({ id: z.string() }),
    output: z.object({ told: z.boolean() }),
    key: (input) => input.id,
    owner: "team-orders",
  },
  async (input, run) => {
    const { cents } = await run.do(price, input);
    const total = await run.step("add-shipping", () => cents + 490);
    const order = { id: input.id, cents: total };
    await run.do(putProfile, order);
    run.now("ordered-at");
    await Promise.all([run.do(charge, order), run.do(book, order)]);
    await run.sleep("30ms");
    await run.step("print-label", () => "label", { durable: true });
    const told = await run.try(tell, order);
    await run.step("archive", () => "archived");
    return { told: told.ok };
  },
);

/** It takes a second; who hangs is to be seen as such, and not as killed by the test's patience. */
const LIFE_MS_MAX = 30_000;
setTimeout(() => {
  process.stderr.write("it has not come to its end\n");
  process.exit(3);
}, LIFE_MS_MAX).unref();

// Sleeps beyond this leave memory: the short one here has to come back from the store.
const app = holdfast({
  store: `sqlite:${store}`,
  workflows: [placeOrder],
  limits: { keepLiveMs: 10 },
  log: () => undefined,
});
await app.listen();
const handle = await app.start(placeOrder, { id });
await handle.result();
await app.close();
process.stdout.write(`${JSON.stringify({ over: true })}\n`);
