/** DBOS as an app embeds it: workflows are started and awaited in the process that executes them. */
import { DBOS } from "@dbos-inc/dbos-sdk";

/** With which it was found fastest; it waits for the database, not for a connection. */
const POOL_CONNECTIONS = 20;

/** @type {import("../../src/peers/party.ts").OpenParty} */
export async function open({ postgresUrl, step, steps }) {
  const tenSteps = DBOS.registerWorkflow(
    async (id) => {
      for (let index = 0; index < steps; index += 1) {
        await DBOS.runStep(async () => step(id, index), { name: `step-${index}` });
      }
      return null;
    },
    { name: "ten-steps" },
  );
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: postgresUrl,
    systemDatabasePoolSize: POOL_CONNECTIONS,
    logLevel: "error",
  });
  await DBOS.launch();
  return {
    start: (id) => DBOS.startWorkflow(tenSteps, { workflowID: id })(id),
    end: async (handle) => {
      await handle.getResult();
    },
    close: () => DBOS.shutdown(),
  };
}
