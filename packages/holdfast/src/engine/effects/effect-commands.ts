/** What operators and late answers may do to an effect, and when it is refused. */
import { durationText } from "../../core/duration.ts";
import type { EffectState } from "../../core/effect-state.ts";
import { ANSWER_SCHEMA, PROBE_CONFLICT, type Failure } from "../../core/failure.ts";
import type { SettledHead } from "../../core/journal.ts";
import { partsBySaid, type SaidParts } from "../../core/said-parts.ts";
import { isMasked } from "../../core/mask-text.ts";
import { movedSince, openedSince, otherThanSeen, sentSince } from "../../core/seen.ts";
import { isHarmless } from "../../core/situation.ts";
import { closeException, personNeeded } from "./effect-exception.ts";
import type { EffectStep } from "./effect-step.ts";
import type { Gate } from "../gates/gate.ts";
import { parse, problemText } from "../../workflow/schema.ts";
import { toJson } from "../journal/payload.ts";
import {
  APPLIED,
  refused,
  type CommandAnswer,
  type LateOutcome,
  type Refused,
  type ResumeCommand,
  type StepCommand,
} from "../steps/step-slot.ts";

export async function commandEffect(
  step: EffectStep,
  command: StepCommand,
): Promise<CommandAnswer> {
  switch (command.kind) {
    case "settle":
      return await settle(step, command);
    case "resume":
      return resume(step, command);
    case "complete":
      return await complete(step, command.ref, command.outcome);
    case "stays":
      return leaveUndone(step, command);
    case "answer":
    case "event":
    case "returned":
      return refused("HF6003", `"${step.path}" is an effect and takes no ${command.kind}.`);
  }
}

/** Parts that a refusal names. */
const PARTS_NAMED_MAX = 5;

type Settle = Extract<StepCommand, { kind: "settle" }>;
type Stays = Extract<StepCommand, { kind: "stays" }>;

/** Why it may not be settled so now; null if it may. The value has been looked at by then. */
export async function refusedSettle(step: EffectStep, command: Settle): Promise<Refused | null> {
  const why = notSettleable(step, command);
  if (why !== null || !command.happened) return why;
  const text = await checkedValue(step, command.value);
  if (typeof text !== "string") return text;
  return notSettleable(step, command);
}

async function settle(step: EffectStep, command: Settle): Promise<CommandAnswer> {
  const { state } = step.journal;
  const why = notSettleable(step, command);
  if (why !== null) return why;
  if (!command.happened) return settleUndone(step, command, state);
  // The code still waits for the answer, so it has to be given; a step that was answered needs none.
  const text = await checkedValue(step, command.value);
  if (typeof text !== "string") return text;
  // The schema may have taken its time: somebody else may have settled it, or it may have been sent.
  const since = notSettleable(step, command);
  if (since !== null) return since;
  const { slot } = step;
  if (slot === null) return refused("HF6003", isBusy(step));
  const head: SettledHead = {
    operation: state.operation ?? 0,
    effect: step.effect.name,
    proof: "surely",
    happened: true,
    by: command.by,
    reason: command.reason,
    ...(slot.ended ? {} : { end: "value" as const }),
    ...(command.ref === null ? {} : { ref: command.ref }),
    ...saidTogether(command),
    ...commandIn(command),
  };
  noteDecision(step, command);
  const record = step.journal.write("settled", state.attempt, head, text);
  if (slot.ended) step.settledLater = { seq: record.seq, text };
  closeException(step, "settled", command.by, command.reason);
  if (!slot.ended) step.run.deliver(slot, record);
  return APPLIED;
}

function notSettleable(step: EffectStep, said: Settle): Refused | null {
  const moved = movedSince(step.run.version, said.version);
  if (moved !== null) return refused("HF6007", moved);
  const why = nothingToSettle(step, step.journal.state, said);
  return why === null ? null : refused("HF6003", why);
}

function nothingToSettle(step: EffectStep, state: EffectState, said: Settle): string | null {
  // Before all else: what was said may be true of one attempt and false of the next.
  const since =
    sentSince(step.path, said.attempts, state) ?? otherThanSeen(state.opened, said.exception);
  if (since !== null) return since;
  if (step.slot === null) return `"${step.path}" is not at work.`;
  if (step.calls.isUnderWay) return isBusy(step);
  const isInPart = state.proof === "partial";
  if (said.parts !== null) return unfitParts(step, state, { ...said, parts: said.parts });
  if (!said.happened && isInPart)
    return `"${step.path}" was done in part${ofParts(state)}, and that is proven. ${REST_BY_HAND}`;
  const isMisread = state.failure?.reasonCode === ANSWER_SCHEMA;
  if (!said.happened && state.proof === "surely" && personNeeded(state) && !isMisread)
    return `"${step.path}" was done, and that is proven; what is missing is what it answered. Say that it happened, with that as the value.`;
  const isDoneByHand =
    said.happened && (isFailedUndoing(step) || (isInPart && state.opened !== null));
  if (!personNeeded(state) && !isDoneByHand)
    return `The outcome of "${step.path}" is known; there is nothing to settle.`;
  return null;
}

const REST_BY_HAND =
  "Do by hand what is missing, or undo what was done; then say that it happened, with what it would have answered.";

/** Why nothing can be said of its parts, or not this. */
function unfitParts(
  step: EffectStep,
  state: EffectState,
  said: { readonly happened: boolean; readonly parts: SaidParts },
): string | null {
  const { path, slot, effect } = step;
  if (said.happened)
    return `Of "${path}" either the whole has happened, or its parts are named: not both.`;
  if (!personNeeded(state)) return `The outcome of "${path}" is known; there is nothing to settle.`;
  if (state.parts.length === 0)
    return `No part of "${path}" is on record: say of the whole whether it happened.`;
  if (effect.definition.byParts !== true)
    return `"${path}" leaves out no parts (byParts): it would send the whole again. ${REST_BY_HAND}`;
  if (slot?.ended === true || step.cancelRequested)
    return `Nothing more of "${path}" is sent: its run does not wait for it, or is taken back. ${REST_BY_HAND}`;
  if (state.parts.some(({ name }) => isMasked(name)))
    return `The name of a part of "${path}" is masked, so its code would not know which is meant. ${REST_BY_HAND}`;
  const verdict = partsBySaid(state.parts, said.parts);
  return verdict.kind === "done" ? null : `Of "${path}" ${verdict.problem}.`;
}

function ofParts({ partsDone }: EffectState): string {
  return partsDone.length === 0 ? "" : ` (${partsDone.slice(0, PARTS_NAMED_MAX).join(", ")})`;
}

/** Whether it is a first attempt or a look-up: what it brings may say what happened. */
function isBusy(step: EffectStep): string {
  return `A call of "${step.path}" is under way and may still answer; try again when it has ended.`;
}

/** It waits for a person, and that it was not done is proven: somebody may do it by hand. */
function isFailedUndoing({ mode, slot, journal: { state } }: EffectStep): boolean {
  return mode === "undo" && slot?.ended === false && state.opened !== null && !personNeeded(state);
}

/** Nobody undoes it: the run goes on being taken back, and says what stays. */
function leaveUndone(step: EffectStep, command: Stays): CommandAnswer {
  const { slot } = step;
  const { state } = step.journal;
  const { by, reason } = command;
  const since = otherThanSeen(state.opened, command.exception);
  if (since !== null) return refused("HF6003", since);
  if (slot === null || step.calls.isUnderWay || !isFailedUndoing(step))
    return refused("HF6003", `"${step.path}" does not wait for a person.`);
  const head: SettledHead = {
    operation: state.operation ?? 0,
    effect: step.effect.name,
    proof: "never",
    happened: false,
    by,
    reason,
    end: "failed",
  };
  const record = step.journal.write("settled", state.attempt, head);
  closeException(step, "dealt-with", by, reason);
  step.run.deliver(slot, record);
  return APPLIED;
}

async function checkedValue(step: EffectStep, value: unknown): Promise<string | Refused> {
  // Nobody reads what an undoing answers.
  if ((step.slot?.ended === true || step.mode === "undo") && value === null) return "null";
  step.learn(value);
  const parsed = await parse(step.effect.definition.output, value);
  if (parsed.ok) return toJson(value, step.run.host.limits, `answer of ${step.path}`);
  const text = step.run.sensitive.mask(problemText(parsed.problems));
  const given =
    value === null ? " No value was given: add --value with what it answered, as JSON." : "";
  return refused(
    "HF4102",
    `The value does not fit the output of "${step.effect.name}": ${text}.${given}`,
  );
}

/** What was not done, or the rest of what was done in part, is due at once. */
function settleUndone(step: EffectStep, command: Settle, state: EffectState): CommandAnswer {
  const { parts } = command;
  const said = parts === null ? null : partsBySaid(state.parts, parts);
  const head: SettledHead = {
    operation: state.operation ?? 0,
    effect: step.effect.name,
    ...(said?.kind === "done"
      ? { proof: "partial", partsDone: said.done }
      : { proof: "never" as const }),
    happened: false,
    by: command.by,
    reason: command.reason,
    ...saidTogether(command),
    ...commandIn(command),
  };
  noteDecision(step, command);
  step.journal.write("settled", state.attempt, head);
  closeException(step, "settled", command.by, command.reason);
  poke(step);
  return APPLIED;
}

/** Why the step may not go on now; null if it may. */
export function refusedResume(
  step: EffectStep,
  { seen, exception }: ResumeCommand,
): Refused | null {
  const { journal, slot, path, gate } = step;
  const { state } = journal;
  if (slot === null || slot.ended) return refused("HF6003", `"${path}" does not wait.`);
  if (personNeeded(state) && state.next.kind === "person" && !maySendAgainNow(step)) {
    return refused(
      "HF6004",
      `"${path}" may have happened. Settle that first: holdfast why ${step.run.id} shows the command.`,
    );
  }
  if (slot.wait === null) return refused("HF6003", `"${path}" is under way already.`);
  if (slot.wait.state === "parked" && gate.isParkedByHand)
    return refused("HF6003", parkedByHand(path, gate));
  const triedMs = slot.wait.state === "parked" ? gate.triedInVainMs : null;
  if (triedMs !== null && triedMs < TRIES_APART_MS)
    return refused("HF6003", triedInVain(path, gate, triedMs));
  const since =
    openedSince(state.opened, seen, slot.wait.reason) ?? otherThanSeen(state.opened, exception);
  return since === null ? null : refused("HF6003", since);
}

/** Whatever became of it, its contract says that the same once more does no harm; see `maySendAgain`. */
function maySendAgainNow({ journal, effect, run }: EffectStep): boolean {
  const { firstSentAtMs, failure } = journal.state;
  if (failure?.reasonCode === PROBE_CONFLICT) return false;
  const { timeoutMs } = effect.plan;
  const key = {
    nowMs: run.host.clock.nowMs(),
    firstSentAtMs,
    samePayload: journal.sendsTheSame,
    timeoutMs,
  };
  return isHarmless(journal.contract, key);
}

/**
 * A resume tries a wrong setting once more, and each try may be the one that locks an account: so tries
 * of many runs, one after the other, are this far apart.
 */
const TRIES_APART_MS = 60_000;

function triedInVain(path: string, { name, reason }: Gate, agoMs: number): string {
  return `"${path}" waits for ${name}: ${reason}. It was tried ${durationText(agoMs)} ago and ended alike, and more tries with a wrong password lock an account. Mend the setting, then have it tried: holdfast unpark ${name} --reason "..."`;
}

/** What was said of all its calls is not taken back for one of them. */
function parkedByHand(path: string, { name, reason }: Gate): string {
  return `"${path}" waits for ${name}: ${reason} To have it tried before that: holdfast unpark ${name} --reason "..."`;
}

/** Lets the step go on at once: a new attempt where nothing is unknown. */
function resume(step: EffectStep, command: ResumeCommand): CommandAnswer {
  const refusal = refusedResume(step, command);
  if (refusal !== null) return refusal;
  const { by, reason } = command;
  if (step.slot?.wait?.state === "parked") step.gate.tryNow();
  closeException(step, "resumed", by, reason);
  step.journal.write("resumed", 0, { by, reason, steps: [], ...commandIn(command) });
  poke(step);
  return APPLIED;
}

/** The other system tells later what its acceptance came to. */
async function complete(
  step: EffectStep,
  ref: string,
  outcome: LateOutcome,
): Promise<CommandAnswer> {
  const { state } = step.journal;
  const { slot } = step;
  if (slot === null || slot.ended || state.ref !== ref) {
    return refused("HF6003", `"${step.path}" does not wait for an answer under "${ref}".`);
  }
  if (step.calls.isUnderWay) return refused("HF6003", isBusy(step));
  if (!outcome.ok) {
    step.calls.fail(refusedLater(outcome.message));
    return APPLIED;
  }
  slot.wait = null;
  const fits = await step.calls.acceptValue(outcome.value, ref);
  if (fits) closeException(step, "late-answer", "(other system)", `answered under ${ref}`);
  return APPLIED;
}

/** The command as the head of what it writes names it. */
function commandIn({ command }: Settle | ResumeCommand): { readonly command?: string } {
  return command === null ? {} : { command };
}

function saidTogether({ decided }: Settle): { readonly approvedBy?: string } {
  return decided === null ? {} : { approvedBy: decided.by };
}

/** In the turn of what it approves: a crash leaves both on record, or neither. */
function noteDecision(step: EffectStep, { decided }: Settle): void {
  if (decided !== null) step.run.append("decided", "", decided);
}

function poke(step: EffectStep): void {
  if (step.slot === null || step.slot.ended) return;
  step.slot.wait = null;
  step.go();
}

function refusedLater(message: string): Failure {
  return {
    effect: "never",
    class: "permanent",
    scope: "item",
    origin: "remote",
    reasonCode: "CALL:REFUSED_LATER",
    message,
    evidence: { phase: "answered" },
    rule: { source: "signal", id: "call/REFUSED_LATER", version: 1 },
  };
}
