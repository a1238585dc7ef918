/** Options of an HTTP client, checked when the client is made. */
import { HoldfastError } from "../../core/error.ts";
import { secretsOf } from "../secrets.ts";
import { checkOptions, type OptionKinds } from "../../workflow/known-options.ts";

export interface HttpClientOptions {
  /** Origin and path prefix, for example `https://erp.example/api/v2`. */
  readonly baseUrl: string;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Credentials as headers. Asked before every call, so keep the token; asked again with `refused`
   * after a 401, once, and the request is then sent once more.
   */
  readonly authorize?: (why: "first" | "refused") => Promise<Readonly<Record<string, string>>>;
  /** Name of the header that carries the operation key of a write. Default `Idempotency-Key`. */
  readonly keyHeader?: string | false;
  /** Milliseconds until a connection is there, TLS included. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds from the request to the head of the answer. Default 30,000. */
  readonly headersTimeoutMs?: number;
  /** Milliseconds between two pieces of the body. Default 30,000. */
  readonly bodyTimeoutMs?: number;
  /** Largest body of an answer that is read. Default 8 MiB. */
  readonly responseBytesMax?: number;
  /** Largest body that is sent. Default 8 MiB. */
  readonly requestBytesMax?: number;
  /** Redirects of one read that are followed. Default 3. */
  readonly redirectsMax?: number;
  /** Origins besides the client's own to which a read may be redirected. They get no credentials. */
  readonly redirectOrigins?: readonly string[];
  /** The error code in a body of this system, where the usual places do not hold it. */
  readonly errorCode?: (body: unknown) => string | null;
  readonly tls?: TlsOptions;
  /** The clock. Used only for points in time in answers without a `Date`. */
  readonly nowMs?: () => number;
}

/** PEM texts. Certificates are always verified. */
export interface TlsOptions {
  readonly ca?: string | readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly servername?: string;
}

export interface ResolvedOptions {
  readonly baseUrl: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly authorize: NonNullable<HttpClientOptions["authorize"]> | null;
  readonly keyHeader: string | null;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly responseBytesMax: number;
  readonly requestBytesMax: number;
  readonly redirectsMax: number;
  readonly redirectOrigins: ReadonlySet<string>;
  readonly errorCode: (body: unknown) => string | null;
  /** Values that are masked in what is kept of an answer. */
  readonly secrets: readonly string[];
  readonly tls: { ca?: string | string[] } & Omit<TlsOptions, "ca">;
  readonly nowMs: () => number;
}

const BYTES_MAX = 8 * 1_024 * 1_024;
/** Shorter header values are words, not secrets; masking them would garble messages. */
const SECRET_CHARS_MIN = 8;

const KINDS: { readonly [Name in keyof Required<HttpClientOptions>]: OptionKinds[string] } = {
  baseUrl: "text",
  headers: "object",
  authorize: "function",
  // A text, or false: looked at below.
  keyHeader: "any",
  connectTimeoutMs: "number",
  headersTimeoutMs: "number",
  bodyTimeoutMs: "number",
  responseBytesMax: "number",
  requestBytesMax: "number",
  redirectsMax: "number",
  // A list: looked at below.
  redirectOrigins: "any",
  errorCode: "function",
  tls: "object",
  nowMs: "function",
};

const TLS_KINDS: { readonly [Name in keyof Required<TlsOptions>]: OptionKinds[string] } = {
  // A text or a list of them, which Node itself looks at.
  ca: "any",
  cert: "text",
  key: "text",
  passphrase: "text",
  servername: "text",
};

/** @throws {HoldfastError} HF1001 if an option is not known or not valid. */
export function resolveOptions(options: HttpClientOptions): ResolvedOptions {
  checkKinds(options);
  const baseUrl = originOf("baseUrl", options.baseUrl);
  const { ca, ...tls } = options.tls ?? {};
  return {
    baseUrl,
    headers: options.headers ?? {},
    authorize: options.authorize ?? null,
    keyHeader: options.keyHeader === false ? null : (options.keyHeader ?? "Idempotency-Key"),
    connectTimeoutMs: count("connectTimeoutMs", options.connectTimeoutMs ?? 5_000, 1),
    headersTimeoutMs: count("headersTimeoutMs", options.headersTimeoutMs ?? 30_000, 1),
    bodyTimeoutMs: count("bodyTimeoutMs", options.bodyTimeoutMs ?? 30_000, 1),
    responseBytesMax: count("responseBytesMax", options.responseBytesMax ?? BYTES_MAX, 0),
    requestBytesMax: count("requestBytesMax", options.requestBytesMax ?? BYTES_MAX, 0),
    redirectsMax: count("redirectsMax", options.redirectsMax ?? 3, 0),
    redirectOrigins: new Set([
      baseUrl.origin,
      ...(options.redirectOrigins ?? []).map(
        (origin) => originOf("redirectOrigins", origin).origin,
      ),
    ]),
    errorCode: options.errorCode ?? (() => null),
    secrets: secretsOf(options.headers ?? {}).filter((text) => text.length >= SECRET_CHARS_MIN),
    tls: { ...tls, ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] }) },
    nowMs: options.nowMs ?? Date.now,
  };
}

/** What a caller without types may have written. */
function checkKinds(options: HttpClientOptions): void {
  checkOptions("httpClient", options, KINDS);
  if (options.tls !== undefined) checkOptions("tls of httpClient", options.tls, TLS_KINDS);
  const { headers = {}, keyHeader = false, redirectOrigins = [] } = options;
  for (const [name, value] of Object.entries(headers))
    if (typeof value !== "string") throw invalid(`headers["${name}"]`, "a text");
  const isName: boolean =
    keyHeader === false || (typeof keyHeader === "string" && keyHeader !== "");
  if (!isName) throw invalid("keyHeader", "the name of a header, or false");
  if (!Array.isArray(redirectOrigins)) throw invalid("redirectOrigins", "a list of origins");
}

function originOf(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw invalid(name, `an http or https URL, got "${text}"`);
  }
  if (url.username !== "" || url.password !== "") {
    throw invalid(name, "a URL without user and password; give credentials as headers");
  }
  if (url.search !== "" || url.hash !== "") throw invalid(name, "a URL without query and fragment");
  return url;
}

function count(name: string, value: number, min: number): number {
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw invalid(name, `a whole number of at least ${String(min)}, got ${String(value)}`);
}

function invalid(name: string, expected: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `The option ${name} of an HTTP client is not valid: expected ${expected}.`,
    `Give httpClient a valid ${name}.`,
  );
}
