/** A Restate service and its client in one process, with the server beside it. */
import { once } from "node:events";
import { createServer } from "node:http2";
import { createEndpointHandler, workflow } from "@restatedev/restate-sdk";
import { connect, Opts, SendOpts } from "@restatedev/restate-sdk-clients";

/** @type {import("../../src/peers/party.ts").OpenParty} */
export async function open({ restate, step, steps }) {
  const tenSteps = workflow({
    name: "tenSteps",
    handlers: {
      run: async (context, { id }) => {
        for (let index = 0; index < steps; index += 1) {
          await context.run(`step-${index}`, () => step(id, index));
        }
        return null;
      },
    },
  });
  const services = createServer(
    createEndpointHandler({ services: [tenSteps], logger: () => undefined }),
  );
  services.listen(0, "127.0.0.1");
  await once(services, "listening");
  await register(restate.adminUrl, `http://127.0.0.1:${services.address().port}/`);
  const client = connect({ url: restate.ingressUrl });
  return {
    start: async (id) => {
      const run = client.workflowClient(tenSteps, id);
      await run.workflowSubmit({ id }, SendOpts.from({}));
      // In an object: the client answers to every name, so to a promise it looks like one itself.
      return { run };
    },
    end: async ({ run }) => {
      await run.workflowAttach(Opts.from({}));
    },
    close: async () => {
      services.close();
    },
  };
}

async function register(adminUrl, uri) {
  const answer = await fetch(`${adminUrl}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri }),
  });
  if (!answer.ok) throw new Error(`Restate did not take the service: ${await answer.text()}`);
}
