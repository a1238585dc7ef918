/**
 * Writes journals for tests of stores: records with the right heads, numbered as an engine would
 * number them, in flushes as a store wants them.
 */
import { kindNumber } from "../core/journal.ts";
import type * as journal from "../core/journal.ts";
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
  readonly early: journal.EarlyHead;
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
  add<Kind extends journal.RecordKind>(
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
    fingerprint: "data/ERP:TAX_CODE_UNKNOWN/erp/order/create-invoice",
    title: "The ERP does not know a tax code",
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
    fingerprint: openedHead().fingerprint,
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

/** A journal that holds every kind of record once or more, in three runs and the store's own. */
export function everyKind(store: Store): SampleJournal {
  const sample = new SampleJournal();
  sample.continueIn(store);
  addSystemRecords(sample);
  addLongRun(sample, 11);
  addTroubledRun(sample, 12);
  addCancelledRun(sample, 13);
  return sample;
}

function addSystemRecords(sample: SampleJournal): void {
  sample.add(SYSTEM_RUN, "group", { group: 1, event: "started", runs: [11, 12], crashes: 0 });
  sample.add(SYSTEM_RUN, "group", { group: 2, event: "started", runs: [12], crashes: 1 });
  sample.add(SYSTEM_RUN, "group", { group: 1, event: "passed", runs: [11, 12], crashes: 0 });
  sample.add(SYSTEM_RUN, "dependency", {
    integration: "erp",
    to: "parked",
    reason: "the ERP does not answer",
    class: "unavailable",
    probeAtMs: SAMPLE_START_MS + 30_000,
  });
  const kept = acceptedEvent("event-1", { key: "order-11" });
  sample.add(SYSTEM_RUN, "kept", kept, { data: '{"amount":"10.00"}' });
  sample.add(SYSTEM_RUN, "kept", acceptedEvent("event-2", { key: "order-99" }));
  const early = { integration: "payments", owner: "finance", dueAtMs: SAMPLE_START_MS + 60_000 };
  for (const [event, ref] of [
    ["taken", "pay-1"],
    ["unasked", "pay-2"],
    [null, "pay-3"],
  ] as const) {
    const first = { ...early, event: "kept", ref, kept: 0 } as const;
    const seq = sample.add(SYSTEM_RUN, "early", first, { data: '{"ok":true,"value":1}' });
    if (event !== null) sample.add(SYSTEM_RUN, "early", { ...early, event, ref, kept: seq });
  }
  sample.add(SYSTEM_RUN, "applied", {
    command: "send paid",
    topic: "send",
    by: "shop",
    answer: '{"kept":true}',
  });
  sample.add(SYSTEM_RUN, "declared", {
    definition: "review",
    name: "big",
    sensitive: ["/iban"],
    decision: [{ name: "ok", expects: "true|false", isRequired: true }],
  });
}

/** Steps, effects, timers, events, a review and a child; ends well. */
function addLongRun(sample: SampleJournal, run: number): void {
  sample.add(
    run,
    "started",
    startedHead(run, { amount: "10.00", currency: "EUR", keys: { order: "11" } }),
    {
      data: '{"order":11}',
    },
  );
  sample.add(run, "result", null, { name: "price", data: '{"total":1000}' });
  sample.add(run, "result", { threw: { name: "Error", message: "no stock" } }, { name: "stock" });
  const operation = sample.nextSeq(run);
  sample.add(run, "intent", intentHead(operation), { name: "charge", attempt: 1 });
  sample.add(run, "outcome", outcomeHead(operation, { proof: "never" }), {
    name: "charge",
    attempt: 1,
  });
  sample.add(run, "intent", intentHead(operation), { name: "charge", attempt: 2 });
  sample.add(
    run,
    "pending",
    { operation, integration: "payments", ref: "pay-1", dueAtMs: SAMPLE_START_MS + 5000 },
    { name: "charge", attempt: 2 },
  );
  sample.add(run, "outcome", outcomeHead(operation, { end: "value", ref: "pay-1" }), {
    name: "charge",
    attempt: 2,
    data: '{"paid":true}',
  });
  sample.add(run, "timer", { dueAtMs: SAMPLE_START_MS + 1000 }, { name: "pause" });
  sample.add(run, "state", stateHead("running", "waiting", { wakeAtMs: SAMPLE_START_MS + 1000 }));
  sample.add(run, "fired", null, { name: "pause" });
  sample.add(run, "state", stateHead("waiting", "running"));
  sample.add(run, "awaited", { event: "paid", key: "order-11", dueAtMs: null }, { name: "paid" });
  sample.add(run, "event", { end: "value", kept: 6 }, { name: "paid", data: '{"amount":"10.00"}' });
  const asked = sample.add(run, "asked", askedHead(), { name: "approve" });
  sample.add(run, "escalated", { asked, to: "head-of-credit" }, { name: "approve" });
  sample.add(
    run,
    "answered",
    { asked, end: "value", by: "bert" },
    { name: "approve", data: "true" },
  );
  sample.add(run, "called", { workflow: "shipment", child: 14 }, { name: "ship" });
  sample.add(run, "returned", { child: 14, end: "value", state: "completed" }, { name: "ship" });
  const accepted = acceptedEvent("event-3");
  sample.add(run, "event", { end: "value", accepted }, { name: "paid#2" });
  sample.add(run, "finished", finishedHead(), { data: '{"done":true}' });
  // After its end, and beside it: somebody has started it again with another input.
  const opened = sample.add(run, "opened", openedHead({ beside: { subject: "start 1" } }));
  const closed = closedHead(opened, { resolution: "dealt-with", beside: true });
  sample.add(run, "closed", closed);
}

/** An outcome that is not known, asked for, opened as an exception, settled and resumed; goes on. */
function addTroubledRun(sample: SampleJournal, run: number): void {
  sample.add(run, "started", startedHead(run, { lane: "customer-7" }), { data: '{"order":12}' });
  const operation = sample.nextSeq(run);
  const name = "create-invoice";
  const effect = { effect: "create-invoice", integration: "erp" };
  sample.add(run, "intent", intentHead(operation, { ...effect, contract: "probeable" }), {
    name,
    attempt: 1,
  });
  const maybe = { ...outcomeHead(operation, { proof: "maybe" }), effect: "create-invoice" };
  sample.add(run, "outcome", maybe, { name, attempt: 1 });
  sample.add(
    run,
    "probe",
    {
      ...maybe,
      says: "cannotTell",
      number: 1,
      askedAtMs: SAMPLE_START_MS,
      why: "the search timed out",
    },
    { name },
  );
  const opened = sample.add(
    run,
    "opened",
    openedHead({ operation, class: "ambiguous", family: "ambiguous", effect: "maybe" }),
    { name },
  );
  sample.add(run, "state", stateHead("running", "exception"));
  sample.add(
    run,
    "settled",
    {
      operation,
      effect: "create-invoice",
      proof: "surely",
      end: "value",
      happened: true,
      ref: "INV-12",
      by: "anna",
      reason: "seen in the ERP",
    },
    { name, data: '{"invoice":"INV-12"}' },
  );
  sample.add(run, "closed", closedHead(opened, { class: "ambiguous", resolution: "settled" }), {
    name,
  });
  sample.add(run, "resumed", { by: "anna", reason: "settled", steps: [] });
  sample.add(run, "state", stateHead("exception", "parked", { dependency: "erp" }));
}

/** Cancelled while a review, an event and a late answer are open. */
function addCancelledRun(sample: SampleJournal, run: number): void {
  sample.add(run, "started", startedHead(run, { parent: { run: 11, step: "ship" } }));
  sample.add(run, "asked", askedHead({ notBy: "carl" }), { name: "approve" });
  sample.add(
    run,
    "awaited",
    { event: "paid", key: "order-13", dueAtMs: SAMPLE_START_MS + 9 },
    { name: "paid" },
  );
  const operation = sample.nextSeq(run);
  sample.add(run, "intent", intentHead(operation), { name: "charge", attempt: 1 });
  sample.add(
    run,
    "pending",
    { operation, integration: "payments", ref: "pay-13", dueAtMs: SAMPLE_START_MS + 5000 },
    { name: "charge", attempt: 1 },
  );
  sample.add(run, "opened", openedHead(), { name: "create-invoice" });
  sample.add(run, "late", { deadlineAtMs: SAMPLE_START_MS, onLate: "ask" });
  sample.add(run, "cancel", { by: "anna", reason: "the customer withdrew" });
  sample.add(run, "state", stateHead("running", "cancelling"));
  sample.add(
    run,
    "finished",
    finishedHead({ from: "cancelling", state: "cancelled", reason: "cancelled by anna" }),
  );
}
