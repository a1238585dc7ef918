/** Reads the body of an answer: JSON or text, and what an error body says of itself. */
import { withoutSecrets } from "../secrets.ts";
import { parseJson } from "../../core/json-text.ts";
import type { HeaderFields } from "./retry-after.ts";

/** What a call expects of the body of a success. */
export type Expectation = "json" | "text" | "none";

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: HeaderFields;
  /** Parsed JSON, text, or null for `expect: "none"` and where a status that is no success has no JSON. */
  readonly body: unknown;
  readonly bodyText: string;
}

/** Said in 500 characters at most, and of a body that is no JSON less: it may be a whole page. */
const SAID_CHARS_MAX = 500;
const TEXT_CHARS_MAX = 200;
const REASON_CHARS_MAX = 200;

/**
 * The answer as the caller expects it.
 *
 * @throws {Error} with code HTTP_BODY_UNREADABLE if the body is not what is expected.
 */
export function readAnswer(
  status: number,
  headers: HeaderFields,
  body: Buffer,
  expect: Expectation,
): HttpAnswer {
  if (expect === "none") return { status, headers, body: null, bodyText: looseText(body) };
  const encoding = textOf(headers["content-encoding"]);
  if (encoding !== null && encoding !== "identity") {
    throw unreadable(`the body is encoded as ${encoding}, which was not asked for`);
  }
  if (expect === "text") {
    const bodyText = decode(body, charsetOf(headers));
    return { status, headers, body: bodyText, bodyText };
  }
  // A 204, 205 or an answer to HEAD has no body by definition.
  if (body.length === 0 && (status === 204 || status === 205)) {
    return { status, headers, body: null, bodyText: "" };
  }
  if (body.length === 0) {
    throw unreadable('the body is empty; say expect: "none" if no JSON is expected');
  }
  const bodyText = decode(body, "utf-8");
  try {
    const value: unknown = parseJson(bodyText);
    return { status, headers, body: value, bodyText };
  } catch (cause) {
    throw unreadable("the body is not JSON", cause);
  }
}

/** The same for a status that is no success: an unreadable body is just no body. */
export function readLoosely(
  status: number,
  headers: HeaderFields,
  body: Buffer | null,
): HttpAnswer {
  const bodyText = looseText(body ?? Buffer.alloc(0));
  try {
    const value: unknown = parseJson(bodyText);
    return { status, headers, body: value, bodyText };
  } catch {
    return { status, headers, body: null, bodyText };
  }
}

/**
 * Names of an error code in the bodies of common APIs, the most particular first: google.rpc, AWS, Azure
 * and OData, GraphQL, JSON:API, Salesforce, PayPal, HubSpot, NetSuite, SOAP in JSON.
 */
const REASON_PATHS: readonly (readonly string[])[] = [
  ["error", "details", "0", "reason"],
  ["error", "errors", "0", "reason"],
  ["error", "innererror", "code"],
  ["error", "code"],
  ["error", "type"],
  ["error", "status"],
  ["errors", "0", "code"],
  ["errors", "0", "extensions", "code"],
  ["errors", "0", "errorCode"],
  ["errors", "0", "reason"],
  ["errors", "0", "type"],
  ["0", "errorCode"],
  ["details", "0", "issue"],
  ["o:errorDetails", "0", "o:errorCode"],
  ["subCategory"],
  ["code"],
  ["errorCode"],
  ["error_code"],
  ["error_type"],
  ["__type"],
  ["name"],
  ["category"],
  ["reason"],
  ["fault", "code"],
  ["fault", "faultcode"],
  ["error"],
];

/** No sentence, which changes with the wording, and no status. */
const CODE = /^(?!\d{3}$)[\w.:/#-]{1,200}$/u;
/** Of a field that may hold the name of anything: only what is written as a constant is one. */
const CONSTANT = /^[A-Z][A-Z\d]*(?:_[A-Z\d]+)+$/u;
const LOOSE_FIELDS: readonly string[] = ["name", "reason", "category"];

/** Problem type (RFC 9457) or error code: stable and machine made. Null if the body names none. */
export function reasonOf(answer: HttpAnswer): string | null {
  if (isProblem(answer)) {
    const type = at(answer.body, ["type"]);
    if (typeof type === "string" && type !== "" && type !== "about:blank") return cut(type);
  }
  const header = answer.headers["x-amzn-errortype"] ?? answer.headers["x-ms-error-code"];
  if (typeof header === "string") return cut(header.split(":")[0] ?? header);
  for (const path of REASON_PATHS) {
    const reason = at(answer.body, path);
    const form = path.length === 1 && LOOSE_FIELDS.includes(path[0] ?? "") ? CONSTANT : CODE;
    if (typeof reason === "string" && form.test(reason)) return reason;
  }
  return reasonOfXml(answer);
}

/** Of a longer body only the beginning is looked at: the code comes first. */
const XML_CHARS_MAX = 2_000;

/** `<Error><Code>NoSuchBucket</Code>`, as stores of objects answer. */
function reasonOfXml({ headers, bodyText }: HttpAnswer): string | null {
  if (textOf(headers["content-type"])?.includes("xml") !== true) return null;
  return /<Code>([\w.-]{1,200})<\/Code>/u.exec(bodyText.slice(0, XML_CHARS_MAX))?.[1] ?? null;
}

const SAID_PATHS: readonly (readonly string[])[] = [
  ["error", "message"],
  ["errors", "0", "message"],
  ["message"],
  ["error_description"],
  ["error"],
];

/** What the body says to people, without the values in `secrets`. */
export function saidOf(answer: HttpAnswer, secrets: readonly string[]): string | undefined {
  const problem = [at(answer.body, ["title"]), at(answer.body, ["detail"])];
  const said = isProblem(answer)
    ? problem.filter((text) => typeof text === "string").join(": ")
    : (SAID_PATHS.map((path) => at(answer.body, path)).find((text) => typeof text === "string") ??
      answer.bodyText);
  const charsMax = said === answer.bodyText ? TEXT_CHARS_MAX : SAID_CHARS_MAX;
  // Masked as a whole and then cut: half a secret is not found, and tells the half.
  const text = withoutSecrets(said, secrets).slice(0, charsMax);
  return text === "" ? undefined : text;
}

function isProblem(answer: HttpAnswer): boolean {
  return textOf(answer.headers["content-type"])?.includes("application/problem+json") === true;
}

function at(value: unknown, path: readonly string[]): unknown {
  let here = value;
  for (const name of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, name)) return undefined;
    here = Reflect.get(here, name);
  }
  return here;
}

function cut(text: string): string {
  return text.slice(0, REASON_CHARS_MAX);
}

function looseText(body: Buffer): string {
  return new TextDecoder("utf-8").decode(body);
}

function decode(body: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(body);
  } catch (cause) {
    throw unreadable(`the body is not ${charset}`, cause);
  }
}

function charsetOf(headers: HeaderFields): string {
  const type = textOf(headers["content-type"]) ?? "";
  return /charset\s*=\s*"?([\w-]+)/iu.exec(type)?.[1] ?? "utf-8";
}

function textOf(value: HeaderFields[string]): string | null {
  if (value === undefined) return null;
  return (typeof value === "string" ? value : value.join(", ")).toLowerCase();
}

function unreadable(message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), {
    code: "HTTP_BODY_UNREADABLE",
  });
}
