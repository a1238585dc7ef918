/**
 * An app in a process of its own, to be killed at any moment and started again with the same
 * arguments. Starts the runs "order 0" to "order N-1", or joins those that are there, and says in
 * JSON lines what happens; `{"over":true}` when all have ended. Runs until SIGTERM.
 *
 * `node engine.ts STORE PORT N`
 */
import { holdfast, workflow } from "holdfast";
import { z } from "zod";
import { effectsOn } from "./effects.ts";

const [store = "", port = "", count = ""] = process.argv.slice(2);
const { price, putProfile, charge, book, tell } = effectsOn(Number(port), 4);

const placeOrder = workflow(
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

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

// Sleeps beyond this leave memory: the short one here has to come back from the store.
const limits = { keepLiveMs: 20 };
const app = holdfast({
  store: `sqlite:${store}`,
  workflows: [placeOrder],
  limits,
  log: () => undefined,
});
app.on((event) => {
  if (event.type === "attempt.started") say({ attempt: event.step });
});
await app.listen();
const ids = Array.from({ length: Number(count) }, (_, index) => `order ${String(index)}`);
await Promise.all(
  ids.map(async (id) => {
    const handle = await app.start(placeOrder, { id });
    say({ accepted: id, isNew: handle.isNew });
    const { told } = await handle.result();
    say({ ended: id, told });
  }),
);
say({ over: true });
