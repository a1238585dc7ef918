/** A cell in a file and one on PostgreSQL in one list, and two on PostgreSQL with shared workers. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { Cells, StoreAddress } from "../app-settings.ts";
import { holdfast, type App } from "../holdfast.ts";
import { KEY, makeDatabase, type TestDatabase } from "../store-postgres/test-store.test-support.ts";
import { workflow } from "../workflow/workflow.ts";
import { keysAt } from "./cells.test-support.ts";

const NAMES = ["north", "south"] as const;
const text = z.string();
const child = workflow(
  "child",
  { input: text, output: text, key: (id) => id, owner: "shop" },
  async (id, run) => await run.step("work", () => `child ${id}`),
);
const parent = workflow(
  "parent",
  { input: z.object({ id: text, child: text }), output: text, key: ({ id }) => id, owner: "shop" },
  async (input, run) => await run.call(child, input.child),
);

let folder: string;
let databases: TestDatabase[];
let apps: App[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-cells-"));
  databases = [await makeDatabase(), await makeDatabase()];
  apps = [];
});
afterEach(async () => {
  for (const app of apps) await app.close();
  for (const database of databases) await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

function open(store: Cells, shared: boolean): App {
  const postgres = { key: KEY, shared };
  const app = holdfast({ store, postgres, workflows: [child, parent], log: () => undefined });
  apps.push(app);
  return app;
}

function server(index: number): StoreAddress {
  return (databases[index]?.url ?? "") as StoreAddress;
}

async function callBothWays(app: App, prefix: string): Promise<void> {
  for (const [from, to] of [
    ["north", "south"],
    ["south", "north"],
  ] as const) {
    const [id = ""] = keysAt("parent", NAMES, from, 1);
    const [key = ""] = keysAt("child", NAMES, to, 1);
    const handle = await app.start(parent, { id, child: key });
    expect([prefix, await handle.result()]).toEqual([prefix, `child ${key}`]);
    expect(await app.start(child, key)).toMatchObject({ isNew: false });
  }
}

test("a file and a server are cells of one list", async () => {
  const app = open({ north: `sqlite:${join(folder, "north.db")}`, south: server(0) }, false);
  await callBothWays(app, "mixed");
  const [key = ""] = keysAt("child", NAMES, "south", 2).slice(1);
  expect(await (await app.start(child, key)).result()).toBe(`child ${key}`);
});

test("two workers share two servers, and one key has one run", async () => {
  const stores = { north: server(0), south: server(1) };
  const [one, two] = [open(stores, true), open(stores, true)];
  await Promise.all([one.listen({ signals: [] }), two.listen({ signals: [] })]);
  await callBothWays(one, "shared");
  const keys = NAMES.flatMap((name) => keysAt("child", NAMES, name, 6));
  const started = await Promise.all(
    keys.flatMap((key) => [one.start(child, key), two.start(child, key)]),
  );
  expect(new Set(started.map(({ id }) => id)).size).toBe(keys.length);
});
