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
import { consult, DONE, effectByPhase, type ProtocolRow } from "../../core/protocol-table.ts";
import { FILE_TABLE } from "../../core/protocols/file.ts";
import { NODE_TABLE } from "../../core/protocols/node.ts";

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
/** Number of the HTTP/2 error code. */
const REFUSED_STREAM = 7;
const MESSAGE_CHARS_MAX = 500;
/** Errors looked at in a chain of causes; beyond that somebody builds chains in a loop. */
const CHAIN_MAX = 32;

/** A 2xx to a method that asks for a change. Of a read it only proves that it was answered. */
function didHappen(answer: NonNullable<CallMarks["answer"]>): boolean {
  const isDone = answer.status >= 200 && answer.status < 300 && ![202, 207].includes(answer.status);
  return isDone && !answer.isSafeMethod;
}

export function classifyNodeError(error: unknown, marks: CallMarks): NodeClassification {
  const chain = chainOf(error);
  const known = { ...marks, isUnprocessed: chain.some(isUnprocessed) };
  const found = rowOfAbort(known) ?? rowOfChain(chain, known);
  const isRefused = found?.row.when.is?.includes("unprocessed") === true && isWatchedAlone(marks);
  const evidence: Evidence = {
    // The receiver itself has said that it did nothing.
    ...(isRefused ? { phase: "answered" } : marks.phase === null ? {} : { phase: marks.phase }),
    ...(marks.answer === undefined ? {} : { status: marks.answer.status }),
    ...(found === null ? firstCode(chain) : { code: found.code }),
    message: messageOf(chain),
    callCount: marks.callCount,
  };
  if (found === null) return { classified: null, rule: null, evidence };
  return {
    classified: { ...found.says, effect: isRefused ? "never" : effectOf(known) },
    rule: found.rule,
    evidence,
  };
}

/** Also of local files: what they refuse says nothing about the call that came before. */
function effectOf(known: Known): EffectProof {
  const { phase, callCount } = known;
  const holdsHere = (condition: string) => holds(condition, known);
  const effect = effectByPhase(NODE_TABLE, { phase, holds: holdsHere });
  // A second call of the same attempt may have done what this one did not.
  return effect === "never" && callCount > 1 ? "maybe" : effect;
}

/** Only then does what one call was told hold for the attempt. */
function isWatchedAlone(marks: CallMarks): boolean {
  return marks.phase !== null && marks.callCount <= 1;
}

interface Link {
  readonly codes: readonly string[];
  readonly name: string;
  readonly message: string;
  readonly resetCode: number | null;
}

interface Found {
  readonly row: ProtocolRow;
  readonly says: Classified;
  readonly rule: RuleReference;
  readonly code: string;
}

type Known = CallMarks & { readonly isUnprocessed: boolean };

function rowOfAbort(known: Known): Found | null {
  const { abortedBy } = known;
  if (abortedBy === undefined) return null;
  return lookUp(abortedBy === "deadline" ? "DeadlinePassed" : "ABORT_ERR", known);
}

/** What nodemailer calls every broken connection and every failed look-up, whatever is behind it. */
const RENAMED: readonly string[] = ["ESOCKET", "ECONNECTION", "EDNS"];

/**
 * Codes first, then what is only said in words, then the names that a library gives to all alike;
 * `TypeError: fetch failed` says least.
 */
function rowOfChain(chain: readonly Link[], known: Known): Found | null {
  const firstFound = (codes: readonly string[]): Found | null => {
    for (const code of codes) {
      const match = lookUp(code, known);
      if (match !== null) return match;
    }
    return null;
  };
  const codes = chain.flatMap((link) => link.codes);
  return (
    firstFound(codes.filter((code) => !RENAMED.includes(code))) ??
    firstFound(chain.flatMap(codesInWords)) ??
    firstFound(codes) ??
    firstFound(chain.map((link) => link.name))
  );
}

function lookUp(code: string, known: Known): Found | null {
  const facts = {
    code,
    status: null,
    phase: known.phase,
    attempt: known.attempt,
    holds: (condition: string) => holds(condition, known),
  };
  const verdict = consult(NODE_TABLE, facts) ?? consult(FILE_TABLE, facts);
  if (verdict === null || verdict.says === null) return null;
  return { row: verdict.row, says: verdict.says, rule: verdict.rule, code };
}

function holds(condition: string, known: Known): boolean {
  switch (condition) {
    case "host-known":
      return known.isHostKnown === true;
    case "often":
      return (known.connectTimeoutsInRow ?? 1) >= CONNECT_TIMEOUTS_UNTIL_UNAVAILABLE;
    case "unprocessed":
      return known.isUnprocessed;
    case DONE:
      return known.answer !== undefined && didHappen(known.answer);
    default:
      return false;
  }
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

/** HTTP/2 REFUSED_STREAM. Source: RFC 9113 8.7. */
function isUnprocessed({ resetCode }: Link): boolean {
  return resetCode === REFUSED_STREAM;
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
  return textOf(error, "message").includes("NGHTTP2_REFUSED_STREAM") ? REFUSED_STREAM : null;
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
