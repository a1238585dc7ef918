/** The HTTP connector against the tests that every connector has to pass. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, test } from "vitest";
import type { Attempt } from "../../workflow/attempt.ts";
import { describeConnector, type Counterpart } from "../../testing/connector/describe-connector.ts";
import { closed, listening, portOf } from "../../testing/connector/listener.ts";
import { httpClient, type HttpClient } from "./http-client.ts";

const TOKEN = "token-1234-secret";
const BYTES_MAX = 1024 * 1024;

async function openShop(): Promise<Counterpart> {
  const done: string[] = [];
  let asked = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      asked += 1;
      if (request.url === "/orders") done.push(String(request.headers["idempotency-key"] ?? ""));
      answer(request, response);
    });
  });
  await listening(server);
  const close = () => {
    server.closeAllConnections();
    return closed(server);
  };
  return { port: portOf(server), done: () => done, asked: () => asked, close };
}

function answer({ url = "", headers }: IncomingMessage, response: ServerResponse): void {
  const [, what = "", argument = ""] = url.split("/");
  switch (what) {
    case "orders":
      response.writeHead(201, { "content-type": "application/json" }).end('{"id":"o-1"}');
      return;
    case "refuse": {
      // As servers do that tell what they were given.
      const [, token = ""] = (headers.authorization ?? "").split(" ");
      const message = `no such customer for ${headers.authorization ?? ""} (${token})`;
      response.writeHead(422, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { code: "no_customer", message } }));
      return;
    }
    case "busy":
      response.writeHead(429, { "retry-after": "1" }).end();
      return;
    case "away":
      response.writeHead(503).end();
      return;
    case "closed":
      response.writeHead(401, { "www-authenticate": "Bearer" }).end();
      return;
    case "moved":
      response.writeHead(307, { location: `http://127.0.0.1:${argument}/orders` }).end();
      return;
    default:
      pourOut(response);
  }
}

/** Writes for as long as somebody reads. */
function pourOut(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" });
  const chunk = Buffer.alloc(64 * 1024, " ");
  const pour = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on("drain", pour);
  pour();
}

function post(path: string) {
  return (client: HttpClient, attempt: Attempt) =>
    client.request(attempt, { method: "POST", path, json: { cents: 4200 } });
}

describeConnector(
  "the HTTP connector",
  {
    open: openShop,
    connect: (port) =>
      httpClient({
        baseUrl: `http://127.0.0.1:${String(port)}`,
        headers: { authorization: `Bearer ${TOKEN}` },
        responseBytesMax: BYTES_MAX,
      }),
    close: (client) => client.close(),
    call: post("/orders"),
    passesKey: true,
    refusals: [
      { name: "422, wrong data", call: post("/refuse"), class: "data", effect: "never" },
      { name: "429, not so fast", call: post("/busy"), class: "throttled", effect: "never" },
      { name: "503, away", call: post("/away"), class: "unavailable", effect: "maybe" },
      { name: "401, not let in", call: post("/closed"), class: "misconfigured", effect: "never" },
    ],
    secret: TOKEN,
    sentOn: (client, attempt, port) => post(`/moved/${String(port)}`)(client, attempt),
    endless: { call: post("/endless"), bytesMax: BYTES_MAX },
  },
  { describe, test },
);
