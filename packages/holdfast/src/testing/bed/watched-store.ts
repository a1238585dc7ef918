/**
 * The real store, watched: counts what goes in, fails where a test says so, and can die, after which
 * it never answers again, as a process that is gone.
 */
import type { StoredRun } from "../../store/rows.ts";
import type { FlushBatch, Removal, Store } from "../../store/store.ts";
import { RECORD_KINDS, type RecordKind } from "../../core/record-kinds.ts";
import { Deferred } from "../../engine/run/deferred.ts";

/** What becomes of one flush. `unsaid`: it is applied, and an error is reported all the same. */
export type FlushFate = "applied" | "refused" | "unsaid" | "diesBefore" | "diesAfter";

export interface FlushSeen {
  readonly number: number;
  readonly kinds: readonly RecordKind[];
  /** `kind name` of each record. */
  readonly records: readonly string[];
  /** Of each record, the run that it is of; 0 for the store itself. */
  readonly runs: readonly number[];
}

export class WatchedStore {
  readonly store: Store;
  readonly flushes: FlushSeen[] = [];
  /** Flushes that were asked for after one had failed: there must be none that is applied. */
  appliedAfterFailure = 0;
  /** Calls that began or ended; a test sees by it whether something is still going on. */
  activity = 0;
  isDead = false;
  /** True for a read that is to fail. Called with the verb and its first argument. */
  failsRead: (verb: string, first: unknown) => boolean = () => false;
  /** What a run looks like when it is read: as it is, unless a test spoils it. */
  alter: (stored: StoredRun) => StoredRun = (stored) => stored;
  #failed = false;
  #held: Deferred<void> | null = null;
  readonly #inner: Store;
  readonly #fateOf: (flush: FlushSeen) => FlushFate;
  readonly #onDeath: () => void;

  constructor(inner: Store, fateOf: (flush: FlushSeen) => FlushFate, onDeath: () => void) {
    this.#inner = inner;
    this.#fateOf = fateOf;
    this.#onDeath = onDeath;
    this.store = {
      ...inner,
      find: (keys) => this.#read("find", keys, () => inner.find(keys)),
      load: async (runs) =>
        (await this.#read("load", runs, () => inner.load(runs))).map((one) => this.alter(one)),
      page: async (states, page) =>
        (await this.#read("page", states, () => inner.page(states, page))).map((one) =>
          this.alter(one),
        ),
      due: (afterMs, untilMs, limit) =>
        this.#read("due", afterMs, () => inner.due(afterMs, untilMs, limit)),
      parked: (integration, page) =>
        this.#read("parked", integration, () => inner.parked(integration, page)),
      parkedCount: (integration) =>
        this.#read("parkedCount", integration, () => inner.parkedCount(integration)),
      lane: (namespace, lane, limit) =>
        this.#read("lane", namespace, () => inner.lane(namespace, lane, limit)),
      openLanes: (page) => this.#read("openLanes", page, () => inner.openLanes(page)),
      acceptedEvents: (ids) => this.#read("acceptedEvents", ids, () => inner.acceptedEvents(ids)),
      acceptedCount: (nowMs) =>
        this.#read("acceptedCount", nowMs, () => inner.acceptedCount(nowMs)),
      received: (names) => this.#read("received", names, () => inner.received(names)),
      receivedCount: () => this.#read("receivedCount", null, () => inner.receivedCount()),
      newestInOrder: (name) => this.#read("newestInOrder", name, () => inner.newestInOrder(name)),
      heldMessages: (after, limit) =>
        this.#read("heldMessages", after, () => inner.heldMessages(after, limit)),
      exception: (run, seq) => this.#read("exception", run, () => inner.exception(run, seq)),
      besideExceptions: (run, subject) =>
        this.#read("besideExceptions", run, () => inner.besideExceptions(run, subject)),
      keptCount: () => this.#read("keptCount", null, () => inner.keptCount()),
      keptEvents: (of, limit) =>
        this.#read("keptEvents", of.event, () => inner.keptEvents(of, limit)),
      awaiting: (of, limit) => this.#read("awaiting", of.event, () => inner.awaiting(of, limit)),
      pendingByRef: (integration, ref) =>
        this.#read("pendingByRef", integration, () => inner.pendingByRef(integration, ref)),
      endedByRef: (integration, ref) =>
        this.#read("endedByRef", integration, () => inner.endedByRef(integration, ref)),
      earlyAnswers: (limit) => this.#read("earlyAnswers", limit, () => inner.earlyAnswers(limit)),
      dependencies: () => this.#read("dependencies", null, () => inner.dependencies()),
      declarations: () => this.#read("declarations", null, () => inner.declarations()),
      openGroups: () => this.#read("openGroups", null, () => inner.openGroups()),
      inbox: (limit) => this.#read("inbox", limit, () => inner.inbox(limit)),
      changed: () => this.#read("changed", null, () => inner.changed()),
      removal: this.#removal(inner.removal),
      taken: {
        count: () => this.#read("taken.count", null, () => inner.taken.count()),
        forget: (untilMs, limit) =>
          this.#read("taken.forget", limit, () => inner.taken.forget(untilMs, limit)),
      },
      close: () => this.#watch(() => inner.close()),
      flush: (batch) => this.#watch(() => this.#flush(batch)),
    };
  }

  #removal(inner: Removal): Removal {
    return {
      recordSums: (runs) => this.#read("recordSums", runs, () => inner.recordSums(runs)),
      storeRecords: (seqs) => this.#read("storeRecords", seqs, () => inner.storeRecords(seqs)),
      childrenOf: (runs) => this.#read("childrenOf", runs, () => inner.childrenOf(runs)),
      callsOf: (runs) => this.#read("callsOf", runs, () => inner.callsOf(runs)),
      archivedRuns: (runs) => this.#read("archivedRuns", runs, () => inner.archivedRuns(runs)),
    };
  }

  async #read<T>(verb: string, first: unknown, call: () => Promise<T>): Promise<T> {
    return this.#watch(() => {
      if (this.failsRead(verb, first)) throw new Error(`cannot read (test): ${verb}`);
      return call();
    });
  }

  async #watch<T>(call: () => Promise<T>): Promise<T> {
    if (this.isDead) return await new Promise<T>(() => undefined);
    this.activity += 1;
    const answer = await call();
    this.activity += 1;
    // A process that died meanwhile does not hear the answer.
    return this.isDead ? await new Promise<T>(() => undefined) : answer;
  }

  async #flush(batch: FlushBatch): Promise<void> {
    const kinds = batch.records.kind.map((number) => RECORD_KINDS[number] ?? "result");
    const records = kinds.map((kind, index) => `${kind} ${batch.records.name[index] ?? ""}`);
    const seen = { number: batch.number, kinds, records, runs: batch.records.run };
    this.flushes.push(seen);
    await this.#held?.promise;
    // A driver takes nothing after a failure; the engine must not even ask.
    if (this.#failed) {
      this.appliedAfterFailure += 1;
      throw new Error("the store has failed before");
    }
    const fate = this.#fateOf(seen);
    if (fate === "refused") {
      this.#failed = true;
      throw new Error("the disk refused the write (test)");
    }
    if (fate === "diesBefore") {
      this.#die();
      return;
    }
    await this.#inner.flush(batch);
    if (fate === "diesAfter") this.#die();
    if (fate === "unsaid") {
      this.#failed = true;
      throw new Error("the answer of the write was lost (test)");
    }
  }

  /** A slow disk: flushes that come from here on are not applied before `release`. */
  hold(): void {
    this.#held = new Deferred<void>();
  }

  release(): void {
    this.#held?.resolve();
    this.#held = null;
  }

  #die(): void {
    this.isDead = true;
    this.#onDeath();
  }
}
