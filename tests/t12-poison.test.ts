/**
 * T12 of the failure model: a run that kills its process whenever it is worked on. The process really
 * dies, by SIGKILL, and is started again with the same arguments.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteReader } from "holdfast/sqlite";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { startProgram } from "./kill/programs.ts";

const PROGRAM = new URL("kill/poison.ts", import.meta.url);
/** Three deaths alone, and before them those in which it was looked for among three. */
const LIVES_MAX = 10;
const TEST_MS_MAX = 120_000;

const said = z.union([
  z.object({ putAway: z.string(), owner: z.string(), because: z.string() }),
  z.object({ over: z.literal(true) }),
]);

const folder = mkdtempSync(join(tmpdir(), "holdfast-poison-"));
const store = join(folder, "engine.db");
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** One life, until it is killed or has come through. */
async function life(told: z.infer<typeof said>[]): Promise<NodeJS.Signals | null> {
  const program = startProgram(PROGRAM, [store], { lifeMsMax: TEST_MS_MAX });
  for await (const line of program.lines) {
    const what = said.parse(line);
    told.push(what);
    if ("over" in what) program.kill("SIGTERM");
  }
  return (await program.ended).signal;
}

test(
  "T12: after three deaths alone it is put away with its owner told, and the others have ended",
  async () => {
    const told: z.infer<typeof said>[] = [];
    const ends: (NodeJS.Signals | null)[] = [];
    while (ends.length < LIVES_MAX && ends.at(-1) !== null) ends.push(await life(told));
    // The last life came through: nobody kills it any more.
    expect(ends.at(-1)).toBeNull();
    expect(ends.filter((signal) => signal === "SIGKILL").length).toBeGreaterThanOrEqual(3);
    expect(told.filter((what) => "putAway" in what)).toEqual([
      { putAway: "bad", owner: "team-flow", because: expect.stringMatching(/3 times/u) },
    ]);
    const reader = await openSqliteReader({ path: store });
    try {
      const rows = await reader.runs({ afterRun: 0, limit: 10 });
      const states = rows.map(({ key, state }) => `${key} ${state}`);
      expect(states.toSorted()).toEqual(["a completed", "b completed", "bad exception"]);
      const [exception] = await reader.exceptions({ afterRun: 0, limit: 10 });
      expect(exception).toMatchObject({ class: "poison", owner: "team-flow" });
    } finally {
      await reader.close();
    }
  },
  TEST_MS_MAX,
);
