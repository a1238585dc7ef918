/** What the tables say of an error without one: a driver's, an SDK's, a plain `fetch`, a user's connector's. */
import type { ClassifierInput } from "./core/classify.ts";
import type { Evidence } from "./core/failure.ts";
import { classifyNodeError } from "./connectors/http/node-error.ts";
import { recognise } from "./explain/recognise.ts";
import { explainRequest } from "./explain/request.ts";
import { CallFailed } from "./workflow/attempt.ts";

interface Known {
  readonly input: ClassifierInput;
  readonly evidence: Evidence;
}

/**
 * Null if no row knows the error. Unless the effect has marked its one call itself (`seen` has its
 * phase then), nobody watched, and nothing is proved about what happened.
 *
 * @param nowMs - for waits that are said as a date.
 */
export function classifyForeign(error: unknown, seen: Evidence, nowMs: number): Known | null {
  if (error instanceof CallFailed) return byStatus(error, nowMs);
  return byProtocol(error, seen, nowMs) ?? byRuntime(error, seen);
}

/** A connector without a table of its own that names a status means that of HTTP; its other words are its own. */
function byStatus({ evidence, echo }: CallFailed, nowMs: number): Known | null {
  const { status, code, headers, retryAfterMs } = evidence;
  if (status === undefined) return null;
  const wait = retryAfterMs === undefined ? {} : { "retry-after-ms": String(retryAfterMs) };
  const known = byProtocol({ status, code, headers: { ...headers, ...wait } }, evidence, nowMs);
  return known === null || !echo ? known : { ...known, input: { ...known.input, echo } };
}

/** As `holdfast classify` is told of it: by the fields that its client puts on it. */
function byProtocol(error: unknown, seen: Evidence, nowMs: number): Known | null {
  const { protocol } = recognise(error);
  if (protocol === null || protocol === "node" || protocol === "file") return null;
  const asked = { error, conditions: [], method: "POST", headers: {}, attempt: 1, isOpen: false };
  const { failure, isKnown, rules } = explainRequest({ ...asked, nowMs });
  const [rule] = rules;
  if (failure === null || !isKnown || rule === undefined) return null;
  const { class: failureClass, origin, reasonCode } = failure;
  // Nobody watched whose call it was: three errors of the user's own must not stop all calls.
  const isSetting = failureClass === "misconfigured" || failureClass === "exhausted";
  const scope = isSetting && seen.phase === undefined ? "item" : failure.scope;
  const repeated = explainRequest({ ...asked, isOpen: true, nowMs }).failure;
  // That it happened has to be seen: an error that was thrown may be about another call.
  const effect = failure.effect === "surely" ? "maybe" : failure.effect;
  const { code, status, retryAfterMs } = failure.evidence;
  return {
    input: {
      source: rule.from,
      says: { class: failureClass, scope, origin, reasonCode, effect },
      id: rule.id,
      version: rule.version,
      echo: repeated?.unlessOurs !== undefined,
      neverNeeds: "answered",
    },
    evidence: {
      ...seen,
      ...(code === undefined ? {} : { code }),
      ...(status === undefined ? {} : { status }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  };
}

function byRuntime(error: unknown, seen: Evidence): Known | null {
  const { classified, rule, evidence } = classifyNodeError(error, {
    phase: seen.phase ?? null,
    callCount: 1,
    attempt: 1,
  });
  if (classified === null || rule === null) return null;
  const { id, version } = rule;
  return {
    // Only what the receiver itself has said counts as an answer, and only of a call that was watched.
    input: { source: "table", says: classified, id, version, neverNeeds: "answered" },
    evidence,
  };
}
