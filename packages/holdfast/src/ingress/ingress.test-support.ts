/** A shop that receives orders over real HTTP, for tests of ingresses. */
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import { workflow, type Ingress } from "../index.ts";

const input = z.object({
  id: z.string(),
  cents: z.number().int(),
  place: z.number().optional(),
});
export type Order = z.infer<typeof input>;

export const bill = workflow(
  "bill",
  { input, output: z.any(), key: ({ id }) => id, owner: "billing" },
  ({ cents }, run) => run.step("bill", () => cents * 2),
);

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Served {
  readonly port: number;
  close(): Promise<void>;
}

/** By path; what is not there is answered with 404. */
export async function serve(handlers: Readonly<Record<string, Ingress>>): Promise<Served> {
  const server = createServer((request, response) => {
    const handler = handlers[request.url ?? ""];
    if (handler === undefined) response.writeHead(404).end();
    else void handler(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // It listens on a port.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** An object is sent as JSON. */
  readonly body?: string | Uint8Array | object;
}

/** One request on a connection of its own. */
export async function send(port: number, sent: Sent): Promise<Answer> {
  const { method = "POST", path = "/orders", body = "" } = sent;
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const bytes = Buffer.from(isRaw ? body : JSON.stringify(body));
  const headers = { "content-type": "application/json", ...sent.headers };
  const request = httpRequest({ port, host: "127.0.0.1", method, path, headers, agent: false });
  request.end(bytes);
  const [response] = (await once(request, "response")) as [import("node:http").IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString("utf8");
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    // Every answer of an ingress is a JSON object.
    body: (text === "" ? {} : JSON.parse(text)) as Answer["body"],
  };
}
