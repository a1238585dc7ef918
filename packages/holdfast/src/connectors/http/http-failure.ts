/** What an HTTP connector throws when a call has ended badly. */
import type { Classified } from "../../core/failure.ts";
import { CallFailed, type Attempt, type CallFailedOptions } from "../../workflow/attempt.ts";
import type { ExchangeResult } from "./exchange.ts";
import { readLoosely, reasonOf, saidOf, type HttpAnswer } from "./http-answer.ts";
import { classifyNodeError, type CallMarks } from "./node-error.ts";
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
      evidence,
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
      evidence,
      ...(table === null ? {} : { table: { ...table, says: sure(table.says, call) } }),
      ...(signal === null ? {} : { signal }),
      // A 404 of the GET behind a 303 says nothing about the write.
      echo: echo && !call.isDone,
    },
    answer,
  );
}

/** What was proved by a 303 is not unproved by what came of following it. */
function sure(says: Classified, call: FailedCall): Classified {
  return call.isDone ? { ...says, effect: "surely" } : says;
}
