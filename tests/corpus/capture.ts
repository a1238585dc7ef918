/**
 * What a client saw, as data that another run makes again: ports, folders, process ids and times are
 * replaced, and nothing that this platform has made of an error is kept.
 */
import { createHash } from "node:crypto";
import type { Attempt } from "holdfast";
import { HttpCallFailed } from "holdfast/connectors/http";
import { MailCallFailed } from "holdfast/connectors/mail";
import type { PlainError, Seen } from "./case.ts";

/** Causes and parts of causes that are followed. */
const DEPTH_MAX = 4;
const ERRORS_MAX = 4;
const BODY_CHARS_MAX = 1_200;
const TEXT_CHARS_MAX = 400;

/** Fields in which clients say what happened. */
const FIELDS = [
  "code",
  "syscall",
  "errcode",
  "errstr",
  "severity",
  "constraint",
  "command",
  "responseCode",
  "response",
  "statusCode",
  "reason",
] as const;
/** Fields of an answer that differ from run to run, and say nothing of the fault. */
const HEADERS_LEFT_OUT: readonly string[] = [
  "date",
  "connection",
  "keep-alive",
  "transfer-encoding",
];

/** An attempt that keeps the connector's marks, as the engine gives one. */
export function recordedAttempt(key: string, signal = new AbortController().signal): Attempt {
  const order = ["none", "created", "sent", "bodySent", "answered"] as const;
  const calls: { count: number; phase: (typeof order)[number] } = { count: 0, phase: "none" };
  return {
    key,
    keyOf: (part) => `${key}/${part}`,
    number: 1,
    signal,
    correlationId: "corpus",
    sentAt: null,
    partsDone: [],
    deadlineAtMs: Number.MAX_SAFE_INTEGER,
    mark: (phase) => {
      if (order.indexOf(phase) > order.indexOf(calls.phase)) calls.phase = phase;
    },
    calls,
  };
}

/** What was seen of a call through a connector. Its own verdict is not looked at. */
export function seenThrough(attempt: Attempt, error: unknown): Seen {
  if (error instanceof HttpCallFailed) {
    const { answer, evidence } = error;
    const status = evidence.status;
    return {
      phase: attempt.calls.phase,
      ...(error.cause === undefined ? {} : { error: plainError(error.cause) }),
      ...(answer === null
        ? status === undefined
          ? {}
          : { answer: plainAnswer(status, {}, "") }
        : { answer: plainAnswer(answer.status, answer.headers, answer.bodyText) }),
    };
  }
  const { phase } = attempt.calls;
  if (!(error instanceof MailCallFailed)) return { phase, error: plainError(error) };
  if (error.cause !== undefined) return { phase, error: plainError(error.cause) };
  // Nobody threw: the server took it for some and refused it for others.
  const recipients = { accepted: error.accepted.length, rejected: error.rejected.length };
  return { phase, error: { name: "Error", message: plain(error.message), ...recipients } };
}

export function plainAnswer(
  status: number,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  body: string,
): NonNullable<Seen["answer"]> {
  const kept = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || HEADERS_LEFT_OUT.includes(name.toLowerCase())
      ? []
      : [[name.toLowerCase(), plain(String(value))] as const],
  );
  const text = plain(body);
  return {
    status,
    headers: Object.fromEntries(kept),
    body: text.slice(0, BODY_CHARS_MAX),
    bodyBytes: Buffer.byteLength(text),
    bodySha256: createHash("sha256").update(text).digest("hex"),
  };
}

export function plainError(error: unknown, depth = 0): PlainError {
  if (typeof error !== "object" || error === null) {
    return { name: typeof error, message: plain(String(error)) };
  }
  const fields = FIELDS.flatMap((field): [string, unknown][] => {
    const value: unknown = Reflect.get(error, field);
    if (typeof value === "string") return [[field, plain(value)]];
    return typeof value === "number" ? [[field, value]] : [];
  });
  const of = (field: string): unknown => Reflect.get(error, field);
  const inner = depth < DEPTH_MAX ? of("cause") : undefined;
  const list = depth < DEPTH_MAX ? of("errors") : undefined;
  return {
    name: textIn(of("name"), "Error"),
    message: textIn(of("message"), ""),
    ...(Object.fromEntries(fields) as Record<string, unknown>),
    ...(inner === undefined ? {} : { cause: plainError(inner, depth + 1) }),
    ...(Array.isArray(list)
      ? { errors: list.slice(0, ERRORS_MAX).map((one: unknown) => plainError(one, depth + 1)) }
      : {}),
  };
}

function textIn(value: unknown, missing: string): string {
  return typeof value === "string" ? plain(value) : missing;
}

/** A text without what differs from run to run. */
export function plain(text: string): string {
  return text
    .replaceAll(/(127\.0\.0\.1|localhost|::1)(:| port )\d+/gu, "$1$21")
    .replaceAll(/\/tmp\/[\w./-]*corpus-[\w-]+/gu, "/tmp/corpus")
    .replaceAll(/\bprocess \d+|\bpid \d+/giu, "process 1")
    .replaceAll(/\btransaction \d+|\bxid \d+/giu, "transaction 1")
    .replaceAll(/\b[0-9A-F]{12,16}:error:/gu, "0:error:")
    .slice(0, Math.max(TEXT_CHARS_MAX, BODY_CHARS_MAX));
}
