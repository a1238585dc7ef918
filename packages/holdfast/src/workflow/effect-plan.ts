/** An effect's options as the engine uses them: contract, limits and times, checked once. */
import type { Contract, RetryPolicy } from "../core/contract.ts";
import { durationMs } from "../core/duration.ts";
import { HoldfastError } from "../core/error.ts";
import { retryPolicyFor } from "../core/retry-policy.ts";
import type { EffectDefinition } from "./effect.ts";

/** Time one attempt may take unless declared. Source: api.md, defaults. */
const TIMEOUT_MS = 30_000;
/** Added to twice the time-out where no settle time is declared. Source: settled point 7. */
const SETTLE_EXTRA_MS = 60_000;

export interface EffectPlan {
  readonly contract: Contract;
  readonly policy: RetryPolicy;
  readonly timeoutMs: number;
  readonly owner: string;
}

/**
 * @throws {HoldfastError} HF1001 for options that are not valid, HF1107 for a retry policy that
 *   reaches beyond what the contract allows.
 */
export function effectPlan(name: string, definition: EffectDefinition): EffectPlan {
  const what = `effect "${name}"`;
  const timeoutMs =
    definition.timeout === undefined
      ? TIMEOUT_MS
      : durationMs(definition.timeout, `timeout of ${what}`);
  if (timeoutMs === 0) throw noTime(what);
  const contract = contractOf(what, definition, timeoutMs);
  const { retry } = definition;
  const declared =
    retry === undefined
      ? undefined
      : {
          ...(retry.attempts === undefined ? {} : { attempts: retry.attempts }),
          ...(retry.within === undefined
            ? {}
            : { withinMs: durationMs(retry.within, `retry.within of ${what}`) }),
        };
  const policy = retryPolicyFor(contract, declared, what);
  const backoffFirstMs =
    retry?.first === undefined
      ? policy.backoffFirstMs
      : durationMs(retry.first, `retry.first of ${what}`);
  return {
    contract,
    policy: { ...policy, backoffFirstMs },
    timeoutMs,
    owner: definition.owner ?? definition.on.options.owner,
  };
}

function contractOf(what: string, definition: EffectDefinition, timeoutMs: number): Contract {
  const canProbe = definition.probe !== undefined;
  const settleMs =
    definition.settle === undefined
      ? 2 * timeoutMs + SETTLE_EXTRA_MS
      : durationMs(definition.settle, `settle of ${what}`);
  switch (definition.repeat) {
    case "read":
      return { kind: "read" };
    case "idempotent":
      if (definition.why === undefined)
        throw missing(what, "why", "put | delete | upsert | set-absolute | if-match | local-tx");
      return { kind: "idempotent", why: definition.why, canProbe, settleMs };
    case "keyed":
      if (definition.keyWindow === undefined)
        throw missing(what, "keyWindow", "how long they remember our key, for example 24h");
      return {
        kind: "keyed",
        windowMs: durationMs(definition.keyWindow, `keyWindow of ${what}`),
        replays: definition.replays ?? "non5xx",
        canProbe,
        settleMs,
      };
    case "probeable":
      if (!canProbe) throw missing(what, "probe", "a function that looks the effect up");
      return { kind: "probeable", canProbe, settleMs };
    case "once":
      return { kind: "once", canProbe, settleMs };
  }
}

function missing(what: string, option: string, expected: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `${what} needs the option "${option}".`,
    `Give ${option}: ${expected}.`,
  );
}

/** No call could ever be made: each would be over before it has begun. */
function noTime(what: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `timeout of ${what} is not valid: expected more than 0.`,
    'Give the time that a call may take at most, for example timeout: "30s".',
  );
}
