/**
 * A backup is made while an engine in another process works at full speed, which is then lost with
 * its disk. The backup is sound, says what may have been done since, and goes on from where it was.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  acceptStore,
  backupStore,
  openSqliteReader,
  openSqliteStore,
  verifyStore,
} from "holdfast/sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { readBooks, type Books } from "./kill/books.ts";
import { firstLine, startProgram, type Program } from "./kill/programs.ts";

const ENGINE = new URL("kill/engine.ts", import.meta.url);
const COUNTERPART = new URL("kill/counterpart.ts", import.meta.url);
const RUNS = 60;
/** Attempts after which the backup is begun, and after it until the disk is lost. */
const ATTEMPTS_BEFORE = 60;
const ATTEMPTS_AFTER = 60;
const TEST_MS_MAX = 120_000;

const said = z.object({
  accepted: z.string().optional(),
  attempt: z.string().optional(),
  over: z.boolean().optional(),
});

const folder = mkdtempSync(join(tmpdir(), "holdfast-backup-"));
const store = join(folder, "engine.db");
const to = join(folder, "backup.db");
const ledger = join(folder, "counterpart.db");
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

/** One life of the engine, of which `onAttempt` hears once all runs are accepted. */
async function live(
  path: string,
  onAttempt: (attempts: number, engine: Program) => Promise<void>,
): Promise<void> {
  const engine = startProgram(ENGINE, [path, port, String(RUNS)]);
  let accepted = 0;
  let attempts = 0;
  for await (const line of engine.lines) {
    const what = said.parse(line);
    if (what.accepted !== undefined) accepted += 1;
    if (what.over === true) engine.kill("SIGTERM");
    if (what.attempt === undefined || accepted < RUNS) continue;
    attempts += 1;
    await onAttempt(attempts, engine);
  }
  await engine.ended;
}

/** Business references for which an action is on the other system's own books more than once. */
function doneTwice(books: Books, action: string): readonly string[] {
  const counts = new Map<string, number>();
  for (const row of books.ledger) {
    if (row.action === action) counts.set(row.key, (counts.get(row.key) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > 1).map(([key]) => key);
}

test(
  "a backup made under load is sound, names what may have been done since, and goes on",
  { timeout: TEST_MS_MAX },
  async () => {
    let flushId = 0;
    await live(store, async (attempts, engine) => {
      if (attempts === ATTEMPTS_BEFORE) ({ flushId } = await backupStore({ path: store, to }));
      if (attempts === ATTEMPTS_BEFORE + ATTEMPTS_AFTER) engine.kill("SIGKILL");
    });
    expect(flushId).toBeGreaterThan(0);
    const lost = await readBooks(store, ledger);
    const saved = await readBooks(to, ledger);
    expect(lost.effects.length).toBeGreaterThan(saved.effects.length);
    expect(await verifyStore({ path: to })).toMatchObject({ isSound: true, damage: [] });

    // Its original may have done more: nothing goes on by itself.
    await expect(openSqliteStore({ path: to, nowMs: () => 0 })).rejects.toMatchObject({
      code: "HF5007",
    });
    const accepted = await acceptStore({
      path: to,
      reason: "the disk was lost",
      by: "ana",
      nowMs: () => Date.UTC(2026, 0, 5),
    });
    // Whatever the books of the other system hold beyond the backup is by a run that is named.
    const named = new Set(accepted.openRuns);
    const runOf = new Map(saved.runs.map(({ key, run }) => [key, run]));
    const known = new Set(
      saved.effects
        .filter(({ proof }) => proof === "surely")
        .map(({ effect, run }) => `${effect} ${String(run)}`),
    );
    const since = lost.ledger.filter(
      ({ key, action }) => !known.has(`${action} ${String(runOf.get(key))}`),
    );
    expect(since.length).toBeGreaterThan(0);
    for (const { key } of since) expect(named.has(runOf.get(key) ?? 0)).toBe(true);
    for (const { run } of accepted.operations) expect(named.has(run)).toBe(true);

    await live(to, () => Promise.resolve());
    const books = await readBooks(to, ledger);
    expect(books.runs).toHaveLength(RUNS);
    // Who asks a person what the original did has an owner; all others have come to their end.
    const asking = books.runs.filter(({ state }) => state !== "completed");
    expect(asking.map(({ state }) => state)).toEqual(asking.map(() => "exception"));
    expect(asking.length).toBeLessThan(RUNS / 2);
    // Nothing that the original did after the backup is done again: it is dropped as a repeat,
    // looked up before it is sent, or asked of a person.
    for (const action of ["put-profile", "charge", "book", "tell"]) {
      expect(doneTwice(books, action)).toEqual([]);
    }
    const reader = await openSqliteReader({ path: to });
    const decision = (await reader.records(0, 0, 100)).find(({ kind }) => kind === "applied");
    await reader.close();
    expect(decision?.head).toContain("the disk was lost");
    expect((await verifyStore({ path: to })).damage).toEqual([]);
  },
);
