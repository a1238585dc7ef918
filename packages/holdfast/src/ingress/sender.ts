/** Who has sent a request, and what its message is known by. */
import { hash } from "node:crypto";
import type { IncomingMessage as Request } from "node:http";
import { durationMs, type Duration } from "../core/duration.ts";
import { HoldfastError } from "../core/error.ts";
import { checkOptions } from "../workflow/known-options.ts";
import { binaryEvent, STRUCTURED, structuredEvent } from "./cloud-event.ts";
import { Refusal } from "./refusal.ts";
import { jsonOf, readBody, requireContent } from "./request-body.ts";
import { parseSfString } from "./sf-string.ts";
import { secretBytes, signatureProblem } from "./webhook-signature.ts";

/**
 * Names who sends a request, by what you have checked: it is on record as who started the run, so a
 * name and not a credential. Null refuses the request (401).
 */
export type Principal = (request: Request) => string | null | Promise<string | null>;

export type Sender =
  /** Clients of an API of yours, which send the header Idempotency-Key. */
  | { readonly kind: "idempotency-key"; readonly principal: Principal }
  /** Webhooks that are signed as Standard Webhooks has it. */
  | {
      readonly kind: "webhook";
      /** Who sends them. */
      readonly name: string;
      /** `whsec_...`; several while one replaces another. */
      readonly secrets: readonly string[];
      /** How far their clock may be from ours. Default 5 minutes. */
      readonly tolerance?: Duration;
    }
  /** CloudEvents, binary or structured: the same source and id are the same event. */
  | { readonly kind: "cloudevents"; readonly principal: Principal }
  /** Of senders that give no id: the same bytes are the same message, so two equal ones are one. */
  | { readonly kind: "content"; readonly principal: Principal };

/** What a message says of itself beside its payload. */
export interface AboutMessage {
  readonly id: string;
  /** The principal, the name of the webhooks, or the source of the CloudEvent. */
  readonly source: string;
  /** Of a CloudEvent, else null. */
  readonly type: string | null;
  readonly subject: string | null;
  readonly time: string | null;
}

/** Whose it is and what it is known by: that is certain, also of a body that nobody can read. */
export interface Identified {
  readonly by: string;
  readonly about: AboutMessage;
  /** As it came. */
  readonly bytes: Buffer;
  /** @throws {HoldfastError} HF4102 to HF4105 for a body that is no JSON that can be kept. */
  readonly read: () => Read;
  readonly busy: "refuse" | "wait";
}

interface Read {
  readonly body: unknown;
  /** What two messages under one id are compared by. */
  readonly payload: unknown;
}

export type Identify = (request: Request, bytesMax: number) => Promise<Identified>;

const KINDS = ["idempotency-key", "webhook", "cloudevents", "content"] as const;
const JSON_TYPE = "application/json";
/** Characters of an id. */
const ID_CHARS_MAX = 255;
const SECRETS_MAX = 10;
const TOLERANCE: Duration = "5m";

/** @throws {HoldfastError} HF1001 for a sender that is none. */
export function identifierOf(sender: Sender, nowMs: () => number, what: string): Identify {
  const where = `sender of ${what}`;
  checkOptions(where, sender, {
    kind: KINDS,
    principal: "function",
    name: "text",
    secrets: "any",
    tolerance: "duration",
  });
  switch (sender.kind) {
    case "idempotency-key":
      return byKey(principalOf(sender, where));
    case "cloudevents":
      return byEvent(principalOf(sender, where));
    case "content":
      return byContent(principalOf(sender, where));
    case "webhook":
      return bySignature(sender, nowMs, where);
    default:
      throw missing(where, `kind (${KINDS.join(", ")})`);
  }
}

function byKey(principal: Principal): Identify {
  return async (request, bytesMax) => {
    requireContent(request, [JSON_TYPE]);
    const by = await namedBy(principal, request);
    const id = keyOf(request.headers["idempotency-key"]);
    const bytes = await readBody(request, bytesMax);
    const read = () => asItIs(jsonOf(bytes, bytesMax));
    return { by, about: plain(id, by), bytes, read, busy: "refuse" };
  };
}

function bySignature(
  { name, secrets, tolerance = TOLERANCE }: Extract<Sender, { kind: "webhook" }>,
  nowMs: () => number,
  where: string,
): Identify {
  if (name === undefined) throw missing(where, "name (who sends the webhooks)");
  if (!Array.isArray(secrets) || secrets.length === 0 || secrets.length > SECRETS_MAX)
    throw missing(where, `secrets (a list of 1 to ${String(SECRETS_MAX)})`);
  const keys = secrets.map((secret) => secretBytes(secret, where));
  const toleranceMs = durationMs(tolerance, `tolerance of ${where}`);
  return async (request, bytesMax) => {
    requireContent(request, [JSON_TYPE]);
    const header = (part: string) => headerOf(request, `webhook-${part}`);
    const id = header("id");
    const timestamp = header("timestamp");
    const signatures = header("signature");
    if (id.length > ID_CHARS_MAX) throw longId("webhook-id");
    const bytes = await readBody(request, bytesMax);
    const signed = { id, timestamp, signatures, body: bytes };
    const problem = signatureProblem(signed, keys, nowMs(), toleranceMs);
    if (problem !== null) throw unsigned(problem);
    const read = () => asItIs(jsonOf(bytes, bytesMax));
    return { by: name, about: plain(id, name), bytes, read, busy: "wait" };
  };
}

function byEvent(principal: Principal): Identify {
  return async (request, bytesMax) => {
    const mode = requireContent(request, [JSON_TYPE, STRUCTURED]);
    const by = await namedBy(principal, request);
    const bytes = await readBody(request, bytesMax);
    // Of a structured one the id is in the body: one that cannot be read has none.
    const structured = mode === STRUCTURED ? structuredEvent(jsonOf(bytes, bytesMax)) : null;
    const { data: inside, ...about } = structured ?? binaryEvent(request.headers, null);
    if (about.id.length > ID_CHARS_MAX) throw longId("id of the CloudEvent");
    const { type, subject } = about;
    const read = () => {
      const data = structured === null ? jsonOf(bytes, bytesMax) : inside;
      return { body: data, payload: { type, subject, data } };
    };
    return { by, about, bytes, read, busy: "wait" };
  };
}

function byContent(principal: Principal): Identify {
  return async (request, bytesMax) => {
    requireContent(request, [JSON_TYPE]);
    const by = await namedBy(principal, request);
    const bytes = await readBody(request, bytesMax);
    const read = () => asItIs(jsonOf(bytes, bytesMax));
    return { by, about: plain(hash("sha256", bytes), by), bytes, read, busy: "wait" };
  };
}

async function namedBy(principal: Principal, request: Request): Promise<string> {
  const by = await principal(request);
  if (typeof by === "string" && by !== "") return by;
  throw new Refusal(
    401,
    "HF4109",
    "It is not known who sends the request.",
    "Send the credentials that this address asks for.",
  );
}

function keyOf(field: string | readonly string[] | undefined): string {
  const name = "Idempotency-Key";
  if (field === undefined || field === "") {
    throw new Refusal(
      400,
      "HF4109",
      `The header ${name} is missing.`,
      `Send one for each request that is a new one, and the same with its repeats, for example: ${name}: "8e03978e-40d5-43dd-bc93-6894a57f9324"`,
    );
  }
  const key = typeof field === "string" ? parseSfString(field) : null;
  if (key !== null && key.length > ID_CHARS_MAX) throw longId(name);
  if (key !== null && key !== "") return key;
  throw new Refusal(
    400,
    "HF4109",
    `The header ${name} is not valid: expected one text in double quotes, without parameters.`,
    `Write it in double quotes: ${name}: "8e03978e-40d5-43dd-bc93-6894a57f9324"`,
  );
}

function headerOf(request: Request, name: string): string {
  const value = request.headers[name];
  if (typeof value === "string" && value !== "") return value;
  throw unsigned(`${name} is missing`);
}

function asItIs(body: unknown): Read {
  return { body, payload: body };
}

function plain(id: string, source: string): AboutMessage {
  return { id, source, type: null, subject: null, time: null };
}

function principalOf({ principal }: { readonly principal: Principal }, where: string): Principal {
  if (principal === undefined) throw missing(where, "principal (a function that names who sends)");
  return principal;
}

function unsigned(why: string): Refusal {
  return new Refusal(
    401,
    "HF4112",
    `The message is not signed as its sender signs: ${why}.`,
    "Sign it with the secret that both sides have, over the bytes that are sent.",
  );
}

function longId(what: string): Refusal {
  return new Refusal(
    400,
    "HF4109",
    `The ${what} is too long: expected at most ${String(ID_CHARS_MAX)} characters.`,
    "Use a random id, such as a UUID.",
  );
}

function missing(where: string, what: string): HoldfastError {
  return new HoldfastError("HF1001", `The ${where} lacks ${what}.`, "Give it.");
}
