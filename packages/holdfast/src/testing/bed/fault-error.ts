/** What the code of an effect throws when a call meets a fault: what the HTTP connector would. */
import {
  failureOfError,
  failureOfStatus,
  type FailedCall,
} from "../../connectors/http/http-failure.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { Attempt } from "../../workflow/attempt.ts";
import type { Fault } from "./fault.ts";

type Answered = Extract<Fault, { kind: "status" }>;

export function refusedError(effect: AnyEffect, attempt: Attempt): Error {
  const error = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  return failureOfError(error, { phase: "none", head: null }, callOf(effect, attempt));
}

export function lostError(effect: AnyEffect, attempt: Attempt): Error {
  const error = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
  attempt.mark("sent");
  return failureOfError(error, { phase: "sent", head: null }, callOf(effect, attempt));
}

export function statusError(
  effect: AnyEffect,
  attempt: Attempt,
  { status, headers, body }: Answered,
): Error {
  attempt.mark("answered");
  const json = { ...headers, "content-type": "application/json" };
  const bytes = Buffer.from(JSON.stringify(body));
  return failureOfStatus({ status, headers: json }, bytes, callOf(effect, attempt));
}

function callOf({ name, definition }: AnyEffect, attempt: Attempt): FailedCall {
  return {
    method: definition.repeat === "read" ? "GET" : "POST",
    path: `/${name}`,
    attempt,
    host: { isHostKnown: true, connectTimeoutsInRow: 0 },
    secrets: [],
    errorCode: () => null,
    // Counts only for an answer that names a date, and none of a bed does.
    nowMs: attempt.deadlineAtMs,
    isDone: false,
  };
}
