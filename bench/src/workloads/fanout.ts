/** One run that has a thousand steps under way at once. */
import { workflow } from "holdfast";
import { engineOn } from "../engine-on.ts";
import { median, type Figure } from "../figure.ts";
import { openStore } from "../stores/open-store.ts";
import { keyed, RESULT } from "../workflows.ts";

const STEPS = 1_000;
const RUNS = 30;
const WARM_UP_RUNS = 10;

/** Milliseconds from the first step asked for to the last answer. */
const tookMs: number[] = [];

const fanOut = workflow("fan-out", keyed, async (_input, run) => {
  const startMs = performance.now();
  const steps = Array.from({ length: STEPS }, (_, i) =>
    run.step(`step-${i}`, () => RESULT, { durable: true }),
  );
  await Promise.all(steps);
  tookMs.push(performance.now() - startMs);
  return null;
});

export async function measureFanout(
  folder: string,
  report: (figure: Figure) => void,
): Promise<void> {
  const engine = await engineOn(await openStore("sqlite", folder), [fanOut]);
  for (let i = 0; i < RUNS + WARM_UP_RUNS; i += 1) {
    const { run } = await engine.startRun(fanOut, i);
    await engine.end(run);
  }
  report({
    workload: "fanout",
    metric: "p50_ms",
    value: median(tookMs.slice(WARM_UP_RUNS)),
    unit: "ms",
    settings: { steps: STEPS, runs: RUNS, concurrency: 1 },
  });
  await engine.close();
}
