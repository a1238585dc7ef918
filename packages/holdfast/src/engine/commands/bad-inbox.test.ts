/** Rows of the inbox that no Holdfast has written so: each is answered, once, and stops no other. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqliteReader, verifyStore } from "../../store-sqlite/index.ts";
import { postedDigest } from "../../store/seal.ts";
import { openDatabase } from "../../store-sqlite/runtime.ts";
import { runSql } from "../../store-sqlite/tampering.test-support.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";

const SUITE = new URL("../../../../../shared/data/json-parsing/test_parsing/", import.meta.url);
const OPEN: LifeOptions = { limits: { inboxIdleMs: 200, inboxBusyMs: 25 } };

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const sleeps = testWorkflow("sleeps", async (_input, run) => {
  await run.sleep("9h");
  return null;
});

interface Written {
  readonly id: string;
  readonly topic?: string;
  readonly data?: string;
  readonly by?: string;
}

/** By hand, into the file, past everything that would refuse it; with the digest that it needs. */
function write(rows: readonly Written[]): void {
  const database = openDatabase(world.path);
  database.exec("pragma ignore_check_constraints = on");
  const insert = database.prepare(
    "insert into inbox (id, topic, at_ms, sent_by, data, digest) values (?, ?, 1, ?, ?, ?)",
  );
  for (const { id, topic = "send", data = "{}", by = "hand" } of rows) {
    // The cast makes what a newer version could write.
    const command = { id, topic: topic as "send", atMs: 1, by, data };
    insert.run(id, topic, by, data, postedDigest(command));
  }
  database.close();
}

async function answers(ids: readonly string[]): Promise<{ ok: boolean; code?: string }[]> {
  const reader = await openSqliteReader({ path: world.path });
  const texts: (string | null)[] = [];
  await world.until("all are answered", async () => {
    texts.length = 0;
    for (const id of ids) texts.push(await reader.answer(id));
    return texts.every((text) => text !== null);
  });
  await reader.close();
  return texts.map((text) => JSON.parse(text ?? "null") as { ok: boolean });
}

/** Whether others are served, nothing of the bad ones is tried again, and the file is sound. */
async function whatFollows(): Promise<object> {
  write([
    {
      id: "good",
      topic: "start",
      data: JSON.stringify({ workflow: "sleeps", input: { id: "1" } }),
    },
  ]);
  const [good] = await answers(["good"]);
  const waiting = await world.engine.store.inbox(10);
  await world.close();
  const { damage } = await verifyStore({ path: world.path });
  return { good, waiting, damage };
}

const GOES_ON = { good: { ok: true, isNew: true }, waiting: [], damage: [] };

test.each([
  ["nothing", "", "HF4102"],
  ["no JSON", "{", "HF4102"],
  ["two values", "{} {}", "HF4102"],
  [
    "10,000 nested lists",
    `{"event":"e","key":"k","payload":${"[".repeat(10_000)}${"]".repeat(10_000)}}`,
    "HF4105",
  ],
  ["20 MB", JSON.stringify("x".repeat(20 * 1024 * 1024)), "HF4104"],
  ["half a character", '{"event":"e","key":"k","payload":"\\ud800"}', "HF4103"],
  ["only what a prototype has", '{"__proto__":{"event":"e","key":"k","payload":1}}', "HF4102"],
  ["a number beyond 2^53", '{"event":"e","key":"k","payload":9007199254740993}', "HF4103"],
])("data that is %s is refused with its code", async (_what, data, code) => {
  await world.begin([sleeps], OPEN);
  write([{ id: "bad", data }]);
  expect(await answers(["bad"])).toMatchObject([{ ok: false, code, remedy: /./ }]);
  expect(await whatFollows()).toMatchObject(GOES_ON);
});

test("a topic that this version does not know is refused", async () => {
  await world.begin([sleeps], OPEN);
  write([{ id: "bad", topic: "reshape", data: "{}" }]);
  expect(await answers(["bad"])).toMatchObject([{ ok: false, code: "HF6001" }]);
});

test("a command by nobody is refused", async () => {
  await world.begin([sleeps], OPEN);
  write([{ id: "bad", by: "" }]);
  expect(await answers(["bad"])).toMatchObject([{ ok: false, code: "HF4102" }]);
  expect(await whatFollows()).toMatchObject(GOES_ON);
});

test("a command that was changed after it was posted is refused, and those behind it are done", async () => {
  await world.begin([sleeps], OPEN);
  await world.close();
  const command = { workflow: "sleeps", input: { id: "evil" } };
  write([{ id: "bad", topic: "start", data: JSON.stringify(command) }]);
  runSql(world.path, "update inbox set sent_by = 'the chief'");
  await world.begin([sleeps], OPEN);
  expect(await answers(["bad"])).toMatchObject([{ ok: false, code: "HF5006" }]);
  expect(await world.allRuns()).toEqual([]);
  expect(await whatFollows()).toMatchObject(GOES_ON);
});

test("commands wait in the store while the disk does not keep up, and none is refused for it", async () => {
  await world.begin([sleeps], {
    limits: { ...OPEN.limits, bufferedRecordsMax: 10 },
  });
  world.life.watched.hold();
  const starts = Array.from({ length: 5 }, (_, n) =>
    world.engine.startRun(sleeps, { id: `own ${String(n)}` }).catch((error: unknown) => error),
  );
  await world.advance(1_000);
  expect(world.engine.committer.backlog.takesIntake).toBe(false);
  const ids = Array.from({ length: 3 }, (_, n) => `c${String(n)}`);
  write(
    ids.map((id) => ({
      id,
      topic: "start",
      data: JSON.stringify({ workflow: "sleeps", input: { id } }),
    })),
  );
  await world.advance(5_000);
  world.life.watched.release();
  await Promise.all(starts);
  expect(await answers(ids)).toMatchObject(ids.map(() => ({ ok: true, isNew: true })));
});

describe("the JSON parsing suite", () => {
  test.runIf(existsSync(SUITE))(
    "as commands: each is answered, and the engine goes on",
    async () => {
      await world.begin([sleeps], OPEN);
      const names = readdirSync(SUITE);
      expect(names.length).toBeGreaterThan(300);
      write(
        names.map((id) => ({
          id,
          data: readFileSync(new URL(encodeURIComponent(id), SUITE), "utf8"),
        })),
      );
      // Node 22 reads a text only up to a NUL in it: then it is not what was posted.
      const code = expect.stringMatching(/^HF(?:410[2-5]|5006)$/) as string;
      for (const [index, answer] of (await answers(names)).entries()) {
        expect([names[index], answer]).toEqual([
          names[index],
          expect.objectContaining({ ok: false, code }),
        ]);
      }
      expect(await whatFollows()).toMatchObject(GOES_ON);
    },
  );
});
