/**
 * A shop that receives orders over HTTP, on the store that HOLDFAST_STORE names; it says its port.
 * With KILLED_BEFORE_ANSWER it ends by SIGKILL when it is about to answer: what it was asked to do is
 * done then, and nobody has heard of it.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { holdfast, workflow, type HoldfastOptions } from "holdfast";
import { z } from "zod";

const place = workflow(
  "place-order",
  {
    input: z.object({ id: z.string(), cents: z.number().int() }),
    output: z.object({ cents: z.number() }),
    key: ({ id }) => id,
    owner: "order-desk",
  },
  async ({ cents }, run) => ({ cents: await run.step("bill", () => cents) }),
);

const isShared = process.env["SHARED"] === "yes";
const app = holdfast({
  // Given by the test.
  store: process.env["HOLDFAST_STORE"] as HoldfastOptions["store"],
  ...(isShared ? { postgres: { shared: true } } : {}),
  workflows: [place],
  log: () => undefined,
});
const ingress = app.ingress(place, {
  sender: { kind: "idempotency-key", principal: () => "shop" },
});

const server = createServer((request, response) => {
  if (process.env["KILLED_BEFORE_ANSWER"] === "yes") {
    response.writeHead = () => {
      process.kill(process.pid, "SIGKILL");
      return response;
    };
  }
  void ingress(request, response);
});

await app.listen();
server.listen(0, "127.0.0.1");
await once(server, "listening");
// It listens on a port.
const { port } = server.address() as AddressInfo;
process.stdout.write(`${JSON.stringify({ port })}\n`);
