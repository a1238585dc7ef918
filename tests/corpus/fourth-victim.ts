/**
 * A web server in a process of its own that dies, stops or refuses to speak: started for one case with
 * the path of the ledger and what it does, and killed after it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTls, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { WorkLedger } from "./ledger.ts";

export interface VictimScript {
  readonly does: "dies after its work" | "dies in its answer" | "stops" | "answers";
  readonly tls?: ServerOptions;
}

const ANSWER = '{"id":"77","state":"placed"}';

const [ledgerPath = "", text = ""] = process.argv.slice(2);
const ledger = new WorkLedger(ledgerPath);
const { does, tls } = JSON.parse(text) as VictimScript;
const server = tls === undefined ? createServer(onRequest) : createTls(tls, onRequest);

process.on("disconnect", () => process.exit(0));
// How many wait to be taken is the fault of one case, so it is the least that there is.
server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  process.send?.((server.address() as AddressInfo).port, () => {
    if (does === "stops") process.kill(process.pid, "SIGSTOP");
  });
});

function onRequest(request: IncomingMessage, response: ServerResponse): void {
  request.resume().on("end", () => {
    ledger.record(String(request.headers["idempotency-key"]));
    if (does === "dies after its work") process.kill(process.pid, "SIGKILL");
    response.writeHead(201, {
      "content-type": "application/json",
      "content-length": String(ANSWER.length),
    });
    if (does !== "dies in its answer") response.end(ANSWER);
    else response.write(ANSWER.slice(0, 9), () => process.kill(process.pid, "SIGKILL"));
  });
}
