/**
 * An app in a process of its own, to be ended by SIGTERM. Starts the given orders, or joins them, and
 * says in JSON lines what happens; `{"over":true}` when all have ended.
 *
 * `node engine.ts STORE PORT DRAIN_MS own|none ORDER...`: with a SIGTERM listener of its own, or with
 * none, so that Holdfast's is all there is.
 */
import { HoldfastError, holdfast, workflow } from "holdfast";
import { z } from "zod";
import { effectsOn } from "../kill/effects.ts";

const [store = "", port = "", drainMs = "", listener = "", ...ids] = process.argv.slice(2);
// One call at a time: who comes second stands in line while the first one lasts.
const { charge, putProfile } = effectsOn(Number(port), 1);

const placeOrder = workflow(
  "place-order",
  {
    input: z.object({ id: z.string() }),
    output: z.object({ ref: z.string() }),
    key: ({ id }) => id,
    owner: "team-orders",
  },
  async ({ id }, run) => {
    const { ref } = await run.do(charge, { id, cents: 120 });
    await run.do(putProfile, { id, cents: 120 });
    return { ref };
  },
);

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

const limits = { drainMs: Number(drainMs) };
const app = holdfast({
  store: `sqlite:${store}`,
  workflows: [placeOrder],
  limits,
  log: () => undefined,
});

async function drain(): Promise<void> {
  const closing = app.close();
  try {
    await app.start(placeOrder, { id: "too late" });
    say({ started: "too late" });
  } catch (error) {
    say({ refused: error instanceof HoldfastError ? error.code : String(error) });
  }
  await closing;
  say({ closed: true });
  process.exit(0);
}

if (listener === "own") process.on("SIGTERM", () => void drain());
app.on((event) => {
  if (event.type === "recovery.done") say({ suspects: event.suspects });
});
await app.listen();
await Promise.all(
  ids.map(async (id) => {
    const handle = await app.start(placeOrder, { id });
    say({ accepted: id });
    await handle.result();
  }),
);
say({ over: true });
