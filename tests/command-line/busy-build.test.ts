/** A build that keeps its process alive does not keep the command line from ending. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { holdfast, workflow } from "holdfast";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { holdfastCli, LIFE_MS_MAX } from "./processes.ts";

const BUSY = fileURLToPath(new URL("../versions/busy.ts", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-busy-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test(
  "versions check ends, with all that it has to say, whatever the build has left behind",
  { timeout: LIFE_MS_MAX },
  async () => {
    const store = `sqlite:${join(folder, "store.db")}` as const;
    const waits = workflow(
      "waits",
      { input: z.object({ id: z.string() }), output: z.null(), key: ({ id }) => id, owner: "shop" },
      async (_input, run) => {
        await run.sleep("1h");
        return null;
      },
    );
    const app = holdfast({ store, workflows: [waits], version: "v1", log: () => undefined });
    await app.start(waits, { id: "1" });
    await app.close();
    const { code, out } = await holdfastCli([
      "--store",
      store,
      "--json",
      "versions",
      "check",
      BUSY,
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ version: "v2", checked: 1, fits: 1 });
  },
);
