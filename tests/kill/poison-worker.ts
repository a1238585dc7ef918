/**
 * A worker among others on a PostgreSQL store, with one run that kills whoever works on it with
 * SIGKILL, and others that are at work until a file is there. Says `{"ready":true}`, and runs until
 * SIGTERM. The key of the store is in HOLDFAST_STORE_KEY.
 *
 * `node poison-worker.ts STORE GATE [start]`
 */
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { effect, holdfast, integration, workflow } from "holdfast";
import { z } from "zod";

const [store = "", gate = "", starts = ""] = process.argv.slice(2);

/** How often work that is held looks whether it may go on, milliseconds. */
const HELD_LOOK_MS = 20;
const INNOCENT = 8;

async function gateOpens(): Promise<void> {
  while (!existsSync(gate)) await delay(HELD_LOOK_MS);
}

const input = z.object({ id: z.string() });

const hold = effect("hold", {
  on: integration("bank", { owner: "treasury" }),
  timeout: "5m",
  repeat: "idempotent",
  why: "upsert",
  input,
  output: z.string(),
  run: async ({ id }) => {
    await gateOpens();
    return id;
  },
});

const flow = workflow(
  "flow",
  { input, output: z.string(), key: ({ id }) => id, owner: "team-flow" },
  async ({ id }, run) => {
    if (id !== "bad") return await run.do(hold, { id });
    await run.step("before", () => id, { durable: true });
    return await run.step("deadly", () => {
      process.kill(process.pid, "SIGKILL");
      return id;
    });
  },
);

const app = holdfast({
  // The test gives it, in this form.
  store: store as `postgres://${string}`,
  postgres: { shared: true, leaseMs: 1_000 },
  workflows: [flow],
  limits: { suspectMs: 500 },
  log: () => undefined,
});
await app.listen();
if (starts === "start") {
  const innocent = Array.from({ length: INNOCENT }, (_, at) => `good ${String(at)}`);
  await Promise.all(innocent.map((id) => app.start(flow, { id })));
  // Whose it is may be this worker's own: then it has no answer.
  void app.start(flow, { id: "bad" });
}
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
