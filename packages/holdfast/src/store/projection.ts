/**
 * The fold from the journal to what is looked up: one record in, a list of changes out. It is the
 * only place that says what a record means for runs, effects, exceptions, issues, reviews and
 * counters. A driver writes the changes in the flush's own transaction, and `store verify` folds
 * the whole journal again with the same function and compares, so the two cannot differ.
 *
 * Pure, and without memory of earlier records (see change.ts).
 */
import { parseJson } from "../core/json-text.ts";
import { assertNever } from "../core/assert.ts";
import { RECORD_KINDS, type RecordKind, isCellKind, type CellKind } from "../core/record-kinds.ts";
import type { EffectProof } from "../core/failure.ts";
import type * as journal from "../core/journal.ts";
import type { ReceivedHead } from "../core/received.ts";
import { laneHeadOf } from "../core/lane.ts";
import type { SuppliedHead } from "../core/repaired.ts";
import type { RunState } from "../core/run-state.ts";
import type { Change } from "./change.ts";
import { ofStore, received } from "./projection-system.ts";
import { ofCell } from "./projection-cells.ts";
import { ofException } from "./projection-exceptions.ts";
import { repaired } from "./projection-repairs.ts";
import type { EffectRow, ReviewRow, RunRow } from "./rows.ts";

type JournalRecord = journal.JournalRecord;

/** Kinds whose records change no row that is looked up; most of a journal is of these. */
const WITHOUT_PROJECTION: readonly RecordKind[] = [
  "result",
  "timer",
  "fired",
  "called",
  "returned",
  "resumed",
  "applied",
  "restored",
  "edited",
];

const PROJECTED: readonly boolean[] = RECORD_KINDS.map(
  (kind) => !WITHOUT_PROJECTION.includes(kind),
);

/** Whether records of this kind number change any projection; false spares parsing the head. */
export function hasProjection(kindNumber: number): boolean {
  return PROJECTED[kindNumber] ?? false;
}

const NOTHING: readonly Change[] = [];

/** In the place of an operation's number; a run's first record is no intent, so none has it. */
const NO_OPERATION = 0;

/**
 * What one record changes, in the order in which to apply it.
 *
 * @throws {SyntaxError} if the head is not JSON: the journal is damaged or not ours.
 */
export function project(record: JournalRecord): readonly Change[] {
  const { kind } = record;
  return isCellKind(kind) ? ofCell(kind, record) : ofOther(kind, record);
}

type OtherKind = Exclude<RecordKind, CellKind>;

function ofOther(kind: OtherKind, record: JournalRecord): readonly Change[] {
  switch (kind) {
    case "started":
      return started(record, headOf<journal.StartedHead>(record));
    case "intent":
      return intent(record, headOf<journal.IntentHead>(record));
    case "outcome":
    case "probe":
      return outcome(record, headOf<journal.OutcomeHead>(record));
    case "settled":
    case "supplied":
      return settled(record, headOf<journal.SettledHead | SuppliedHead>(record));
    case "again":
    case "proposed":
    case "decided":
      return repaired(record, kind, headOf);
    case "pending":
      return pending(record, headOf<journal.PendingHead>(record));
    case "asked":
      return asked(record, headOf<journal.AskedHead>(record));
    case "answered":
      return answered(record, headOf<journal.AnsweredHead>(record));
    case "escalated":
      return escalated(record, headOf<journal.EscalatedHead>(record));
    case "awaited":
      return awaited(record, headOf<journal.AwaitedHead>(record));
    case "event":
      return event(record, headOf<journal.EventHead>(record));
    case "state":
      return moved(record, headOf<journal.StateHead>(record));
    case "opened":
    case "closed":
    case "handled":
      return ofException(record, kind, headOf);
    case "cancel":
    case "late":
    case "lane":
    case "code":
      return ofRow(record, kind);
    case "finished":
      return finished(record, headOf<journal.FinishedHead>(record));
    case "incarnation":
    case "group":
    case "dependency":
    case "declared":
    case "archived":
    case "imported":
    case "grouped":
    case "early":
    case "ruled":
    case "routed":
    case "kept":
      return ofStore(record, kind, headOf);
    case "received":
      return received(record, headOf<ReceivedHead>(record));
    case "result":
    case "timer":
    case "fired":
    case "called":
    case "returned":
    case "resumed":
    case "applied":
    case "restored":
    case "edited":
    case "suspected":
      return NOTHING;
    default:
      return assertNever(kind);
  }
}

function touched({ run, atMs }: JournalRecord): readonly Change[] {
  return [{ kind: "run-touched", run, atMs }];
}

/** What changes the run's row, and not its state. */
function ofRow(
  record: JournalRecord,
  kind: "cancel" | "late" | "lane" | "code",
): readonly Change[] {
  switch (kind) {
    case "lane":
      return lane(record);
    case "code":
      return onVersion(record);
    case "cancel":
    case "late":
      return touched(record);
  }
}

function onVersion(record: JournalRecord): readonly Change[] {
  const { run, atMs } = record;
  return [{ kind: "run-on-version", run, version: headOf<journal.CodeHead>(record).version, atMs }];
}

/** Who has left its lane is not looked for there any more. */
function lane(record: JournalRecord): readonly Change[] {
  const { run, atMs } = record;
  const isGap = laneHeadOf(record).event === "gap";
  return isGap ? touched(record) : [{ kind: "run-left-lane", run, atMs }];
}

/** The engine wrote this head with the shape of its kind; the seal says it is still the same. */
function headOf<Head>(record: JournalRecord): Head {
  return parseJson(record.head ?? "null") as Head;
}

function runCounter(workflow: string, state: RunState, delta: number): Change {
  return { kind: "counted", name: `runs/${workflow}/${state}`, delta };
}

function started(record: JournalRecord, head: journal.StartedHead): readonly Change[] {
  const row: RunRow = {
    run: record.run,
    namespace: head.namespace,
    workflow: head.workflow,
    key: head.key,
    generation: head.generation,
    version: head.version,
    codeVersion: head.version,
    owner: head.owner,
    lane: head.lane,
    correlationId: head.correlationId,
    startedBy: head.startedBy,
    state: head.state,
    reason: head.reason,
    // Only its deadline can wake a run that waits for its turn in a lane.
    wakeAtMs: head.state === "waiting" ? head.deadlineAtMs : null,
    dependency: null,
    parentRun: head.parent?.run ?? null,
    parentStep: head.parent?.step ?? null,
    startedAtMs: record.atMs,
    updatedAtMs: record.atMs,
    endedAtMs: null,
    deadlineAtMs: head.deadlineAtMs,
    compensated: "no",
    amount: head.amount ?? null,
    currency: head.currency ?? null,
    keys: head.keys === undefined ? null : JSON.stringify(head.keys),
  };
  return [
    { kind: "run-started", row, keyHash: head.keyHash, inputDigest: head.inputDigest },
    runCounter(head.workflow, head.state, 1),
  ];
}

function moved(record: JournalRecord, head: journal.StateHead): readonly Change[] {
  const change: Change = {
    kind: "run-moved",
    run: record.run,
    state: head.to,
    reason: head.reason,
    wakeAtMs: head.wakeAtMs,
    dependency: head.dependency ?? null,
    atMs: record.atMs,
  };
  if (head.from === head.to) return [change];
  return [change, runCounter(head.workflow, head.from, -1), runCounter(head.workflow, head.to, 1)];
}

function finished(record: JournalRecord, head: journal.FinishedHead): readonly Change[] {
  return [
    {
      kind: "run-finished",
      run: record.run,
      state: head.state,
      reason: head.reason,
      compensated: head.compensated ?? "no",
      atMs: record.atMs,
    },
    runCounter(head.workflow, head.from, -1),
    runCounter(head.workflow, head.state, 1),
  ];
}

function intent(record: JournalRecord, head: journal.IntentHead): readonly Change[] {
  const attempt: Change = { kind: "counted", name: `effect-attempts/${head.effect}`, delta: 1 };
  if (head.operation !== record.seq) {
    return [
      {
        kind: "effect-sent-again",
        run: record.run,
        operation: head.operation,
        atMs: record.atMs,
      },
      attempt,
    ];
  }
  const row: EffectRow = {
    run: record.run,
    operation: head.operation,
    step: record.name,
    effect: head.effect,
    integration: head.integration,
    contract: head.contract,
    key: head.key,
    generation: head.generation,
    digest: head.digest,
    // A request that may have left and has no answer yet is exactly a "maybe".
    proof: "maybe",
    ended: false,
    attempts: 1,
    firstSentAtMs: record.atMs,
    lastSentAtMs: record.atMs,
    endedAtMs: null,
    ref: null,
    undoes: head.undoes ?? null,
    settledBy: null,
    amount: head.amount ?? null,
    currency: head.currency ?? null,
  };
  return [{ kind: "effect-sent", row }, attempt];
}

/** The step has its answer: no late one is waited for, and the end is counted. */
function stepEnded(
  record: JournalRecord,
  head: { readonly operation: number; readonly effect: string; readonly proof: EffectProof },
): readonly Change[] {
  return [
    { kind: "pending-removed", run: record.run, operation: head.operation },
    { kind: "counted", name: `effect-ends/${head.effect}/${head.proof}`, delta: 1 },
  ];
}

function outcome(record: JournalRecord, head: journal.OutcomeHead): readonly Change[] {
  const learnt = {
    kind: "effect-learnt" as const,
    run: record.run,
    operation: head.operation,
    proof: head.proof,
    // Giving up on a "maybe" ends the step, not the question what happened over there.
    ended: head.end !== undefined && head.proof !== "maybe",
    ref: head.ref ?? null,
    settledBy: null,
    atMs: record.atMs,
  };
  return [
    ...ofOperation(learnt),
    ...hitsOf(record, head),
    ...(head.end === undefined ? [] : stepEnded(record, head)),
  ];
}

/** By month, so that it can be told when a rule was met last; each shard adds to rows of its own. */
function hitsOf({ atMs }: JournalRecord, { rules }: journal.OutcomeHead): readonly Change[] {
  if (rules === undefined) return NOTHING;
  const month = new Date(atMs).toISOString().slice(0, "2026-01".length);
  const hit = (rule: string, how: string): Change => ({
    kind: "counted",
    name: `rule/${rule}/${how}/${month}`,
    delta: 1,
  });
  return [
    ...rules.decided.map((rule) => hit(rule, "decided")),
    ...rules.shadow.map((rule) => hit(rule, "shadow")),
  ];
}

/** What a read has come to is about no operation: it changes nothing, and so declares no intent. */
function ofOperation(learnt: Extract<Change, { kind: "effect-learnt" }>): readonly Change[] {
  return learnt.operation === NO_OPERATION ? NOTHING : [learnt];
}

function settled(
  record: JournalRecord,
  head: journal.SettledHead | SuppliedHead,
): readonly Change[] {
  const learnt = {
    kind: "effect-learnt" as const,
    run: record.run,
    operation: head.operation,
    proof: head.proof,
    // Of what was done in part the rest is sent again.
    ended: head.proof !== "maybe" && head.proof !== "partial",
    ref: head.ref ?? null,
    settledBy: head.by,
    atMs: record.atMs,
  };
  return [...ofOperation(learnt), ...(head.end === undefined ? [] : stepEnded(record, head))];
}

const UNKNOWN_YET = {
  kind: "effect-learnt",
  proof: "maybe",
  ended: false,
  settledBy: null,
} as const;

function pending(record: JournalRecord, head: journal.PendingHead): readonly Change[] {
  const { integration, ref, operation, dueAtMs } = head;
  const { run, atMs } = record;
  return [
    { kind: "pending-added", integration, ref, run, operation, dueAtMs },
    // Accepted is not done; and by its reference it is known again when it has ended.
    ...ofOperation({ ...UNKNOWN_YET, run, operation, ref, atMs }),
  ];
}

function asked(record: JournalRecord, head: journal.AskedHead): readonly Change[] {
  const row: ReviewRow = {
    run: record.run,
    seq: record.seq,
    step: record.name,
    review: head.review,
    by: head.by,
    notBy: head.notBy,
    state: "open",
    askedAtMs: record.atMs,
    dueAtMs: head.dueAtMs,
    escalatedTo: null,
    answeredBy: null,
    answeredAtMs: null,
    digest: head.digest,
    amount: head.amount ?? null,
    currency: head.currency ?? null,
  };
  return [{ kind: "review-asked", row }];
}

function answered(record: JournalRecord, head: journal.AnsweredHead): readonly Change[] {
  return [
    {
      kind: "review-answered",
      run: record.run,
      seq: head.asked,
      by: head.by,
      atMs: record.atMs,
    },
  ];
}

function escalated(record: JournalRecord, head: journal.EscalatedHead): readonly Change[] {
  return [{ kind: "review-escalated", run: record.run, seq: head.asked, to: head.to }];
}

function awaited(record: JournalRecord, head: journal.AwaitedHead): readonly Change[] {
  const { event: eventName, key, dueAtMs } = head;
  const { run, seq, name } = record;
  return [{ kind: "awaiting-added", event: eventName, key, run, seq, step: name, dueAtMs }];
}

function event(record: JournalRecord, head: journal.EventHead): readonly Change[] {
  const { run, atMs } = record;
  const changes: Change[] = [{ kind: "awaiting-removed", run, step: record.name }];
  if (head.kept !== undefined) changes.push({ kind: "event-taken", seq: head.kept, run });
  if (head.accepted !== undefined) {
    changes.push({ kind: "event-accepted", row: { ...head.accepted, run, kept: null }, atMs });
  }
  return changes;
}
