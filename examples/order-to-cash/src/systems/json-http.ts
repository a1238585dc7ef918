import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { ListeningSystem } from "./system-program.ts";

const BODY_BYTES_MAX = 1024 * 1024;
/** Requests still under way after this, when the system ends, are cut off. */
const CLOSE_MS_MAX = 1_000;

export interface JsonRequest {
  /** `POST /charges`: the method and the path, without the query. */
  readonly route: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The members of the JSON object that was sent; empty if no body was sent. */
  readonly fields: ReadonlyMap<string, unknown>;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer of RFC 9457. The type is the stable name of the problem. */
export function problem(status: number, type: string, title: string): JsonAnswer {
  return {
    status,
    body: { type, title, status },
    headers: { "content-type": "application/problem+json" },
  };
}

/** A non-empty text of the request, or undefined. */
export function textField(request: JsonRequest, name: string): string | undefined {
  const value = request.fields.get(name);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A whole number of cents of at least 0, or undefined. */
export function centsField(request: JsonRequest): number | undefined {
  const value = request.fields.get("cents");
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** Serves JSON on 127.0.0.1: one function answers everything. */
export async function listenJson(
  port: number,
  answer: (request: JsonRequest) => JsonAnswer | Promise<JsonAnswer>,
): Promise<ListeningSystem> {
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing, answer).catch((error: unknown) => {
      process.stderr.write(
        `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
      if (!outgoing.headersSent)
        send(outgoing, problem(500, "about:blank", "Internal Server Error"));
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    // A server that listens on a host and a port has an AddressInfo.
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const guard = setTimeout(() => {
        server.closeAllConnections();
      }, CLOSE_MS_MAX);
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      clearTimeout(guard);
    },
  };
}

async function serve(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: (request: JsonRequest) => JsonAnswer | Promise<JsonAnswer>,
): Promise<void> {
  const body = await readBody(incoming);
  if (body === undefined) {
    send(outgoing, problem(413, "about:blank", "Content Too Large"));
    return;
  }
  const fields = parseFields(body);
  if (fields === undefined) {
    send(outgoing, problem(400, "about:blank", "The body is not a JSON object"));
    return;
  }
  const url = new URL(incoming.url ?? "/", "http://localhost");
  const route = `${incoming.method ?? "GET"} ${url.pathname}`;
  send(
    outgoing,
    await answer({ route, query: url.searchParams, headers: incoming.headers, fields }),
  );
}

async function readBody(incoming: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of incoming.iterator({ destroyOnReturn: false })) {
    // Without an encoding set, an IncomingMessage yields Buffers.
    const bytes = part as Buffer;
    sizeBytes += bytes.length;
    if (sizeBytes > BODY_BYTES_MAX) return undefined;
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parseFields(body: string): ReadonlyMap<string, unknown> | undefined {
  if (body === "") return new Map();
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return new Map(Object.entries(value));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function send(outgoing: ServerResponse, { status, body, headers = {} }: JsonAnswer): void {
  const text = JSON.stringify(body);
  outgoing.writeHead(status, {
    "content-type": "application/json",
    ...headers,
    "content-length": String(Buffer.byteLength(text)),
  });
  outgoing.end(text);
}
