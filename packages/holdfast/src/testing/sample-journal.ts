/**
 * Writes journals for tests of stores: records with the right heads, numbered as an engine would
 * number them, in flushes as a store wants them.
 */
import { hash } from "node:crypto";
import type { ExceptionRecord } from "../core/exception-record.ts";
import { groupsOf } from "../core/fingerprint.ts";
import { kindNumber, type RecordKind } from "../core/record-kinds.ts";
import type { ArchivedHead, ImportedHead } from "../core/archived.ts";
import type { CarriedHead, CellsHead, ForwardedHead, PlacedHead } from "../core/cells.ts";
import type { LaneHead } from "../core/lane.ts";
import type { SuspectedHead } from "../core/suspicion.ts";
import type * as journal from "../core/journal.ts";
import type { ReceivedHead } from "../core/received.ts";
import type {
  AgainHead,
  DecidedHead,
  EditedHead,
  ProposedHead,
  SuppliedHead,
} from "../core/repaired.ts";
import type { FlushBatch, Store } from "../store/store.ts";

/** The head of each kind; null for the kinds that have none. */
export interface HeadOf {
  readonly started: journal.StartedHead;
  readonly result: journal.ResultHead | null;
  readonly intent: journal.IntentHead;
  readonly outcome: journal.OutcomeHead;
  readonly probe: journal.ProbeHead;
  readonly settled: journal.SettledHead;
  readonly pending: journal.PendingHead;
  readonly timer: journal.TimerHead;
  readonly fired: null;
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
  readonly early: journal.EarlyHead;
  readonly archived: ArchivedHead;
  readonly imported: ImportedHead;
  readonly received: ReceivedHead;
  readonly supplied: SuppliedHead;
  readonly edited: EditedHead;
  readonly again: AgainHead;
  readonly proposed: ProposedHead;
  readonly decided: DecidedHead;
  readonly handled: journal.HandledHead;
  readonly grouped: journal.GroupedHead;
  readonly routed: journal.RoutedHead;
  readonly ruled: journal.RuledHead;
  readonly cells: CellsHead;
  readonly carried: CarriedHead;
  readonly forwarded: ForwardedHead;
  readonly placed: PlacedHead;
  readonly lane: LaneHead;
  readonly code: journal.CodeHead;
  readonly suspected: SuspectedHead;
}

export interface RecordOptions {
  readonly name?: string;
  readonly attempt?: number;
  /** JSON. */
  readonly data?: string | null;
}

/** The store's own journal. */
export const SYSTEM_RUN = 0;

/** Every sample begins at this time; each record is one millisecond later. */
export const SAMPLE_START_MS = 1_800_000_000_000;

export class SampleJournal {
  /** All records, flushed or not, in order. */
  readonly records: journal.JournalRecord[] = [];
  #flushedCount = 0;
  #flushNumber = 0;
  readonly #lastSeq = new Map<number, number>();

  /** Adds a record. Returns its sequence number within the run. */
  add<Kind extends RecordKind>(
    run: number,
    kind: Kind,
    head: HeadOf[Kind],
    options: RecordOptions = {},
  ): number {
    const seq = (this.#lastSeq.get(run) ?? 0) + 1;
    this.#lastSeq.set(run, seq);
    this.records.push({
      run,
      seq,
      kind,
      attempt: options.attempt ?? 0,
      name: options.name ?? "",
      atMs: SAMPLE_START_MS + this.records.length,
      head: head === null ? null : JSON.stringify(head),
      data: options.data ?? null,
    });
    return seq;
  }

  /** Sequence number that the run's next record will have. */
  nextSeq(run: number): number {
    return (this.#lastSeq.get(run) ?? 0) + 1;
  }

  of(run: number): journal.JournalRecord[] {
    return this.records.filter((record) => record.run === run);
  }

  /** The next flush: up to `limit` of the records that were not in one yet. */
  batch(taken: FlushBatch["taken"] = [], limit: number = Number.MAX_SAFE_INTEGER): FlushBatch {
    const records = this.records.slice(this.#flushedCount, this.#flushedCount + limit);
    this.#flushedCount += records.length;
    this.#flushNumber += 1;
    return {
      number: this.#flushNumber,
      atMs: records.at(-1)?.atMs ?? SAMPLE_START_MS,
      records: toColumns(records),
      taken,
    };
  }

  /** Writes what was not written yet in one flush. */
  async flushTo(store: Store, taken: FlushBatch["taken"] = []): Promise<void> {
    await store.flush(this.batch(taken));
  }

  /** To be called when another journal has written this run up to that number. */
  continueRun(run: number, seq: number): void {
    this.#lastSeq.set(run, seq);
  }

  /** To be called when another opening of the store goes on: its flushes count from 1. */
  continueIn(store: Store): void {
    this.#flushNumber = 0;
    this.add(SYSTEM_RUN, "incarnation", {
      incarnation: store.incarnation,
      closes: store.predecessors,
    });
  }
}

export function toColumns(records: readonly journal.JournalRecord[]): FlushBatch["records"] {
  return {
    run: records.map((record) => record.run),
    seq: records.map((record) => record.seq),
    kind: records.map((record) => kindNumber(record.kind)),
    attempt: records.map((record) => record.attempt),
    name: records.map((record) => record.name),
    atMs: records.map((record) => record.atMs),
    head: records.map((record) => record.head),
    data: records.map((record) => record.data),
  };
}

/** Stands for the keyed hash of the run's key: any 32 bytes that differ from run to run. */
export function sampleKeyHash(run: number): string {
  return run.toString(16).padStart(64, "0");
}

export function startedHead(
  run: number,
  over: Partial<journal.StartedHead> = {},
): journal.StartedHead {
  return {
    namespace: "main",
    workflow: "order",
    key: `order-${String(run)}`,
    keyHash: sampleKeyHash(run),
    inputDigest: "a".repeat(32),
    generation: 1,
    version: "1.0.0",
    owner: "finance",
    lane: null,
    correlationId: `correlation-${String(run)}`,
    startedBy: "api",
    parent: null,
    state: "running",
    reason: "it has just begun",
    deadlineAtMs: null,
    ...over,
  };
}

export function intentHead(
  operation: number,
  over: Partial<journal.IntentHead> = {},
): journal.IntentHead {
  return {
    effect: "charge-card",
    integration: "payments",
    contract: "keyed",
    key: `key-${String(operation)}`,
    generation: 1,
    digest: "d".repeat(64),
    deadlineAtMs: SAMPLE_START_MS + 60_000,
    operation,
    ...over,
  };
}

export function outcomeHead(
  operation: number,
  over: Partial<journal.OutcomeHead> = {},
): journal.OutcomeHead {
  return { operation, effect: "charge-card", proof: "surely", ...over };
}

export function stateHead(
  from: journal.StateHead["from"],
  to: journal.StateHead["to"],
  over: Partial<journal.StateHead> = {},
): journal.StateHead {
  return { workflow: "order", from, to, reason: `it is ${to}`, wakeAtMs: null, ...over };
}

export function finishedHead(over: Partial<journal.FinishedHead> = {}): journal.FinishedHead {
  return {
    from: "running",
    state: "completed",
    reason: "it has come to its end",
    workflow: "order",
    lane: null,
    ...over,
  };
}

/** @param name - of the cause: another name is another group at every level. */
export function exceptionRecord(name = "a", over: Partial<ExceptionRecord> = {}): ExceptionRecord {
  const digest = Buffer.from(name).toString("hex").padEnd(24, "0");
  return {
    namespace: "main",
    codeVersion: "1",
    runVersion: "1",
    correlationId: null,
    operationKey: null,
    fingerprints: {
      version: 1,
      cause: `f1.1.${digest}`,
      place: `f2.1.${digest}`,
      code: `f3.1.${digest}`,
      data: `f4.1.${digest}`,
    },
    confidence: "declared",
    scope: "item",
    origin: "remote",
    severity: "normal",
    attempts: 1,
    meters: { attempts: 1, contentions: 0, crashes: 0 },
    keyWindowEndsAtMs: null,
    keys: { order: "o-1" },
    frames: [],
    fieldPath: "/taxCode",
    ownership: { rule: "code", isFallback: false, owner: "finance", declared: "finance" },
    duePolicy: "default/data",
    calendar: null,
    withinMs: 3_600_000,
    crossings: [
      { kind: "warning", atMs: SAMPLE_START_MS + 2_700_000, to: "finance" },
      { kind: "overdue", atMs: SAMPLE_START_MS + 3_600_000, to: "finance" },
    ],
    ...over,
  };
}

export function openedHead(over: Partial<journal.OpenedHead> = {}): journal.OpenedHead {
  return {
    workflow: "order",
    effectName: "create-invoice",
    integration: "erp",
    class: "data",
    family: "data",
    effect: "never",
    scope: "item",
    origin: "remote",
    reasonCode: "ERP:TAX_CODE_UNKNOWN",
    rule: "effect create-invoice",
    message: "The ERP does not know the tax code.",
    because: "the ERP refused the payload",
    owner: "finance",
    dueAtMs: SAMPLE_START_MS + 3_600_000,
    record: exceptionRecord(),
    titles: ["cause", "place", "code", "data"].map(
      (of) => `The ERP does not know a tax code (${of})`,
    ),
    ...over,
  };
}

export function closedHead(
  opened: number,
  over: Partial<journal.ClosedHead> = {},
): journal.ClosedHead {
  return {
    opened,
    resolution: "resumed",
    by: "anna",
    reason: "the tax code was added",
    groups: groupsOf(exceptionRecord().fingerprints).map(({ fingerprint }) => fingerprint),
    class: "data",
    ...over,
  };
}

/** An event with key `k` whose id is remembered for an hour. */
export function acceptedEvent(
  id: string,
  over: Partial<journal.AcceptedEvent> = {},
): journal.AcceptedEvent {
  return {
    namespace: "main",
    event: "paid",
    id,
    key: "k",
    digest: "b".repeat(64),
    untilMs: SAMPLE_START_MS + 3_600_000,
    ...over,
  };
}

/** A message with this id that has started run 1, remembered for ever. */
export function receivedHead(id: string, over: Partial<ReceivedHead> = {}): ReceivedHead {
  return {
    name: hash("sha256", id),
    namespace: "main",
    workflow: "order",
    ingress: "orders",
    source: "shop",
    id,
    digest: "d".repeat(32),
    state: "started",
    run: 1,
    duplicateOf: null,
    order: null,
    held: null,
    untilMs: null,
    ...over,
  };
}

/** The same, held for what it follows. */
export function heldHead(id: string, over: Partial<ReceivedHead> = {}): ReceivedHead {
  const held = {
    by: "shop",
    duplicates: "merge",
    dueAtMs: SAMPLE_START_MS + 9,
    untilMs: null,
  } as const;
  return receivedHead(id, { state: "held", run: null, held, ...over });
}

export function askedHead(over: Partial<journal.AskedHead> = {}): journal.AskedHead {
  return {
    review: "large-order",
    by: "credit",
    notBy: null,
    dueAtMs: SAMPLE_START_MS + 86_400_000,
    digest: "e".repeat(64),
    ...over,
  };
}

/** Starts these runs in the store, in one flush. */
export async function startRuns(store: Store, runs: readonly number[]): Promise<SampleJournal> {
  const sample = new SampleJournal();
  for (const run of runs) sample.add(run, "started", startedHead(run));
  await sample.flushTo(store);
  return sample;
}
