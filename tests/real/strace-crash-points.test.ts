/**
 * A run of ten steps, interrupted at each sync, at each rename and at a sample of the writes that its
 * store makes: the process is killed there, or the disk fails once. After each the engine is started
 * again, and the other system's own books are counted.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyStore } from "holdfast/sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { brokenPromises, readBooks } from "../kill/books.ts";
import { firstLine, startProgram, type End, type Program } from "../kill/programs.ts";
import { callsIn, traced, writersCalls } from "./strace/system-calls.ts";

const ENGINE = new URL("strace/engine.ts", import.meta.url);
const COUNTERPART = new URL("../kill/counterpart.ts", import.meta.url);
/** SQLite syncs by one of the first two, as it was built. */
const SYNCS = ["fsync", "fdatasync"] as const;
const CALLS = [...SYNCS, "rename", "pwrite64"] as const;
/** There are hundreds of writes and each point takes two seconds: the whole has three minutes. */
const WRITES_AT_WORK = 45;
const OTHER_WRITES = 12;
/** Processes at a time. */
const LANES = 2;
/** A call that a run makes only sometimes is not reached each time. */
const SHARE_HIT_MIN = 0.7;
const TEST_MS_MAX = 300_000;
const LAST_WORDS_CHARS_MAX = 500;

const folder = mkdtempSync(join(tmpdir(), "holdfast-strace-"));
const ledger = join(folder, "counterpart.db");
let counterpart: Program;
let port: string;
/** What the thread that writes calls in a life that nothing disturbs. */
let undisturbed: ReturnType<typeof writersCalls>;

beforeAll(async () => {
  counterpart = startProgram(COUNTERPART, [ledger], { lifeMsMax: 3 * TEST_MS_MAX });
  port = String(z.object({ port: z.number() }).parse(await firstLine(counterpart)).port);
  // The first life of all fills node's cache of our source, with calls that no later one makes.
  await life("first");
  const output = join(folder, "undisturbed.txt");
  const { code, err } = await life("undisturbed", traced(CALLS, output));
  if (code !== 0) throw new Error(`it does not even run undisturbed: ${err}`);
  undisturbed = writersCalls(callsIn(output));
}, TEST_MS_MAX);

afterAll(async () => {
  counterpart.kill("SIGTERM");
  await counterpart.ended;
  rmSync(folder, { recursive: true, force: true });
});

function storeOf(order: string): string {
  return join(folder, `${order}.db`);
}

async function life(order: string, under: readonly string[] = []): Promise<End> {
  const engine = startProgram(ENGINE, [storeOf(order), port, order], { under });
  const said: unknown[] = [];
  for await (const line of engine.lines) said.push(line);
  const end = await engine.ended;
  // It says so last, and only if its store was closed.
  expect({ order, said }).toEqual({ order, said: end.code === 0 ? [{ over: true }] : [] });
  return end;
}

interface Point {
  readonly name: string;
  /** Which call of this name: first is 1. */
  readonly number: number;
}

function pointsAt(...names: readonly string[]): readonly Point[] {
  return undisturbed.filter(({ name }) => names.includes(name));
}

/** Writes to the log once the store was open; before and after it, the store is opened and closed. */
function writes(when: "at work" | "else"): readonly Point[] {
  const opened = undisturbed.findIndex(({ file }) => file.includes(".anchor"));
  return undisturbed.filter(({ name, file }, index) => {
    const atWork = index > opened && file.endsWith("-wal");
    return name === "pwrite64" && atWork === (when === "at work");
  });
}

/** As many of them, evenly spread; all if there are no more. */
function sample(points: readonly Point[], count: number): readonly Point[] {
  const every = Math.max(1, points.length / count);
  return points.filter((_, index) => Math.floor(index / every) !== Math.floor((index - 1) / every));
}

/** What `visit` found at each point; two points at a time. */
async function atEach<T>(
  points: readonly Point[],
  visit: (point: Point) => Promise<T>,
): Promise<readonly T[]> {
  const found: T[] = [];
  const left = [...points];
  const lane = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      found.push(await visit(next));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return found;
}

/** Starts the engine again, and says what it has not kept. */
async function brokenAfterRestart(order: string): Promise<readonly string[]> {
  const { code, signal, err } = await life(order);
  if (code !== 0)
    return [
      `${order}: the next start ended (${String(signal ?? code)}): ${err.slice(0, LAST_WORDS_CHARS_MAX)}`,
    ];
  const { damage } = await verifyStore({ path: storeOf(order) });
  const broken = brokenPromises(await readBooks(storeOf(order), ledger), [order]);
  return [...damage.map(({ what }) => `${order}: ${what}`), ...broken];
}

/** What the engine did wrong at this point, by what it called afterwards and how it ended. */
function misdeeds(order: string, output: string, { code, err }: End): readonly string[] {
  const calls = callsIn(output);
  const at = calls.findIndex((one) => one.injected);
  const file = calls[at]?.file ?? "";
  const later = calls
    .slice(at + 1)
    .filter((one) => ["pwrite64", "rename"].includes(one.name) && one.file.startsWith(folder));
  if (code === 0) {
    // SQLite passes over a folder that cannot be synced (the store syncs it once more by itself),
    // and over what fails in the checkpoint with which it closes: the log is kept.
    const isHarmless = file === folder || later.length === 0;
    return isHarmless ? [] : [`${order}: it went on after a failed sync of ${file}`];
  }
  const wrong: string[] = [];
  if (!/cannot be (?:written any more|opened): /u.test(err)) wrong.push(`${order}: said ${err}`);
  // What was durable before may be copied into the database; nothing may follow in the log.
  if (later.some((one) => one.file.endsWith("-wal"))) wrong.push(`${order}: it wrote on`);
  return wrong;
}

describe("SIGKILL", () => {
  test.each([
    ["each sync and each rename", () => pointsAt(...SYNCS, "rename")],
    ["a third of the writes to the log", () => sample(writes("at work"), WRITES_AT_WORK)],
    ["a sample of the other writes", () => sample(writes("else"), OTHER_WRITES)],
  ])(
    "at %s loses nothing and repeats nothing",
    async (_where, pointsNow) => {
      const points = pointsNow();
      const found = await atEach(points, async ({ name, number }) => {
        const order = `killed at ${name} ${String(number)}`;
        const fault = `${name}:signal=KILL:when=${String(number)}`;
        const { signal } = await life(order, traced([name], "/dev/null", fault));
        return { killed: signal === "SIGKILL", broken: await brokenAfterRestart(order) };
      });
      expect(found.flatMap(({ broken }) => broken)).toEqual([]);
      expect(points.length).toBeGreaterThan(0);
      const killed = found.filter((one) => one.killed).length;
      expect(killed).toBeGreaterThanOrEqual(points.length * SHARE_HIT_MIN);
    },
    TEST_MS_MAX,
  );
});

describe("a disk that fails one sync", () => {
  test(
    "ends the process, which writes nothing more to its log, and the next one goes on",
    async () => {
      const points = pointsAt(...SYNCS);
      const found = await atEach(points, async ({ name, number }) => {
        const order = `failed at ${name} ${String(number)}`;
        const output = join(folder, `${order}.txt`);
        const fault = `${name}:error=EIO:when=${String(number)}`;
        const end = await life(order, traced(CALLS, output, fault));
        const failed = callsIn(output).some((one) => one.injected);
        const wrong = failed ? misdeeds(order, output, end) : [];
        return { failed, code: end.code, broken: [...wrong, ...(await brokenAfterRestart(order))] };
      });
      expect(found.flatMap(({ broken }) => broken)).toEqual([]);
      const failed = found.filter((one) => one.failed).length;
      expect(failed).toBeGreaterThanOrEqual(points.length * SHARE_HIT_MIN);
      // 70: a flush has failed while the engine was at work. The others failed before or after.
      expect(found.filter(({ code }) => code === 70).length).toBeGreaterThan(3);
    },
    TEST_MS_MAX,
  );
});
