/** A hundred thousand runs that sleep until the same moment: what they keep, and how they wake. */
import { setFlagsFromString } from "node:v8";
import { workflow } from "holdfast";
import type { Engine } from "holdfast/testing";
import { engineOn } from "../engine-on.ts";
import type { Figure } from "../figure.ts";
import { JumpClock } from "../jump-clock.ts";
import { openStore } from "../stores/open-store.ts";
import { keyed } from "../workflows.ts";

const SLEEPERS = 100_000;
/** Asleep already when measuring begins, so that what is made once is not counted. */
const WARM_UP = 10_000;
const COLLECTIONS = 4;
/** Starts under way at a time. */
const STARTS_MAX = 2_000;
/** Near enough that the engine holds the time of every sleeper in memory: the costly case. */
const DUE_AFTER_MS = 50_000;

const awake = { count: 0 };

const sleeper = workflow("sleeper", keyed, async (input, run) => {
  await run.sleep(new Date(Number(String(input).split("/")[1])));
  awake.count += 1;
  return null;
});

export async function measureSleepers(
  folder: string,
  report: (figure: Figure) => void,
): Promise<void> {
  // Node's own TypeScript loader is let go of once it has not run for a while: 4 MB that would be
  // taken for what the sleepers have freed.
  setFlagsFromString("--no-flush-bytecode");
  const clock = new JumpClock();
  const engine = await engineOn(await openStore("sqlite", folder), [sleeper], { clock });
  const dueMs = clock.nowMs() + DUE_AFTER_MS;
  await sleep(engine, dueMs, WARM_UP);
  const before = heapBytes();
  await sleep(engine, dueMs, SLEEPERS);
  const kept = heapBytes() - before;
  report({
    workload: "sleepers",
    metric: "heap_bytes_per_run",
    value: kept / SLEEPERS,
    unit: "B",
    settings: { runs: SLEEPERS, dueWithinS: DUE_AFTER_MS / 1000 },
  });
  const asleep = WARM_UP + SLEEPERS;
  report({
    workload: "sleepers",
    metric: "wake_all_s",
    value: (await wakeAll(engine, clock, asleep, dueMs)) / 1000,
    unit: "s",
    settings: { runs: asleep, liveRunsMax: engine.limits.liveRunsMax },
  });
  await engine.close();
}

let nextKey = 0;

/** Starts `count` runs that sleep until one moment. Resolves when all are asleep. */
async function sleep(engine: Engine, dueMs: number, count: number): Promise<void> {
  let asleep = 0;
  const allAsleep = new Promise<void>((resolve) => {
    const off = engine.on((event) => {
      if (event.type !== "run.state" || event.state !== "waiting") return;
      asleep += 1;
      if (asleep < count) return;
      off();
      resolve();
    });
  });
  let started = 0;
  const startOneByOne = async () => {
    while (started < count) {
      started += 1;
      nextKey += 1;
      await engine.startRun(sleeper, `${nextKey}/${dueMs}`);
    }
  };
  await Promise.all(Array.from({ length: STARTS_MAX }, startOneByOne));
  await allAsleep;
  await engine.committer.durable();
}

/** Milliseconds until `count` sleepers have gone on. */
async function wakeAll(
  engine: Engine,
  clock: JumpClock,
  count: number,
  dueMs: number,
): Promise<number> {
  awake.count = 0;
  let finished = 0;
  const allFinished = new Promise<void>((resolve) => {
    const off = engine.on((event) => {
      if (event.type !== "run.finished") return;
      finished += 1;
      if (finished < count) return;
      off();
      resolve();
    });
  });
  const startMs = performance.now();
  clock.jumpTo(dueMs);
  await allFinished;
  if (awake.count < count) throw new Error(`only ${awake.count} of ${count} sleepers woke`);
  return performance.now() - startMs;
}

/** What is still reachable. Collected more than once: the first round leaves what it made garbage. */
function heapBytes(): number {
  if (globalThis.gc === undefined) throw new Error("this job needs node --expose-gc");
  for (let i = 0; i < COLLECTIONS; i += 1) globalThis.gc();
  return process.memoryUsage().heapUsed;
}
