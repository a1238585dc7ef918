/** Builds a request from what the caller asks for, and refuses what must not leave the process. */
import type { Attempt } from "../../workflow/attempt.ts";

/** Methods that ask for no change (RFC 9110 9.2.1). */
const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"] as const;
export type HttpMethod = (typeof SAFE_METHODS)[number] | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Outgoing {
  readonly url: URL;
  readonly method: HttpMethod;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

export interface RequestParts {
  readonly method: HttpMethod;
  /** Below the base URL, starting with a slash. Encode what you put into it. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. Not together with `body`. */
  readonly json?: unknown;
  /** Sent as it is; give it a content-type. */
  readonly body?: string | Uint8Array;
}

export interface BuildOptions {
  readonly baseUrl: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: no key is sent. */
  readonly keyHeader: string | null;
  readonly requestBytesMax: number;
}

export function isSafe(method: HttpMethod): boolean {
  return (SAFE_METHODS as readonly string[]).includes(method);
}

/**
 * @throws {Error} with code ERR_INVALID_URL, ERR_INVALID_ARG_VALUE or HTTP_REQUEST_TOO_LARGE;
 * nothing has been sent then.
 */
export function buildRequest(
  parts: RequestParts,
  attempt: Attempt,
  options: BuildOptions,
): Outgoing {
  const body = bodyOf(parts);
  if (body !== null && body.length > options.requestBytesMax) {
    const size = `${String(body.length)} bytes, the client's limit is ${String(options.requestBytesMax)}`;
    throw refused("HTTP_REQUEST_TOO_LARGE", `the request body has ${size}`);
  }
  return {
    url: urlOf(parts, options.baseUrl),
    method: parts.method,
    headers: headersOf(parts, attempt, options),
    body,
  };
}

function urlOf(parts: RequestParts, baseUrl: URL): URL {
  if (!parts.path.startsWith("/")) {
    throw refused("ERR_INVALID_URL", `the path must start with a slash, got "${parts.path}"`);
  }
  const [path = ""] = parts.path.split(/[?#]/u, 1);
  // "/orders/../admin" and "/orders/%2e%2e/admin" would leave the place that the code names.
  if (path.split(/[/\\]/u).some((segment) => /^(\.|%2e){1,2}$/iu.test(segment))) {
    throw refused("ERR_INVALID_URL", `the path must have no dot segments, got "${path}"`);
  }
  const url = new URL(baseUrl.origin + baseUrl.pathname.replace(/\/$/u, "") + parts.path);
  for (const [name, value] of Object.entries(parts.query ?? {})) {
    if (value !== undefined) url.searchParams.append(name, String(value));
  }
  url.hash = "";
  return url;
}

/** Set by us or by undici; a caller's value would contradict the body or the attempt. */
const RESERVED = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "x-attempt",
  "x-correlation-id",
]);

function headersOf(
  parts: RequestParts,
  attempt: Attempt,
  options: BuildOptions,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {
    accept: "application/json",
    // What comes compressed could unfold beyond every limit.
    "accept-encoding": "identity",
    ...(parts.json === undefined ? {} : { "content-type": "application/json" }),
  };
  const keyHeader = options.keyHeader?.toLowerCase();
  for (const [name, value] of Object.entries({ ...options.headers, ...parts.headers })) {
    const lower = name.toLowerCase();
    if (RESERVED.has(lower) || lower === keyHeader) {
      throw refused("ERR_INVALID_ARG_VALUE", `the header ${lower} is set by the client itself`);
    }
    headers[lower] = value;
  }
  if (keyHeader !== undefined && !isSafe(parts.method)) headers[keyHeader] = attempt.key;
  headers["x-attempt"] = String(attempt.number);
  headers["x-correlation-id"] = attempt.correlationId;
  return headers;
}

function bodyOf({ json, body, method }: RequestParts): Buffer | null {
  if (json === undefined && body === undefined) return null;
  if (isSafe(method)) throw refused("ERR_INVALID_ARG_VALUE", `a ${method} has no body`);
  if (json === undefined) return Buffer.from(body ?? "");
  if (body !== undefined) throw refused("ERR_INVALID_ARG_VALUE", "give either json or body");
  const text: string | undefined = JSON.stringify(json);
  if (text === undefined) throw refused("ERR_INVALID_ARG_VALUE", "json cannot be written as JSON");
  return Buffer.from(text);
}

function refused(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
