/**
 * An edge and a gRPC server, in a process of its own. The edge passes a request on to a backend of its
 * own, which writes down what it has done, and then says whatever the case is about; the gRPC server
 * ends each call in the way that its path names.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { constants, createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { WorkLedger } from "./ledger.ts";

const [ledgerPath = ""] = process.argv.slice(2);
const ledger = new WorkLedger(ledgerPath);

process.on("disconnect", () => process.exit(0));
process.send?.({ http: await listen(createServer(onRequest)), rpc: await listen(rpcServer()) });

async function listen(server: ReturnType<typeof createServer> | ReturnType<typeof createHttp2>) {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

interface Asked {
  readonly works: boolean;
  readonly end: "answer" | "reset" | "half" | "stall" | "close-idle";
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: string;
}

function onRequest(request: IncomingMessage, response: ServerResponse): void {
  // The client is ours: its word for what it wants is well formed.
  const asked = JSON.parse(String(request.headers["x-case"])) as Asked;
  const { works, end, status, fields, body } = asked;
  request.resume().on("end", () => {
    if (works) ledger.record(String(request.headers["idempotency-key"]));
    const { socket } = request;
    if (end === "reset") {
      socket.resetAndDestroy();
      return;
    }
    response.writeHead(status, { ...fields, "content-length": String(Buffer.byteLength(body)) });
    if (end === "answer") response.end(body);
    else if (end === "stall") response.write(body.slice(0, 2));
    else response.write(body.slice(0, 2), () => socket.end());
  });
}

function rpcServer(): ReturnType<typeof createHttp2> {
  const server = createHttp2();
  // How a session ends is what some cases are about.
  server.on("sessionError", () => undefined);
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    stream.resume().on("end", () => {
      const [works = "", how = "", detail = ""] = String(headers[":path"]).slice(1).split("/");
      if (works === "works") ledger.record(String(headers["idempotency-key"]));
      endCall(stream, how, decodeURIComponent(detail));
    });
  });
  return server;
}

function endCall(stream: ServerHttp2Stream, how: string, detail: string): void {
  switch (how) {
    case "status": {
      const [code = "", message = "", ...fields] = detail.split("|");
      const more = fields.map((field) => field.split("="));
      stream.respond(
        {
          ":status": 200,
          "content-type": "application/grpc",
          "grpc-status": code,
          "grpc-message": message,
          ...Object.fromEntries(more),
        },
        { endStream: true },
      );
      return;
    }
    case "reset":
      stream.close(Number(detail));
      return;
    case "goaway":
      // None of this session's streams was looked at.
      stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 0);
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    case "destroy":
      stream.session?.destroy();
      return;
    case "half":
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(Buffer.from([0, 0, 0, 0, 9, 1]), () => stream.session?.socket.destroy());
      return;
    default:
      throw new Error(`no such end: ${how}`);
  }
}
