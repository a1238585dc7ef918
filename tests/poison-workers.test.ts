/**
 * T12 of the failure model among workers: a run that kills whoever takes it over, on a store that they
 * share. The processes really die, by SIGKILL, and each is replaced by a new one.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPostgresReader, verifyPostgresStore } from "holdfast/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually as asked } from "./command-line/processes.ts";
import { startProgram, type Program } from "./kill/programs.ts";
import { makeDatabase, type TestDatabase } from "./postgres-database.ts";

const PROGRAM = new URL("kill/poison-worker.ts", import.meta.url);
const TEST_MS_MAX = 240_000;
const POLLS_MAX = 10_000;
const WORKERS = 2;
/** Three alone, before them those in which it was looked for among nine, and the one that began it. */
const DEATHS_MAX = 3 + 4 + 2;
const KEY = Buffer.alloc(32, 7).toString("base64");

let database: TestDatabase;
let folder: string;
const living = new Set<Program>();
beforeAll(async () => {
  database = await makeDatabase();
  folder = mkdtempSync(join(tmpdir(), "holdfast-poison-"));
});
afterAll(async () => {
  for (const program of living) {
    program.kill("SIGKILL");
    await program.ended;
  }
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

function eventually<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  return asked(what, ask, POLLS_MAX);
}

/** Workers that end by SIGKILL, each replaced at once, until `isOver`. */
class Fleet {
  deaths = 0;
  /** What those have said that ended otherwise. */
  readonly failed: string[] = [];
  isOver = false;

  start(...words: readonly string[]): void {
    const args = [database.url, join(folder, "gate"), ...words];
    const env = { HOLDFAST_STORE_KEY: KEY };
    const program = startProgram(PROGRAM, args, { lifeMsMax: TEST_MS_MAX, env });
    living.add(program);
    void program.ended.then(({ signal, code, err }) => {
      living.delete(program);
      if (signal === "SIGKILL") this.deaths += 1;
      else if (code !== 0) this.failed.push(err);
      if (!this.isOver && this.deaths <= DEATHS_MAX) this.start();
    });
  }
}

test(
  "T12: a run that kills each worker that takes it is put away, and those beside it are not",
  async () => {
    const fleet = new Fleet();
    fleet.start("start");
    for (let more = 1; more < WORKERS; more += 1) fleet.start();
    const reader = await eventually("there is a store", () =>
      openPostgresReader({ url: database.url }).catch(() => null),
    );
    try {
      const [exception] = await eventually("the run is put away", async () => {
        expect(fleet.failed).toEqual([]);
        expect(fleet.deaths).toBeLessThanOrEqual(DEATHS_MAX);
        const found = await reader.exceptions({ afterRun: 0, limit: 10 });
        return found.length === 0 ? null : found;
      });
      fleet.isOver = true;
      expect(exception).toMatchObject({ class: "poison", owner: "team-flow" });
      expect(exception?.because).toMatch(/3 times/u);
      expect(fleet.deaths).toBeGreaterThanOrEqual(4);
      writeFileSync(join(folder, "gate"), "");
      const states = await eventually("all others have ended", async () => {
        const rows = await reader.runs({ afterRun: 0, limit: 20 });
        const said = rows.map(({ key, state }) => `${key} ${state}`);
        return rows.every(({ state }) => state !== "running") ? said.toSorted() : null;
      });
      const good = Array.from({ length: 8 }, (_, at) => `good ${String(at)} completed`);
      expect(states).toEqual(["bad exception", ...good]);
      expect(await reader.exceptions({ afterRun: 0, limit: 10 })).toHaveLength(1);
    } finally {
      fleet.isOver = true;
      await reader.close();
    }
    for (const program of living) program.kill("SIGTERM");
    await Promise.all([...living].map(({ ended }) => ended));
    const { damage } = await verifyPostgresStore({ url: database.url, key: KEY });
    expect(damage).toEqual([]);
  },
  TEST_MS_MAX,
);
