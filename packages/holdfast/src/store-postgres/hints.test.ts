import { afterEach, beforeEach, expect, test } from "vitest";
import { startedHead, SampleJournal } from "../testing/sample-journal.ts";
import { connectTo } from "./open.ts";
import { HINT_SQL, Hearing, Hints } from "./hints.ts";
import { type PostgresStore, openPostgresReader } from "./index.ts";
import { StatementRefused } from "./postgres-errors.ts";
import { systemTicks } from "./ticks.ts";
import { type TestDatabase, makeDatabase, openStore } from "./test-store.test-support.ts";

let database: TestDatabase;
let store: PostgresStore;

beforeEach(async () => {
  database = await makeDatabase();
  store = await openStore(database.url);
});

afterEach(async () => {
  await store.abandon();
  await database.drop();
});

function hintOf(from: PostgresStore): Promise<void> {
  return new Promise((resolve) => {
    from.onPosted(resolve);
  });
}

test("a command that another process posts is told of", async () => {
  const sample = new SampleJournal();
  sample.add(1, "started", startedHead(1));
  await sample.flushTo(store);
  const told = hintOf(store);
  const reader = await openPostgresReader({ url: database.url });
  await reader.post({ id: "a", topic: "cancel", atMs: 1, by: "anna", data: "{}" });
  await expect(told).resolves.toBeUndefined();
  await reader.close();
});

test("a hint for the shards of others is not told", async () => {
  const connection = await connectTo(database.url);
  const hearing = new Hearing((shard) => shard === 3);
  await hearing.open(connection);
  let heard = 0;
  const told = new Promise<void>((resolve) => {
    hearing.onHint(() => {
      heard += 1;
      resolve();
    });
  });
  // In this order on one connection: what was told of the first would be told before the second.
  await connection.rows("hint", HINT_SQL, ["200"]);
  await connection.rows("hint", HINT_SQL, ["9,3"]);
  await told;
  expect(heard).toBe(1);
  await connection.close();
});

test("commands that are posted together share one hint", async () => {
  const sent: string[] = [];
  const due: (() => void)[] = [];
  const ticks = {
    ...systemTicks,
    nowMs: () => 1000,
    after: (_delayMs: number, callback: () => void) => {
      due.push(callback);
      return () => undefined;
    },
  };
  const hints = new Hints(async (shards) => sent.push(shards), ticks);
  hints.posted([7]);
  hints.posted([7, 8]);
  hints.posted([9]);
  for (const tell of due) tell();
  expect(sent).toEqual(["7", "7,8,9"]);
});

const REFUSALS = [
  { of: "that has no hints is not asked again", state: "42601", triesOfThree: 1 },
  { of: "whose queue of notifications is full is asked again", state: "55000", triesOfThree: 3 },
];

for (const { of, state, triesOfThree } of REFUSALS) {
  test(`a database ${of}`, async () => {
    let tries = 0;
    const refuse = async () => {
      tries += 1;
      throw new StatementRefused(new Error("refused"), state, "hint");
    };
    let nowMs = 0;
    const hints = new Hints(refuse, { ...systemTicks, nowMs: () => (nowMs += 1000) });
    for (const shard of [1, 2, 3]) {
      hints.posted([shard]);
      await Promise.resolve();
      await Promise.resolve();
    }
    expect(tries).toBe(triesOfThree);
  });
}
