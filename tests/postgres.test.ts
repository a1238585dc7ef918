import { randomBytes } from "node:crypto";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { holdfast, workflow } from "holdfast";
import { z } from "zod";
import { CONDITION_FLAG } from "./program-flags.ts";
import { makeEmptyDatabase, type TestDatabase } from "./postgres-database.ts";

const PROGRAM = fileURLToPath(new URL("../packages/holdfast/bin/holdfast.mjs", import.meta.url));
const ENGINE = fileURLToPath(new URL("./postgres/engine.ts", import.meta.url));

const key = randomBytes(32).toString("base64");
let database: TestDatabase;

beforeAll(async () => {
  database = await makeEmptyDatabase();
});

afterAll(async () => {
  await database.drop();
});

const double = workflow(
  "double",
  {
    input: z.object({ order: z.string(), amount: z.number() }),
    output: z.number(),
    key: (input) => input.order,
    owner: "finance",
  },
  (input, run) => run.step("double", () => input.amount * 2),
);

const store = () => database.url;

async function program(...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...words], {
    env: { ...process.env, HOLDFAST_STORE: store(), HOLDFAST_STORE_KEY: key },
  });
  return stdout;
}

test("an app runs on PostgreSQL, joins what it has done before, and is seen from outside", async () => {
  const first = holdfast({ store: store(), workflows: [double], postgres: { key } });
  const started = await first.start(double, { order: "A-1", amount: 21 });
  expect(await started.result()).toBe(42);
  expect(JSON.parse(await program("runs", "--json"))).toMatchObject({
    runs: [{ id: started.id, key: "A-1", state: "completed" }],
  });
  await first.close();
  const second = holdfast({ store: store(), workflows: [double], postgres: { key } });
  const again = await second.start(double, { order: "A-1", amount: 21 });
  expect(again).toMatchObject({ id: started.id, isNew: false });
  expect(await again.result()).toBe(42);
  await second.close();
  expect(await program("store", "verify")).toMatch(/^sound: \d+ records in \d+ flushes checked/u);
});

test("an app whose process was killed is started again when its lease has run out", async () => {
  const child = spawn(process.execPath, [CONDITION_FLAG, ENGINE], {
    env: { ...process.env, HOLDFAST_STORE: store(), HOLDFAST_STORE_KEY: key },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  child.kill("SIGKILL");
  await once(child, "close");
  expect(line).toBe("waiting");
  const app = holdfast({ store: store(), workflows: [double], postgres: { key, leaseMs: 1000 } });
  const started = await app.start(double, { order: "A-2", amount: 1 });
  expect(await started.result()).toBe(2);
  await app.close();
});

test("an app without the store's key is told how to make one", async () => {
  const app = holdfast({ store: store(), workflows: [double] });
  await expect(app.start(double, { order: "A-3", amount: 1 })).rejects.toMatchObject({
    code: "HF5009",
  });
  expect(Buffer.from(await program("store", "key"), "base64").length).toBe(32);
});
