/**
 * Rows as people and scripts see them: public ids, times as ISO 8601 in UTC, business keys as an
 * object. The field names are stable: `--json` prints these, and the HTTP API will.
 *
 * `null` means known to be absent.
 */
import { parseJson } from "../core/json-text.ts";
import type { RepeatKind } from "../core/contract.ts";
import type { MutedUntil } from "../core/issue-overlay.ts";
import type { ErrorCode } from "../core/error.ts";
import type { Handling, HandlingStatus, WaitsFor } from "../core/exception-handling.ts";
import type { Confidence, Crossing, ExceptionRecord, Severity } from "../core/exception-record.ts";
import type { EffectProof, FailureClass, FailureFamily } from "../core/failure.ts";
import type { ActName } from "../core/offered-acts.ts";
import { partsShown, type PartsView } from "./parts-view.ts";
import { formatItemId, formatRunId } from "../core/run-number.ts";
import type { Compensated, RunState } from "../core/run-state.ts";
import type {
  DependencyRow,
  EffectRow,
  ExceptionRow,
  ReviewRow,
  ReviewState,
  RunRow,
} from "../store/rows.ts";
import type { DecisionField } from "../core/decision-fields.ts";
import type { Payload } from "./masking.ts";
import { keptAbout, type KeptCommand } from "./kept-command.ts";
import { classPage, pageOfException } from "./exception-page.ts";
import {
  actsOn,
  admitCommand,
  closeCommand,
  integrationCommands,
  resumeCommand,
  settleCommand,
} from "./next-commands.ts";

export interface RunView {
  /** Whose it is, where several cells are looked at together. */
  readonly cell?: string;
  readonly id: string;
  readonly key: string;
  readonly namespace: string;
  readonly workflow: string;
  /** Of the code that it began with. */
  readonly version: string;
  /** Of the code that went on with it last. */
  readonly codeVersion: string;
  readonly generation: number;
  readonly state: RunState;
  readonly reason: string;
  /** The team of its workflow. */
  readonly owner: string;
  /** Who has its open exceptions, each once; empty where it waits for nobody's. */
  readonly exceptionOwners: readonly string[];
  readonly startedBy: string;
  readonly correlationId: string;
  readonly lane: string | null;
  /** Integration that a parked run waits for. */
  readonly dependency: string | null;
  readonly wakeAt: string | null;
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly endedAt: string | null;
  readonly deadlineAt: string | null;
  /** How much of what it had done was undone when it ended. */
  readonly compensated: Compensated;
  readonly parent: { readonly run: string; readonly step: string } | null;
  readonly amount: string | null;
  readonly currency: string | null;
  readonly keys: Readonly<Record<string, string>> | null;
}

/** Which run something belongs to; both are null if retention has taken the run. */
interface OfRun {
  /** Whose it is, where several cells are looked at together. */
  readonly cell?: string;
  readonly run: string;
  readonly key: string | null;
  readonly workflow: string | null;
}

export interface EffectView extends OfRun {
  readonly id: string;
  readonly step: string;
  readonly effect: string;
  readonly integration: string;
  readonly contract: RepeatKind;
  readonly proof: EffectProof;
  /** False while it is not known how it ended. */
  readonly ended: boolean;
  readonly attempts: number;
  readonly operationKey: string;
  readonly generation: number;
  readonly digest: string;
  readonly firstSentAt: string;
  readonly lastSentAt: string;
  readonly endedAt: string | null;
  /** The other system's reference. */
  readonly ref: string | null;
  /** Step that this one undoes. */
  readonly undoes: string | null;
  /** Who said what happened; null if the other system itself has. */
  readonly settledBy: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
}

export interface ExceptionView extends Omit<OfRun, "run"> {
  readonly id: string;
  /** Null for one that belongs to no run. */
  readonly run: string | null;
  /** What `close` takes: no step of the run waits for it. */
  readonly isBeside: boolean;
  /** Page of docs/reference/errors.md that says what to do about it. */
  readonly page: ErrorCode;
  readonly step: string | null;
  readonly effectName: string | null;
  /** What `settle` takes, where it is about one operation. */
  readonly effectId: string | null;
  /** What was said of it and no engine has taken yet. */
  readonly kept: readonly KeptCommand[];
  /** The command that says what happened outside; null where nothing is asked, or if closed. */
  readonly settleWith: string | null;
  /** The command that closes it; null where it would be refused, or its run has ended. */
  readonly closeWith: string | null;
  /** The command that takes the message after all that it is about; null where it is about none. */
  readonly admitWith: string | null;
  /** The command that lets what waits because of it go on; null where it would be refused. */
  readonly resumeWith: string | null;
  /** Commands about the integration that it is about; none if it is about none. */
  readonly integrationWith: readonly string[];
  /** All commands by which it can be dealt with, as far as the store tells; none if closed. */
  readonly acts: readonly ActName[];
  readonly integration: string | null;
  readonly class: FailureClass;
  readonly family: FailureFamily;
  readonly proof: EffectProof;
  readonly reasonCode: string;
  readonly rule: string;
  readonly message: string;
  readonly because: string;
  /** The other system's own words, at most 500 characters; null if it said no more than `message`. */
  readonly said: string | null;
  /** What is known of its parts while it is open; null where no attempt has named any. */
  readonly parts: PartsView | null;
  readonly owner: string;
  /** Page that says what its class means and what can be done about it. */
  readonly classPage: string;
  readonly severity: Severity;
  readonly confidence: Confidence;
  readonly status: HandlingStatus;
  readonly waitsFor: WaitsFor | null;
  readonly waitReason: string | null;
  readonly assignee: string | null;
  /** Until when somebody keeps it out of the list; it may be over. Null if nobody has, or it was taken back. */
  readonly snoozed: {
    readonly until: MutedUntil;
    readonly since: string;
    readonly by: string;
    readonly reason: string;
  } | null;
  readonly tags: readonly string[];
  readonly links: Handling["links"];
  /** Who is told of its times beside those who have to look. */
  readonly watchers: readonly string[];
  /** Id of the exception that it is the same as; null: it is one of its own. */
  readonly duplicateOf: string | null;
  readonly notes: readonly { readonly at: string; readonly by: string; readonly text: string }[];
  /** Times that have passed while it was open. */
  readonly crossed: readonly {
    readonly kind: Crossing["kind"];
    readonly at: string;
    readonly to: string;
  }[];
  /** By which rule it is whose, and due when. */
  readonly ownership: ExceptionRecord["ownership"];
  readonly duePolicy: string;
  readonly calendar: string | null;
  /** Of the code that met it. */
  readonly codeVersion: string;
  readonly keyWindowEndsAt: string | null;
  readonly attempts: number | null;
  readonly meters: ExceptionRecord["meters"];
  readonly keys: ExceptionRecord["keys"];
  /** Groups that it is counted in, of each level. */
  readonly fingerprints: ExceptionRecord["fingerprints"];
  /** Of its place. */
  readonly fingerprint: string;
  readonly openedAt: string;
  /** Where its time stands still: when it would have been due if it had not. */
  readonly dueAt: string;
  /** Since when its time stands still; null while it runs. */
  readonly stoppedAt: string | null;
  readonly closedAt: string | null;
  readonly resolution: string | null;
  readonly closedBy: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
}

export interface ReviewView extends OfRun {
  readonly id: string;
  readonly step: string;
  readonly review: string;
  /** Role or team that may answer. */
  readonly by: string;
  /** Who may not. */
  readonly notBy: string | null;
  readonly state: ReviewState;
  readonly askedAt: string;
  readonly dueAt: string | null;
  readonly escalatedTo: string | null;
  readonly answeredBy: string | null;
  readonly answeredAt: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
  /** What it is about; null if its record is gone. */
  readonly subject: Payload | null;
  /** What the answer looks like; null where its schema does not say. */
  readonly decision: readonly DecisionField[] | null;
  /** The command that answers it; null if it is not open. */
  readonly answerWith: string | null;
  /** Answers to it that no engine has taken yet; the first that is valid counts. */
  readonly kept: readonly KeptCommand[];
}

/** One run with its effects and its open exceptions. */
export interface RunBelongings {
  /** Null if retention has taken it, or for what belongs to the store. */
  readonly run: RunRow | null;
  readonly effects: readonly EffectRow[];
  readonly exceptions: readonly ExceptionRow[];
  /** When they are looked at: what may be done depends on it. */
  readonly nowMs: number;
}

export interface DependencyView {
  readonly integration: string;
  readonly state: DependencyRow["state"];
  readonly reason: string;
  readonly class: FailureClass | null;
  readonly since: string;
  /** When one call is tried next; null if none is, or that time is over and calls are tried since. */
  readonly probeAt: string | null;
}

export function isoText(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : isoText(ms);
}

/** Nothing where one store is looked at. */
function cellOf({ cell }: { readonly cell?: string }): { readonly cell?: string } {
  return cell === undefined ? {} : { cell };
}

export function runView(row: RunRow, exceptionOwners: readonly string[]): RunView {
  return {
    ...cellOf(row),
    id: formatRunId(row.run),
    key: row.key,
    namespace: row.namespace,
    workflow: row.workflow,
    version: row.version,
    codeVersion: row.codeVersion,
    generation: row.generation,
    state: row.state,
    reason: row.reason,
    owner: row.owner,
    exceptionOwners,
    startedBy: row.startedBy,
    correlationId: row.correlationId,
    lane: row.lane,
    dependency: row.dependency,
    wakeAt: isoOrNull(row.wakeAtMs),
    startedAt: isoText(row.startedAtMs),
    updatedAt: isoText(row.updatedAtMs),
    endedAt: isoOrNull(row.endedAtMs),
    deadlineAt: isoOrNull(row.deadlineAtMs),
    compensated: row.compensated,
    parent:
      row.parentRun === null
        ? null
        : { run: formatRunId(row.parentRun), step: row.parentStep ?? "" },
    amount: row.amount,
    currency: row.currency,
    // Written by the projection from a record of strings.
    keys: row.keys === null ? null : (parseJson(row.keys) as Readonly<Record<string, string>>),
  };
}

function ofRun(number: number, run: RunRow | null): OfRun {
  return {
    run: formatRunId(number),
    key: run?.key ?? null,
    workflow: run?.workflow ?? null,
  };
}

export function effectView(row: EffectRow, run: RunRow | null): EffectView {
  return {
    ...cellOf(row),
    id: formatItemId("eff", { run: row.run, seq: row.operation }),
    ...ofRun(row.run, run),
    step: row.step,
    effect: row.effect,
    integration: row.integration,
    contract: row.contract,
    proof: row.proof,
    ended: row.ended,
    attempts: row.attempts,
    operationKey: row.key,
    generation: row.generation,
    digest: row.digest,
    firstSentAt: isoText(row.firstSentAtMs),
    lastSentAt: isoText(row.lastSentAtMs),
    endedAt: isoOrNull(row.endedAtMs),
    ref: row.ref,
    undoes: row.undoes,
    settledBy: row.settledBy,
    amount: row.amount,
    currency: row.currency,
  };
}

export interface ExceptionDetails {
  /** All that is kept; those about this exception are picked. */
  readonly kept: readonly KeptCommand[];
  readonly said: string | null;
  readonly parts: PartsView | null;
}

/** @param of - what else is known of its run: which acts would be accepted depends on it. */
export function exceptionView(
  row: ExceptionRow,
  of: RunBelongings,
  { kept, said, parts }: ExceptionDetails,
): ExceptionView {
  const { run } = of;
  const id = formatItemId("exc", row);
  const effectId =
    row.operation === null ? null : formatItemId("eff", { run: row.run, seq: row.operation });
  return {
    ...cellOf(row),
    id,
    run: row.run === 0 ? null : formatRunId(row.run),
    key: run?.key ?? null,
    workflow: row.workflow === "" ? null : row.workflow,
    isBeside: row.subject !== null,
    page: pageOfException(row),
    step: row.step === "" ? null : row.step,
    effectName: row.effectName,
    effectId,
    kept: row.closedAtMs === null ? keptAbout(kept, [id, effectId]) : [],
    settleWith: settleCommand(row, of, parts),
    closeWith: closeCommand(row, of),
    admitWith: admitCommand(row),
    resumeWith: resumeCommand(row, of),
    integrationWith: integrationCommands(row),
    acts: actsOn(row, of),
    integration: row.integration,
    class: row.class,
    family: row.family,
    proof: row.effect,
    reasonCode: row.reasonCode,
    rule: row.rule,
    message: row.message,
    because: row.because,
    said,
    parts: parts === null ? null : partsShown(parts),
    owner: row.owner,
    ...careOf(row),
    fingerprint: row.fingerprint,
    openedAt: isoText(row.openedAtMs),
    dueAt: isoText(row.dueAtMs),
    stoppedAt: isoOrNull(row.handling.stoppedAtMs),
    closedAt: isoOrNull(row.closedAtMs),
    resolution: row.resolution,
    closedBy: row.closedBy,
    amount: row.amount,
    currency: row.currency,
  };
}

export function notesOf({ notes }: Handling): ExceptionView["notes"] {
  return notes.map(({ atMs, by, text }) => ({ at: isoText(atMs), by, text }));
}

function snoozedOf({ snoozed }: Handling): ExceptionView["snoozed"] {
  if (snoozed === null) return null;
  const { until, sinceMs, by, reason } = snoozed;
  return { until, since: isoText(sinceMs), by, reason };
}

function careOf({ class: failureClass, record, handling }: ExceptionRow) {
  return {
    classPage: classPage(failureClass),
    severity: record.severity,
    confidence: record.confidence,
    status: handling.status,
    waitsFor: handling.waitsFor,
    waitReason: handling.waitReason,
    assignee: handling.assignee,
    snoozed: snoozedOf(handling),
    tags: handling.tags,
    links: handling.links,
    watchers: handling.watchers,
    duplicateOf: handling.duplicateOf,
    notes: notesOf(handling),
    crossed: handling.crossed.map(({ kind, atMs, to }) => ({ kind, at: isoText(atMs), to })),
    ownership: record.ownership,
    duePolicy: record.duePolicy,
    calendar: record.calendar,
    codeVersion: record.codeVersion,
    keyWindowEndsAt: isoOrNull(record.keyWindowEndsAtMs),
    attempts: record.attempts,
    meters: record.meters,
    keys: record.keys,
    fingerprints: record.fingerprints,
  };
}

interface ReviewDetails {
  readonly subject: Payload | null;
  readonly decision: readonly DecisionField[] | null;
  readonly decisionWords: string;
  /** All that is kept; those about this review are picked. */
  readonly kept: readonly KeptCommand[];
}

export function reviewView(
  row: ReviewRow,
  run: RunRow | null,
  { subject, decision, decisionWords, kept }: ReviewDetails,
): ReviewView {
  const id = formatItemId("rev", row);
  return {
    ...cellOf(row),
    id,
    ...ofRun(row.run, run),
    step: row.step,
    review: row.review,
    by: row.by,
    notBy: row.notBy,
    state: row.state,
    askedAt: isoText(row.askedAtMs),
    dueAt: isoOrNull(row.dueAtMs),
    escalatedTo: row.escalatedTo,
    answeredBy: row.answeredBy,
    answeredAt: isoOrNull(row.answeredAtMs),
    amount: row.amount,
    currency: row.currency,
    subject,
    decision,
    answerWith: row.state === "open" ? `holdfast answer ${id} ${decisionWords}` : null,
    kept: keptAbout(kept, [id]),
  };
}

export function dependencyView(row: DependencyRow, nowMs: number): DependencyView {
  return {
    integration: row.integration,
    state: row.state,
    reason: row.reason,
    class: row.class,
    since: isoText(row.sinceMs),
    probeAt: isoOrNull(probeToComeMs(row, nowMs)),
  };
}

/** Where workers share a store, the first of an outage is on record, and not each that follows. */
function probeToComeMs({ probeAtMs }: DependencyRow, nowMs: number): number | null {
  return probeAtMs !== null && probeAtMs > nowMs ? probeAtMs : null;
}
