/** How cases reach an HTTP server: through the connector, with one order. */
import { createServer, type AddressInfo } from "node:net";
import { httpClient, type HttpClientOptions } from "holdfast/connectors/http";
import type { Seen } from "../case.ts";
import { plainAnswer, recordedAttempt, seenThrough } from "../capture.ts";
import type { HttpScript } from "../wire-script.ts";
import type { StatusCase } from "./http-statuses.ts";

/** Long enough for a busy machine: only calls that meet silence wait so long. */
const PATIENCE_MS = 30_000;
/** For calls that are meant to meet silence. */
export const SILENCE_MS = 700;
const ORDER = { order: "4711", amount: "12.50", currency: "EUR" };

/** Sends one order and says what was seen. */
export async function call(
  key: string,
  baseUrl: string,
  options: Partial<HttpClientOptions> = {},
): Promise<Seen> {
  const client = httpClient({
    baseUrl,
    connectTimeoutMs: PATIENCE_MS,
    headersTimeoutMs: PATIENCE_MS,
    bodyTimeoutMs: PATIENCE_MS,
    ...options,
  });
  const attempt = recordedAttempt(key);
  try {
    const { status, headers, bodyText } = await client.request(attempt, {
      method: "POST",
      path: "/orders",
      json: ORDER,
    });
    return { phase: attempt.calls.phase, answer: plainAnswer(status, headers, bodyText) };
  } catch (error) {
    return seenThrough(attempt, error);
  } finally {
    await client.close();
  }
}

/** The answer of a case, for the server. */
export function httpScript(status: StatusCase): HttpScript {
  const { body = "", headers = {}, works = false } = status;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const type = typeof body === "string" ? "text/html" : "application/json";
  return {
    status: status.status,
    headers: {
      "content-length": String(Buffer.byteLength(text)),
      ...(text === "" ? {} : { "content-type": type }),
      ...headers,
    },
    body: text,
    works,
  };
}

/** A port of this machine on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  return port;
}
