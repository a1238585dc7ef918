import { afterEach, beforeEach, expect, test } from "vitest";
import type { StoreReader } from "../../store/store.ts";
import { openSqliteReader, verifyStore } from "../../store-sqlite/index.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ends = testWorkflow("ends", async () => null);

let world: TestWorld;
let reader: StoreReader;
beforeEach(() => {
  lookMs = 60_000;
  world = new TestWorld();
});
afterEach(async () => {
  await reader.close();
  await world.remove();
});

/** Between two looks into the inbox: long waits would be full of them otherwise. */
let lookMs = 60_000;

async function begin(limits: LifeOptions["limits"] = {}): Promise<void> {
  await world.begin([ends], { limits: { inboxIdleMs: lookMs, inboxBusyMs: 25, ...limits } });
  reader = await openSqliteReader({ path: world.path });
}

async function take(...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const data = JSON.stringify({ workflow: "ends", input: { id } });
    await reader.post({ id, topic: "start", atMs: world.clock.nowMs(), by: "ana", data });
  }
  await world.advance(lookMs);
}

async function known(...ids: readonly string[]): Promise<readonly string[]> {
  const answers = await Promise.all(ids.map((id) => reader.answer(id)));
  return ids.filter((_, index) => answers[index] !== null);
}

test("a command is known for seven days, and forgotten with the next one after that", async () => {
  lookMs = HOUR_MS / 2;
  await begin();
  await take("a", "b");
  await world.advance(3 * DAY_MS);
  await take("c");
  await world.advance(4 * DAY_MS - HOUR_MS);
  await take("d");
  expect(await known("a", "b", "c", "d")).toEqual(["a", "b", "c", "d"]);
  await world.advance(2 * HOUR_MS);
  await take("e");
  expect(await known("a", "b", "c", "d", "e")).toEqual(["c", "d", "e"]);
  expect(await verifyStore({ path: world.path })).toMatchObject({ isSound: true });
});

test("beyond their number the oldest are forgotten sooner, and none within an hour", async () => {
  await begin({ commandsKeptMax: 2, commandsForgottenAtOnceMax: 1, commandsForgetEveryMs: 1 });
  await take("a");
  await take("b");
  await take("c");
  await take("d");
  expect(await known("a", "b", "c", "d")).toEqual(["a", "b", "c", "d"]);
  await world.advance(2 * HOUR_MS);
  await take("e");
  expect(await known("a", "b", "c", "d", "e")).toEqual(["d", "e"]);
});

test("what may be forgotten is looked for once an hour", async () => {
  await begin({ commandsKeptMs: HOUR_MS });
  await take("a");
  await world.advance(HOUR_MS / 2);
  await take("b");
  await world.advance(HOUR_MS / 2 + 5 * 60_000);
  await take("c");
  expect(await known("a", "b", "c")).toEqual(["b", "c"]);
  await world.advance(HOUR_MS / 2);
  // b may be forgotten by now, and the next look is not due.
  await take("d");
  expect(await known("b", "c", "d")).toEqual(["b", "c", "d"]);
  await world.advance(HOUR_MS / 2);
  await take("e");
  expect(await known("b", "c", "d", "e")).toEqual(["d", "e"]);
});
