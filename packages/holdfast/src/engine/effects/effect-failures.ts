/** Failures that the engine itself finds, and a failure as workflow code sees it. */
import { upperSnake } from "../../core/classify.ts";
import type { EffectState } from "../../core/effect-state.ts";
import { HoldfastError } from "../../core/error.ts";
import { ANSWER_SCHEMA, familyOf, type Failure } from "../../core/failure.ts";
import type { Move } from "../../core/move.ts";
import type { Part } from "../../core/parts.ts";
import type { LiveRun } from "../run/live-run.ts";
import type { FailureView } from "../../workflow/run.ts";
import { thrownText } from "../exceptions/thrown-text.ts";

/** Reason of an effect that was given up because its run has a deadline, whatever it had met before. */
export const NO_TIME_LEFT = "RUN:NO_TIME_LEFT";

/** An input that does not fit was never sent; an answer that does not fit surely came. */
export function badAnswer(what: "input" | "answer", step: string, problems: string): Failure {
  const sent = what === "answer";
  return {
    effect: sent ? "surely" : "never",
    class: "defect",
    scope: "item",
    origin: "code",
    reasonCode: sent ? ANSWER_SCHEMA : "EFFECT:INPUT_SCHEMA",
    message: `The ${what} of "${step}" is not valid: ${problems}.`,
    evidence: sent ? { phase: "answered" } : { phase: "none", callCount: 0 },
    rule: { source: "table", id: `effect/${what}-schema`, version: 1 },
  };
}

/**
 * What a definition itself throws: an option without sense, `describe`, `classify`, a look-up that
 * answers nonsense. It is the code's defect, and must not end the process.
 */
export function brokenDefinition(error: unknown, sent: boolean): Failure {
  const name = error instanceof HoldfastError ? error.code : nameOf(error);
  return {
    effect: sent ? "maybe" : "never",
    class: "defect",
    scope: "item",
    origin: "code",
    reasonCode: error instanceof HoldfastError ? error.code : `CODE:${upperSnake(name)}`,
    message: thrownText(error).message,
    evidence: sent ? {} : { phase: "none", callCount: 0 },
    rule: { source: "fallback", id: "effect/definition", version: 1 },
  };
}

/** As it is written down, shown and handed to the code: without what is sensitive. */
export function maskedFailure(run: LiveRun, given: Failure): Failure {
  const { parts, restAlone, ...failure } = given;
  const { message, evidence } = failure;
  const said =
    evidence.message === undefined ? {} : { message: run.sensitive.mask(evidence.message) };
  const path = evidence.path === undefined ? {} : { path: run.sensitive.mask(evidence.path) };
  const headers =
    evidence.headers === undefined
      ? {}
      : {
          headers: Object.fromEntries(
            Object.entries(evidence.headers).map(([name, text]) => [
              name,
              run.sensitive.mask(text),
            ]),
          ),
        };
  const masked = { ...evidence, ...said, ...path, ...headers };
  return {
    ...failure,
    message: run.sensitive.mask(message),
    evidence: masked,
    ...(parts === undefined ? {} : maskedParts(run, parts, restAlone === true)),
  };
}

/** A part whose name may not be written down cannot be left out: then the rest is not sent alone. */
function maskedParts(
  run: LiveRun,
  parts: readonly Part[],
  restAlone: boolean,
): Pick<Failure, "parts" | "restAlone"> {
  const shown = parts.map(({ name, effect, reason }) => {
    const why = reason === undefined ? {} : { reason: run.sensitive.mask(reason) };
    return { name: run.sensitive.mask(name), effect, ...why };
  });
  const isNamed = parts.every(({ name }, at) => name === shown[at]?.name);
  return { parts: shown, ...(restAlone && isNamed ? { restAlone } : {}) };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? thrownText(error).name : "NOT_AN_ERROR";
}

export function failureView(
  effectName: string,
  state: EffectState,
  move: Move | null,
): FailureView {
  const { failure } = state;
  if (failure === null) {
    return {
      family: "ambiguous",
      class: "ambiguous",
      effect: state.proof ?? "maybe",
      effectName,
      code: "ENGINE:NO_FAILURE",
      message: "it ended without a recorded failure",
      attempts: state.attempt,
      because: move?.because ?? "",
    };
  }
  // What a person has to find out is the family that the code must handle, not the last symptom.
  const unknown = state.unknown !== null || state.openMaybe;
  // Given up because of the time, whatever the attempts had met before.
  const noTimeLeft = move?.kind === "late" && failure.class !== "expired";
  const known = noTimeLeft ? "expired" : failure.class;
  const failureClass = unknown ? "ambiguous" : known;
  return {
    family: familyOf(failureClass),
    class: failureClass,
    effect: state.proof ?? failure.effect,
    effectName,
    code: noTimeLeft && !unknown ? NO_TIME_LEFT : failure.reasonCode,
    message: failure.message,
    attempts: state.attempt,
    because: move?.because ?? failure.message,
  };
}

/** It was accepted, and what it came to was never told. */
export function lateAnswer(ref: string | null): Failure {
  return {
    effect: "maybe",
    class: "ambiguous",
    scope: "key",
    origin: "remote",
    reasonCode: "CALL:NO_LATE_ANSWER",
    message: `it was accepted (${ref ?? "no reference"}) and no answer came in time`,
    evidence: {},
    rule: { source: "table", id: "call/NO_LATE_ANSWER", version: 1 },
  };
}
