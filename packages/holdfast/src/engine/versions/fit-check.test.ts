import { afterEach, beforeEach, expect, test } from "vitest";
import type { StoredRun } from "../../store/rows.ts";
import { readKey } from "../../store-sqlite/key-file.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import { seededRandom } from "../../testing/seeded-random.ts";
import type { Schema } from "../../workflow/schema.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { ManualClock } from "../../testing/bed/manual-clock.ts";
import { REFERENCE, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { FitCheck } from "./fit-check.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** Its answer never comes, as of a service that is asked whether a customer is known. */
const ASKS_FOR_EVER: Schema = {
  "~standard": { version: 1, vendor: "test", validate: () => new Promise(() => undefined) },
};

function flowOf(name: string, input: Schema): AnyWorkflow {
  const options = input === REFERENCE ? {} : { input: input as typeof REFERENCE };
  return testWorkflow(
    name,
    async (_input, run) => {
      await run.step("first", () => 1);
      await run.sleep("1h");
      return null;
    },
    options,
  );
}

/** Histories of four runs of one workflow and one of another, as they stand in the store. */
async function histories(): Promise<readonly StoredRun[]> {
  const [one, other] = [flowOf("one", REFERENCE), flowOf("other", REFERENCE)];
  await world.begin([one, other]);
  for (const id of ["1", "2", "3", "4"]) await world.start(one, { id });
  await world.start(other, { id: "5" });
  await world.settle();
  await world.close();
  const reader = await openSqliteReader({ path: world.path });
  try {
    const rows = await reader.runs({ afterRun: 0, limit: 10 });
    return await Promise.all(
      rows.map(async (row) => ({ row, records: await reader.records(row.run, 0, 100) })),
    );
  } finally {
    await reader.close();
  }
}

test("a run whose code waits for something foreign is not checked, and the others are", async () => {
  const stored = await histories();
  const manual = new ManualClock();
  const check = new FitCheck({
    storeId: "store_1",
    secret: readKey(world.path),
    declarations: () => Promise.resolve([]),
    workflows: [flowOf("one", ASKS_FOR_EVER), flowOf("other", REFERENCE)],
    effects: [],
    version: "v2",
    limits: {},
    clock: manual.ofLife(1),
    random: seededRandom(1, "fit"),
  });
  await check.begin();
  const waits: boolean[] = [];
  const codes: (string | null)[] = [];
  for (const run of stored) {
    const misfit = check.misfitOf(run);
    await world.settle();
    waits.push(manual.fireNext());
    codes.push((await misfit)?.code ?? null);
  }
  expect(codes).toEqual(["HF2107", "HF2107", "HF2107", "HF2107", null]);
  // The fourth of them is known to be like the others, and the last leaves no timer behind.
  expect(waits).toEqual([true, true, true, false, false]);
  const [first] = stored;
  if (first === undefined) throw new Error("no run");
  expect((await check.misfitOf(first))?.message).toMatch(
    /cannot be checked: the code of workflow "one" waits for something .* for more than 10 s\.$/u,
  );
});
