import { afterEach, beforeEach, expect, test } from "vitest";
import { TestWorld } from "../engine/test-world.test-support.ts";
import { acceptStore as acceptFile, openSqliteReader } from "../store-sqlite/index.ts";
import { acceptStore, type StoreCare } from "./store-care.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

test("accepting a store tells what of its inbox will be refused, and what starts wait there", async () => {
  await world.begin([]);
  await world.close();
  const reader = await openSqliteReader({ path: world.path });
  const run = "run_0e800380002";
  const said = { run, operation: 4, attempts: 1, value: null, ref: null, reason: "looked" };
  const bodies = {
    not: ["settle", { ...said, happened: false }],
    happened: ["settle", { ...said, happened: true }],
    start: ["start", { workflow: "flow", input: {} }],
  } as const;
  for (const [id, [topic, body]] of Object.entries(bodies))
    await reader.post({ id, topic, by: "ana", atMs: 0, data: JSON.stringify(body) });
  await reader.close();
  const care: Pick<StoreCare, "openReader" | "accept"> = {
    openReader: () => openSqliteReader({ path: world.path }),
    accept: (decider) => acceptFile({ path: world.path, ...decider, nowMs: () => 1 }),
  };
  // Nothing else of a store is cared for here.
  const accepted = await acceptStore(care as StoreCare, { by: "ben", reason: "disk lost" });
  expect(accepted).toMatchObject({
    startsCount: 1,
    refused: [{ id: "not", about: "eff_0e800380002_4", by: "ana", happened: false }],
  });
  expect(accepted.refused).toHaveLength(1);
});
