/**
 * The engine dies by SIGKILL five times or more while it works, and what another system has on its own books
 * is counted afterwards.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "holdfast/testing";
import { verifyStore } from "holdfast/sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { brokenPromises, interruptedAttempts, readBooks, repeatedRequests } from "./kill/books.ts";
import { firstLine, startProgram, type End, type Program } from "./kill/programs.ts";

const ENGINE = new URL("kill/engine.ts", import.meta.url);
const COUNTERPART = new URL("kill/counterpart.ts", import.meta.url);
const RUNS = 60;
const KILLS = 5;
/**
 * On a busy machine it may come about that no request had arrived when its engine was killed: then a kill or
 * some more have to prove it.
 */
const KILLS_MAX = 10;
/** Each run makes six attempts, so ten lives of this many leave work for the last one. */
const ATTEMPTS_OF_A_LIFE_MAX = 35;
const TEST_MS_MAX = 120_000;
const KILLED_AT_WORK = { code: null, signal: "SIGKILL", err: "", isOver: false };
const ENDED_IN_ORDER = { code: 0, signal: null, err: "", isOver: true };

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

/** What the engines have said, one after another, to whoever asked them. */
interface Told {
  readonly accepted: Set<string>;
  readonly results: Map<string, boolean>;
  /** Where one of them has contradicted another, as sentences. */
  readonly contradictions: string[];
}

/** Takes down one line of what an engine says. `known` were accepted by engines before it. */
function note(what: z.infer<typeof said>, told: Told, known: ReadonlySet<string>): void {
  if ("accepted" in what) {
    // A start that was answered is never forgotten, whatever has happened to the engine since.
    if (what.isNew && known.has(what.accepted)) {
      told.contradictions.push(`${what.accepted} was accepted and then forgotten`);
    }
    told.accepted.add(what.accepted);
  } else if ("ended" in what) {
    const before = told.results.get(what.ended) ?? what.told;
    if (before !== what.told) told.contradictions.push(`${what.ended} has ended in two ways`);
    told.results.set(what.ended, what.told);
  }
}

/** One life of the engine: until it is killed at that attempt, or all runs have ended. */
async function live(
  killAtAttempt: number,
  told: Told,
): Promise<End & { readonly isOver: boolean }> {
  const engine = startProgram(ENGINE, [store, port, String(RUNS)]);
  const known = new Set(told.accepted);
  let attempts = 0;
  let isOver = false;
  for await (const line of engine.lines) {
    const what = said.parse(line);
    note(what, told, known);
    if ("attempt" in what) {
      attempts += 1;
      if (attempts === killAtAttempt) engine.kill("SIGKILL");
    } else if ("over" in what) {
      isOver = true;
      engine.kill("SIGTERM");
    }
  }
  return { ...(await engine.ended), isOver };
}

test(
  "does every effect once, whenever the engine is killed, and asks a person where nobody can know",
  { timeout: TEST_MS_MAX },
  async () => {
    const random = seededRandom(1, "kills");
    const told: Told = { accepted: new Set(), results: new Map(), contradictions: [] };
    for (let kill = 1; kill <= KILLS_MAX; kill += 1) {
      if (kill > KILLS && repeatedRequests(ledger) > 0) break;
      const end = await live(1 + random.integer(ATTEMPTS_OF_A_LIFE_MAX), told);
      expect(end, `kill ${String(kill)}`).toEqual(KILLED_AT_WORK);
      const { runs } = await readBooks(store, ledger);
      expect(runs.filter((run) => run.state !== "completed").length).toBeGreaterThan(0);
    }
    expect(await live(Infinity, told)).toEqual(ENDED_IN_ORDER);

    expect(told.contradictions).toEqual([]);
    const books = await readBooks(store, ledger);
    expect(brokenPromises(books, keys)).toEqual([]);
    expect(books.runs.length).toBe(RUNS);
    expect(books.ledger.filter(({ key }) => !keys.includes(key))).toEqual([]);
    // The code of a run was told the truth: what is proven, and nothing else.
    const proven = books.effects.filter((one) => one.effect === "tell" && one.proof === "surely");
    const keyOf = new Map(books.runs.map(({ run, key }) => [run, key]));
    const toldTrue = keys.filter((key) => told.results.get(key) === true);
    expect(new Set(proven.map(({ run }) => keyOf.get(run)))).toEqual(new Set(toldTrue));
    expect(await verifyStore({ path: store })).toMatchObject({ isSound: true, damage: [] });
    // Else the kills have proved nothing.
    expect(await interruptedAttempts(store)).toBeGreaterThan(0);
    expect(repeatedRequests(ledger)).toBeGreaterThan(0);
  },
);
