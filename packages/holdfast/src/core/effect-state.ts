/**
 * Where one effect step stands, folded from its journal records: the same fold on recovery and
 * while the engine runs, so that a run goes on after a crash exactly as it would have without.
 */
import { assertNever } from "./assert.ts";
import type { ProbeAnswer } from "./after-probe.ts";
import { IMMEDIATE_MS_MAX } from "./backoff.ts";
import type { RepeatKind } from "./contract.ts";
import { CHANGED_INPUT, type EffectProof, type Failure, type FailureScope } from "./failure.ts";
import type { IntentHead, Meters, OutcomeHead, ProbeHead, SettledHead } from "./journal.ts";
import type { EffectRecord, Placed } from "./effect-record.ts";
import type { Move, Unknown } from "./move.ts";
import { partsAfter, partsByOutcome, partsDone, partsKnown, type Part } from "./parts.ts";
import { isOpenAfterLook, isRestOpen } from "./parts-open.ts";
import { NO_METERS, combineProof } from "./proof.ts";
import type { NeverSaid } from "./situation.ts";
import type { EditedHead, SuppliedHead } from "./repaired.ts";

/** What the engine has to do with the step next. */
type EffectNext =
  | { readonly kind: "fresh" }
  /** The code has its answer: `record.data` is the value, or `failure` says why there is none. */
  | { readonly kind: "ended"; readonly end: "value"; readonly record: EffectRecord }
  | {
      readonly kind: "ended";
      readonly end: "failed";
      readonly record: EffectRecord;
      readonly failure: Failure | null;
    }
  /** `probe` also where nothing can be looked up: then a person is asked at that time. */
  | { readonly kind: "due"; readonly atMs: number; readonly action: "attempt" | "probe" }
  /** An intent without an outcome: in flight, or (on recovery) it may have happened. */
  | { readonly kind: "inDoubt"; readonly attempt: number; readonly sentAtMs: number }
  | { readonly kind: "pending"; readonly ref: string; readonly dueAtMs: number }
  /** `opened` is the exception's sequence number, null until its record follows. */
  | { readonly kind: "person"; readonly move: Move["kind"]; readonly opened: number | null }
  | { readonly kind: "held" }
  /** Its run is done again, and something was done outside before: its contract decides. */
  | { readonly kind: "again" }
  | {
      readonly kind: "parked";
      readonly scope: FailureScope;
      readonly dependency: string | null;
    }
  /** A move that gives up was recorded, and the record that ends the step must follow. */
  | { readonly kind: "givingUp"; readonly move: "stop" | "late" | "cancel" };

export interface EffectState {
  readonly next: EffectNext;
  /** The newest intent's head: effect, integration, contract, key, digest, generation ... */
  readonly intent: IntentHead | null;
  /** Sequence number of the operation's first intent. */
  readonly operation: number | null;
  /** 1, and one more for each deliberate repeat with a new key. */
  readonly generation: number;
  /** Last attempt, 0 if there was none. */
  readonly attempt: number;
  /** Attempts when a person let it go on the last time: the meters count from there. */
  readonly attemptsBefore: number;
  /** Intents so far, as the ledger counts them: some attempts end before they have one. */
  readonly sentCount: number;
  readonly meters: Meters;
  readonly firstSentAtMs: number | null;
  readonly lastSentAtMs: number | null;
  /** See `Situation.budgetFromMs`. */
  readonly budgetFromMs: number | null;
  /** Of the whole operation; null before anything has ended. */
  readonly proof: EffectProof | null;
  /** Something may have happened that nothing has settled since. */
  readonly openMaybe: boolean;
  /** See `Situation.neverSaid`; of all its attempts: that a later one was refused proves itself alone. */
  readonly neverSaid: NeverSaid | null;
  /** Names of the parts of it that were done, where it was done in part. */
  readonly partsDone: readonly string[];
  /** What is known of each part that an attempt has named. */
  readonly parts: readonly Part[];
  /**
   * An attempt of this operation before the last one may have happened. It stays so when look-ups find
   * nothing, since a request may land late; not when the other system has fenced it, the answer under its
   * key tells, or a person has said so.
   */
  readonly maybeBefore: boolean;
  /** What a look-up or a person has to find out, if anything. */
  readonly unknown: Unknown | null;
  /** Look-ups since the last intent, oldest first. */
  readonly probes: readonly ProbeAnswer[];
  readonly immediateUsed: number;
  /** A person has let it go on: what is sent since is a replay. */
  readonly isReplayed: boolean;
  /** The next attempt is the one that a person has let go: those after it are retries like any other. */
  readonly isAskedFor: boolean;
  readonly failure: Failure | null;
  /** Sequence number of the open exception about this step. */
  readonly opened: number | null;
  readonly ref: string | null;
}

export const FRESH_EFFECT: EffectState = {
  next: { kind: "fresh" },
  intent: null,
  operation: null,
  generation: 1,
  attempt: 0,
  attemptsBefore: 0,
  sentCount: 0,
  meters: NO_METERS,
  firstSentAtMs: null,
  lastSentAtMs: null,
  budgetFromMs: null,
  proof: null,
  openMaybe: false,
  neverSaid: null,
  partsDone: [],
  parts: [],
  maybeBefore: false,
  unknown: null,
  probes: [],
  immediateUsed: 0,
  isReplayed: false,
  isAskedFor: false,
  failure: null,
  opened: null,
  ref: null,
};

/** The state after one more record. The caller passes only records about this step. */
export function foldEffect(state: EffectState, record: EffectRecord): EffectState {
  const folded = folding(state, record);
  const { next } = folded;
  // A late end of an attempt may open what was settled, after a repeat had been made due.
  if (next.kind !== "due" || next.action === "probe") return folded;
  const guarded = due(folded, next.atMs, next.action);
  return guarded.action === "attempt" ? folded : { ...folded, next: guarded };
}

function folding(state: EffectState, record: EffectRecord): EffectState {
  switch (record.kind) {
    case "intent":
      return afterIntent(state, record, record.head);
    case "outcome":
      return afterOutcome(state, record, record.head);
    case "probe":
      return afterProbeRecord(state, record, record.head);
    case "settled":
      return afterSettled(state, record, record.head);
    case "pending":
      return ended(state)
        ? state
        : {
            ...state,
            ref: record.head.ref,
            next: { kind: "pending", ref: record.head.ref, dueAtMs: record.head.dueAtMs },
          };
    case "opened":
      return withOpened(state, record.seq);
    case "closed":
      return state.opened === record.head.opened ? withOpened(state, null) : state;
    case "resumed":
      return afterResumed(state, record);
    case "supplied":
      return afterSupplied(state, record, record.head);
    case "edited":
      return afterEdited(state, record, record.head);
    case "again":
      return afterAgain(state, record);
    default:
      return assertNever(record);
  }
}

function ended(state: EffectState): boolean {
  return state.next.kind === "ended";
}

function afterIntent(state: EffectState, record: Placed, head: IntentHead): EffectState {
  const isNew = head.operation !== state.operation;
  const from = isNew
    ? {
        ...FRESH_EFFECT,
        attempt: state.attempt,
        attemptsBefore: state.attempt,
        opened: state.opened,
      }
    : state;
  // An intent after an intent: whatever became of the first one was never recorded.
  const lost = !isNew && state.next.kind === "inDoubt";
  const proof = lost ? combineProof(from.proof, "maybe") : from.proof;
  // What was sent before and is not known of stays so, whatever this attempt comes to.
  const isOpen = proof === "maybe" || (proof === "partial" && (lost || from.openMaybe));
  return {
    ...from,
    intent: head,
    operation: head.operation,
    generation: head.generation,
    attempt: record.attempt,
    sentCount: from.sentCount + 1,
    firstSentAtMs: from.firstSentAtMs ?? head.restoredFromMs ?? record.atMs,
    lastSentAtMs: record.atMs,
    budgetFromMs: from.budgetFromMs ?? record.atMs,
    proof,
    openMaybe: isOpen,
    maybeBefore: from.maybeBefore || isOpen,
    parts: lost ? partsAfter(from.parts, null) : from.parts,
    neverSaid: lost ? null : from.neverSaid,
    isAskedFor: false,
    unknown: null,
    probes: [],
    next: { kind: "inDoubt", attempt: record.attempt, sentAtMs: record.atMs },
  };
}

function afterOutcome(state: EffectState, record: EffectRecord, head: OutcomeHead): EffectState {
  // One attempt's end never settles what an earlier attempt left open, unless it is the key's own
  // answer (key-refusal.ts).
  const isSettled = head.settles === true && state.proof === "maybe" && head.proof === "never";
  const proof = isSettled ? head.proof : combineProof(state.proof, head.proof);
  const isOfAttempt = state.next.kind === "inDoubt";
  const immediate =
    head.move?.kind === "retry" &&
    head.move.delayMs < IMMEDIATE_MS_MAX &&
    head.failure?.effect === "never";
  return withMove(
    {
      ...state,
      // 0 stands for none: it failed before anything was declared, so nothing can have happened.
      operation: state.operation ?? (head.operation === 0 ? null : head.operation),
      attempt: Math.max(state.attempt, record.attempt),
      // Reads have no intents; their horizon counts from the end of their first attempt.
      budgetFromMs: state.budgetFromMs ?? record.atMs,
      proof,
      openMaybe: proof === "maybe" || (proof === "partial" && isRestOpen(state.openMaybe, head)),
      partsDone: partsDone(state.partsDone, head.failure?.parts),
      parts: isSettled
        ? partsKnown(state.parts, state.partsDone)
        : partsByOutcome(state.parts, head.failure, isOfAttempt),
      // Said before an attempt that may have happened, it says nothing of that.
      neverSaid: isOfAttempt && head.failure?.effect !== "never" ? null : state.neverSaid,
      maybeBefore: !isSettled && (state.maybeBefore || proof !== "never"),
      isAskedFor: false,
      immediateUsed: state.immediateUsed + (immediate ? 1 : 0),
      meters: head.meters ?? state.meters,
      failure: head.failure ?? state.failure,
      ref: head.ref ?? state.ref,
    },
    record,
    head,
  );
}

function afterProbeRecord(state: EffectState, record: EffectRecord, head: ProbeHead): EffectState {
  const answer: ProbeAnswer = {
    says: head.says,
    askedAtMs: head.askedAtMs,
    ...(head.fenced === undefined ? {} : { fenced: head.fenced }),
    ...(head.why === undefined ? {} : { why: head.why }),
  };
  return withMove(
    {
      ...state,
      proof: head.proof,
      openMaybe: head.proof === "maybe" || (head.proof === "partial" && isOpenAfterLook(head.move)),
      maybeBefore: state.maybeBefore && !(head.proof === "never" && isForGood(state, head)),
      neverSaid: neverSaidAfter(state, head),
      // Found was nothing of the rest, and that decides.
      parts:
        head.proof === "surely" || isOpenAfterLook(head.move)
          ? state.parts
          : partsKnown(state.parts, state.partsDone),
      probes: [...state.probes, answer],
      meters: head.meters ?? state.meters,
      failure: head.failure ?? state.failure,
      ref: head.ref ?? state.ref,
    },
    record,
    // Without a move the look-up has decided nothing, and the next one is due.
    head.move === undefined && head.end === undefined ? { ...head, move: LOOK_AGAIN } : head,
  );
}

function neverSaidAfter(state: EffectState, head: ProbeHead): NeverSaid | null {
  const { proof, fenced, move } = head;
  if ((proof !== "never" && proof !== "partial") || fenced === true) return null;
  // It could not tell, and is asked again.
  if (move === undefined || move.kind === "resolve") return state.neverSaid;
  // Of what was done in part: of the rest.
  if (proof === "partial" && isOpenAfterLook(move)) return null;
  return { by: "look-up", atMs: head.askedAtMs };
}

/** Fenced; or "it is there already" was looked into, and is not ours. */
function isForGood({ failure }: EffectState, { fenced }: ProbeHead): boolean {
  return fenced === true || failure?.unlessOurs !== undefined;
}

const LOOK_AGAIN: Move = { kind: "resolve", unknown: "outcome-unknown", because: "" };

function afterSettled(state: EffectState, record: EffectRecord, head: SettledHead): EffectState {
  const { partsDone: said } = head;
  const done = said ?? state.partsDone;
  const isOpen = head.proof === "maybe" || (head.proof === "partial" && said === undefined);
  const isNotDone = head.proof === "never" || said !== undefined;
  const settled: EffectState = {
    ...state,
    proof: head.proof,
    openMaybe: isOpen,
    maybeBefore: head.proof !== "never",
    unknown: null,
    partsDone: done,
    parts: isNotDone ? partsKnown(state.parts, done) : state.parts,
    neverSaid: isNotDone ? { by: "person", atMs: record.atMs } : null,
    ref: head.ref ?? state.ref,
  };
  if (head.end === undefined && head.move === undefined && !ended(state)) {
    return { ...settled, next: due(settled, record.atMs, "attempt") };
  }
  return withMove(settled, record, head);
}

/** What a record says about the step: its end, or the move that was decided. */
function withMove(
  state: EffectState,
  record: EffectRecord,
  head: Pick<OutcomeHead, "end" | "move" | "nextAtMs">,
): EffectState {
  // The answer given to the code is final (settled point 11); only a person's resume voids it.
  if (ended(state)) return state;
  if (head.end === "value") return { ...state, next: { kind: "ended", end: "value", record } };
  if (head.end === "failed") {
    return { ...state, next: { kind: "ended", end: "failed", record, failure: state.failure } };
  }
  if (head.move === undefined) return state;
  const unknown =
    head.move.kind === "resolve" || head.move.kind === "askOutcome"
      ? // A look-up that decided nothing leaves the question as it was.
        head.move === LOOK_AGAIN
        ? (state.unknown ?? head.move.unknown)
        : head.move.unknown
      : null;
  const asked = { ...state, unknown };
  return { ...asked, next: nextOf(asked, head.move, head.nextAtMs ?? record.atMs) };
}

function nextOf(state: EffectState, move: Move, atMs: number): EffectNext {
  switch (move.kind) {
    case "retry":
    case "wait":
    case "redo":
    case "resume":
      return due(state, atMs, "attempt");
    case "resolve":
    case "adopt":
      // An adoption always comes with the record that ends the step; without it, look again.
      return due(state, atMs, "probe");
    case "park":
      return {
        kind: "parked",
        scope: move.scope,
        dependency: state.intent?.integration ?? null,
      };
    case "hold":
      return { kind: "held" };
    case "stop":
    case "late":
    case "cancel":
      return { kind: "givingUp", move: move.kind };
    case "askOutcome":
    case "repair":
    case "approve":
    case "split":
    case "handOver":
    case "quarantine":
      return { kind: "person", move: move.kind, opened: state.opened };
    default:
      return assertNever(move);
  }
}

type Due = Extract<EffectNext, { kind: "due" }>;

/** Contracts under which sending again is harmless, a key's age apart (see `beforeSend`). */
const HARMLESS: readonly RepeatKind[] = ["read", "idempotent", "keyed"];

/** The last guard: nothing is sent again over an unknown outcome, whatever was recorded. */
function due(state: EffectState, atMs: number, action: "attempt" | "probe"): Due {
  const nothingDone = state.proof === null || state.proof === "never";
  // Only reads have no intent, and reads are harmless.
  const harmless = state.intent === null || HARMLESS.includes(state.intent.contract);
  const isRest = state.proof === "partial" && !state.openMaybe;
  return { kind: "due", atMs, action: nothingDone || harmless || isRest ? action : "probe" };
}

function withOpened(state: EffectState, opened: number | null): EffectState {
  const { next } = state;
  return { ...state, opened, next: next.kind === "person" ? { ...next, opened } : next };
}

/** A person lets it go on: due at once, with a new budget. What is in flight or done stays. */
function afterResumed(state: EffectState, record: Placed): EffectState {
  const { next } = state;
  switch (next.kind) {
    case "fresh":
    case "inDoubt":
    case "pending":
      return state;
    case "ended":
      if (next.end === "value") return state;
      break;
    case "due":
    case "person":
    case "held":
    case "again":
    case "parked":
    case "givingUp":
      break;
    default:
      return assertNever(next);
  }
  return {
    ...state,
    meters: NO_METERS,
    attemptsBefore: state.attempt,
    immediateUsed: 0,
    isReplayed: true,
    isAskedFor: true,
    budgetFromMs: record.atMs,
    // Nothing of what was asked was done: whether it is sent now its contract decides once more.
    next: wasDoneOtherwise(state) ? { kind: "again" } : due(state, record.atMs, "attempt"),
  };
}

/** It was done before its run was done again, and a person was asked what its result is now. */
function wasDoneOtherwise({ failure, proof }: EffectState): boolean {
  return failure?.reasonCode === CHANGED_INPUT && proof !== null && proof !== "never";
}

/** The code gets what a person gave; also in the place of an error that it was given. */
function afterSupplied(state: EffectState, record: EffectRecord, head: SuppliedHead): EffectState {
  if (state.next.kind === "ended" && state.next.end === "value") return state;
  const ref = head.ref ?? state.ref;
  return { ...state, ref, unknown: null, next: { kind: "ended", end: "value", record } };
}

/** It is tried again with other input: under its key, or as another operation with a new one. */
function afterEdited(state: EffectState, record: Placed, head: EditedHead): EffectState {
  if (head.original === true) return state;
  const resumed = afterResumed(state, record);
  if (head.generation === undefined) return resumed;
  const { attempt, opened, next } = resumed;
  const attemptsBefore = attempt;
  return { ...FRESH_EFFECT, attempt, attemptsBefore, opened, next, generation: head.generation };
}

/** Its end no longer holds; what was done outside does, and is known by its operation. */
function afterAgain(state: EffectState, record: Placed): EffectState {
  const isDone = state.proof !== null && state.proof !== "never";
  return {
    ...state,
    meters: NO_METERS,
    attemptsBefore: state.attempt,
    immediateUsed: 0,
    budgetFromMs: record.atMs,
    unknown: null,
    probes: [],
    failure: null,
    opened: null,
    next: { kind: isDone ? "again" : "fresh" },
  };
}
