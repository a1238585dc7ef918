/** Ours, by the public door, with the settings that everybody gets. */
import { join } from "node:path";
import { holdfast, workflow } from "holdfast";
import { keyed } from "../workflows.ts";
import type { Party, Place } from "./party.ts";

export async function open({ postgresUrl, folder, steps, step }: Place): Promise<Party> {
  const tenSteps = workflow("ten-steps", keyed, async (input, run) => {
    const id = String(input);
    for (let index = 0; index < steps; index += 1) {
      await run.step(`step-${index}`, () => step(id, index), { durable: true });
    }
    return null;
  });
  const workflows = [tenSteps];
  const app =
    postgresUrl === undefined
      ? holdfast({ store: `sqlite:${join(folder, "store.db")}`, workflows })
      : // The server's own form; the key is not what is measured.
        holdfast({
          store: postgresUrl as `postgres://${string}`,
          postgres: { key: new Uint8Array(32) },
          workflows,
        });
  await app.listen({ signals: [] });
  return {
    start: (runId) => app.start(tenSteps, runId),
    end: async (started) => {
      // Made by `start`.
      await (started as Awaited<ReturnType<typeof app.start>>).result();
    },
    close: () => app.close(),
  };
}
