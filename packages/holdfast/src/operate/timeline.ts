/**
 * A run's journal as a timeline: one entry for each record, with what happened in words, and what
 * was decided and why. Pure. The records are the truth; this adds nothing to them.
 */
import { ruleName } from "../core/classification-rule.ts";
import { CELL_SAYINGS, type CellHeads } from "./cell-sayings.ts";
import type { RecordKind } from "../core/record-kinds.ts";
import type { ArchivedHead, ImportedHead } from "../core/archived.ts";
import { parseJson } from "../core/json-text.ts";
import { hasPayload } from "../core/payload-owner.ts";
import { durationText } from "../core/duration.ts";
import { HoldfastError } from "../core/error.ts";
import { familyOf } from "../core/failure.ts";
import type { EffectProof, Failure, FailureClass, FailureFamily } from "../core/failure.ts";
import { partsEnd, type Part } from "../core/parts.ts";
import type * as journal from "../core/journal.ts";
import type { ReceivedHead } from "../core/received.ts";
import { REFUSED_LATER } from "../core/journal.ts";
import type { SuspectedHead } from "../core/suspicion.ts";
import type { LaneHead } from "../core/lane.ts";
import type { Move, MoveKind } from "../core/move.ts";
import { COMPENSATED_TEXT } from "../core/run-state.ts";
import type { OnLate } from "../core/run-late.ts";
import { formatRunId } from "../core/run-number.ts";
import type {
  AgainHead,
  DecidedHead,
  EditedHead,
  ProposedHead,
  SuppliedHead,
} from "../core/repaired.ts";
import { laneText } from "./lane-text.ts";
import { handledText } from "./handling-text.ts";
import type { Payload } from "./masking.ts";
import { routedText } from "./routing-text.ts";
import { suspicionText } from "./suspicion-text.ts";
import { admittedText, checked, REPAIR_SAYINGS, settledText } from "./timeline-repairs.ts";
import { codeSaid, resultSaid } from "./timeline-versions.ts";
import { isoOrNull, isoText } from "./views.ts";

interface TimelineFailure {
  readonly class: FailureClass;
  readonly family: FailureFamily;
  /** What is proved about the effect of this attempt. */
  readonly effect: EffectProof;
  readonly reasonCode: string;
  readonly message: string;
  /** What became of each part, where they have ended differently; else null. */
  readonly parts: readonly Part[] | null;
  readonly rule: string;
}

interface TimelineMove {
  readonly kind: MoveKind;
  readonly because: string;
  readonly nextAt: string | null;
}

export interface TimelineEntry {
  readonly seq: number;
  readonly at: string;
  readonly kind: RecordKind;
  /** Step path; null for what is about the run itself. */
  readonly step: string | null;
  /** Null where it is about no attempt. */
  readonly attempt: number | null;
  /** What happened, in words. */
  readonly what: string;
  /** What is known of the whole operation after this. */
  readonly proof: EffectProof | null;
  readonly failure: TimelineFailure | null;
  readonly move: TimelineMove | null;
  /** The person or system that did it, where one did. */
  readonly by: string | null;
  readonly payload?: Payload;
  /** Where in the code the error came from, one line for each call. */
  readonly stack?: string;
}

/** What is shown of a record only where it is asked for. */
interface Details {
  readonly payload: Payload | null;
  readonly stack: string | null;
}

/** What one kind of record adds to its entry. */
interface Said {
  readonly what: string;
  readonly proof?: EffectProof;
  readonly failure?: Failure;
  readonly move?: Move;
  readonly nextAtMs?: number;
  readonly by?: string;
}

/** @throws {HoldfastError} HF5006 if the record's head is not what its kind has. */
export function timelineEntry(
  record: journal.JournalRecord,
  { payload, stack }: Details = { payload: null, stack: null },
): TimelineEntry {
  const said = sayingOf(record);
  const { failure, move } = said;
  return {
    seq: record.seq,
    at: isoText(record.atMs),
    kind: record.kind,
    step: record.name === "" ? null : record.name,
    attempt: record.attempt === 0 ? null : record.attempt,
    what: said.what,
    proof: said.proof ?? null,
    failure: failure === undefined ? null : failureView(failure),
    move:
      move === undefined
        ? null
        : {
            kind: move.kind,
            because: move.because,
            nextAt: isoOrNull(said.nextAtMs ?? null),
          },
    by: said.by ?? null,
    ...(payload === null ? {} : { payload }),
    ...(stack === null ? {} : { stack }),
  };
}

/** Where a failure was thrown by code, its record keeps the stack in the place of a payload. */
export function stackOf(record: journal.JournalRecord): string | null {
  if (record.data === null || hasPayload(record)) return null;
  const stack: unknown = parseJson(record.data);
  return typeof stack === "string" ? stack : null;
}

/** The decision that a record holds, or null. Cheaper than its entry. */
export function decisionOf(record: journal.JournalRecord): DecisionView | null {
  if (record.kind !== "outcome" && record.kind !== "probe") return null;
  const { failure, move } = parseHead<journal.OutcomeHead>(record);
  if (move === undefined) return null;
  return {
    at: isoText(record.atMs),
    seq: record.seq,
    step: record.name,
    rule: failure === undefined ? null : ruleText(failure),
    reasonCode: failure?.reasonCode ?? null,
    class: failure?.class ?? null,
    move: move.kind,
    because: move.because,
    message: failure?.message ?? null,
    said: failure === undefined ? null : saidIn(failure),
  };
}

/** Characters of the other system's own words that are shown. */
const SAID_CHARS_MAX = 500;

/** What the other system said, beyond what the failure's message quotes; masked when it was written. */
function saidIn({ message, evidence }: Failure): string | null {
  const { message: said = "" } = evidence;
  if (said.trim() === "" || message.includes(said)) return null;
  return said.length > SAID_CHARS_MAX ? `${said.slice(0, SAID_CHARS_MAX)}...` : said;
}

export interface DecisionView {
  readonly at: string;
  readonly seq: number;
  readonly step: string;
  /** The rule that classified, with its version. */
  readonly rule: string | null;
  readonly reasonCode: string | null;
  readonly class: FailureClass | null;
  readonly move: MoveKind;
  readonly because: string;
  /** What the attempt failed with, masked when it was written; null if nothing failed. */
  readonly message: string | null;
  /** The other system's own words, at most 500 characters; null if it said none. */
  readonly said: string | null;
}

function failureView(failure: Failure): TimelineFailure {
  return {
    class: failure.class,
    family: familyOf(failure.class),
    effect: failure.effect,
    reasonCode: failure.reasonCode,
    message: failure.message,
    parts: failure.parts ?? null,
    rule: ruleText(failure),
  };
}

function ruleText({ rule }: Failure): string {
  return `${rule.id}@${String(rule.version)}`;
}

function parseHead<Head>(record: journal.JournalRecord): Head {
  try {
    // The engine wrote this head with the shape of its kind; the seal says it is still the same.
    return parseJson(record.head ?? "{}") as Head;
  } catch (cause) {
    throw new HoldfastError(
      "HF5006",
      `Record ${String(record.seq)} of ${formatRunId(record.run)} cannot be read: its head is not JSON.`,
      "Find out what else is damaged with: holdfast store verify",
      { cause },
    );
  }
}

interface Heads extends CellHeads {
  readonly started: journal.StartedHead;
  readonly result: journal.ResultHead;
  readonly intent: journal.IntentHead;
  readonly outcome: journal.OutcomeHead;
  readonly probe: journal.ProbeHead;
  readonly settled: journal.SettledHead;
  readonly pending: journal.PendingHead;
  readonly timer: journal.TimerHead;
  readonly fired: object;
  readonly asked: journal.AskedHead;
  readonly answered: journal.AnsweredHead;
  readonly escalated: journal.EscalatedHead;
  readonly awaited: journal.AwaitedHead;
  readonly event: journal.EventHead;
  readonly called: journal.CalledHead;
  readonly returned: journal.ReturnedHead;
  readonly state: journal.StateHead;
  readonly opened: journal.OpenedHead;
  readonly closed: journal.ClosedHead;
  readonly cancel: journal.CancelHead;
  readonly resumed: journal.ResumedHead;
  readonly finished: journal.FinishedHead;
  readonly incarnation: journal.IncarnationHead;
  readonly group: journal.GroupHead;
  readonly dependency: journal.DependencyHead;
  readonly kept: journal.KeptHead;
  readonly applied: journal.AppliedHead;
  readonly declared: journal.DeclaredHead;
  readonly late: journal.LateHead;
  readonly restored: journal.RestoredHead;
  readonly archived: ArchivedHead;
  readonly imported: ImportedHead;
  readonly early: journal.EarlyHead;
  readonly received: ReceivedHead;
  readonly supplied: SuppliedHead;
  readonly edited: EditedHead;
  readonly again: AgainHead;
  readonly proposed: ProposedHead;
  readonly decided: DecidedHead;
  readonly handled: journal.HandledHead;
  readonly grouped: journal.GroupedHead;
  readonly routed: journal.RoutedHead;
  readonly lane: LaneHead;
  readonly ruled: journal.RuledHead;
  readonly code: journal.CodeHead;
  readonly suspected: SuspectedHead;
}

function sayingOf(record: journal.JournalRecord): Said {
  // Each entry of SAYINGS takes the head of its own key; the record's kind picks both together.
  const say = SAYINGS[record.kind] as (head: unknown) => Said;
  return say(parseHead(record));
}

const SAYINGS: { readonly [Kind in RecordKind]: (head: Heads[Kind]) => Said } = {
  started: (head) => ({
    what: `started ${anew(head)}${admittedText(head)}as ${head.workflow}, version ${head.version}${head.lane === null ? "" : `, lane ${head.lane}`}${head.deadlineAtMs === null ? "" : `, to be done by ${isoText(head.deadlineAtMs)}`}${head.restoredFromMs === undefined ? "" : `; its start lay in the inbox of a backup of ${isoText(head.restoredFromMs)}`}`,
    by: head.startedBy,
  }),
  result: resultSaid,
  intent: (head) => ({
    what:
      head.restoredFromMs === undefined
        ? `sent to ${head.integration} (${head.contract}), answer awaited until ${isoText(head.deadlineAtMs)}${undoing(head.undoes)}`
        : `not sent to ${head.integration} (${head.contract}): it may have been since the backup of ${isoText(head.restoredFromMs)}${undoing(head.undoes)}`,
    proof: "maybe",
  }),
  outcome: (head) => ({
    ...decided(head),
    what:
      head.failure === undefined
        ? `done${reference(head.ref)}`
        : failureText(head.failure, head.proof),
  }),
  probe: (head) => ({
    ...decided(head),
    what: `looked up (${String(head.number)}.): ${PROBE_TEXT[head.says]}${reference(head.ref)}${head.why === undefined ? "" : `, ${head.why}`}`,
  }),
  settled: (head) => ({
    what: `settled: it ${settledText(head)}${reference(head.ref)}${checked(head)}; ${head.reason}`,
    proof: head.proof,
    ...(head.move === undefined ? {} : { move: head.move }),
    by: head.by,
  }),
  pending: (head) => ({
    what: `accepted by ${head.integration}${reference(head.ref)}, its answer is awaited until ${isoText(head.dueAtMs)}`,
  }),
  timer: (head) => ({ what: `sleeps until ${isoText(head.dueAtMs)}` }),
  fired: () => ({ what: "woke up" }),
  asked: (head) => ({
    what: `review "${head.review}" asked of ${head.by}${due(head.dueAtMs)}`,
  }),
  answered: (head) => ({
    what:
      head.timedOut === true
        ? "nobody answered in time: the declared default was taken"
        : `review answered${head.reason === undefined ? "" : `: ${head.reason}`}`,
    by: head.by,
  }),
  escalated: (head) => ({ what: `escalated to ${head.to}: nobody answered in time` }),
  awaited: (head) => ({
    what: `waits for event ${head.event} with key ${head.key}${due(head.dueAtMs)}`,
  }),
  event: (head) => ({
    what: head.timedOut === true ? "the event did not come in time" : "the event came",
  }),
  received: (head) => ({
    what: `message ${head.id} by ${head.ingress}: ${head.state}`,
    by: head.source,
  }),
  called: (head) => ({ what: `started ${head.workflow} as ${formatRunId(head.child)}` }),
  returned: (head) => ({
    what: `${formatRunId(head.child)} was ${head.state}${head.reason === undefined ? "" : `: ${head.reason}`}`,
  }),
  state: (head) => ({
    what: `${head.from} -> ${head.to}: ${head.reason}${until(head.wakeAtMs)}`,
  }),
  opened: (head) => ({
    what: `exception for ${head.owner}, due ${isoText(head.dueAtMs)}: ${head.because}`,
    proof: head.effect,
  }),
  closed: (head) => ({
    what: `exception closed (${head.resolution}): ${head.reason}`,
    by: head.by,
  }),
  cancel: (head) => ({ what: `cancellation asked for: ${head.reason}`, by: head.by }),
  resumed: (head) => ({ what: `resumed: ${head.reason}`, by: head.by }),
  finished: (head) => ({
    what: `${head.state}${COMPENSATED_TEXT[head.compensated ?? "no"]}: ${head.reason}`,
  }),
  incarnation: (head) => ({ what: `engine started (incarnation ${String(head.incarnation)})` }),
  group: (head) => ({
    what: `recovery group ${String(head.group)} of ${String(head.runs.length)} runs ${head.event}`,
  }),
  dependency: (head) => ({
    what: `${head.integration} is ${head.to}: ${head.reason}${until(head.probeAtMs)}`,
  }),
  kept: (head) => ({ what: `event ${head.event} with key ${head.key} kept until it is awaited` }),
  declared: (head) => ({ what: `${head.definition} ${head.name} declared what is sensitive` }),
  applied: (head) => ({
    what:
      head.command === REFUSED_LATER
        ? `${head.topic} refused, which was left while no engine ran: ${head.answer}`
        : `command ${head.command} (${head.topic}) applied`,
    by: head.by,
  }),
  late: (head) => ({
    what: `its deadline (${isoText(head.deadlineAtMs)}) has passed: ${ON_LATE_TEXT[head.onLate]}`,
  }),
  restored: (head) => ({
    what: `restored from a backup of ${isoText(head.fromMs)}; ${head.reason}`,
    by: head.by,
  }),
  archived: (head) => ({
    what: `${String(head.runs.length)} runs left for the archive ${head.archive} (${head.file})`,
    by: head.by,
  }),
  imported: (head) => ({ what: `import of the archive ${head.archive} ${head.event}` }),
  ...REPAIR_SAYINGS,
  ...CELL_SAYINGS,
  early: (head) => ({
    what: `an answer of ${head.integration} under ${head.ref} ${EARLY_TEXT[head.event]}, owner ${head.owner}`,
  }),
  lane: (head) => ({ what: laneText(head), by: head.by }),
  code: codeSaid,
  suspected: (head) => ({ what: suspicionText(head) }),
  handled: (head) => ({ what: `exception ${handledText(head)}`, by: head.by }),
  grouped: (head) => ({
    what: `group ${head.fingerprint} ${head.act.kind}: ${head.overlay.reason}`,
    by: head.overlay.by,
  }),
  ruled: ({ rule }) => ({
    what: `classification rule ${ruleName(rule)} is ${rule.state}: ${rule.changed.reason}`,
    by: rule.changed.by,
  }),
  routed: (head) => ({ what: routedText(head), by: head.approved?.by ?? head.by }),
};

const EARLY_TEXT: Readonly<Record<journal.EarlyHead["event"], string>> = {
  kept: "came before its request was on record, and is kept",
  taken: "was given to its request",
  unasked: "was not asked for by anybody in time",
};

const ON_LATE_TEXT: Readonly<Record<OnLate, string>> = {
  ask: "its owner is asked",
  compensate: "what was done is undone",
  stop: "it is stopped as it is",
};

const PROBE_TEXT: Readonly<Record<journal.ProbeSaying, string>> = {
  done: "it was done",
  conflict: "something else was done",
  notDone: "it was not done",
  cannotTell: "cannot tell",
};

const PROOF_TEXT: Readonly<Record<EffectProof, string>> = {
  never: "surely not done",
  maybe: "may have happened",
  partial: "done in part",
  surely: "surely done",
};

function failureText(failure: Failure, proof: EffectProof): string {
  const wait = failure.evidence.retryAfterMs;
  const asked = wait === undefined ? "" : `, asked to wait ${durationText(wait)}`;
  const said = saidIn(failure);
  const words = said === null ? "" : `, they said ${JSON.stringify(said)}`;
  return `failed: ${failure.class}, ${PROOF_TEXT[proof]} (${failure.reasonCode}: ${failure.message}${words}${asked})${partsEnd(failure.parts)}`;
}

function decided(head: journal.OutcomeHead): Omit<Said, "what"> {
  return {
    proof: head.proof,
    ...(head.failure === undefined ? {} : { failure: head.failure }),
    ...(head.move === undefined ? {} : { move: head.move }),
    ...(head.nextAtMs === undefined ? {} : { nextAtMs: head.nextAtMs }),
  };
}

function anew({ anew: before, generation }: journal.StartedHead): string {
  if (before === undefined) return "";
  const { of, approvedBy, reason } = before;
  return `anew (generation ${String(generation)}) in the place of ${formatRunId(of)}, approved by ${approvedBy} (${reason}), `;
}

function reference(ref: string | undefined): string {
  return ref === undefined ? "" : `, their reference ${ref}`;
}

function undoing(step: string | undefined): string {
  return step === undefined ? "" : `, undoes ${step}`;
}

function until(atMs: number | null): string {
  return atMs === null ? "" : `, until ${isoText(atMs)}`;
}

function due(atMs: number | null): string {
  return atMs === null ? "" : `, due ${isoText(atMs)}`;
}
