/** Answers of another system as its HTTP connector would hand them to the engine. */
import { classifyStatus } from "../../connectors/http/status-error.ts";
import { CallFailed } from "../../workflow/attempt.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Error code of the body. */
  readonly reason?: string;
}

/** What the connector throws for an answer that is no success. */
export function refusedWith({ status, headers, reason }: HttpAnswer, nowMs: number): CallFailed {
  const { table, signal, echo, evidence } = classifyStatus({
    status,
    method: "POST",
    headers: headers ?? {},
    reason: reason ?? null,
    callCount: 1,
    nowMs,
  });
  return new CallFailed({
    message: `answered ${String(status)}`,
    evidence,
    ...(table === null ? {} : { table }),
    ...(signal === null ? {} : { signal }),
    echo,
  });
}
