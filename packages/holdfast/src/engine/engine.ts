/**
 * The engine: keeps runs in memory while they have work to do, forgets them while they wait, and
 * brings them back from the journal. See README.md of this folder for what may be interrupted where.
 */
import { Refusals } from "./effects/refusals.ts";
import type { EngineOptions } from "./engine-options.ts";
import { DEFAULT_POLICY, OWNER_DEFAULT } from "../core/exception-policy.ts";
import { NAMESPACE_DEFAULT } from "../core/namespace.ts";
import { needsPerson, type FinalRunState } from "../core/run-state.ts";
import type { KeptEventRow, RunRow, StoredRun } from "../store/rows.ts";
import type { EventAddress, Store } from "../store/store.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import type { ForeignClassifier } from "./effects/classification.ts";
import { REAL_OUTSIDE, type Outside } from "./effects/outside.ts";
import { ExceptionCare } from "./exceptions/exception-care.ts";
import { ClassificationRules } from "./rules/classification-rules.ts";
import type { Clock, Random } from "./clock.ts";
import { Children } from "./run/children.ts";
import { Commands } from "./commands/commands.ts";
import { Committer } from "./journal/committer.ts";
import { Caution } from "./run/caution.ts";
import { Declarations } from "./journal/declarations.ts";
import { Departures } from "./run/departures.ts";
import { drained } from "./run/drained.ts";
import { digestsWith, type Digests } from "./journal/digest.ts";
import { EarlyAnswers } from "./deliveries/early-answers.ts";
import type { EngineEvent, EngineListener } from "./events.ts";
import { Gates } from "./gates/gates.ts";
import { InboxDoor } from "./commands/inbox-door.ts";
import { KnownEffects } from "./effects/known-effects.ts";
import { KnownWorkflows } from "./starts/known-workflows.ts";
import { LaneAlarms } from "./starts/lane-alarms.ts";
import { Lanes } from "./starts/lanes.ts";
import { Membership } from "./workers/membership.ts";
import { Places } from "./workers/places.ts";
import type { Neighbours } from "./neighbours.ts";
import { Routes } from "./workers/routes.ts";
import { DEFAULT_LIMITS, type EngineLimits } from "./limits.ts";
import { Listeners } from "./listeners.ts";
import { LiveRun } from "./run/live-run.ts";
import { Replays } from "./replay/replays.ts";
import { RestQueue } from "./run/rest-queue.ts";
import type { Departure, RunHost } from "./run-host.ts";
import { Removals } from "./journal/removals.ts";
import { RunLeft } from "./run/run-left.ts";
import { RunEnds } from "./run/run-ends.ts";
import { StartUp } from "./start-up.ts";
import { startsOf } from "./starts/starts-of.ts";
import type { Started, StartingParent, StartOptions, Starts } from "./starts/starts.ts";
import { EngineEnds, StoreReads } from "./journal/store-reads.ts";
import { SystemJournal } from "./journal/system-journal.ts";
import type { TakenBack } from "./run/taking-back.ts";
import { DurableTimers } from "./run/timers.ts";
import { holdUnreadable, requireBeginning } from "./run/unreadable-run.ts";
import type { ChildWaiter, RunEnd } from "./run/waiters.ts";
import { codeOf, holdWithoutCode } from "./run/without-code.ts";
import { Wakes } from "./run/wakes.ts";

export class Engine implements RunHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: EngineLimits;
  readonly digests: Digests;
  readonly committer: Committer;
  /** On for a while after a crash. */
  readonly caution: Caution;
  readonly version: string;
  readonly earlierVersions: readonly string[];
  readonly namespace: string;
  readonly owner: string;
  readonly foreign: ForeignClassifier;
  readonly outside: Outside;
  readonly store: Store;
  readonly live = new Map<number, LiveRun>();
  readonly departures = new Departures();
  readonly rest = new RestQueue();
  readonly wakes: Wakes;
  readonly journal: SystemJournal;
  readonly declarations: Declarations;
  readonly effects: KnownEffects;
  readonly refusals = new Refusals();
  readonly commands: Commands;
  readonly exceptions: ExceptionCare;
  readonly rules: ClassificationRules;
  readonly early: EarlyAnswers;
  readonly removals: Removals;
  readonly replays: Replays;
  readonly check = null;
  readonly lanes = new Lanes();
  readonly laneAlarms: LaneAlarms;
  readonly reads: StoreReads;
  readonly places: Places;
  /** Null where the app has one store. */
  readonly neighbours: Neighbours | null;
  /** Null where the store is whole: no run is ever elsewhere. */
  readonly routes: Routes | null;
  readonly #membership: Membership | null;
  readonly #workflows: KnownWorkflows;
  readonly #listeners = new Listeners();
  readonly starts: Starts;
  readonly #timers: DurableTimers;
  readonly #gates: Gates;
  readonly #inbox: InboxDoor;
  readonly #startUp: StartUp;
  readonly #ends: RunEnds;
  readonly #children: Children;
  #draining = false;
  #closing: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: EngineOptions) {
    this.store = options.store;
    this.clock = options.clock;
    this.random = options.random;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.version = options.version;
    this.earlierVersions = options.earlierVersions ?? [];
    this.namespace = options.namespace ?? NAMESPACE_DEFAULT;
    this.owner = options.owner ?? OWNER_DEFAULT;
    this.exceptions = new ExceptionCare(this, options.exceptions ?? DEFAULT_POLICY);
    this.rules = new ClassificationRules(this);
    this.foreign = options.foreign ?? (() => null);
    this.outside = options.outside ?? REAL_OUTSIDE;
    this.neighbours = options.neighbours ?? null;
    this.digests = digestsWith(options.store.secret);
    this.effects = new KnownEffects(options.effects ?? []);
    this.replays = new Replays(this);
    this.#workflows = new KnownWorkflows(options.workflows, [this.replays.workflow]);
    this.committer = new Committer(
      this.store,
      this.clock,
      this.limits,
      (records, number) => {
        this.emit({ type: "flush", records, number });
      },
      this.#fail.bind(this),
    );
    this.places = new Places(options.store.shards);
    const { shared } = this.places;
    this.routes = shared === null ? null : new Routes(this, shared);
    this.caution = new Caution(this.clock, this.limits.cautionMs);
    this.journal = new SystemJournal(this.committer, this.store.lastSystemSeq);
    this.laneAlarms = new LaneAlarms(this);
    this.declarations = new Declarations(this.journal, this.limits.declarationsMax);
    this.starts = startsOf(this, this.#begin.bind(this));
    this.reads = new StoreReads(this);
    this.wakes = new Wakes(this);
    this.#timers = new DurableTimers(
      this.store,
      this.clock,
      (runs) => this.wakes.add(runs),
      () => this.committer.durable(),
      (work) => this.background(work),
      (read) => this.reads.patiently("when runs are due", read),
      this.places,
      this.limits.timersAheadMs,
    );
    this.#gates = new Gates(this);
    this.commands = new Commands(this);
    this.early = new EarlyAnswers(this);
    this.removals = new Removals(this, options);
    this.#ends = new RunEnds(this);
    this.#children = new Children(this, this.#ends);
    this.#inbox = new InboxDoor(this);
    this.#startUp = new StartUp(this);
    const parts = { startUp: this.#startUp, timers: this.#timers, gates: this.#gates };
    const doors = { starts: this.starts, ends: this.#ends, inbox: this.#inbox };
    this.#membership =
      shared === null ? null : new Membership(this, shared, { ...parts, ...doors });
  }

  get draining(): boolean {
    return this.#draining;
  }

  workflow(name: string): AnyWorkflow | null {
    return this.#workflows.get(name);
  }

  emit(event: EngineEvent): void {
    this.#listeners.tell(event);
  }

  /** The answer takes the listener away again. */
  on(listener: EngineListener): () => void {
    return this.#listeners.add(listener);
  }

  /** Brings back what was under way, then opens the doors. */
  async start(): Promise<void> {
    await this.#startUp.prepare();
    await this.declarations.begin(this.store, this.#workflows.ofApp(), this.version);
    await this.rules.start();
    this.exceptions.due.start();
    if (this.#membership !== null) {
      await this.#timers.start();
      this.#inbox.open();
      await this.#membership.start();
      return;
    }
    await this.#inbox.takeStops();
    await this.#gates.restore();
    await this.early.load();
    await this.commands.receiving.load();
    await this.#timers.start();
    await this.#startUp.recover();
    this.early.start();
    this.commands.receiving.start();
    this.#inbox.open();
  }

  drains(shard: number | undefined): boolean {
    return this.#draining || (shard !== undefined && this.places.leaving.has(shard));
  }

  confirmed(): Promise<void> | null {
    return this.places.shared?.confirmed() ?? null;
  }

  /** Resolves when all runs of the last crash are back at work. */
  get recovered(): Promise<void> {
    return this.#startUp.recovered;
  }

  startRun(workflow: AnyWorkflow, input: unknown, options?: StartOptions): Promise<Started> {
    this.#workflows.require(workflow);
    if (this.neighbours === null) return this.startHere(workflow, input, options);
    return this.neighbours.start(workflow, input, options ?? {});
  }

  /** Starts or joins a run in this store, which is the cell that it belongs to. */
  startHere(workflow: AnyWorkflow, input: unknown, options?: StartOptions): Promise<Started> {
    if (this.#draining) throw new EngineEnds();
    return this.starts.start(workflow, input, options);
  }

  #begin(stored: StoredRun, input: unknown): void {
    const { run, workflow, key, state } = stored.row;
    this.emit({ type: "run.started", run, workflow, key, recovered: false });
    if (state === "running") this.resume(stored, { value: input });
    else if (stored.row.wakeAtMs !== null) this.#timers.add(run, stored.row.wakeAtMs);
  }

  /**
   * Puts a stored run to work. Null if this app does not have its code.
   *
   * @param input - as its schema gives it, where it has just been parsed.
   */
  resume(stored: StoredRun, input?: { readonly value: unknown }): LiveRun | null {
    const workflow = codeOf(this.#workflows, stored);
    if (workflow === null) {
      holdWithoutCode(this, stored);
      return null;
    }
    const run = this.#loaded(stored, workflow);
    run?.start(input);
    return run;
  }

  /** A stored run for a command, before its turn. */
  lend(stored: StoredRun): LiveRun | null {
    const workflow = codeOf(this.#workflows, stored);
    const run = workflow === null ? null : this.#loaded(stored, workflow);
    run?.lend();
    return run;
  }

  #loaded(stored: StoredRun, workflow: AnyWorkflow): LiveRun | null {
    const run = this.dormant(stored, workflow);
    if (run !== null) this.live.set(stored.row.run, run);
    return run;
  }

  /** A stored run without its code running. Null if its journal cannot be read: it is held then. */
  dormant(stored: StoredRun, workflow: AnyWorkflow): LiveRun | null {
    try {
      requireBeginning(stored);
      return new LiveRun(this, workflow, stored);
    } catch (error) {
      holdUnreadable(this, workflow, stored.row, stored.records.at(-1)?.seq ?? 0, error);
      return null;
    }
  }

  unreadable(run: LiveRun, error: unknown): void {
    const { row, workflow, nextSeq } = run;
    run.leave({ kind: "suspended", state: row.state, wakeAtMs: null });
    holdUnreadable(this, workflow, row, nextSeq - 1, error);
  }

  /** Integrations as a whole, for people who know more of them than their answers tell. */
  get parking(): Pick<Gates, "parkByHand" | "tryByHand" | "isKnown"> {
    return this.#gates;
  }

  get gates(): Pick<Gates, "of" | "isOpenTo"> {
    return this.#gates;
  }

  /** Who answers for an integration; null before the first of its effects was at work here. */
  ownerOf(integration: string): string | null {
    return this.#gates.ownerOf(integration);
  }

  pendingWritten(integration: string, ref: string): void {
    this.early.asked(integration, ref);
    this.neighbours?.asked(integration, ref);
  }

  get suspects(): Pick<StartUp, "progressed" | "tryAlone"> {
    return this.#startUp;
  }

  departed(run: LiveRun, departure: Departure): void {
    const { row } = run;
    if (this.live.get(row.run) === run) this.live.delete(row.run);
    this.departures.note(row.run);
    this.#startUp.left(run);
    this.#timers.wakes(row.run);
    this.#gates.forget(row.run);
    this.replays.departed(row.run);
    switch (departure.kind) {
      case "suspended":
        this.#timers.sleeps(row.run, departure);
        // Its turn in the lane may have come while it was lent to a command.
        if (run.isLent && this.lanes.hasTurn(row)) this.wakes.add([row.run]);
        // Its parent says then who is needed before the family can be taken back.
        if (row.parentRun !== null && run.ending.undoes && needsPerson(departure.state))
          this.#ends.childStands(row.parentRun, row.parentStep ?? "", row.run);
        break;
      case "reload":
        this.wakes.add([row.run]);
        break;
      case "finished":
        this.#finished(row, departure);
        break;
    }
    this.wakes.pump();
  }

  #finished(
    row: RunRow,
    end: { readonly state: FinalRunState; readonly reason: string; readonly data: string | null },
  ): void {
    const { run, namespace, lane } = row;
    if (lane !== null) {
      const next = this.lanes.leave(namespace, lane, run);
      if (next !== null) this.wakes.add([next]);
    }
    this.background(this.#ends.tell(row, end));
  }

  background(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      // A store that has failed has been reported, and ended everything; one that was closed
      // answers no question that was still under way. All else is a bug.
      const isOver = error instanceof RunLeft || error instanceof EngineEnds;
      if (!isOver && !this.committer.hasFailed && !this.#isClosed) throw error;
    });
  }

  /** The store has failed: nothing may be written or sent any more, from whatever timer. */
  #fail(error: Error): void {
    this.emit({ type: "engine.fatal", message: error.message });
    this.#stop();
    for (const run of this.live.values()) run.abandon();
    this.live.clear();
  }

  #stop(): void {
    this.#draining = true;
    this.#inbox.close();
    this.early.close();
    this.commands.receiving.close();
    this.exceptions.due.close();
    this.laneAlarms.close();
    this.rules.close();
    this.#timers.close();
    this.reads.close();
    this.routes?.close();
    this.replays.close();
    this.#ends.close();
    this.#gates.close();
  }

  startChild(
    workflow: AnyWorkflow,
    input: unknown,
    parent: StartingParent & { readonly correlationId: string },
  ): Promise<number> {
    return this.#children.start(workflow, input, parent);
  }

  findChild(workflow: AnyWorkflow, input: unknown): Promise<number | null> {
    return this.#children.find(workflow, input);
  }

  /** The run of this store that a start with this input would join; null if there is none. */
  findHere(workflow: AnyWorkflow, input: unknown): Promise<number | null> {
    return this.starts.find(workflow, input);
  }

  takeBackChild(child: number, waiter: ChildWaiter, reason: string): Promise<TakenBack> {
    return this.#children.takeBack(child, waiter, reason);
  }

  childEnd(child: number, waiter: ChildWaiter | null = null): Promise<RunEnd | null> {
    return this.#children.endOf(child, waiter);
  }

  /** How a run ends: at once if it has ended, else when it does. */
  async end(run: number): Promise<RunEnd> {
    return await this.#ends.wait(run);
  }

  async keptEvent(of: EventAddress): Promise<KeptEventRow | null> {
    const kept = await this.reads.patiently("events that came early", () =>
      this.commands.events.keptEvent(of),
    );
    if (kept === null && this.neighbours !== null) this.background(this.neighbours.wanted(of));
    return kept;
  }

  keptEventOffered(kept: number, taken: boolean): void {
    this.commands.events.keptEventOffered(kept, taken);
  }

  /** What is kept in memory for runs and their steps, by what it is kept in. */
  get kept(): Readonly<Record<string, number>> {
    return {
      live: this.live.size,
      backlog: this.committer.backlog.records + this.committer.backlog.waitingCount,
      commands: this.commands.keptCount,
      departures: this.departures.keptCount,
      early: this.early.keptCount,
      ends: this.#ends.keptCount,
      gates: this.#gates.keptCount,
      inbox: this.#inbox.keptCount,
      lanes: this.lanes.keptCount + this.laneAlarms.keptCount,
      reads: this.reads.keptCount,
      replays: this.replays.keptCount,
      routes: (this.routes?.keptCount ?? 0) + (this.#membership?.keptCount ?? 0),
      startUp: this.#startUp.keptCount,
      starts: this.starts.keptCount,
      timers: this.#timers.keptCount,
      wakes: this.wakes.keptCount,
    };
  }

  /** Lets attempts in flight end (bounded), then closes the store. Nothing new is started. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop();
    await this.#membership?.close();
    await drained(this.#gates, this.clock, this.limits.drainMs);
    // What is still in memory writes nothing from here on: the next engine brings it back.
    for (const run of this.live.values()) run.abandon();
    this.live.clear();
    this.#startUp.close();
    await this.committer.durable();
    this.#isClosed = true;
    await this.store.close();
  }
}
