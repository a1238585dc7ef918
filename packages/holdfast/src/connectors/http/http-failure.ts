/** What an HTTP connector throws when a call has ended badly. */
import { KEPT_HEADERS, type Classified } from "../../core/failure.ts";
import { CallFailed, type Attempt, type CallFailedOptions } from "../../workflow/attempt.ts";
import type { ExchangeResult } from "./exchange.ts";
import { withoutSecrets } from "../secrets.ts";
import { readLoosely, reasonOf, saidOf, type HttpAnswer } from "./http-answer.ts";
import { classifyNodeError, type CallMarks } from "./node-error.ts";
import type { HeaderFields } from "./retry-after.ts";
import { isSafe, type HttpMethod } from "./outgoing-request.ts";
import { classifyStatus } from "./status-error.ts";

/** A failed HTTP call, with the answer that an integration's own `classify` may want to look at. */
export class HttpCallFailed extends CallFailed {
  /** Null if no answer came, or only a part of one. */
  readonly answer: HttpAnswer | null;

  constructor(options: CallFailedOptions, answer: HttpAnswer | null) {
    super(options);
    this.answer = answer;
  }
}

/** The call, as far as messages and classifiers need it. */
export interface FailedCall {
  readonly method: HttpMethod;
  /** Without the query, which may hold secrets. */
  readonly path: string;
  readonly attempt: Attempt;
  readonly host: Pick<CallMarks, "isHostKnown" | "connectTimeoutsInRow">;
  readonly secrets: readonly string[];
  readonly errorCode: (body: unknown) => string | null;
  readonly nowMs: number;
  /** True if an answer has proved that the write was done, whatever came after. */
  readonly isDone: boolean;
}

export function failureOfError(
  error: unknown,
  result: Pick<ExchangeResult, "phase" | "head" | "abortedBy">,
  call: FailedCall,
): HttpCallFailed {
  const isSafeMethod = isSafe(call.method);
  const { classified, rule, evidence } = classifyNodeError(error, {
    phase: result.phase,
    callCount: call.attempt.calls.count,
    attempt: call.attempt.number,
    ...call.host,
    ...(result.abortedBy === undefined ? {} : { abortedBy: result.abortedBy }),
    ...(result.head === null ? {} : { answer: { status: result.head.status, isSafeMethod } }),
  });
  const table =
    classified === null || rule === null ? null : { says: sure(classified, call), rule };
  return new HttpCallFailed(
    {
      message: `${call.method} ${call.path}: ${evidence.message ?? "no answer"}`,
      evidence: { ...evidence, ...pathOf(call) },
      ...(table === null ? {} : { table }),
      cause: error,
    },
    null,
  );
}

export function failureOfStatus(
  head: NonNullable<ExchangeResult["head"]>,
  body: Buffer | null,
  call: FailedCall,
): HttpCallFailed {
  const answer = readLoosely(head.status, head.headers, body);
  const said = saidOf(answer, call.secrets);
  const { table, signal, echo, evidence } = classifyStatus({
    status: head.status,
    method: call.method,
    headers: head.headers,
    reason: call.errorCode(answer.body) ?? reasonOf(answer),
    ...(said === undefined ? {} : { said }),
    callCount: call.attempt.calls.count,
    nowMs: call.nowMs,
  });
  return new HttpCallFailed(
    {
      message: `${call.method} ${call.path}: answered ${String(head.status)}`,
      evidence: { ...evidence, ...pathOf(call), ...keptHeaders(head.headers, call.secrets) },
      ...(table === null ? {} : { table: { ...table, says: sure(table.says, call) } }),
      ...(signal === null ? {} : { signal }),
      // A 404 of the GET behind a 303 says nothing about the write.
      echo: echo && !call.isDone,
    },
    answer,
  );
}

/** Longest path that is kept, in characters. */
const PATH_CHARS_MAX = 200;

function pathOf({ path }: FailedCall): { readonly path: string } {
  return { path: path.slice(0, PATH_CHARS_MAX) };
}

/** Longest field of an answer that is kept, in characters. */
const HEADER_CHARS_MAX = 100;

/** What rules of operators may ask for, and nothing else of an answer's head. */
function keptHeaders(
  headers: HeaderFields,
  secrets: readonly string[],
): { readonly headers?: Readonly<Record<string, string>> } {
  const kept: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = headers[name];
    if (value === undefined) continue;
    const text = withoutSecrets(typeof value === "string" ? value : value.join(", "), secrets);
    kept[name] = text.slice(0, HEADER_CHARS_MAX);
  }
  return Object.keys(kept).length === 0 ? {} : { headers: kept };
}

/** What was proved by a 303 is not unproved by what came of following it. */
function sure(says: Classified, call: FailedCall): Classified {
  return call.isDone ? { ...says, effect: "surely" } : says;
}
