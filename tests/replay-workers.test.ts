/** The worker that carries out a replay plan is killed: another goes on with it, and no item is done twice. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openPostgresReader } from "holdfast/postgres";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { eventually as asked, holdfastCli } from "./command-line/processes.ts";
import { allRuns, RECORDS_MAX } from "./kill/books.ts";
import { startProgram, type Program } from "./kill/programs.ts";
import { makeDatabase, type TestDatabase } from "./postgres-database.ts";

const ENGINE = new URL("replay/engine.ts", import.meta.url);
const TEST_MS_MAX = 240_000;
const ITEMS = 120;
const STORE_KEY = Buffer.alloc(32, 7).toString("base64");
const env = { HOLDFAST_STORE_KEY: STORE_KEY };

let folder: string;
let database: TestDatabase;
const workers: Program[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-replay-"));
  database = await makeDatabase();
});
afterEach(async () => {
  for (const program of workers.splice(0)) {
    program.kill("SIGKILL");
    await program.ended;
  }
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string) => join(folder, name);

/** Thousands of runs take their time on a machine that others use too: bounded by that of the test. */
const POLLS_MAX = 10_000;

function eventually<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  return asked(what, ask, POLLS_MAX);
}

/** Starts a worker, and takes down what it says. */
function worker(count: number): { readonly program: Program; readonly said: unknown[] } {
  const args = [database.url, at("books.db"), at("mended"), String(count)];
  const program = startProgram(ENGINE, args, { lifeMsMax: TEST_MS_MAX, env });
  workers.push(program);
  const said: unknown[] = [];
  void (async () => {
    for await (const line of program.lines) said.push(line);
  })();
  return { program, said };
}

async function cli(...words: readonly string[]): Promise<string> {
  const { out, err, code } = await holdfastCli(["--store", database.url, "--json", ...words], {
    env,
  });
  if (code !== 0 && code !== 3) throw new Error(`${words.join(" ")}: ${err}`);
  return out;
}

function bookings(): { readonly rows: number; readonly orders: number } {
  const books = new DatabaseSync(at("books.db"), { readOnly: true });
  try {
    const row = books
      .prepare("select count(*) as rows, count(distinct id) as orders from booking")
      .get();
    return z.object({ rows: z.number(), orders: z.number() }).parse(row);
  } finally {
    books.close();
  }
}

async function tallyOf(id: string) {
  const [line = ""] = (await cli("replay", id, "--limit", "1")).split("\n");
  const shape = z.object({
    state: z.string(),
    left: z.number(),
    tally: z.record(z.string(), z.number()),
  });
  return shape.parse(JSON.parse(line));
}

/** What became of the items that did not succeed. */
async function unlike(id: string): Promise<readonly unknown[]> {
  const [, ...items] = (await cli("replay", id, "--limit", "1000")).trim().split("\n");
  const shape = z.object({
    item: z.number(),
    end: z.string().nullable(),
    because: z.string().nullable(),
  });
  return items
    .map((line) => shape.parse(JSON.parse(line)))
    .filter(({ end }) => end !== "succeeded");
}

/** How often each order was resumed. */
async function resumed(): Promise<readonly number[]> {
  const reader = await openPostgresReader({ url: database.url });
  try {
    const counts: number[] = [];
    for (const { run, workflow } of await allRuns(reader)) {
      if (workflow !== "order") continue;
      const records = await reader.records(run, 0, RECORDS_MAX);
      counts.push(records.filter(({ kind }) => kind === "resumed").length);
    }
    return counts;
  } finally {
    await reader.close();
  }
}

test(
  "a plan is carried on by another worker when its own is killed, and each item is resumed once",
  { timeout: TEST_MS_MAX },
  async () => {
    const two = [worker(ITEMS), worker(0)];
    await eventually("all to be started", async () =>
      two.every(({ said }) => said.some((line) => typeof line === "object")) ? true : null,
    );
    await eventually("all to stand", async () => {
      const { exceptions } = z
        .object({ exceptions: z.array(z.unknown()) })
        .parse(JSON.parse(await cli("exceptions", "--limit", "1000")));
      return exceptions.length === ITEMS ? true : null;
    });
    const made = await cli(
      "replay",
      "workflow:order",
      "--reason",
      "made",
      "--by",
      "kim",
      "--rate",
      "30/s",
    );
    const { id } = z.object({ plan: z.object({ id: z.string() }) }).parse(JSON.parse(made)).plan;
    await cli("approve", id, "--by", "bo", "--reason", "looked at it");
    writeFileSync(at("mended"), String(ITEMS));
    await cli("replay", id, "--start", "--by", "kim");
    const carries = await eventually("one of them to carry it out", async () => {
      const found = two.find(({ said }) =>
        said.some((line) => JSON.stringify(line).includes("running")),
      );
      return found !== undefined && bookings().rows >= 10 ? found : null;
    });
    carries.program.kill("SIGKILL");
    expect(await carries.program.ended).toMatchObject({ signal: "SIGKILL" });
    expect(bookings().rows).toBeLessThan(ITEMS);
    const end = await eventually("the plan to end", async () => {
      const found = await tallyOf(id);
      return found.left === 0 ? found : null;
    });
    expect(await unlike(id)).toEqual([]);
    expect(end).toMatchObject({ state: "completed", tally: { succeeded: ITEMS } });
    expect(bookings()).toEqual({ rows: ITEMS, orders: ITEMS });
    expect(await resumed()).toEqual(Array.from({ length: ITEMS }, () => 1));
  },
);
