/** OpenWorkflow on PostgreSQL, or on SQLite where it is given no server: one worker, one client. */
import { join } from "node:path";
import { OpenWorkflow } from "openworkflow";

/** How long the end of a run is waited for, milliseconds: longer than any slice. */
const RESULT_MS_MAX = 120_000;

/** @type {import("../../src/peers/party.ts").OpenParty} */
export async function open({ postgresUrl, folder, concurrency, step, steps }) {
  const backend = await backendOn(postgresUrl, folder);
  const openWorkflow = new OpenWorkflow({ backend });
  const tenSteps = openWorkflow.defineWorkflow(
    { name: "ten-steps" },
    async ({ input, step: recorded }) => {
      for (let index = 0; index < steps; index += 1) {
        await recorded.run({ name: `step-${index}` }, async () => step(input.id, index));
      }
      return null;
    },
  );
  const worker = openWorkflow.newWorker({ concurrency });
  await worker.start();
  return {
    start: (id) => tenSteps.run({ id }, { idempotencyKey: id }),
    end: async (handle) => {
      await handle.result({ timeoutMs: RESULT_MS_MAX });
    },
    close: async () => {
      await worker.stop();
      await backend.stop();
    },
  };
}

async function backendOn(postgresUrl, folder) {
  if (postgresUrl === undefined) {
    const { BackendSqlite } = await import("openworkflow/sqlite");
    return BackendSqlite.connect(join(folder, "store.db"));
  }
  const { BackendPostgres } = await import("openworkflow/postgres");
  return BackendPostgres.connect(postgresUrl);
}
