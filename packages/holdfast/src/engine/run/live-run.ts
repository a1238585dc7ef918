/**
 * One run in memory: its code, its steps, and the order in which answers reach the code.
 *
 * Answers are handed to the code one at a time, in the order of the journal, and only after the
 * code has come to rest (the microtask queue is empty). Recovery hands out the same answers in the
 * same order, so `Promise.all` and `Promise.race` take the same path again. Nothing is executed
 * until recovery has come through without a misfit.
 */
import { Stillness } from "./stillness.ts";
import type { HeldLane, JournalRecord } from "../../core/journal.ts";
import type { RecordKind } from "../../core/record-kinds.ts";
import { formatRunId } from "../../core/run-number.ts";
import { inputOf } from "../../core/run-life.ts";
import { isActive, isFinal, type RunState } from "../../core/run-state.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { Assignees } from "../exceptions/assignees.ts";
import { Answers } from "./answers.ts";
import { SeenAtWork } from "./caution.ts";
import { heldLanesOf } from "../starts/lanes.ts";
import { restoredIn, Told, type Restored } from "./restored-run.ts";
import { goLive } from "./go-live.ts";
import { Latch } from "./latch.ts";
import { enterRecorded } from "./recorded-steps.ts";
import { isPutAway } from "./put-away.ts";
import { QUIET_KINDS, Recovery } from "./recovery.ts";
import { isRecovered } from "./recovery-walk.ts";
import { wakeDue, pathOf, restOf, sleepOf, waitsSo, type Sleep } from "./rest-of-steps.ts";
import { NamedRecords } from "./named-records.ts";
import { makeRunApi } from "./run-api.ts";
import { RunDeadline } from "./run-deadline.ts";
import { RunEnding } from "./run-ending.ts";
import type { Departure, RunHost } from "../run-host.ts";
import { RunLeft } from "./run-left.ts";
import { RunVersions } from "./run-versions.ts";
import { Scopes } from "./scopes.ts";
import { SensitiveValues } from "../journal/sensitive-values.ts";
import { requireFreeName } from "../steps/step-name.ts";
import { StepTimer } from "./step-timer.ts";
import { OVER, overAndStaying, type StepSlot, type StepVerb } from "../steps/step-slot.ts";

/** `byRecord`: its steps are being made from the journal; its code has no more say. */
export type RunMode = "recovering" | "byRecord" | "live" | "unwinding" | "gone";

export class LiveRun {
  readonly host: RunHost;
  readonly workflow: AnyWorkflow;
  readonly row: StoredRun["row"];
  /** Not given where the store is whole. */
  readonly shard: number | undefined;
  readonly ending: RunEnding;
  /** What no sentence about the run may quote. */
  readonly sensitive: SensitiveValues;
  readonly deadline: RunDeadline;
  readonly scopes = new Scopes();
  readonly versions: RunVersions;
  readonly slots = new Map<string, StepSlot>();
  /** Those of them that have not ended: looked at whenever the run comes to rest. */
  readonly open = new Set<StepSlot>();
  readonly inputText: string;
  /** The input as the code sees it; set before the code runs. */
  input: unknown = undefined;
  state: RunState;
  mode: RunMode;
  #seq: number;
  readonly #loadedSeq: number;
  readonly told: Told;
  readonly assignees: Assignees;
  readonly #recovery: Recovery;
  /** Set if a backup was restored: its original may have done what this run does next. */
  readonly restored: () => Restored | null;
  readonly #down = new Latch();
  readonly #written = new NamedRecords();
  #pins = 0;
  #lent = false;
  readonly #answers: Answers;
  readonly #timer: StepTimer;
  readonly #seen: SeenAtWork;
  readonly stillness = new Stillness(this);
  #restCheck = false;
  /** Whether the steps that recovery has left open have gone live. */
  #isAwake = false;

  constructor(host: RunHost, workflow: AnyWorkflow, stored: StoredRun) {
    this.host = host;
    this.workflow = workflow;
    this.row = stored.row;
    this.shard = stored.shard;
    this.state = stored.row.state;
    this.inputText = inputOf(stored.records);
    this.#seq = stored.records.at(-1)?.seq ?? 0;
    this.#loadedSeq = this.#seq;
    this.told = new Told(stored.records);
    this.assignees = new Assignees(stored.records);
    this.#recovery = new Recovery(stored.records);
    this.mode = this.#recovery.isFresh ? "live" : "recovering";
    this.sensitive = new SensitiveValues(host.limits.sensitiveValuesMax);
    this.restored = restoredIn(this.#recovery.ofRun);
    this.ending = new RunEnding(this, this.#recovery.ofRun);
    this.deadline = new RunDeadline(this, this.#recovery.ofRun);
    this.versions = new RunVersions(this, this.#recovery.ofRun);
    this.#timer = new StepTimer(host.clock);
    this.#seen = new SeenAtWork(host, this.state === "running" && !this.#recovery.isFresh);
    this.#answers = new Answers(this, host.rest, this.#seen);
  }

  get id(): string {
    return formatRunId(this.row.run);
  }

  /** Runs the code. Failures of the code end up in `ending`. */
  start(input?: { readonly value: unknown }): void {
    const parsed = this.#read(() => {
      // Before the schema looks at it: what it says of a value may quote it.
      this.sensitive.learnText(this.workflow.definition, this.inputText);
      return input ?? this.ending.parseInput(this.inputText);
    });
    if (parsed instanceof Promise) void parsed.then(this.#begin.bind(this));
    else this.#begin(parsed);
  }

  #begin(parsed: { readonly value: unknown } | null): void {
    if (parsed === null || this.mode === "gone") return;
    this.sensitive.learn(this.workflow.definition, parsed.value);
    this.input = parsed.value;
    if (this.mode === "live") {
      if (this.#isOnlyChecked()) return;
      this.versions.goOn();
    } else if (this.host.check === null && isPutAway(this.#recovery.exceptions)) {
      this.goByRecord();
      return;
    }
    // It would be on record as waiting still, and its code may end the process as it comes back.
    if (this.host.caution.isOn) this.goOn();
    this.#seen.before(() => this.#runCode(parsed.value));
  }

  #runCode(input: unknown): void {
    if (this.isGone) return;
    this.ending.follow(() => this.workflow.body(input, makeRunApi(this)));
    if (this.mode === "recovering") {
      this.#answers.afterRest(() => this.#recover());
      return;
    }
    // Its very first step did not fit.
    if (this.mode === "byRecord") return;
    this.#isAwake = true;
    this.#down.open();
    this.recheck();
  }

  /** Resolves when recovery is over, or the run has left: then its steps take commands. */
  get settledDown(): Promise<void> {
    return this.#down.opened;
  }

  /** Keeps the run in memory while somebody has something for it. The answer lets it go again. */
  pin(): () => void {
    this.#pins += 1;
    return () => {
      this.#pins -= 1;
      this.recheck();
    };
  }

  /** The step with a record like this, or null. */
  findPath(matches: (record: JournalRecord) => boolean): string | null {
    return this.#written.find(matches)?.name ?? this.#recovery.find(matches)?.name ?? null;
  }

  /** Writes a record of this run. It is durable after `host.committer.durable()`. */
  append(
    kind: RecordKind,
    name: string,
    head: object | null,
    data: string | null = null,
    attempt = 0,
  ): JournalRecord {
    if (this.mode === "gone") throw new RunLeft(this.id);
    if (!QUIET_KINDS.has(kind)) this.goOn();
    this.#seq += 1;
    this.told.note(kind, this.#seq);
    this.assignees.note(kind, name, this.#seq, head);
    const record = { run: this.row.run, seq: this.#seq, kind, attempt, name, head, data };
    const written = this.host.committer.add(record);
    this.#written.note(written);
    return written;
  }

  /** True while it, or a scope of it, is taken back: steps come up without its code asking for them. */
  get #isUndoing(): boolean {
    return this.ending.isTakingBack || pathOf(this.open, (verb) => "proceed" in verb) !== null;
  }

  /** Puts on record that the run is running, before anything of it moves: a crash must find it. */
  goOn(): void {
    // What was under way when the run came to stand still may still end, and is written down.
    if (this.ending.isFrozen) return;
    if (!isActive(this.state) && !isFinal(this.state)) this.changeState("running", "it goes on");
  }

  /** Sequence number that the next record of this run will get, once it is on record as running. */
  get nextSeq(): number {
    return this.#seq + 1;
  }

  /** Where the run stands: see run-version.ts. */
  get version(): number {
    return this.told.version;
  }

  /** True while it comes back, if the journal holds something behind the place where its code is. */
  get hasPassedHere(): boolean {
    return this.mode === "recovering" && this.#recovery.hasMore(this.slots);
  }

  /** What was recorded of steps before the run was done again, `again` records among it. */
  get superseded(): Recovery["superseded"] {
    return this.#recovery.superseded;
  }

  /** Where a person, or what came later, has closed an exception of the run last; 0 for nowhere. */
  get decidedSeq(): number {
    return this.#recovery.exceptions.findLast(({ kind }) => kind === "closed")?.seq ?? 0;
  }

  /** What the journal held for a step when the run was loaded. */
  recorded(path: string): readonly JournalRecord[] {
    return this.#recovery.recordsOf(path);
  }

  /**
   * Enters a step that the code has asked for.
   *
   * @throws {HoldfastError} HF1203 if the name is taken, HF4104 beyond the limit of steps.
   */
  enter(path: string, verb: StepVerb): StepSlot {
    requireFreeName(this, path);
    const records = this.recorded(path);
    const slot: StepSlot = { path, verb, records, ended: false, wait: null };
    this.slots.set(path, slot);
    this.open.add(slot);
    const misfit = records.length === 0 ? null : verb.misfit(records);
    if (misfit !== null) this.ending.drift(misfit);
    else if (this.mode === "live" || this.mode === "unwinding") goLive(this, slot);
    return slot;
  }

  /**
   * Takes the name of a scope: it is open only while it is undone, see `reopen`.
   *
   * @throws {HoldfastError} HF1203, HF4104, as `enter`.
   */
  reserve(path: string, verb: StepVerb): StepSlot {
    requireFreeName(this, path);
    const slot = { path, verb, records: this.recorded(path), ended: true, wait: null };
    this.slots.set(path, slot);
    return slot;
  }

  /** What has a name only has something to do from now on. */
  reopen(slot: StepSlot): void {
    slot.ended = false;
    this.open.add(slot);
  }

  /** Lanes that are held until this run has ended: its own, and those of who waits for it. */
  get heldLanes(): readonly HeldLane[] {
    return heldLanesOf(this.row, this.#recovery.ofRun[0]);
  }

  get isGone(): boolean {
    return this.mode === "gone";
  }

  get isLent(): boolean {
    return this.#lent;
  }

  /** Lends the run to a command without running its code: it waits for its turn in a lane. */
  lend(): void {
    this.#lent = true;
    // Nothing is handed out: without its code there is no step that could have an answer.
    this.mode = "live";
    this.ending.recovered();
    if (!this.ending.isFrozen) this.ending.resumeUnwinding();
    this.#down.open();
  }

  /** True while the code may use verbs. A verb of a run that is gone, or has stopped itself, never answers. */
  get listens(): boolean {
    return (this.mode === "live" || this.mode === "recovering") && !this.ending.hasStopped;
  }

  /** A definition that throws (a default, a description) breaks its own run, and no other. */
  guarded(slot: StepSlot, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (this.host.committer.hasFailed || error instanceof RunLeft) throw error;
      this.ending.broken(error);
      slot.wait = this.ending.runWait;
    }
  }

  /** Nothing more is to come of this step. */
  end(slot: StepSlot): void {
    slot.ended = true;
    slot.wait = null;
    this.open.delete(slot);
  }

  /** Hands the answer of a step to the code, after those before it. */
  deliver(slot: StepSlot, record: JournalRecord): void {
    this.end(slot);
    this.#answers.add(slot, record);
  }

  /** A step has its answer. */
  handed(slot: StepSlot): void {
    if (slot.verb.isOver?.() !== true) return;
    const staying = slot.verb.staying ?? null;
    this.slots.set(slot.path, staying === null ? OVER : overAndStaying(staying));
    if (!this.#recovery.isFresh) this.#recovery.forget(slot.path);
  }

  /** The code has all the answers that there were, and has come to rest just now. */
  allHanded(): void {
    if (!this.#restCheck && !this.#isComingBack) this.#atRest();
  }

  /** Looks at what the journal holds. Null if that cannot be read: then the run is given away. */
  #read<T>(look: () => T): T | null {
    try {
      return look();
    } catch (error) {
      if (this.host.committer.hasFailed || error instanceof RunLeft) throw error;
      this.host.unreadable(this, error);
      return null;
    }
  }

  #recover(): void {
    const again = () => this.#recover();
    const walk = { recovery: this.#recovery, answers: this.#answers, again };
    this.#read(() => {
      if (this.mode === "recovering" && isRecovered(this, walk)) this.#recovered();
    });
  }

  /** Nothing of it has gone live yet. */
  get #isComingBack(): boolean {
    return this.mode === "recovering" || this.mode === "byRecord";
  }

  /** Where nothing may be executed, its code has come as far as it is looked at. */
  #isOnlyChecked(): boolean {
    this.host.check?.fits(this);
    return this.host.check !== null;
  }

  /** Its code has no say: it does not fit what is taken back, or has ended processes. */
  goByRecord(): void {
    this.mode = "byRecord";
    this.slots.clear();
    this.open.clear();
    const entered = enterRecorded(this, this.#recovery.paths);
    this.host.background(entered.then((look) => this.#read(look)).then(() => this.#recovered()));
  }

  #recovered(): void {
    if (this.isGone || this.#isOnlyChecked()) return;
    const isByRecord = this.mode === "byRecord";
    this.mode = "live";
    this.ending.recovered();
    if (this.deadline.isOver && !this.ending.isPaused) this.ending.late();
    if (this.ending.isFrozen) {
      // Its code has no more say, and no step goes on: a person may resume or cancel it.
      this.mode = "unwinding";
      for (const slot of this.open) this.guarded(slot, () => slot.verb.standBy?.(slot));
      this.#down.open();
      this.recheck();
      return;
    }
    if (!isByRecord) this.versions.goOn();
    // What is being taken back goes live too: an effect whose end is not known has to be settled
    // before anything is undone.
    this.ending.resumeUnwinding();
    this.wakeSteps();
    // The steps of an undoing are asked for as it goes on: they take commands once it waits.
    if (!this.#isUndoing) this.#down.open();
  }

  /** Steps that recovery has left open go on. Once: a step does not go live twice. */
  wakeSteps(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    // A snapshot: going live lets the code ask for more, and those steps go live by themselves.
    const waiting = [...this.open];
    for (const slot of waiting) goLive(this, slot);
    this.recheck();
  }

  /** Says what a step waits for; null: something of it is under way again. */
  setWait(slot: StepSlot, wait: StepSlot["wait"]): void {
    slot.wait = wait;
    if (wait !== null) this.recheck();
  }

  /**
   * Looks, once the code is at rest, whether the run ends, sleeps or stays. To be called when
   * something that it waits for may have changed.
   */
  recheck(): void {
    if (this.#restCheck || this.mode === "gone") return;
    this.#restCheck = true;
    this.#answers.afterRest(() => {
      this.#restCheck = false;
      if (!this.#answers.isHanding && !this.#isComingBack) this.#atRest();
    });
  }

  #atRest(): void {
    if (this.mode === "gone") return;
    if (!this.ending.isFrozen) for (const { verb } of this.open) verb.proceed?.();
    // Somebody has something for it; only what is being taken back does not wait for that.
    if (this.#pins > 0 && !this.#isUndoing) return;
    if (this.ending.tryEnd()) return;
    if (this.deadline.isOver && !this.ending.isTakingBack && !this.ending.isPaused) {
      this.ending.late();
      this.recheck();
      return;
    }
    if ((this.#lent && !this.ending.unwinding) || this.ending.isFrozen) {
      // An attempt that has left is waited for: its answer is not to be lost.
      if (this.isUnderWay) return;
      // What is being taken back stands still as well, and whoever lets it go on has to find it.
      this.#down.open();
      if (this.#pins > 0) return;
      this.ending.standStill();
      this.leave({ kind: "suspended", state: this.state, wakeAtMs: null });
      return;
    }
    this.#timer.cancel();
    const rest = restOf(this.open, this.ending.runWait);
    const { lookAtMs, isBusy } = rest;
    const sleep = sleepOf(rest, this.deadline.atMs);
    const busy = isBusy || (this.open.size === 0 && this.ending.isUndoing);
    if (!busy && sleep !== null) this.#down.open();
    if (this.#pins > 0) return;
    const delayMs = lookAtMs === null ? null : lookAtMs - this.host.clock.nowMs();
    if (busy || (delayMs !== null && delayMs <= this.host.limits.keepLiveMs)) {
      if (delayMs !== null) this.#wakeAfter(delayMs);
    } else if (sleep !== null) {
      this.#suspend(sleep);
      return;
    }
    // Code that waits for something of its own (not for a step) stays in memory too.
    this.deadline.watch(() => this.recheck());
    this.stillness.watch();
  }

  #wakeAfter(delayMs: number): void {
    this.#timer.set(delayMs, () => {
      wakeDue(this, this.host.clock.nowMs());
      this.recheck();
    });
  }

  #suspend({ first, wakeAtMs, lookAtMs }: Sleep): void {
    const state = this.ending.unwinding ? this.ending.suspendedState(first.state) : first.state;
    // Where somebody has only looked at it, since when it waits stays as it is.
    if (this.#seq !== this.#loadedSeq || !waitsSo(this.row, { ...first, state, wakeAtMs }))
      this.changeState(state, first.reason, wakeAtMs, first.dependency);
    this.leave({ kind: "suspended", state, wakeAtMs, lookAtMs });
  }

  /** Journals that the run is in another state. */
  changeState(
    to: RunState,
    reason: string,
    wakeAtMs: number | null = null,
    dependency?: string,
  ): void {
    const wait = { to, reason, wakeAtMs, ...(dependency === undefined ? {} : { dependency }) };
    this.append("state", "", { workflow: this.workflow.name, from: this.state, ...wait });
    this.state = to;
    const { run, workflow, key } = this.row;
    this.host.emit({ type: "run.state", run, workflow, key, state: to, reason });
  }

  /** The engine is closing: the run stays as the journal has it. */
  abandon(): void {
    this.mode = "gone";
    this.deadline.close();
    this.stillness.close();
    this.#down.open();
    this.#timer.cancel();
  }

  /** Takes the run out of memory. Its promises are never settled: the code is forgotten. */
  leave(departure: Departure): void {
    if (this.mode === "gone") return;
    this.abandon();
    this.host.departed(this, departure);
    if (departure.kind !== "finished") return;
    // A run outlives some collections of garbage; what it holds would then outlive a long one too.
    this.slots.clear();
    this.open.clear();
    this.#written.clear();
  }

  /** Slots of effects that may still come or go. */
  get hasOpenEffects(): boolean {
    return pathOf(this.open, (verb) => verb.isOpen?.() === true) !== null;
  }

  /** An attempt has left, or waits at the gate: its end must be written down. */
  get isUnderWay(): boolean {
    return pathOf(this.open, (verb) => verb.isUnderWay?.() === true) !== null;
  }
}
