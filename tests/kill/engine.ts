/**
 * An app in a process of its own, to be killed at any moment and started again with the same
 * arguments. Starts the runs "order 0" to "order N-1", or joins those that are there, and says in
 * JSON lines what happens; `{"over":true}` when all have ended. Runs until SIGTERM.
 *
 * `node engine.ts STORE PORT N`
 */
import { holdfast } from "holdfast";
import { placeOrderOn } from "./orders.ts";

const [store = "", port = "", count = ""] = process.argv.slice(2);
const placeOrder = placeOrderOn(Number(port));

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
