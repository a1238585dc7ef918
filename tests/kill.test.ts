/**
 * The engine dies by SIGKILL five times while it works, and what another system has on its own books
 * is counted afterwards.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "holdfast/testing";
import { verifyStore } from "holdfast/sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { brokenPromises, interruptedAttempts, readBooks } from "./kill/books.ts";
import { firstLine, startProgram, type Program } from "./kill/programs.ts";

const ENGINE = new URL("kill/engine.ts", import.meta.url);
const COUNTERPART = new URL("kill/counterpart.ts", import.meta.url);
const RUNS = 60;
const KILLS = 5;
/** Each run makes six attempts, so five lives of this many leave work for the last one. */
const ATTEMPTS_OF_A_LIFE_MAX = 60;
const TEST_MS_MAX = 120_000;

const said = z.union([
  z.object({ attempt: z.string() }),
  z.object({ accepted: z.string(), isNew: z.boolean() }),
  z.object({ ended: z.string(), told: z.boolean() }),
  z.object({ over: z.literal(true) }),
]);

const folder = mkdtempSync(join(tmpdir(), "holdfast-kill-"));
const store = join(folder, "engine.db");
const ledger = join(folder, "counterpart.db");
const keys = Array.from({ length: RUNS }, (_, index) => `order ${String(index)}`);
let counterpart: Program;
let port: string;

beforeAll(async () => {
  counterpart = startProgram(COUNTERPART, [ledger], { lifeMsMax: TEST_MS_MAX });
  port = String(z.object({ port: z.number() }).parse(await firstLine(counterpart)).port);
}, TEST_MS_MAX);

afterAll(async () => {
  counterpart.kill("SIGTERM");
  await counterpart.ended;
  rmSync(folder, { recursive: true, force: true });
});

/** What was promised to whoever asked this engine, or one before it. */
interface Told {
  readonly accepted: Set<string>;
  readonly results: Map<string, boolean>;
}

/** One life of the engine: until it has been killed at that attempt, or all runs have ended. */
async function live(killAtAttempt: number | null, told: Told): Promise<"killed" | "over"> {
  const engine = startProgram(ENGINE, [store, port, String(RUNS)]);
  const knownBefore = new Set(told.accepted);
  let attempts = 0;
  let isOver = false;
  for await (const line of engine.lines) {
    const what = said.parse(line);
    if ("accepted" in what) {
      // A start that was answered is never forgotten, whatever happened to the engine since.
      expect({ ...what, isNew: what.isNew }).toEqual({
        accepted: what.accepted,
        isNew: what.isNew && !knownBefore.has(what.accepted),
      });
      told.accepted.add(what.accepted);
    } else if ("ended" in what) {
      const before = told.results.get(what.ended) ?? what.told;
      expect({ key: what.ended, told: what.told }).toEqual({ key: what.ended, told: before });
      told.results.set(what.ended, what.told);
    } else if ("attempt" in what) {
      attempts += 1;
      if (attempts === killAtAttempt) engine.kill("SIGKILL");
    } else {
      isOver = true;
      engine.kill("SIGTERM");
    }
  }
  const { code, signal, err } = await engine.ended;
  expect(err).toBe("");
  if (signal === "SIGKILL" && !isOver) return "killed";
  expect({ code, signal, isOver }).toEqual({ code: 0, signal: null, isOver: true });
  return "over";
}

test(
  "does every effect once, whenever the engine is killed, and asks a person where nobody can know",
  { timeout: TEST_MS_MAX },
  async () => {
    const random = seededRandom(1, "kills");
    const told: Told = { accepted: new Set(), results: new Map() };
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const atAttempt = 1 + random.integer(ATTEMPTS_OF_A_LIFE_MAX);
      expect(await live(atAttempt, told), `kill ${String(kill)} has hit nothing`).toBe("killed");
      const { runs } = await readBooks(store, ledger);
      expect(runs.filter((run) => run.state !== "completed").length).toBeGreaterThan(0);
    }
    expect(await live(null, told)).toBe("over");

    const books = await readBooks(store, ledger);
    expect(brokenPromises(books, keys)).toEqual([]);
    expect(books.runs.length).toBe(RUNS);
    expect(books.ledger.filter(({ key }) => !keys.includes(key))).toEqual([]);
    for (const { run, effect, proof } of books.effects.filter((one) => one.effect === "tell")) {
      const key = books.runs.find((one) => one.run === run)?.key ?? "";
      expect({ key, effect, told: told.results.get(key) }).toEqual({
        key,
        effect,
        told: proof === "surely",
      });
    }
    // Else the kills have proved nothing.
    expect(await interruptedAttempts(store)).toBeGreaterThan(0);
    expect(await verifyStore({ path: store })).toMatchObject({ isSound: true, damage: [] });
  },
);
