import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { formatItemId } from "../core/run-number.ts";
import { testWorkflow } from "../engine/test-effects.test-support.ts";
import { TestWorld } from "../engine/test-world.test-support.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import { isExceptionId, showException } from "./show-exception.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const paid = {
  name: "paid",
  schema: z.object({ cents: z.number(), card: z.string() }),
  sensitive: ["/card"],
};
const flow = testWorkflow("flow", (input, run) => run.wait(paid, { key: input.id }));

/** A second event under an id whose first one no run has taken. */
async function conflict(): Promise<string> {
  await world.begin([flow]);
  const other = await world.start(flow, { id: "other" });
  await world.untilState(other, "waiting");
  await world.engine.commands.send("paid", "1", "e1", { cents: 1, card: "4111" });
  const second = world.engine.commands.send("paid", "1", "e1", { cents: 2, card: "4222" });
  await expect(second).rejects.toMatchObject({ code: "HF4106" });
  const [row] = await world.exceptions();
  expect(row?.run).toBe(0);
  return formatItemId("exc", row ?? { run: 0, seq: 0 });
}

async function show(id: string, charsMax: number | null = 100) {
  const reader = await openSqliteReader({ path: world.path });
  try {
    return await showException(reader, id, charsMax, 0);
  } finally {
    await reader.close();
  }
}

test("an exception that belongs to no run is shown with what came, and what is sensitive is masked", async () => {
  const id = await conflict();
  expect(isExceptionId(id)).toBe(true);
  const { exception, payload } = await show(id);
  expect(exception).toMatchObject({ id, run: null, reasonCode: "HF4106", isBeside: true });
  expect(exception.closeWith).toContain(`holdfast close ${id}`);
  expect(payload).toMatchObject({ masked: "fields" });
  expect(payload?.text).toContain('"cents":2');
  expect(payload?.text).not.toContain("4222");
  expect((await show(id, null)).payload).toBeNull();
});

test("one that there is not is refused by its id", async () => {
  const id = await conflict();
  const missing = id.replace(/_[0-9]+$/u, "_99");
  await expect(show(missing)).rejects.toMatchObject({
    code: "HF6001",
    message: `There is no exception "${missing}" in this store.`,
  });
  for (const other of ["O-1", "run_0e800380002", "exc_0", "eff_0e800380002_4"])
    expect(isExceptionId(other)).toBe(false);
});
