/**
 * One worker of a scale-out, in a process of its own: has an engine on a store, and for each slice that
 * it is asked for keeps some runs going. Ends when its parent lets go of it.
 */
import type { Engine } from "holdfast/testing";
import { engineOn } from "../engine-on.ts";
import { openOnPostgres } from "../stores/open-store.ts";
import { counted, durableSteps } from "../workflows.ts";
import type { SliceAsked, WorkerJob, WorkerSaid } from "./messages.ts";

// Written by start-workers.ts.
const job = JSON.parse(process.argv[2] ?? "") as WorkerJob;
const store = await openOnPostgres(job.url, { shared: job.isShared });
const engine = await engineOn(store, [durableSteps]);
let key = 0;

function say(message: WorkerSaid): void {
  process.send?.(message);
}

// Also while no slice is asked for, others may start runs here: their steps count where they are done.
process.on("message", (asked: SliceAsked) => {
  void slice(engine, asked).then((stepsPerS) => say({ kind: "slice", stepsPerS }));
});
process.once("disconnect", () => {
  void engine.close();
});
say({ kind: "ready" });

async function slice(on: Engine, { settleMs, sliceMs }: SliceAsked): Promise<number> {
  const open = { isOpen: true };
  const lanes = Array.from({ length: job.concurrency }, () => oneAfterTheOther(on, open));
  await after(settleMs);
  const before = { steps: counted.steps, ms: performance.now() };
  await after(sliceMs);
  const steps = counted.steps - before.steps;
  const seconds = (performance.now() - before.ms) / 1000;
  open.isOpen = false;
  await Promise.all(lanes);
  return steps / seconds;
}

async function oneAfterTheOther(on: Engine, open: { readonly isOpen: boolean }): Promise<void> {
  while (open.isOpen) {
    key += 1;
    const { run } = await on.startRun(durableSteps, `${job.name}-${String(key)}`);
    await on.end(run);
  }
}

function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
