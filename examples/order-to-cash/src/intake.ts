/** The door through which orders come in: HTTP on 127.0.0.1, `POST /orders` with the order as JSON. */
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { formatError, HoldfastError, type App } from "holdfast";
import type { Order } from "./order.ts";
import type { placeOrderWith } from "./workflow.ts";

/** An order is a few hundred bytes. */
const BODY_BYTES_MAX = 64 * 1024;
/** Requests still open after this, when the intake closes, are cut. */
const CLOSE_MS_MAX = 1_000;

export interface Intake {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * 202 (new) and 200 (a duplicate) are said only once the start is durable. Whoever gets no answer
 * may send the same order again: its key makes the second time harmless.
 */
export async function openIntake(
  app: App,
  placeOrder: ReturnType<typeof placeOrderWith>,
): Promise<Intake> {
  const server = createServer((request, response) => {
    answer(app, placeOrder, request, response).catch((error: unknown) => {
      process.stderr.write(`intake: ${String(error)}\n`);
      send(response, 500, { code: "INTERNAL", message: "the intake has failed" });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    // A server that listens on a host and a port has an AddressInfo.
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const guard = setTimeout(() => {
        server.closeAllConnections();
      }, CLOSE_MS_MAX);
      server.closeIdleConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      clearTimeout(guard);
    },
  };
}

async function answer(
  app: App,
  placeOrder: ReturnType<typeof placeOrderWith>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== "POST" || request.url !== "/orders") {
    send(response, 404, { code: "NOT_FOUND", message: "expected POST /orders" });
    return;
  }
  try {
    // The type is a wish until `start` has held the value against the workflow's schema.
    const order = parseJson(await bodyOf(request)) as Order;
    const run = await app.start(placeOrder, order, { by: "intake" });
    send(response, run.isNew ? 202 : 200, { runId: run.id, isNew: run.isNew });
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    refuse(response, error);
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    // Without an encoding set, an IncomingMessage yields Buffers.
    const bytes = part as Buffer;
    sizeBytes += bytes.length;
    if (sizeBytes > BODY_BYTES_MAX) {
      throw new HoldfastError(
        "HF4104",
        `The order is larger than ${String(BODY_BYTES_MAX)} bytes. Nothing was started.`,
        "Send the order without attachments.",
      );
    }
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new HoldfastError(
      "HF4102",
      "The order is not JSON. Nothing was started.",
      "Send one JSON object, encoded as UTF-8.",
      { cause },
    );
  }
}

function refuse(response: ServerResponse, error: HoldfastError): void {
  const said = { code: error.code, message: formatError(error) };
  // A full intake is the one refusal that a later try can change.
  if (error.code === "HF4201") send(response, 503, said, { "retry-after": "1" });
  else send(response, error.code === "HF4104" ? 413 : 422, said);
}

function send(
  response: ServerResponse,
  status: number,
  body: object,
  headers: OutgoingHttpHeaders = {},
): void {
  if (response.headersSent) return;
  const text = JSON.stringify(body);
  const length = String(Buffer.byteLength(text));
  const fields = { "content-type": "application/json", "content-length": length, ...headers };
  // What is left of a body that was too large is not read: the connection ends with the answer.
  response.writeHead(status, status === 413 ? { ...fields, connection: "close" } : fields);
  response.end(text);
}
