/** Asks every source that has something to say about a thrown error, strongest first. */
import { checkedClassified } from "../journal/checked-values.ts";
import type { LiveRun } from "../run/live-run.ts";
import { thrownText } from "../exceptions/thrown-text.ts";
import { classify, type ClassifierInput } from "../../core/classify.ts";
import type { Classified, Evidence, Failure } from "../../core/failure.ts";
import { CallFailed, DeadlinePassed, type Attempt } from "../../workflow/attempt.ts";
import type { AnyEffect } from "../../workflow/effect.ts";

/** What is known of errors that did not come from a connector: the tables of the runtime. */
export type ForeignClassifier = (
  error: unknown,
  evidence: Evidence,
  nowMs: number,
) => { readonly input: ClassifierInput; readonly evidence: Evidence } | null;

/** Version of `classify` functions in code: they change with the deployment. */
const CODE_VERSION = 1;

export function classifyThrown(
  error: unknown,
  effect: AnyEffect,
  attempt: Attempt,
  maybeBefore: boolean,
  { host, sensitive }: Pick<LiveRun, "host" | "sensitive">,
): Failure {
  const { definition } = effect;
  // Before anything is cut: half of what is sensitive would not be found any more.
  const { message } = thrownText(error, (text) => sensitive.mask(text));
  const seen = evidenceOf(error, attempt, definition.single === true, message);
  const inputs: ClassifierInput[] = [
    ofCode("effect", effect.name, definition.classify?.(error)),
    ofCode("integration", definition.on.name, definition.on.options.classify?.(error)),
  ];
  let evidence = seen;
  let thrownBy: "connector" | "code" = "code";
  if (error instanceof CallFailed) {
    thrownBy = "connector";
    inputs.push(...connectorInputs(error));
  } else if (error instanceof DeadlinePassed) {
    thrownBy = "connector";
    inputs.push(ownDeadline());
  }
  // No table was asked: user code threw it, or a connector that has none.
  if (inputs.every(({ source }) => source !== "table")) {
    const known = host.foreign(error, seen, host.clock.nowMs());
    if (known !== null) {
      thrownBy = "connector";
      inputs.push(known.input);
      evidence = known.evidence;
    }
  }
  const failure = classify(inputs, {
    evidence,
    maybeBefore,
    thrownBy,
    message,
    ...codeOf(error),
  });
  return definition.byParts === true ? withRest(failure) : failure;
}

/** Of an effect that sends only what was not done: whether that may be sent is known of each part. */
function withRest(failure: Failure): Failure {
  const { parts, effect } = failure;
  if (effect !== "partial" || parts === undefined) return failure;
  return parts.some((part) => part.effect === "maybe") ? failure : { ...failure, restAlone: true };
}

function ofCode(
  source: "effect" | "integration",
  name: string,
  says: Classified | undefined,
): ClassifierInput {
  const checked = checkedClassified(says, `${source} "${name}"`);
  const echo = checked?.echo === undefined ? {} : { echo: checked.echo };
  return { source, says: checked, id: `${source}/${name}`, version: CODE_VERSION, ...echo };
}

/** What a connector says of a call that has ended badly, strongest first. */
export function connectorInputs({ signal, table, echo }: CallFailed): readonly ClassifierInput[] {
  return [signal, table].flatMap((told) => {
    if (told === undefined) return [];
    const { source, id, version } = told.rule;
    // "It is there already" is what the table knows of the answer; a signal speaks for itself.
    const isEcho = echo && told === table;
    return [
      { source, says: told.says, id, version, echo: isEcho, neverNeeds: "answered" as const },
    ];
  });
}

/** Of a call that has not come back in time. */
export function ownDeadline(): ClassifierInput {
  return {
    source: "table",
    says: { class: "transient", origin: "network", reasonCode: "CALL:DEADLINE_PASSED" },
    id: "call/DEADLINE_PASSED",
    version: 1,
  };
}

/**
 * Marks count as proof only where a connector made the only outside call, or where the effect says
 * that it makes one and marks it itself (settled point 15). Else nothing is known.
 */
function evidenceOf(error: unknown, attempt: Attempt, single: boolean, message: string): Evidence {
  if (error instanceof CallFailed) return error.evidence;
  return single ? { phase: attempt.calls.phase, callCount: 1, message } : { message };
}

function codeOf(error: unknown): { readonly code?: string } {
  if (!(error instanceof Error)) return {};
  const code: unknown = "code" in error ? error.code : thrownText(error).name;
  return typeof code === "string" ? { code } : {};
}
