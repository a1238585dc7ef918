import { randomBytes } from "node:crypto";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { holdfast } from "holdfast";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { makeDatabase, type TestDatabase } from "./postgres-database.ts";
import { double } from "./workers/app.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const PROGRAM = fileURLToPath(new URL("../packages/holdfast/bin/holdfast.mjs", import.meta.url));
const APP = fileURLToPath(new URL("workers/app.ts", import.meta.url));
const key = randomBytes(32).toString("base64");
let database: TestDatabase;
const running: ChildProcess[] = [];

beforeAll(async () => {
  database = await makeDatabase();
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});
afterAll(() => database.drop());

function worker(module: string) {
  const words = ["worker", module, "--store", database.url, "--json"];
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    env: { ...process.env, HOLDFAST_STORE_KEY: key },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  return child;
}

test("the program works on runs with the code of a module, beside an app, until SIGTERM", async () => {
  const child = worker(APP);
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  expect(JSON.parse(said.toString())).toEqual({ ready: true, workflows: ["double"] });
  const app = holdfast({
    store: database.url,
    workflows: [double],
    postgres: { key, shared: true },
  });
  const orders = Array.from({ length: 20 }, (_, order) => `A-${String(order)}`);
  const ended = await Promise.all(
    orders.map(async (order) => (await app.start(double, { order, amount: 21 })).result()),
  );
  expect(new Set(ended.map(({ amount }) => amount))).toEqual(new Set([42]));
  // The app came later, and has its share or not yet; the program has worked in any case.
  expect(ended.map(({ pid }) => pid)).toContain(child.pid);
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
  await app.close();
});

test.each([
  ["workers/nothing-there.ts", "cannot be imported"],
  ["workers/flows.ts", "does not say which workflows there are"],
])("the program refuses %s as a module, and says why", async (module, why) => {
  const child = worker(fileURLToPath(new URL(module, import.meta.url)));
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  expect(said).toContain(why);
  expect(code).toBe(2);
});
