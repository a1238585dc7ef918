/**
 * Rows of the projections, as every driver hands them out. Times are integer milliseconds in UTC;
 * `null` means known to be absent.
 */
import type { RepeatKind } from "../core/contract.ts";
import type { DecisionField } from "../core/decision-fields.ts";
import type { HoldfastError } from "../core/error.ts";
import type { Handling } from "../core/exception-handling.ts";
import type { ExceptionRecord } from "../core/exception-record.ts";
import type { EffectProof, FailureClass, FailureFamily } from "../core/failure.ts";
import type { Incident } from "../core/incident.ts";
import type { IssueLevel } from "../core/fingerprint.ts";
import type { IssueOverlay } from "../core/issue-overlay.ts";
import type { AcceptedEvent, DefinitionKind, JournalRecord } from "../core/journal.ts";
import type { ReceiptState } from "../core/received.ts";
import type { Compensated, RunState } from "../core/run-state.ts";

export interface RunRow {
  /** Whose it is, where several cells are looked at together. */
  readonly cell?: string;
  readonly run: number;
  readonly namespace: string;
  readonly workflow: string;
  readonly key: string;
  readonly generation: number;
  /** Of the code that it began with. */
  readonly version: string;
  /** Of the code that went on with it last. */
  readonly codeVersion: string;
  readonly owner: string;
  readonly lane: string | null;
  readonly correlationId: string;
  readonly startedBy: string;
  readonly state: RunState;
  /** What it waits for, or why it ended, as a sentence. */
  readonly reason: string;
  readonly wakeAtMs: number | null;
  /** Integration that a parked run waits for. */
  readonly dependency: string | null;
  readonly parentRun: number | null;
  readonly parentStep: string | null;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  readonly endedAtMs: number | null;
  readonly deadlineAtMs: number | null;
  readonly compensated: Compensated;
  readonly amount: string | null;
  readonly currency: string | null;
  /** JSON object of business keys, or null. */
  readonly keys: string | null;
}

/** A run with its whole journal, in order of `seq`. */
export interface StoredRun {
  readonly row: RunRow;
  /** Where a shared store has it; not given where one engine owns all. */
  readonly shard?: number;
  readonly records: readonly JournalRecord[];
  /** Why a payload of it cannot be read; nothing may be executed from its records then. */
  readonly unreadable?: HoldfastError;
}

/** One operation of an effect: all its attempts together. */
export interface EffectRow {
  /** Whose it is, where several cells are looked at together. */
  readonly cell?: string;
  readonly run: number;
  /** Sequence number of its first intent. */
  readonly operation: number;
  readonly step: string;
  readonly effect: string;
  readonly integration: string;
  readonly contract: RepeatKind;
  readonly key: string;
  readonly generation: number;
  readonly digest: string;
  readonly proof: EffectProof;
  /** False while it is not known to have ended. */
  readonly ended: boolean;
  readonly attempts: number;
  readonly firstSentAtMs: number;
  readonly lastSentAtMs: number;
  readonly endedAtMs: number | null;
  readonly ref: string | null;
  readonly undoes: string | null;
  readonly settledBy: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
}

export interface ExceptionRow {
  /** Whose it is, where several cells are looked at together. */
  readonly cell?: string;
  readonly run: number;
  /** Sequence number of its `opened` record; (run, seq) is its identity. */
  readonly seq: number;
  readonly workflow: string;
  readonly step: string;
  readonly effectName: string | null;
  readonly integration: string | null;
  readonly operation: number | null;
  readonly class: FailureClass;
  readonly family: FailureFamily;
  readonly effect: EffectProof;
  readonly reasonCode: string;
  readonly rule: string;
  readonly message: string;
  readonly because: string;
  readonly owner: string;
  /** Of its place (F2); those of all levels are in `record`. */
  readonly fingerprint: string;
  /** What an exception beside its run is about; null for one that its run waits for. */
  readonly subject: string | null;
  readonly openedAtMs: number;
  readonly dueAtMs: number;
  readonly closedAtMs: number | null;
  readonly resolution: string | null;
  readonly closedBy: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
  readonly record: ExceptionRecord;
  readonly handling: Handling;
  /** When the next of its times passes; null if it is closed, or its time stands still. */
  readonly nextAtMs: number | null;
}

/** Exceptions with one cause, of one level. */
export interface IssueRow {
  readonly fingerprint: string;
  readonly level: IssueLevel;
  readonly title: string;
  readonly class: FailureClass;
  readonly family: FailureFamily;
  readonly workflow: string;
  readonly step: string;
  readonly owner: string;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  readonly openCount: number;
  readonly totalCount: number;
}

/** What operators have decided about one group. */
export interface IssueOverlayRow {
  readonly fingerprint: string;
  readonly overlay: IssueOverlay;
}

export const REVIEW_STATES = ["open", "answered", "withdrawn"] as const;
export type ReviewState = (typeof REVIEW_STATES)[number];

export interface ReviewRow {
  /** Whose it is, where several cells are looked at together. */
  readonly cell?: string;
  readonly run: number;
  /** Sequence number of its `asked` record; (run, seq) is its identity. */
  readonly seq: number;
  readonly step: string;
  readonly review: string;
  readonly by: string;
  readonly notBy: string | null;
  readonly state: ReviewState;
  readonly askedAtMs: number;
  readonly dueAtMs: number | null;
  readonly escalatedTo: string | null;
  readonly answeredBy: string | null;
  readonly answeredAtMs: number | null;
  readonly digest: string;
  readonly amount: string | null;
  readonly currency: string | null;
}

export interface DependencyRow {
  readonly integration: string;
  readonly state: "closed" | "open" | "parked" | "probing";
  readonly reason: string;
  readonly class: FailureClass | null;
  readonly sinceMs: number;
  readonly probeAtMs: number | null;
  /** 1: a person does not want it called until `probeAtMs`. */
  readonly byHand: 0 | 1;
  /** The outage that is, or the last one; null: none is known. */
  readonly incident: Incident | null;
  /** What is left of the retry budget of a store with one engine; null: all of it. */
  readonly retryTokens: number | null;
}

/**
 * What a definition has declared of its payloads. One that was declared in several ways has a row
 * for each: what was sensitive once stays so, and the newest says what a review or an effect is answered with.
 */
export interface DeclarationRow {
  readonly definition: DefinitionKind;
  readonly name: string;
  readonly sensitive: readonly string[];
  readonly decision: readonly DecisionField[] | null;
  readonly atMs: number;
}

/** An event whose id is remembered, so that it is taken once. */
export interface AcceptedEventRow extends AcceptedEvent {
  /** The run that took it; null while it is kept. */
  readonly run: number | null;
  /** Sequence number of its `kept` record; null if a run waited for it. */
  readonly kept: number | null;
}

/** An event that came before anybody waited for it. */
export interface KeptEventRow {
  readonly seq: number;
  readonly namespace: string;
  readonly event: string;
  readonly key: string;
  readonly id: string;
  readonly atMs: number;
  /** JSON payload. */
  readonly data: string | null;
}

/** A message from outside, and what became of it. */
export interface ReceivedRow {
  /** Hex HMAC: see `ReceivedHead`. */
  readonly name: string;
  readonly namespace: string;
  readonly workflow: string;
  readonly ingress: string;
  readonly source: string;
  readonly id: string;
  readonly digest: string;
  readonly state: ReceiptState;
  readonly run: number | null;
  readonly duplicateOf: number | null;
  readonly orderKey: string | null;
  readonly orderName: string | null;
  readonly orderNumber: number | null;
  /** Of the record that says so, in its writer's own journal. */
  readonly seq: number;
  /** When it came, also where it was held and began later. */
  readonly atMs: number;
  readonly untilMs: number | null;
  /** JSON of its terms while it is held. */
  readonly held: string | null;
  /** JSON of its payload while it is held. */
  readonly data: string | null;
}

/** An archive that was read into this store. */
export interface ImportedArchiveRow {
  readonly archive: string;
  /** Hex digest of its file. */
  readonly sha256: string;
  readonly runs: number;
  readonly records: number;
  readonly atMs: number;
  /** False while only a part of it is here. */
  readonly done: boolean;
}

/** What is left of a run that has left for an archive. */
export interface ArchivedRunRow {
  readonly run: number;
  readonly atMs: number;
  readonly archive: string;
  readonly file: string;
  readonly by: string;
}

/** An answer that came before its request was on record. */
export interface EarlyAnswerRow {
  readonly seq: number;
  readonly integration: string;
  readonly ref: string;
  readonly state: "kept";
  readonly owner: string;
  readonly atMs: number;
  readonly dueAtMs: number;
  /** JSON of the answer. */
  readonly data: string | null;
}

/** From worker to worker of a shared store. */
const WORKER_TOPICS = [
  "returned",
  "deliver",
  "offer",
  "outcome",
  "asked",
  "beside",
  "receive",
] as const;
export type WorkerTopic = (typeof WORKER_TOPICS)[number];

export function isOfWorker(topic: string): topic is WorkerTopic {
  return WORKER_TOPICS.some((one) => one === topic);
}

/** Runs that have not ended, of one version of the code and in one state. */
export interface VersionCount {
  /** Of the code that went on with them last. */
  readonly codeVersion: string;
  readonly state: RunState;
  readonly count: number;
}

/** A lane with runs that have not ended. */
export interface LaneRow {
  readonly namespace: string;
  readonly lane: string;
  /** How many they are, the one whose turn it is included. */
  readonly depth: number;
  /** Whose turn it is. */
  readonly run: number;
}

export const INBOX_TOPICS = [
  "start",
  "send",
  "answer",
  "settle",
  "resume",
  "cancel",
  "pause",
  "complete",
  "close",
  "handle",
  "group",
  "route",
  "rule",
  "archive",
  "handUp",
  "park",
  "unpark",
  "repair",
  "decide",
  "skipHead",
  ...WORKER_TOPICS,
] as const;
type InboxTopic = (typeof INBOX_TOPICS)[number];

/** A command that nobody has taken yet. */
export interface WaitingCommand extends InboxRow {
  /** False if it was changed after it was posted, or written by hand: then it may not be applied. */
  readonly isAsPosted: boolean;
  /** Whose owner is to take it; not given where the store is whole. */
  readonly shard?: number;
  /**
   * Set if it lay in the inbox of a backup that was restored: when that was written last. The original
   * of the store has had this command, too.
   */
  readonly restoredFromMs?: number;
  /** Why its payload cannot be read: then it may not be applied either. */
  readonly unreadable?: HoldfastError;
}

/** A command from another process, written by anybody and applied by the owner alone. */
export interface InboxRow {
  /** Made by the sender; posting the same id twice is one command. */
  readonly id: string;
  readonly topic: InboxTopic;
  readonly atMs: number;
  readonly by: string;
  /** JSON of the command. */
  readonly data: string;
  /** JSON of the answer once it was applied. */
  readonly answer: string | null;
}
