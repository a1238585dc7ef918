/** As archive.test.ts, on PostgreSQL: runs leave a database for a file, and are looked at in a file. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { runCommandLine } from "./cli/program.ts";
import { outside } from "./command-line.ts";
import { holdfast, type App } from "./holdfast.ts";
import { makeKeyRing } from "./payload/index.ts";
import { makeDatabase, type TestDatabase } from "./store-postgres/test-store.test-support.ts";
import { workflow } from "./workflow/workflow.ts";

const key = Buffer.alloc(32, 7).toString("base64");
let database: TestDatabase;
let folder: string;
let app: App | null;
beforeEach(async () => {
  vi.stubEnv("HOLDFAST_STORE_KEY", key);
  folder = mkdtempSync(join(tmpdir(), "holdfast-archive-pg-"));
  app = null;
  database = await makeDatabase();
});
afterEach(async () => {
  await app?.close();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
  vi.unstubAllEnvs();
});

const greet = workflow(
  "greet",
  {
    input: z.object({ id: z.string(), iban: z.string().optional() }),
    output: z.string(),
    key: ({ id }) => id,
    owner: "team",
    sensitive: ["/iban"],
  },
  async ({ id }, run) => {
    if (id.startsWith("stop")) run.stop("not today");
    return await run.step("say", () => `hello ${id}`, { sensitive: [] });
  },
);
const greetAll = workflow(
  "greet-all",
  { input: z.object({ id: z.string() }), output: z.string(), key: ({ id }) => id, owner: "team" },
  async ({ id }, run) => {
    const calls = ["a", "b"].map((name) => run.call(greet, { id: `${id}/${name}` }, { as: name }));
    return (await Promise.all(calls)).join(", ");
  },
);

const paid = { name: "paid", schema: z.object({}) };
const collect = workflow(
  "collect",
  { input: z.object({ id: z.string() }), output: z.string(), key: ({ id }) => id, owner: "team" },
  async ({ id }, run) => {
    await run.wait(paid, { key: id });
    return "paid";
  },
);

async function open(options: Partial<Parameters<typeof holdfast>[0]> = {}): Promise<App> {
  const store = database.url as `postgres://${string}`;
  app = holdfast({ store, workflows: [greet, greetAll], log: () => undefined, ...options });
  await app.listen({ signals: [] });
  return app;
}

const file = () => join(folder, "old.ndjson");
const look = () => `sqlite:${join(folder, "look.db")}`;

async function json(store: string, ...words: readonly string[]) {
  let out = "";
  const terminal = {
    env: {},
    hasFile: () => false,
    userName: () => "ana",
    out: (text: string) => {
      out += text;
    },
    err: () => undefined,
    width: null,
  };
  await runCommandLine(["--json", "--store", store, ...words], terminal, outside);
  return JSON.parse(out) as Record<string, unknown>;
}

async function archived(...more: readonly string[]) {
  const words = ["archive", "--older-than", "0s", "--to", file(), "--yes"];
  const gone = await json(database.url, ...words, ...more);
  return gone;
}

async function damage(store: string): Promise<unknown> {
  return (await json(store, "store", "verify"))["damage"];
}

test("runs leave with their families, the database stays sound, and a file tells their story", async () => {
  const running = await open();
  const { id } = await running.start(greetAll, { id: "1" });
  await (await running.start(greetAll, { id: "1" })).result();
  await (await running.start(greet, { id: "2", iban: "DE1" })).result();
  const before = await json(database.url, "show", id, "--payloads");
  expect(await archived()).toMatchObject({ outcome: "applied", removed: 4, stays: [] });
  expect((await json(database.url, "runs"))["runs"]).toEqual([]);
  expect(await damage(database.url)).toEqual([]);
  expect(await json(database.url, "show", id)).toMatchObject({ error: { code: "HF6006" } });

  expect(await json(look(), "import", file())).toMatchObject({ runs: 4, newRuns: 4 });
  const after = await json(look(), "show", id, "--payloads");
  for (const part of ["run", "timeline", "effects", "exceptions", "reviews"]) {
    expect(after[part]).toEqual(before[part]);
  }
  expect(await damage(look())).toEqual([]);
});

test("what is sealed stays sealed in the file, and opens with the ring where it is read in", async () => {
  const keyRing = join(folder, "ring.json");
  makeKeyRing(keyRing, new Uint8Array(32).fill(3));
  const running = await open({ payloads: { keyRing } });
  const { id } = await running.start(greet, { id: "1", iban: "DE-SECRET" });
  await (await running.start(greet, { id: "1", iban: "DE-SECRET" })).result();
  expect(await archived()).toMatchObject({ removed: 1 });
  const text = readFileSync(file(), "utf8");
  expect(text).not.toContain("DE-SECRET");
  expect(text).toContain("sealed:");
  await json(look(), "import", file());
  const opened = await json(look(), "show", id, "--payloads", "--key-ring", keyRing);
  expect(JSON.stringify(opened)).toContain("[masked string]");
  expect(JSON.stringify(await json(look(), "show", id, "--payloads"))).toContain("[sealed: key");
  expect(await damage(look())).toEqual([]);
});

test("a key that has left still joins, also after a start, and its result is refused", async () => {
  const first = await open();
  const { id } = await first.start(greet, { id: "1" });
  await (await first.start(greet, { id: "1" })).result();
  await archived();
  await first.close();
  const second = await open();
  const again = await second.start(greet, { id: "1" });
  expect([again.id, again.isNew]).toEqual([id, false]);
  await expect(again.result()).rejects.toMatchObject({ code: "HF6006" });
  // With another input somebody has to see it: beside the store, because the run is not here.
  await second.start(greet, { id: "1", iban: "DE2" });
  const exceptions = (await json(database.url, "exceptions"))["exceptions"];
  expect(JSON.stringify(exceptions)).toMatch(/"exc_00000000000_\d+".*HF4107/s);
  expect(await damage(database.url)).toEqual([]);
});

test("what a policy keeps stays, and a key is free again once its time is over", async () => {
  const running = await open({ retention: { keys: "0s" } });
  const { id } = await running.start(greet, { id: "1" });
  await (await running.start(greet, { id: "1" })).result();
  const stopped = await running.start(greet, { id: "stop 1" });
  await expect(stopped.result()).rejects.toThrow("was stopped");
  const gone = await archived("--failures");
  expect(gone).toMatchObject({ removed: 1 });
  expect(gone["stays"]).toEqual([
    { run: stopped.id, because: "it is stopped, and no policy lets such a run leave" },
  ]);
  const again = await running.start(greet, { id: "1" });
  expect(again.isNew).toBe(true);
  expect(again.id).not.toBe(id);
  await again.result();
  expect(await damage(database.url)).toEqual([]);
});

test("a run stays whose event's id is remembered, whatever other workers have numbered", async () => {
  const options = { store: database.url as `postgres://${string}`, log: () => undefined };
  const worker = () =>
    holdfast({ ...options, workflows: [collect], postgres: { key, shared: true } });
  // Each has records of its own under the numbers that the first gives to its events.
  const workers = Array.from({ length: 6 }, worker);
  try {
    for (const one of workers) await one.listen({ signals: [] });
    const [first] = workers as [App];
    const ids = ["1", "2", "3", "4", "5", "6"];
    for (const id of ids) await first.send(paid, { key: id, id: `e${id}`, payload: {} });
    for (const id of ids) await (await first.start(collect, { id })).result();
    const gone = await archived();
    expect(gone["stays"]).toHaveLength(ids.length);
    expect(JSON.stringify(gone)).toContain("the id of an event that it took is remembered");
    expect((await json(database.url, "runs"))["runs"]).toHaveLength(ids.length);
    expect(await damage(database.url)).toEqual([]);
  } finally {
    for (const one of workers) await one.close();
  }
});
