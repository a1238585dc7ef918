/**
 * Ten thousand runs that stand are replayed by one plan, by an engine that is killed twice meanwhile;
 * what was booked is counted on the other system's own books afterwards.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openSqliteReader, verifyStore } from "holdfast/sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { eventually as asked, holdfastCli } from "./command-line/processes.ts";
import { startProgram, type Program } from "./kill/programs.ts";

const ENGINE = new URL("replay/engine.ts", import.meta.url);
const TEST_MS_MAX = 600_000;
const ITEMS = 10_000;
/** Bookings of a life after which it is killed. */
const KILLED_AFTER = [200, 3_000];

const said = z.union([
  z.object({ started: z.number() }),
  z.object({ booked: z.number() }),
  z.object({ plan: z.string() }),
]);
const planned = z.object({
  plan: z.object({ id: z.string(), items: z.array(z.unknown()) }),
  secondPerson: z.string().nullable(),
});
const summary = z.object({
  state: z.string(),
  because: z.string().nullable(),
  total: z.number(),
  left: z.number(),
  tally: z.record(z.string(), z.number()),
});

let folder: string;
let engine: Program | null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-replay-"));
  engine = null;
});
afterEach(async () => {
  engine?.kill("SIGKILL");
  await engine?.ended;
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string) => join(folder, name);

/** Thousands of runs take their time on a machine that others use too: bounded by that of the test. */
const POLLS_MAX = 10_000;

function eventually<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  return asked(what, ask, POLLS_MAX);
}

/** One life: until it has said this, or for ever. Resolves when it was said. */
async function live(count: number, isEnough: (what: z.infer<typeof said>) => boolean) {
  engine = startProgram(
    ENGINE,
    [`sqlite:${at("store.db")}`, at("books.db"), at("mended"), String(count)],
    {
      lifeMsMax: TEST_MS_MAX,
    },
  );
  for await (const line of engine.lines) if (isEnough(said.parse(line))) return;
  throw new Error(`the engine has ended: ${(await engine.ended).err}`);
}

async function kill(): Promise<void> {
  engine?.kill("SIGKILL");
  expect(await engine?.ended).toMatchObject({ signal: "SIGKILL" });
}

async function cli(...words: readonly string[]): Promise<string> {
  const { out, err, code } = await holdfastCli([
    "--store",
    `sqlite:${at("store.db")}`,
    "--json",
    ...words,
  ]);
  if (code !== 0 && code !== 3) throw new Error(`${words.join(" ")}: ${err}`);
  return out;
}

async function stateOf(id: string): Promise<z.infer<typeof summary>> {
  const [first = ""] = (await cli("replay", id, "--limit", "1")).split("\n");
  return summary.parse(JSON.parse(first));
}

async function standing(count: number): Promise<void> {
  await live(count, (what) => "started" in what);
  const reader = await openSqliteReader({ path: at("store.db") });
  try {
    await eventually("all of them to stand", async () => {
      const found = await reader.counters("exceptions/");
      return found.some(({ name, value }) => name === "exceptions/data" && value === count) || null;
    });
  } finally {
    await reader.close();
  }
}

async function planOverAll(...words: readonly string[]): Promise<string> {
  const made = await cli(
    "replay",
    "workflow:order",
    "--reason",
    "account made",
    "--by",
    "kim",
    ...words,
  );
  const { plan, secondPerson } = planned.parse(JSON.parse(made));
  if (secondPerson !== null)
    await cli("approve", plan.id, "--by", "bo", "--reason", "looked at it");
  return plan.id;
}

function books(): { readonly rows: number; readonly orders: number } {
  const database = new DatabaseSync(at("books.db"), { readOnly: true });
  try {
    const row = database
      .prepare("select count(*) as rows, count(distinct id) as orders from booking")
      .get();
    return z.object({ rows: z.number(), orders: z.number() }).parse(row);
  } finally {
    database.close();
  }
}

test(
  "a plan of 10,000 items goes on after each kill, and books every order once",
  { timeout: TEST_MS_MAX },
  async () => {
    await standing(ITEMS);
    const id = await planOverAll("--at-once", "50", "--rate", "100000/s");
    writeFileSync(at("mended"), String(ITEMS));
    await cli("replay", id, "--start", "--by", "kim");
    for (const bookings of KILLED_AFTER) {
      await kill();
      const before = books().rows;
      await live(0, (what) => "booked" in what && what.booked >= bookings);
      expect(books().rows).toBeGreaterThan(before);
    }
    await kill();
    await live(0, () => true);
    // On the books, as each look at the plan starts a process.
    await eventually("all to be booked", async () => books().rows >= ITEMS || null);
    const end = await eventually("the plan to end", async () => {
      const found = await stateOf(id);
      return found.left === 0 ? found : null;
    });
    expect(end).toMatchObject({ state: "completed", total: ITEMS });
    expect(end.tally).toMatchObject({ succeeded: ITEMS, "failed-anew": 0, "not-reached": 0 });
    expect(books()).toEqual({ rows: ITEMS, orders: ITEMS });
    engine?.kill("SIGTERM");
    await engine?.ended;
    expect(await verifyStore({ path: at("store.db") })).toMatchObject({
      isSound: true,
      damage: [],
    });
  },
);

test(
  "a wrong fix is stopped at the second wave, and nothing behind it is touched",
  { timeout: TEST_MS_MAX },
  async () => {
    await standing(200);
    const id = await planOverAll();
    // It helps the very first order only.
    writeFileSync(at("mended"), "1");
    await cli("replay", id, "--start", "--by", "kim");
    const end = await eventually("the plan to stop", async () => {
      const found = await stateOf(id);
      return found.state === "stopped" ? found : null;
    });
    const failed = end.tally["failed-same"] ?? 0;
    expect([1, 2]).toContain(failed);
    expect(end.tally).toEqual({
      succeeded: 1,
      "failed-same": failed,
      passed: 0,
      "failed-anew": 0,
      "not-judged": 0,
      skipped: 0,
      "not-reached": 199 - failed,
    });
    expect(books()).toEqual({ rows: 1, orders: 1 });
  },
);
