import { expect, test } from "vitest";
import { ClosedLoop } from "./closed-loop.ts";
import { STEPS_PER_RUN, type Party } from "./party.ts";

/** A product whose runs go on only when the test says so. */
class SlowProduct implements Party {
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();

  async start(runId: string): Promise<unknown> {
    this.started.push(runId);
    return runId;
  }

  end(started: unknown): Promise<void> {
    return new Promise((resolve) => {
      this.#ends.set(String(started), resolve);
    });
  }

  /** The starter learns of the run's end. */
  finish(runId: string): void {
    this.#ends.get(runId)?.();
  }

  async close(): Promise<void> {
    this.#ends.clear();
  }
}

function allSteps(loop: ClosedLoop, runId: string): void {
  for (let index = 0; index < STEPS_PER_RUN; index += 1) loop.step(runId, index);
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const never = (error: unknown) => expect.unreachable(String(error));

test("starts the next run when the end of one is known", async () => {
  const loop = new ClosedLoop("result");
  const product = new SlowProduct();
  loop.begin(product, { inFlight: 2, roomAfter: "result" }, never);
  await settled();
  allSteps(loop, "run-1");
  await settled();
  expect(product.started).toEqual(["run-1", "run-2"]);
  product.finish("run-1");
  await settled();
  expect(product.started).toEqual(["run-1", "run-2", "run-3"]);
  expect(loop.steps).toBe(STEPS_PER_RUN);
  expect(loop.runsMs).toHaveLength(1);
  expect(loop.lastStepsMs).toHaveLength(1);
});

test("starts the next run after the last step where ends are learned late", async () => {
  const loop = new ClosedLoop("result");
  const product = new SlowProduct();
  loop.begin(product, { inFlight: 1, roomAfter: "last-step" }, never);
  await settled();
  allSteps(loop, "run-1");
  await settled();
  expect(product.started).toEqual(["run-1", "run-2"]);
});

test("starts none while it drains, and waits for those under way", async () => {
  const loop = new ClosedLoop("result");
  const product = new SlowProduct();
  loop.begin(product, { inFlight: 1, roomAfter: "result" }, never);
  await settled();
  let isDrained = false;
  const drained = loop.drain().then(() => (isDrained = true));
  await settled();
  expect(isDrained).toBe(false);
  product.finish("run-1");
  await drained;
  expect(product.started).toEqual(["run-1"]);
});

test("hands on the failure of a run", async () => {
  const loop = new ClosedLoop("result");
  const product = new SlowProduct();
  product.end = () => Promise.reject(new Error("the run was lost"));
  const failure = await new Promise((resolve) => {
    loop.begin(product, { inFlight: 1, roomAfter: "result" }, resolve);
  });
  expect(failure).toEqual(new Error("the run was lost"));
});
