/**
 * The words of the journal: kinds of records and the shape of each kind's head.
 *
 * The journal is the truth. Everything that a screen or the engine looks up (runs, effect ledger,
 * exceptions, reviews, counters, issues) is a fold of these records and can be rebuilt from them,
 * so a head must hold whatever a projection shows. Payloads (inputs, results) are kept apart in
 * `data`, so that folding never parses them.
 *
 * Run number 0 is the store's own journal: incarnations, recovery groups, dependencies, events.
 */
import type { Admitted } from "./received.ts";
import type { ClassificationRule } from "./classification-rule.ts";
import type { RepeatKind } from "./contract.ts";
import type { DecisionField } from "./decision-fields.ts";
import type { ExceptionRecord } from "./exception-record.ts";
import type { EffectProof, Failure, FailureClass, FailureFamily } from "./failure.ts";
import type { Incident } from "./incident.ts";
import type { HandlingAct } from "./exception-handling.ts";
import type { IssueAct, IssueOverlay } from "./issue-overlay.ts";
import type { Move, Unknown } from "./move.ts";
import type { RecordKind } from "./record-kinds.ts";
import type { RoutingVersion } from "./routing.ts";
import type { OnLate } from "./run-late.ts";
import type { SinceAnswer } from "./since.ts";
import type { Compensated, FinalRunState, RunState } from "./run-state.ts";

/** One record as the store keeps it. `seq` counts from 1 within a run, without gaps. */
export interface JournalRecord {
  readonly run: number;
  readonly seq: number;
  readonly kind: RecordKind;
  /** Attempt of an effect (first is 1), else 0. */
  readonly attempt: number;
  /** Step path (scopes, name and `as`), or "" for records about the run itself. */
  readonly name: string;
  readonly atMs: number;
  /** JSON of the kind's head, or null where a kind has none. */
  readonly head: string | null;
  /** JSON payload, or null. */
  readonly data: string | null;
}

/** Business view of a run or effect, from `describe`. */
export interface Described {
  /** Minor units or decimal as text, never a float. */
  readonly amount?: string;
  readonly currency?: string;
  readonly keys?: Readonly<Record<string, string>>;
}

/** A run that is in a lane, at work or waiting, until it has ended. */
export interface HeldLane {
  readonly run: number;
  readonly lane: string;
}

export interface StartedHead extends Described {
  readonly namespace: string;
  readonly workflow: string;
  readonly key: string;
  /** Hex HMAC of (namespace, workflow, key): guards uniqueness after retention took the run. */
  readonly keyHash: string;
  /** Hex HMAC of the canonical input, 16 bytes: tells whether another start brings the same. */
  readonly inputDigest: string;
  readonly generation: number;
  readonly version: string;
  readonly owner: string;
  readonly lane: string | null;
  readonly correlationId: string;
  readonly startedBy: string;
  readonly parent: {
    readonly run: number;
    readonly step: string;
    /** Lanes that this run's parent and those above it hold while they wait for it. */
    readonly lanes?: readonly HeldLane[];
    /** Set if the parent was restored from a backup: the original may have started it, too. */
    readonly restoredFromMs?: number;
  } | null;
  /** Set if its start lay in the inbox of a restored backup: the original may have begun it, too. */
  readonly restoredFromMs?: number;
  /** First state: `running`, or `waiting` behind another run of its lane. */
  readonly state: "running" | "waiting";
  readonly reason: string;
  /** When it has to be done; null if never. */
  readonly deadlineAtMs: number | null;
  /** Set if a person started it in the place of an earlier run with its key. */
  readonly anew?: StartedAnew;
  /** Set if it began with what a person gave in the place of a message that did not fit. */
  readonly admitted?: Admitted;
}

/** Who started a run in the place of another that has ended, and why. */
export interface StartedAnew {
  /** Number of the run before. */
  readonly of: number;
  readonly by: string;
  readonly approvedBy: string;
  readonly reason: string;
}

export interface ResultHead {
  /** Set if the step threw: what the code sees again on recovery. */
  readonly threw?: { readonly name: string; readonly message: string };
  /** Set if this is the end of a scope that has failed and was undone; `threw` is what it failed with. */
  readonly scope?: {
    readonly compensated: Compensated;
    /** What stays and what was decided by hand; "" if there is nothing to say. */
    readonly words: string;
  };
  /** Set for `run.now`, which answers at once and has no place in the order of answers. */
  readonly now?: true;
  /** Set for `run.since`, which has no place in that order either. */
  readonly since?: SinceAnswer;
}

export interface IntentHead extends Described {
  readonly effect: string;
  readonly integration: string;
  readonly contract: RepeatKind;
  /** Operation key, the same on every attempt. */
  readonly key: string;
  readonly generation: number;
  /** Hex HMAC of the canonical input. */
  readonly digest: string;
  /** The same of what the code asks with, where a person has corrected that. */
  readonly asked?: string;
  /** No answer is awaited beyond this. */
  readonly deadlineAtMs: number;
  /** Sequence number of this operation's first intent: its identity in the effect ledger. */
  readonly operation: number;
  /** The step that this effect undoes, for compensations. */
  readonly undoes?: string;
  /** Set where it leaves out the parts that were done; else whatever sends it again sends the whole. */
  readonly byParts?: true;
  /**
   * Set on an attempt that this engine does not send: the store was restored from a backup, and its
   * original may have sent it at any time since then.
   */
  readonly restoredFromMs?: number;
  /**
   * Set beside it where the key or what is asked for may be other than what the original sent:
   * neither a repeat nor a look-up would tell of that, so a person is asked.
   */
  readonly mayDiffer?: true;
}

/** Present on exactly one record of each step: the one that gives the code its answer. */
export type StepEnd = "value" | "failed";

export interface Meters {
  /** Attempts that count against the policy. */
  readonly attempts: number;
  readonly contentions: number;
  readonly crashes: number;
}

export interface OutcomeHead {
  /** Sequence number of the operation's first intent. */
  readonly operation: number;
  readonly effect: string;
  /** What is known of the whole operation, all its attempts together. */
  readonly proof: EffectProof;
  /** The receiver's answer to the key: it settles what earlier attempts had left open. */
  readonly settles?: true;
  readonly end?: StepEnd;
  /** The other system's reference, if it is known. */
  readonly ref?: string;
  /** Absent if the attempt succeeded. */
  readonly failure?: Failure;
  /** Where an attempt has failed: of which integration it is, which rules look at. */
  readonly integration?: string;
  /** Rules of operators that this failure is a hit of, as `id@version`. */
  readonly rules?: { readonly decided: readonly string[]; readonly shadow: readonly string[] };
  readonly move?: Move;
  /** When the move is due. */
  readonly nextAtMs?: number;
  readonly meters?: Meters;
}

export const PROBE_SAYINGS = ["done", "conflict", "notDone", "cannotTell"] as const;
export type ProbeSaying = (typeof PROBE_SAYINGS)[number];

export interface ProbeHead extends OutcomeHead {
  readonly says: ProbeSaying;
  readonly why?: string;
  /** True if it can no longer happen either (the other system has fenced it). */
  readonly fenced?: boolean;
  /** When the question was put, which may be well before its answer was recorded. */
  readonly askedAtMs: number;
  /** Which look-up of this operation, first is 1. */
  readonly number: number;
}

export interface SettledHead {
  readonly operation: number;
  readonly effect: string;
  readonly proof: EffectProof;
  readonly end?: StepEnd;
  /** False also where a part of it happened. */
  readonly happened: boolean;
  /** Names of all the parts that were done: said part by part, and the proof is `partial`. */
  readonly partsDone?: readonly string[];
  readonly ref?: string;
  readonly by: string;
  /** Absent where no second person was needed. */
  readonly approvedBy?: string;
  readonly reason: string;
  readonly move?: Move;
  /** Id of the command in the inbox that said so: taken again after a crash, it is recognised. */
  readonly command?: string;
}

export interface PendingHead {
  readonly operation: number;
  readonly integration: string;
  readonly ref: string;
  readonly dueAtMs: number;
}

export interface TimerHead {
  readonly dueAtMs: number;
}

export interface AskedHead extends Described {
  readonly review: string;
  /** Role or team that may answer. */
  readonly by: string;
  readonly notBy: string | null;
  readonly dueAtMs: number | null;
  readonly digest: string;
}

export interface AnsweredHead {
  /** Sequence number of the `asked` record. */
  readonly asked: number;
  readonly end: StepEnd;
  readonly by: string;
  /** What the person gave as the reason. */
  readonly reason?: string;
  /** True if nobody answered in time and the declared default was taken. */
  readonly timedOut?: boolean;
}

export interface EscalatedHead {
  readonly asked: number;
  readonly to: string;
}

export interface AwaitedHead {
  readonly event: string;
  readonly key: string;
  readonly dueAtMs: number | null;
}

/** An event whose id was accepted: until then the same id is the same event, or a conflict. */
export interface AcceptedEvent {
  readonly namespace: string;
  readonly event: string;
  /** The sender's. */
  readonly id: string;
  readonly key: string;
  /** Hex HMAC of the canonical payload. */
  readonly digest: string;
  readonly untilMs: number;
}

export interface EventHead {
  readonly end: StepEnd;
  /** Its name; absent if nothing came. */
  readonly event?: string;
  /** True if nothing came in time. */
  readonly timedOut?: boolean;
  /** Sequence number in the store's own journal of the kept event that was taken. */
  readonly kept?: number;
  /** Set if the event came while it was waited for: this record is what accepts it. */
  readonly accepted?: AcceptedEvent;
}

export interface CalledHead {
  readonly workflow: string;
  readonly child: number;
}

export interface ReturnedHead {
  readonly child: number;
  readonly end: StepEnd;
  readonly state: FinalRunState;
  readonly reason?: string;
}

export interface StateHead {
  readonly workflow: string;
  readonly from: RunState;
  readonly to: RunState;
  /** What it waits for, as a sentence. */
  readonly reason: string;
  readonly wakeAtMs: number | null;
  /** Integration that a parked run waits for. */
  readonly dependency?: string;
}

/**
 * Makes an exception one that stands beside its run: no step waits for it, the run goes on, and a
 * person closes it. Also of runs that have ended, and of the store itself (run 0).
 */
export interface Beside {
  /** What it is about, for example `start` and a digest: the same is opened only once. */
  readonly subject: string;
  /** Sequence number of the early event that it takes the place of. */
  readonly kept?: number;
  /** Name of the event whose payload the record holds; absent: it holds an input of the workflow. */
  readonly event?: string;
  /** Name of the effect whose answer the record holds. */
  readonly effect?: string;
}

export interface OpenedHead extends Described {
  /** Empty for the store itself. */
  readonly workflow: string;
  readonly effectName?: string;
  readonly integration?: string;
  readonly class: FailureClass;
  readonly family: FailureFamily;
  readonly effect: Failure["effect"];
  readonly scope: Failure["scope"];
  readonly origin: Failure["origin"];
  readonly reasonCode: string;
  readonly rule: string;
  readonly message: string;
  readonly because: string;
  readonly owner: string;
  /** Who had the last one of this place at this step: it is that person's again. Or who has paused the run. */
  readonly assignee?: string;
  readonly dueAtMs: number;
  readonly record: ExceptionRecord;
  /** One line for each group that it is counted in, in the order of `groupsOf`. */
  readonly titles: readonly string[];
  readonly unknown?: Unknown;
  /** The effect operation that it is about, if any. */
  readonly operation?: number;
  readonly beside?: Beside;
  /** Id of the command by which it was opened: of a run that was paused. */
  readonly command?: string;
}

export const RESOLUTIONS = [
  "settled",
  "resumed",
  "rejected",
  "cancelled",
  "late-answer",
  "superseded",
  "dealt-with", // a person has done outside what there was to do
  "repaired", // a person has supplied a result, corrected an input, or lets the run be done again
] as const;

export interface ClosedHead {
  /** Sequence number of the `opened` record. */
  readonly opened: number;
  readonly resolution: (typeof RESOLUTIONS)[number];
  readonly by: string;
  readonly reason: string;
  /** Fingerprints of all groups that it was counted in. */
  readonly groups: readonly string[];
  readonly class: FailureClass;
  /** True if no step waited for it: says nothing about where the run stands. */
  readonly beside?: true;
  /** As in `SettledHead`. */
  readonly command?: string;
}

export interface HandledHead {
  /** Sequence number of the `opened` record. */
  readonly opened: number;
  readonly act: HandlingAct;
  readonly by: string;
  readonly reason: string;
  /** As in `SettledHead`. */
  readonly command?: string;
}

export interface GroupedHead {
  readonly fingerprint: string;
  readonly act: IssueAct;
  /** What it comes to, with what was decided before. */
  readonly overlay: IssueOverlay;
  readonly command?: string;
}

/** Its time is when it was made. */
export interface RoutedHead extends Omit<RoutingVersion, "atMs"> {
  readonly command?: string;
}

/** A version of a classification rule as it is from now on. */
export interface RuledHead {
  readonly rule: ClassificationRule;
}

export interface CancelHead {
  readonly by: string;
  readonly reason: string;
  /** The app did not have its workflow: it is taken back by its journal alone. */
  readonly withoutCode?: true;
}

/** Its history has fitted the code of another version, which goes on with it. */
export interface CodeHead {
  readonly version: string;
  /** The version that had it before. */
  readonly from: string;
}

export interface LateHead {
  readonly deadlineAtMs: number;
  /** What its workflow said for that when it passed. */
  readonly onLate: OnLate;
}

export interface ResumedHead {
  readonly by: string;
  readonly reason: string;
  /** Steps whose recorded error is void from here on. */
  readonly steps: readonly string[];
  /** As in `SettledHead`. */
  readonly command?: string;
}

export interface FinishedHead {
  readonly from: RunState;
  readonly state: FinalRunState;
  readonly reason: string;
  /** Set where it ended by compensation: whether everything was undone, or something stays. */
  readonly compensated?: Exclude<Compensated, "no">;
  readonly workflow: string;
  readonly lane: string | null;
}

export interface IncarnationHead {
  readonly incarnation: number;
  /** Chains that this one found and closed. */
  readonly closes: readonly {
    readonly incarnation: number;
    readonly flush: number;
    readonly seal: string;
    /** False if it ended without closing its store: a crash. */
    readonly clean: boolean;
  }[];
}

export interface GroupHead {
  readonly group: number;
  readonly event: "started" | "passed";
  readonly runs: readonly number[];
  /** Crashes of this group so far when it was started. */
  readonly crashes: number;
}

export interface DependencyHead {
  readonly integration: string;
  readonly to: "closed" | "open" | "parked" | "probing";
  readonly reason: string;
  readonly class?: FailureClass;
  readonly probeAtMs: number | null;
  /**
   * Since when, by the clock that workers share: of what they say of one integration the newest
   * counts. Absent where one engine has the store for itself: since the time of the record.
   */
  readonly atMs?: number;
  /** Since when it is so, where that is not `atMs`. */
  readonly sinceMs?: number;
  /** The outage that it is about, or the last one; absent: none is known. */
  readonly incident?: Incident;
  /** A person does not want it called until `probeAtMs`. */
  readonly byHand?: true;
  /** What is left of its retry budget, if that is not full and not shared by workers. */
  readonly retryTokens?: number;
}

/** This record is what accepts the event. */
export type KeptHead = AcceptedEvent;

/**
 * What has payloads and can say what is sensitive in them; and versions of the code, which are on
 * record in the order in which they were deployed first. `step` is named `workflow/step`. Under
 * `payloads` the store itself says what is needed to read them: a key, a directory. An integration is
 * on record so that who names one is told of a slip.
 */
export const DEFINITION_KINDS = [
  "workflow",
  "effect",
  "review",
  "event",
  "step",
  "payloads",
  "version",
  "integration",
] as const;
export type DefinitionKind = (typeof DEFINITION_KINDS)[number];

/**
 * Written once per definition and again when it has changed, before the first record of it. Who
 * shows payloads has no user code: this is how it knows.
 */
export interface DeclaredHead {
  readonly definition: DefinitionKind;
  readonly name: string;
  /** JSON pointers, sorted. */
  readonly sensitive: readonly string[];
  /** What the answer of a review, or of an effect, looks like; null where its schema does not say. */
  readonly decision: readonly DecisionField[] | null;
}

const EARLY_EVENTS = ["kept", "taken", "unasked"] as const;

export interface EarlyHead {
  /** It is kept until somebody asks; somebody has; nobody has in time, and an exception says so. */
  readonly event: (typeof EARLY_EVENTS)[number];
  readonly integration: string;
  readonly ref: string;
  /** Sequence number of the record that kept it; 0 in that record itself. */
  readonly kept: number;
  readonly owner: string;
  /** It is kept for a request until then. */
  readonly dueAtMs: number;
}

export interface RestoredHead {
  /** When the backup was written last: what was done since is not in it. */
  readonly fromMs: number;
  readonly by: string;
  readonly reason: string;
}

/** The `command` of one that was left for an engine and refused. */
export const REFUSED_LATER = "refused";

/** Of the store itself; or in a run, a command about it that was left for an engine and refused. */
export interface AppliedHead {
  readonly command: string;
  readonly topic: string;
  readonly by: string;
  /** Of `store accept` the reason that was given; of what was refused why, and what to do. */
  readonly answer: string;
  /** Of `store accept`: what waited in the backup's inbox. */
  readonly waiting?: BackupInbox;
}

/** The inbox of a backup when its store was accepted: the original has had its commands, too. */
export interface BackupInbox {
  /** Position of its newest command; 0 if none was ever left. */
  readonly lastPos: number;
  /** The latest time that one of its commands bears, by the clock of who left it; 0 if none was. */
  readonly lastAtMs: number;
  /** When the backup was written last. */
  readonly fromMs: number;
}
