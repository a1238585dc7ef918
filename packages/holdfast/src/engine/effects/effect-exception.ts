/** The exception of an effect: opened when a person is needed, closed with what the person said. */
import { parseJson } from "../../core/json-text.ts";
import type { EffectState } from "../../core/effect-state.ts";
import { confidenceOf } from "../../core/exception-record.ts";
import { PROBE_CONFLICT, type FailureClass } from "../../core/failure.ts";
import type { ClosedHead, Described, OpenedHead } from "../../core/journal.ts";
import { checkedDescription } from "../journal/checked-values.ts";
import { announceOpened } from "../exceptions/announce.ts";
import { clipped, thrownText } from "../exceptions/thrown-text.ts";
import type { EffectStep } from "./effect-step.ts";
import { exceptionHead, groupNamesOf, type OperationFacts } from "../exceptions/exceptions.ts";
import { headOf } from "../run/recovery.ts";
import { interrupted } from "./effect-decisions.ts";

/** True if something may have happened outside that only a person can settle. */
export function personNeeded(state: EffectState): boolean {
  // A read has no operation: it leaves nothing that anybody could settle.
  return (state.openMaybe && state.operation !== null) || state.unknown !== null;
}

export function openException(step: EffectStep): void {
  const { run, journal, effect, path } = step;
  const { state } = journal;
  if (state.opened !== null) return;
  const failure = state.failure ?? interrupted("it has no recorded failure");
  const isConflict = failure.reasonCode === PROBE_CONFLICT;
  const failureClass: FailureClass =
    personNeeded(state) && !isConflict ? "ambiguous" : failure.class;
  const move = lastMove(step);
  const described = describedBy(step);
  const head = exceptionHead(run, {
    class: failureClass,
    effect: state.proof ?? failure.effect,
    scope: failure.scope,
    origin: failure.origin,
    reasonCode: failure.reasonCode,
    rule: `${failure.rule.id}@${String(failure.rule.version)}`,
    message: failure.message,
    because: move,
    owner: effect.plan.owner,
    ...(failure.ruled?.owner === undefined ? {} : { ruleOwner: failure.ruled.owner }),
    ...(effect.definition.owners === undefined ? {} : { owners: effect.definition.owners }),
    confidence: confidenceOf(failure.rule.source, failure.unclassified === true),
    facts: factsOf(step),
    stack: journal.stack,
    step: path,
    effectName: effect.name,
    integration: effect.definition.on.name,
    ...(state.operation === null ? {} : { operation: state.operation }),
    ...(state.unknown === null ? {} : { unknown: state.unknown }),
    ...(described === undefined ? {} : { described }),
  });
  journal.write("opened", 0, head);
  const { run: number, key } = run.row;
  announceOpened(run.host, { run: number, workflow: run.workflow.name, key, step: path }, head);
  step.openedHead = head;
}

function factsOf({ journal, effect }: EffectStep): OperationFacts {
  const { attempt, meters, operation, firstSentAtMs } = journal.state;
  const { contract } = effect.plan;
  const hasWindow = contract.kind === "keyed" && firstSentAtMs !== null;
  return {
    attempts: attempt,
    meters,
    operationKey: operation === null ? null : journal.key,
    keyWindowEndsAtMs: hasWindow ? firstSentAtMs + contract.windowMs : null,
  };
}

/** An exception is opened whatever `describe` does: what it throws is not worth losing it for. */
function describedBy(step: EffectStep): Described | undefined {
  const { describe } = step.effect.definition;
  if (describe === undefined) return undefined;
  try {
    const described = describe(step.input ?? parseJson(step.inputText));
    return checkedDescription(described, step.what);
  } catch (error) {
    const why = thrownText(error, (text) => step.run.sensitive.mask(text)).message;
    return { keys: { "describe failed": clipped(why, 200) } };
  }
}

/** The sentence of the decision that asked for a person. */
function lastMove(step: EffectStep): string {
  return step.lastBecause ?? step.journal.state.failure?.message ?? "it needs a decision";
}

export function closeException(
  step: EffectStep,
  resolution: ClosedHead["resolution"],
  by: string,
  reason: string,
): void {
  const { opened } = step.journal.state;
  if (opened === null) return;
  const head = step.openedHead ?? recordedHead(step, opened);
  step.journal.write("closed", 0, {
    opened,
    resolution,
    by,
    reason,
    groups: groupNamesOf(head),
    class: head.class,
  });
}

function recordedHead(step: EffectStep, opened: number): OpenedHead {
  const record = step.slot?.records.find((r) => r.kind === "opened" && r.seq === opened);
  if (record === undefined)
    throw new Error(`exception ${String(opened)} of ${step.path} has no record`);
  return headOf<OpenedHead>(record);
}
