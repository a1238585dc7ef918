/**
 * Classifies a call that ended with an error instead of an answer: the code says why, the marks of
 * the call say what can be proved about the effect.
 */
import type {
  Classified,
  EffectProof,
  Evidence,
  Phase,
  RuleReference,
} from "../../core/failure.ts";
import { NODE_CODES_VERSION, rowOfCode, type NodeCodeRow } from "./node-codes.ts";

/** What is known of a call besides its error. */
export interface CallMarks {
  /** How far it got; null where nobody watched, which proves nothing. */
  readonly phase: Phase | null;
  /** Outside calls of the whole attempt. More than one forbids the proof `never`. */
  readonly callCount: number;
  /** Number of the attempt, first is 1. */
  readonly attempt: number;
  /** Set if we ended the call ourselves: own deadline, or anything else that aborted the signal. */
  readonly abortedBy?: "deadline" | "caller";
  /** True if a connection to this host has been made before. */
  readonly isHostKnown?: boolean;
  /** Timeouts while connecting to this host, one after the other, this one included. */
  readonly connectTimeoutsInRow?: number;
  /** The head of an answer whose body could not be read. */
  readonly answer?: { readonly status: number; readonly isSafeMethod: boolean };
}

export interface NodeClassification {
  /** Null if no row knows any code of this error. */
  readonly classified: Classified | null;
  readonly rule: RuleReference | null;
  readonly evidence: Evidence;
}

/** Connecting failed so often that it is no longer one call's bad luck. Source: failure model 2.4. */
const CONNECT_TIMEOUTS_UNTIL_UNAVAILABLE = 3;
const MESSAGE_CHARS_MAX = 500;
/** Errors looked at in a chain of causes; beyond that somebody builds chains in a loop. */
const CHAIN_MAX = 32;

/** What the phase alone proves. `answered` without a status proves nothing. */
function effectByPhase(marks: CallMarks): EffectProof {
  // A second call of the same attempt may have done what this one did not.
  if (isUnsent(marks)) return marks.callCount > 1 ? "maybe" : "never";
  const isDone =
    marks.phase === "answered" && marks.answer !== undefined && didHappen(marks.answer);
  return isDone ? "surely" : "maybe";
}

function isUnsent(marks: CallMarks): boolean {
  return marks.phase === "none" || marks.phase === "created";
}

/** A 2xx to a method that asks for a change. Of a read it only proves that it was answered. */
function didHappen(answer: NonNullable<CallMarks["answer"]>): boolean {
  const isDone = answer.status >= 200 && answer.status < 300 && ![202, 207].includes(answer.status);
  return isDone && !answer.isSafeMethod;
}

export function classifyNodeError(error: unknown, marks: CallMarks): NodeClassification {
  const chain = chainOf(error);
  const found = rowOfAbort(marks) ?? rowOfChain(chain);
  const evidence: Evidence = {
    ...(marks.phase === null ? {} : { phase: marks.phase }),
    ...(marks.answer === undefined ? {} : { status: marks.answer.status }),
    ...(found === null ? firstCode(chain) : { code: found.code }),
    message: messageOf(chain),
    callCount: marks.callCount,
  };
  if (found === null) return { classified: null, rule: null, evidence };
  const { row } = found;
  return {
    classified: {
      ...meaningOf(row, marks),
      effect: isUnprocessed(row, chain) && marks.callCount <= 1 ? "never" : effectByPhase(marks),
      origin: row.origin,
      reasonCode: reasonCodeOf(row),
    },
    rule: { source: "table", id: `node/${row.id}`, version: NODE_CODES_VERSION },
    evidence,
  };
}

function meaningOf(row: NodeCodeRow, marks: CallMarks): Pick<Classified, "class" | "scope"> {
  const { class: usual, scope, later } = isUnsent(marks) ? row.unsent : row.sent;
  if (isUnsent(marks) && row.id === "host-unknown" && marks.isHostKnown === true) {
    return { class: "unavailable", scope };
  }
  if (isUnsent(marks) && row.id === "connect-timeout") {
    const isOften = (marks.connectTimeoutsInRow ?? 1) >= CONNECT_TIMEOUTS_UNTIL_UNAVAILABLE;
    return { class: isOften ? "unavailable" : usual, scope };
  }
  if (later !== undefined && marks.attempt >= later.fromAttempt)
    return { class: later.class, scope };
  return { class: usual, scope };
}

const PREFIX_OF: Readonly<Record<string, string>> = {
  file: "FILE",
  process: "PROCESS",
  code: "CODE",
};

/** Operators group by it, so it names the row: one broken connection has many codes. */
function reasonCodeOf(row: NodeCodeRow): string {
  return `${PREFIX_OF[row.where] ?? "NET"}:${row.id.replaceAll("-", "_").toUpperCase()}`;
}

interface Link {
  readonly codes: readonly string[];
  readonly name: string;
  readonly message: string;
  readonly resetCode: number | null;
}

interface Found {
  readonly row: NodeCodeRow;
  readonly code: string;
}

function rowOfAbort({ abortedBy }: CallMarks): Found | null {
  if (abortedBy === undefined) return null;
  return lookUp(abortedBy === "deadline" ? "DeadlinePassed" : "ABORT_ERR");
}

/** Codes first, then what is only said in words, then names: `TypeError: fetch failed` says least. */
function rowOfChain(chain: readonly Link[]): Found | null {
  return (
    firstFound(chain.flatMap((link) => link.codes)) ??
    firstFound(chain.flatMap(codesInWords)) ??
    firstFound(chain.map((link) => link.name))
  );
}

function firstFound(codes: readonly string[]): Found | null {
  for (const code of codes) {
    const match = lookUp(code);
    if (match !== null) return match;
  }
  return null;
}

function lookUp(code: string): Found | null {
  const row = rowOfCode(code);
  return row === null ? null : { row, code };
}

function firstCode(chain: readonly Link[]): Pick<Evidence, "code"> {
  const code = chain.flatMap((link) => link.codes)[0];
  return code === undefined ? {} : { code };
}

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/socket hang up/iu, "ECONNRESET"],
  [/disconnected before secure TLS connection/iu, "ECONNRESET"],
  [/other side closed|connection terminated unexpectedly/iu, "UND_ERR_SOCKET"],
];

function codesInWords({ name, message }: Link): string[] {
  const spoken = WORDS.filter(([pattern]) => pattern.test(message)).map(([, code]) => code);
  // What `fetch` says of a connection lost before or in an answer, if it gives no cause.
  if (name === "TypeError" && /^(terminated|fetch failed)$/u.test(message)) {
    spoken.push("UND_ERR_SOCKET");
  }
  return [
    ...spoken,
    ...(message.match(/\b(?:E[A-Z]{3,}|(?:UND_)?ERR_\w+|EAI_[A-Z]+|HPE_\w+)\b/gu) ?? []),
  ];
}

function isUnprocessed(row: NodeCodeRow, chain: readonly Link[]): boolean {
  return chain.some(
    (link) => link.resetCode !== null && row.unprocessed?.includes(link.resetCode) === true,
  );
}

/** The error, its causes and the errors that it gathers, outermost first; cycles end the walk. */
function chainOf(error: unknown): Link[] {
  const queue: unknown[] = [error];
  const seen = new Set<unknown>();
  const chain: Link[] = [];
  while (queue.length > 0 && chain.length < CHAIN_MAX) {
    const next = queue.shift();
    if (next === undefined || next === null || seen.has(next)) continue;
    seen.add(next);
    if (typeof next !== "object") {
      if (typeof next === "string")
        chain.push({ codes: [], name: "", message: next, resetCode: null });
      continue;
    }
    const errors = fieldOf(next, "errors");
    chain.push({
      // nodemailer renames a system error's code and keeps the original beside it.
      codes: [fieldOf(next, "originalCode"), fieldOf(next, "code")].filter(
        (code) => typeof code === "string",
      ),
      name: textOf(next, "name"),
      message: textOf(next, "message"),
      resetCode: resetCodeOf(next),
    });
    queue.push(fieldOf(next, "cause"));
    if (Array.isArray(errors)) queue.push(...errors.slice(0, CHAIN_MAX));
  }
  return chain;
}

/** `rstCode` of the stream, where a caller added it; else Node says it in words only. */
function resetCodeOf(error: object): number | null {
  const declared = fieldOf(error, "rstCode");
  if (typeof declared === "number") return declared;
  return textOf(error, "message").includes("NGHTTP2_REFUSED_STREAM") ? 7 : null;
}

function fieldOf(value: object, name: string): unknown {
  return Reflect.get(value, name);
}

function textOf(value: object, name: string): string {
  const field = fieldOf(value, name);
  return typeof field === "string" ? field : "";
}

function messageOf(chain: readonly Link[]): string {
  const said = chain.map((link) => link.message || link.name).filter((text) => text !== "");
  return [...new Set(said)].join(": ").slice(0, MESSAGE_CHARS_MAX);
}
