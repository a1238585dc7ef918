/** Sends what a case of the last third wants sent, through the connector. */
import { httpClient, type HttpClientOptions } from "holdfast/connectors/http";
import type { Seen } from "../case.ts";
import { plainAnswer, recordedAttempt, seenThrough } from "../capture.ts";

const PATIENCE_MS = 30_000;

export interface Sent {
  readonly path?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly options?: Partial<HttpClientOptions>;
  /** Where the answer is no JSON by the other side's documents. */
  readonly expect?: "text";
  /** After so many milliseconds our own side gives up. */
  readonly giveUpMs?: number;
}

export async function send(
  key: string,
  baseUrl: string,
  {
    path = "/orders",
    body = '{"currency":"EUR"}',
    headers = {},
    options = {},
    expect,
    giveUpMs,
  }: Sent,
): Promise<Seen> {
  const client = httpClient({
    baseUrl,
    connectTimeoutMs: PATIENCE_MS,
    headersTimeoutMs: PATIENCE_MS,
    bodyTimeoutMs: PATIENCE_MS,
    ...options,
  });
  const signal = giveUpMs === undefined ? undefined : AbortSignal.timeout(giveUpMs);
  const attempt = recordedAttempt(key, signal);
  try {
    const answer = await client.request(attempt, {
      method: "POST",
      path,
      body,
      headers: { "content-type": "application/json", ...headers },
      ...(expect === undefined ? {} : { expect }),
    });
    return {
      phase: attempt.calls.phase,
      answer: plainAnswer(answer.status, answer.headers, answer.bodyText),
    };
  } catch (error) {
    return seenThrough(attempt, error);
  } finally {
    await client.close();
  }
}

export const at = (port: number, scheme = "http"): string =>
  `${scheme}://127.0.0.1:${String(port)}`;
export const idOf = (group: string, name: string): string =>
  `${group}/${name.replaceAll(/[^a-z\d]+/giu, "-")}`;
