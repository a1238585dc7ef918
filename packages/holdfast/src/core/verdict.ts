/**
 * Where a run stands, in words for people: what it waits for, what has happened outside with what
 * proof, what comes next, and which acts are safe. One source for log, console and command line.
 * Form: api.md 3.5, `holdfast why`.
 */
import {
  cancels,
  closesAsStaying,
  resumesOf,
  settleFirst,
  settleOf,
  type WaitingException,
} from "./acts.ts";
import { assertNever } from "./assert.ts";
import type { RepeatKind } from "./contract.ts";
import { durationText } from "./duration.ts";
import { lateMs, type Handling } from "./exception-handling.ts";
import { ANSWER_SCHEMA, type EffectProof } from "./failure.ts";
import { COMPENSATED_TEXT, type Compensated, type RunState } from "./run-state.ts";

interface VerdictRun {
  readonly state: RunState;
  readonly reason: string;
  readonly wakeAtMs: number | null;
  /** When it has to be done; null if never. */
  readonly deadlineAtMs: number | null;
  readonly dependency: string | null;
  /** When its state last changed. */
  readonly updatedAtMs: number;
  readonly endedAtMs: number | null;
  readonly compensated: Compensated;
}

export interface VerdictEffect {
  readonly operation: number;
  readonly step: string;
  readonly contract: RepeatKind;
  readonly proof: EffectProof;
  readonly ended: boolean;
  readonly attempts: number;
  /** Of this operation. */
  readonly firstSentAtMs: number;
  readonly lastSentAtMs: number;
  readonly ref: string | null;
  /** Step that it undoes; null unless it is a compensation. */
  readonly undoes: string | null;
  readonly settledBy: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
}

interface VerdictException extends WaitingException {
  readonly rule: string;
  readonly because: string;
  readonly owner: string;
  readonly dueAtMs: number;
  readonly handling: Pick<Handling, "stoppedAtMs">;
}

interface VerdictReview {
  readonly review: string;
  readonly by: string;
  /** Who may answer since nobody did in time; null if it has not gone up. */
  readonly escalatedTo: string | null;
  readonly dueAtMs: number | null;
}

/** Rows of one run; exceptions and reviews only open ones, oldest first. */
export interface VerdictFacts {
  readonly run: VerdictRun;
  /** What is on record of the system that it waits for; null for none. */
  readonly dependency: {
    readonly state: "closed" | "open" | "parked" | "probing";
    readonly probeAtMs: number | null;
  } | null;
  readonly effects: readonly VerdictEffect[];
  readonly exceptions: readonly VerdictException[];
  readonly reviews: readonly VerdictReview[];
  /** True once somebody's cancel is under way: there is no second. */
  readonly isCancelled: boolean;
  readonly nowMs: number;
}

export interface Verdict {
  /** "WAITING at create-invoice, 46 m. charge-card done (120.00 EUR, ch_77, proven)." */
  readonly headline: string;
  readonly next: string;
  /** Which rule decided and from what; null if nothing went wrong. */
  readonly rule: string | null;
  readonly safe: readonly string[];
  readonly unsafe: readonly string[];
}

/** Effects named one by one; of more, only the number is said. */
const EFFECTS_SHOWN_MAX = 5;

export function verdictOf(all: VerdictFacts): Verdict {
  // What stands beside the run says nothing about where it stands.
  const facts = { ...all, exceptions: all.exceptions.filter((one) => one.subject === null) };
  const exception = facts.exceptions[0];
  return {
    headline: [
      headOf(facts),
      ...deadlineSentence(facts),
      ...effectSentences(facts),
      ...besideSentences(all),
    ].join(" "),
    next: nextOf(facts),
    rule:
      exception === undefined
        ? null
        : `rule ${exception.rule}: ${exception.reasonCode} -> ${exception.class}`,
    ...advice(facts),
  };
}

/** The lines as they are printed. */
export function verdictLines(verdict: Verdict): readonly string[] {
  const lines = [verdict.headline, `next  ${verdict.next}`];
  if (verdict.rule !== null) lines.push(verdict.rule);
  if (verdict.safe.length > 0) lines.push(`safe  ${verdict.safe.join(" | ")}`);
  if (verdict.unsafe.length > 0) lines.push(`not safe  ${verdict.unsafe.join(" | ")}`);
  return lines;
}

function headOf({ run, effects, exceptions, nowMs }: VerdictFacts): string {
  const at = exceptions[0]?.step ?? effects.find((effect) => !effect.ended)?.step;
  // An exception of the run as a whole is at no step.
  const where = at === undefined || at === "" ? "" : ` at ${at}`;
  if (run.endedAtMs !== null) {
    const undone = COMPENSATED_TEXT[run.compensated];
    const why = run.reason === "" ? "" : `: ${trimStop(run.reason)}`;
    return `${run.state.toUpperCase()}${undone} ${durationText(nowMs - run.endedAtMs)} ago${why}.`;
  }
  return `${run.state.toUpperCase()}${where}, ${durationText(nowMs - run.updatedAtMs)}.`;
}

function deadlineSentence({ run, nowMs }: VerdictFacts): readonly string[] {
  const { deadlineAtMs, endedAtMs } = run;
  if (deadlineAtMs === null || endedAtMs !== null) return [];
  const inMs = deadlineAtMs - nowMs;
  return inMs > 0
    ? [`To be done within ${durationText(inMs)}.`]
    : [`Its deadline passed ${durationText(-inMs)} ago.`];
}

function effectSentences({ effects, exceptions, nowMs }: VerdictFacts): readonly string[] {
  // What is open comes first: it is what a person has to look at.
  const told = effects.filter((effect) => effect.contract !== "read");
  const ordered = [...told.filter(isOpen), ...told.filter((effect) => !isOpen(effect))];
  const shown = ordered.slice(0, EFFECTS_SHOWN_MAX).map((effect) => {
    const isMisread = exceptions.some(
      (one) => one.operation === effect.operation && one.reasonCode === ANSWER_SCHEMA,
    );
    return isMisread && effect.proof === "surely" && !effect.ended
      ? `${effect.step} was answered, but not as it declares (done, as far as that tells).`
      : effectSentence(effect, nowMs);
  });
  const rest = ordered.length - shown.length;
  return rest > 0 ? [...shown, `${String(rest)} more effects.`] : shown;
}

function besideSentences({ exceptions, nowMs }: VerdictFacts): readonly string[] {
  const beside = exceptions.filter((one) => one.subject !== null);
  const [first] = beside;
  if (first === undefined) return [];
  const due = dueOfException(first, nowMs);
  const count = beside.length === 1 ? "An exception" : `${String(beside.length)} exceptions`;
  const verb = beside.length === 1 ? "stands" : "stand";
  return [`${count} ${verb} beside it (${first.owner}, ${due}): ${first.because}`];
}

/** The same of an exception, whose time may stand still. */
function dueOfException({ dueAtMs, handling }: VerdictException, nowMs: number): string {
  const { stoppedAtMs } = handling;
  if (stoppedAtMs === null) return dueWords(dueAtMs, nowMs);
  const byMs = lateMs({ dueAtMs, stoppedAtMs }, nowMs);
  return byMs < 0 ? "its time stands still" : `overdue by ${durationText(byMs)}, standing still`;
}

/** "due in 4 h", "overdue by 3 s". */
function dueWords(atMs: number, nowMs: number): string {
  return atMs > nowMs ? `due ${dueText(atMs, nowMs)}` : dueText(atMs, nowMs);
}

function dueText(atMs: number, nowMs: number): string {
  return atMs > nowMs
    ? `in ${durationText(atMs - nowMs)}`
    : `overdue by ${durationText(nowMs - atMs)}`;
}

function isOpen(effect: VerdictEffect): boolean {
  return effect.proof === "maybe" || effect.proof === "partial" || !effect.ended;
}

function effectSentence(effect: VerdictEffect, nowMs: number): string {
  const money =
    effect.amount === null ? null : [effect.amount, effect.currency ?? ""].join(" ").trim();
  const by = effect.settledBy === null ? "proven" : `says ${effect.settledBy}`;
  const what = effect.undoes === null ? effect.step : `${effect.step} (undoes ${effect.undoes})`;
  const sent = `sent ${durationText(nowMs - effect.lastSentAtMs)} ago, attempt ${String(effect.attempts)}`;
  switch (effect.proof) {
    case "surely":
      return `${what} done (${details(money, effect.ref, by)}).`;
    case "never":
      return `${what} not done (${details(money, by)}).`;
    case "maybe":
      return `${what} may have happened (${details(money, effect.ref, sent)}).`;
    case "partial":
      return `${what} done in part (${details(money, effect.ref, sent)}).`;
    default:
      return assertNever(effect.proof);
  }
}

function details(...parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null && part !== "").join(", ");
}

function nextOf(facts: VerdictFacts): string {
  const { run, exceptions, reviews, nowMs } = facts;
  // Woken by its deadline: that is no time at which what it waits for would come.
  const wakeAtMs = run.wakeAtMs === run.deadlineAtMs ? null : run.wakeAtMs;
  const inTime = (atMs: number) => dueText(atMs, nowMs);
  switch (run.state) {
    case "running":
      return "the engine goes on with it";
    case "waiting":
      return wakeAtMs === null
        ? trimStop(run.reason)
        : `${trimStop(run.reason)}, ${inTime(wakeAtMs)}`;
    case "parked":
      return whenBack(facts, wakeAtMs);
    case "review": {
      const review = reviews[0];
      if (review === undefined) return "when a person has decided";
      const due = review.dueAtMs === null ? "" : `, ${dueWords(review.dueAtMs, nowMs)}`;
      return `when ${review.escalatedTo ?? review.by} has decided ${review.review}${due}`;
    }
    case "exception": {
      const [exception] = exceptions;
      return exception === undefined
        ? "when a person has looked at it"
        : whenDealtWith(exception, nowMs);
    }
    case "held": {
      const unknown = settleFirst(facts, null);
      return unknown === null
        ? "when its code is mended and a person resumes it"
        : whenDealtWith(unknown, nowMs);
    }
    case "paused":
      return `when the person who paused it lets it go on: ${trimStop(run.reason)}`;
    case "cancelling":
    case "compensating":
      return wakeAtMs === null
        ? "the engine undoes what was done"
        : `the engine undoes what was done: ${trimStop(run.reason)}`;
    case "completed":
    case "stopped":
    case "cancelled": {
      const [left] = exceptions;
      if (left === undefined) return "nothing, it has ended";
      return `nothing of the run, it has ended; ${left.owner} has to deal with ${left.step}, ${dueOfException(left, nowMs)}: ${trimStop(left.because)}`;
    }
    default:
      return assertNever(run.state);
  }
}

/**
 * A run that is parked also looks again by itself, in case the gate cannot wake it (`wakeAtMs`): that is
 * no time at which the other system is tried. A look-up of its own is.
 */
function whenBack({ run, dependency, nowMs }: VerdictFacts, wakeAtMs: number | null): string {
  const who = run.dependency ?? "the other system";
  if (run.dependency === null && wakeAtMs !== null)
    return `when ${who} answers a probe (${dueText(wakeAtMs, nowMs)})`;
  if (run.dependency === null || dependency?.state === "parked")
    return `when a setting of ${who} is changed, or a person resumes it`;
  if (dependency?.state === "closed") return `${who} answers again, and it goes on in its turn`;
  const probeAtMs = dependency?.probeAtMs ?? null;
  return probeAtMs === null || probeAtMs <= nowMs
    ? `when ${who} answers a probe, which is tried again and again`
    : `when ${who} answers a probe (${dueText(probeAtMs, nowMs)})`;
}

function whenDealtWith(exception: VerdictException, nowMs: number): string {
  const { owner, step, because } = exception;
  const verb = settleOf(exception) === null ? "dealt with" : "settled";
  return `when ${owner} has ${verb} ${step === "" ? "it" : step}, ${dueOfException(exception, nowMs)}: ${trimStop(because)}`;
}

function advice(facts: VerdictFacts): Pick<Verdict, "safe" | "unsafe"> {
  const { run, effects, exceptions } = facts;
  const safe: string[] = [];
  const unsafe: string[] = [];
  const unknown = effects.filter(
    (effect) => effect.proof === "maybe" || effect.proof === "partial",
  );
  const undone = new Set(effects.filter((e) => e.proof === "surely").map((e) => e.undoes));
  const done = effects.filter(
    (e) =>
      e.proof === "surely" && e.contract !== "read" && e.undoes === null && !undone.has(e.step),
  );
  const goesOn =
    run.endedAtMs === null && run.state !== "cancelling" && run.state !== "compensating";
  if (goesOn) {
    if (run.state === "waiting" || run.state === "parked" || run.state === "running")
      safe.push("wait");
    if (run.state === "review") safe.push("answer");
  }
  const asked = new Set(
    exceptions.filter((one) => settleOf(one) !== null).map(({ operation }) => operation),
  );
  const settles = effects.filter(({ operation }) => asked.has(operation));
  if (settles.length > 0) safe.push(`settle ${namesOf(settles)}`);
  const leavable = effects.filter(({ operation }) =>
    exceptions.some((one) => one.operation === operation && closesAsStaying(one, run.state)),
  );
  if (leavable.length > 0) safe.push(`close the exception of ${namesOf(leavable)} (it stays)`);
  safe.push(...resumesOf({ state: run.state, exceptions, effects, nowMs: facts.nowMs }));
  if (goesOn && !facts.isCancelled && cancels(exceptions)) safe.push(cancelText(unknown, done));
  const again = [...done, ...unknown];
  if (again.length > 0) unsafe.push(`start over (would do ${namesOf(again)} again)`);
  return { safe, unsafe };
}

function cancelText(unknown: readonly VerdictEffect[], done: readonly VerdictEffect[]): string {
  if (unknown.length > 0) return `cancel (finds out about ${namesOf(unknown)} first)`;
  return done.length > 0
    ? `cancel (undoes ${namesOf(done)}, as far as an undoing is declared)`
    : "cancel";
}

function namesOf(effects: readonly VerdictEffect[]): string {
  const names = effects.slice(0, EFFECTS_SHOWN_MAX).map((effect) => effect.step);
  const rest = effects.length - names.length;
  return rest > 0 ? `${names.join(", ")} and ${String(rest)} more` : names.join(", ");
}

function trimStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}
