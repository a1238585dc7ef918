/** A message whose run begins in another cell than the one that remembers it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { FlushSeen } from "../../testing/bed/watched-store.ts";
import { workflow } from "../../workflow/workflow.ts";
import type { Neighbours } from "../neighbours.ts";
import { TestWorld } from "../test-world.test-support.ts";

const bill = workflow(
  "bill",
  {
    input: z.object({ id: z.string() }),
    output: z.any(),
    key: ({ id }) => id,
    owner: "billing",
  },
  (_input, run) => run.sleep("1h"),
);

/** Where it is remembered, and where its run begins. */
let here: TestWorld;
let there: TestWorld;
beforeEach(() => {
  here = new TestWorld();
  there = new TestWorld();
});
afterEach(async () => {
  await here.remove();
  await there.remove();
});

/** Of the other cell only that matters which leads there. */
function neighbours(): Neighbours {
  const leads = {
    beginningAt: () => Promise.resolve(there.engine),
    wanted: () => Promise.resolve(),
  };
  return { part: 1, numbersAbove: 0, former: [], ...leads } as unknown as Neighbours;
}

function receive(id: string) {
  const body = { id: "O-1" };
  return here.engine.commands.receiving.receive({
    workflow: bill,
    input: body,
    payload: body,
    ingress: "orders",
    by: "shop",
    source: "shop",
    id,
    duplicates: "reject",
    order: null,
    holdMs: 60_000,
    windowMs: null,
    busy: "refuse",
  });
}

const diesAtReceipt = ({ kinds }: FlushSeen) =>
  kinds.includes("received") ? "diesBefore" : "applied";

test("is known as its own after a crash between the start and the receipt", async () => {
  await there.begin([bill]);
  await here.begin([bill], { neighbours: neighbours(), fateOf: diesAtReceipt });
  void receive("m-1");
  await here.settle();
  await there.settle();
  const [begun] = await there.allRuns();
  expect(begun).toMatchObject({ key: "O-1" });
  await here.crash();
  await here.begin([bill], { neighbours: neighbours() });
  const run = begun?.run;
  const receipt = await receive("m-1");
  expect(receipt).toMatchObject({ state: "joined", isRepeat: false });
  expect(await receive("m-1")).toEqual({ ...receipt, isRepeat: true });
  expect(await here.received()).toMatchObject([{ state: "joined", run }]);
  // Another message about the same is none of its own.
  expect(await receive("m-2")).toMatchObject({ state: "rejected" });
  expect(await there.allRuns()).toHaveLength(1);
});
