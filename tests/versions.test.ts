/** Two versions of the code at work on one PostgreSQL store, a rollback, and a migration under a worker. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { holdfast, type App, type RunRow } from "holdfast";
import { openPostgresReader } from "holdfast/postgres";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { eventually as asked, holdfastCli } from "./command-line/processes.ts";
import { startProgram, type Program } from "./kill/programs.ts";
import { makeDatabase, type TestDatabase } from "./postgres-database.ts";
import { end, go, placeOrder } from "./versions/order.ts";

const CLI = new URL("../packages/holdfast/src/cli/main.ts", import.meta.url);
const TEST_MS_MAX = 240_000;
const POLLS_MAX = 3_000;
const key = Buffer.alloc(32, 5).toString("base64");

let database: TestDatabase;
let client: pg.Client;
let books: Server;
/** Keys under which each thing was booked. */
let booked: Map<string, Set<string>>;
const workers: Program[] = [];

beforeEach(async () => {
  database = await makeDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  booked = new Map();
  books = createServer((request, answer) => {
    request.resume();
    const { url = "" } = request;
    const keys = booked.get(url) ?? new Set();
    booked.set(url, keys.add(String(request.headers["key"])));
    answer.end("{}");
  });
  books.listen(0, "127.0.0.1");
  await once(books, "listening");
});

afterEach(async () => {
  for (const program of workers.splice(0)) {
    program.kill("SIGKILL");
    await program.ended;
  }
  await client.end();
  books.close();
  await database.drop();
});

const env = () => ({
  HOLDFAST_STORE_KEY: key,
  BOOKS_URL: `http://127.0.0.1:${String((books.address() as AddressInfo).port)}`,
});
const moduleOf = (version: string) =>
  fileURLToPath(new URL(`versions/${version}.ts`, import.meta.url));

function started(version: string): Program {
  const words = ["--store", database.url, "--json", "worker", moduleOf(version)];
  const program = startProgram(CLI, words, { lifeMsMax: TEST_MS_MAX, env: env() });
  workers.push(program);
  return program;
}

/** A worker with this version of the code; resolves when one is at work. */
async function worker(version: string): Promise<Program> {
  const program = started(version);
  await eventually("a worker is at work", async () => ((await isAtWork()) ? true : null));
  return program;
}

/** Before the first one there is no store. */
async function isAtWork(): Promise<boolean> {
  try {
    const reader = await openPostgresReader({ url: database.url });
    try {
      return await reader.engineRuns();
    } finally {
      await reader.close();
    }
  } catch {
    return false;
  }
}

async function stop(program: Program): Promise<void> {
  program.kill("SIGTERM");
  expect(await program.ended).toMatchObject({ code: 0 });
}

const cli = (...words: readonly string[]) =>
  holdfastCli(["--store", database.url, ...words], { env: env() });

function eventually<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  return asked(what, ask, POLLS_MAX);
}

const order = placeOrder("v44");

/** Beside whichever workers there are: no engine is opened here. */
function poster(): App {
  return holdfast({ store: database.url, workflows: [order], postgres: { key, shared: true } });
}

/** Starts orders, or sends them an event, all at once. */
async function posted(app: App, ids: readonly string[], event?: typeof go): Promise<void> {
  await client.query("begin");
  for (const id of ids) {
    if (event === undefined) await app.startIn(client, order, { id });
    else await app.sendIn(client, event, { key: id, id: `${event.name} ${id}`, payload: {} });
  }
  await client.query("commit");
}

async function given(ids: readonly string[], event?: typeof go): Promise<void> {
  const app = poster();
  await posted(app, ids, event);
  await app.close();
}

async function orders(): Promise<ReadonlyMap<string, RunRow>> {
  const reader = await openPostgresReader({ url: database.url });
  try {
    const rows = await reader.runs({ workflow: "place-order", afterRun: 0, limit: 1_000 });
    return new Map(rows.map((row) => [row.key, row]));
  } finally {
    await reader.close();
  }
}

async function allAre(ids: readonly string[], is: (row: RunRow) => boolean, what: string) {
  let seen = "";
  try {
    return await eventually(what, async () => {
      const rows = await orders();
      seen = [...rows.values()].map((row) => `${row.key} ${row.state} ${row.reason}`).join("; ");
      return ids.every((id) => is(rows.get(id) ?? ({ state: "" } as unknown as RunRow)))
        ? rows
        : null;
    });
  } catch (error) {
    throw new Error(`${String(error)}: ${seen}`, { cause: error });
  }
}
const waitFor = (ids: readonly string[], event: typeof go) =>
  allAre(
    ids,
    ({ state, reason }) => state === "waiting" && reason.includes(event.name),
    event.name,
  );
const isState = (state: string) => (row: RunRow) => row.state === state;

const timesBooked = (what: string, id: string) => booked.get(`/${what}/${id}`)?.size ?? 0;
const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => `${prefix}-${String(n)}`);

/** Each order is charged once, and taxed once, on its path. */
function expectBooked(rows: ReadonlyMap<string, RunRow>): void {
  for (const [id, { version }] of rows) {
    const counts = ["charge", "tax", "vat"].map((what) => timesBooked(what, id));
    expect([id, version, counts]).toEqual([id, version, version === "v44" ? [1, 1, 0] : [1, 0, 1]]);
  }
}

test(
  "two versions at work side by side: each order keeps its path, also when one worker is killed",
  { timeout: TEST_MS_MAX },
  async () => {
    const before = await worker("v44");
    const old = names("old", 6);
    await given(old);
    await waitFor(old, go);
    const fits = await cli("versions", "check", moduleOf("v45"));
    expect(fits).toMatchObject({
      code: 0,
      out: expect.stringContaining("v45 fits 6 of 6 runs") as string,
    });
    const broken = await cli("versions", "check", moduleOf("v46"));
    expect(broken.code).toBe(1);
    expect(broken.out).toContain("v46 fits 0 of 6 runs in flight; 6 do not:");
    expect(broken.out).toMatch(
      /step "charge" was the effect "charge"; your code asks for effect deposit/,
    );

    await worker("v45");
    const all = [...old];
    // Until the new worker has its share, and one of them has begun there.
    await eventually("an order that begins with v45", async () => {
      const more = names(`new-${String(all.length)}`, 4);
      await given(more);
      all.push(...more);
      const rows = await waitFor(more, go);
      return more.some((id) => rows.get(id)?.version === "v45") ? true : null;
    });
    await given(all, go);
    expectBooked(await waitFor(all, end));

    before.kill("SIGKILL");
    await given(all, end);
    const rows = await allAre(all, isState("completed"), "all orders are completed");
    expectBooked(rows);
    for (const row of rows.values()) expect(["v44", "v45"]).toContain(row.codeVersion);
    expect(old.some((id) => rows.get(id)?.codeVersion === "v45")).toBe(true);
    const { out } = await cli("versions", "--json");
    expect(JSON.parse(out)).toMatchObject({
      versions: [
        { version: "v45", isNewest: true, openRuns: 0, exceptions: 0 },
        { version: "v44", isNewest: false, openRuns: 0, exceptions: 0 },
      ],
    });
  },
);

test(
  "rolled back: orders that have not come past the change go on, the others are held, and moved forward again",
  { timeout: TEST_MS_MAX },
  async () => {
    const first = await worker("v45");
    const past = names("past", 3);
    const early = names("early", 2);
    await given([...past, ...early]);
    await waitFor([...past, ...early], go);
    await given(past, go);
    await waitFor(past, end);
    await stop(first);

    const check = await cli("versions", "check", moduleOf("v44"));
    expect(check).toMatchObject({
      code: 1,
      out: expect.stringContaining("v44 fits 2 of 5") as string,
    });
    const back = await worker("v44");
    await given(early, go);
    await given(past, end);
    await waitFor(early, end);
    const held = await allAre(past, isState("held"), "held by v44");
    for (const id of past) expect(held.get(id)?.reason).toContain("HF2104");
    await stop(back);

    await worker("v45");
    const why = ["--reason", "v45 is back", "--canary", "1,rest", "--json", "--by", "kim"];
    const query = "class:defect failedin:v44";
    const move = await cli("move", query, "--module", moduleOf("v45"), ...why);
    expect(move).toMatchObject({ code: 0 });
    const { plan } = z
      .object({ plan: z.looseObject({ id: z.string() }) })
      .parse(JSON.parse(move.out));
    expect(plan).toMatchObject({ to: "v45", refused: [] });
    expect(await cli("replay", plan.id, "--start", "--by", "kim")).toMatchObject({ code: 0 });
    await given(early, end);
    const rows = await allAre(
      [...past, ...early],
      isState("completed"),
      "all orders are completed",
    );
    for (const id of past) {
      expect(["charge", "tax", "vat"].map((what) => timesBooked(what, id))).toEqual([1, 0, 1]);
      expect(rows.get(id)?.codeVersion).toBe("v45");
    }
    for (const id of early)
      expect(["charge", "tax", "vat"].map((what) => timesBooked(what, id))).toEqual([1, 1, 0]);
  },
);

test(
  "a worker goes on while a newer Holdfast migrates its store, and an old one is refused when it starts",
  { timeout: TEST_MS_MAX },
  async () => {
    await worker("v44");
    // It has the store open as well.
    const app = poster();
    const ids = names("order", 4);
    await posted(app, ids.slice(0, 2));
    await waitFor(ids.slice(0, 2), go);
    // What the next migration may do: add what the old one neither reads nor has to write.
    await client.query(`begin;
      alter table holdfast.run add column note text;
      alter table holdfast.journal add column note text not null default '';
      create table holdfast.of_the_next (id integer primary key);
      update holdfast.schema_version set version = version + 1;
      commit`);
    const { code, err } = await started("v44").ended;
    expect(code).toBe(1);
    expect(err).toContain("HF5010");
    await posted(app, ids.slice(2));
    await posted(app, ids, go);
    await posted(app, ids, end);
    await eventually("all orders are completed", async () =>
      (await endedCount()) === 4 ? true : null,
    );
    for (const id of ids)
      expect(["charge", "tax", "vat"].map((what) => timesBooked(what, id))).toEqual([1, 1, 0]);
    await app.close();
  },
);

/** By the database itself: readers of this Holdfast are too old for the store by now. */
async function endedCount(): Promise<number> {
  const { rows } = await client.query<{ readonly count: number }>(
    "select count(*)::int4 as count from holdfast.run where ended_at_ms is not null",
  );
  return rows[0]?.count ?? 0;
}
