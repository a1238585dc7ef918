/**
 * Starting runs: one run per (namespace, workflow, key). A second start joins the first.
 *
 * Accepted means durable: the promise resolves after the flush that holds the start. Look-ups of
 * keys are gathered, one message to the store per turn of the event loop.
 */
import { differenceText } from "../../core/json-difference.ts";
import { parseJson } from "../../core/json-text.ts";
import type { HeldLane, JournalRecord, StartedAnew, StartedHead } from "../../core/journal.ts";
import { UNNAMED_STARTER } from "../../core/person.ts";
import type { DuplicateRule, ReceivedHead } from "../../core/received.ts";
import { inputDigest, runKeyHash } from "../../core/operation-key.ts";
import { formatRunId, nextRunNumber } from "../../core/run-number.ts";
import { isFinal } from "../../core/run-state.ts";
import type { FoundRun, RunKey, Store } from "../../store/store.ts";
import type { StoredRun } from "../../store/rows.ts";
import { isLatestWins, laneOf } from "../../workflow/lane.ts";
import { parse } from "../../workflow/schema.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { intakeIsFull } from "../journal/backlog.ts";
import type { BesideCase } from "../exceptions/beside.ts";
import { declaredBy } from "../receiving/definition-fault.ts";
import { checkedDescription, requireText } from "../journal/checked-values.ts";
import type { Clock } from "../clock.ts";
import type { Committer } from "../journal/committer.ts";
import type { Digests } from "../journal/digest.ts";
import { refuseDeadlock } from "./lane-deadlock.ts";
import type { Laned, Lanes } from "./lanes.ts";
import type { Neighbours } from "../neighbours.ts";
import type { Places } from "../workers/places.ts";
import { PlacedStarts } from "./placed-starts.ts";
import type { Routes } from "../workers/routes.ts";
import type { EngineLimits } from "../limits.ts";
import { toJson } from "../journal/payload.ts";
import { findFormer } from "./former-keys.ts";
import { deadlineOf } from "../run/run-deadline.ts";
import { rowOf } from "./fresh-row.ts";
import { checkedStart, keyOf, refuseUnnamed } from "./start-input.ts";

export interface StartOptions {
  readonly by?: string;
  readonly correlationId?: string;
  /** Version of the code that it begins with. Default: that of this engine. */
  readonly version?: string;
  readonly parent?: StartingParent;
  /** The shard that has a claim on the key: asked whether a run with it is about to begin there. */
  readonly claimed?: number;
  /** The message that starts it: its receipt is in the flush of the start. */
  readonly received?: ReceivedStart;
  /** It lay in the inbox of a backup that was written last then, and that was restored. */
  readonly restoredFromMs?: number;
  /** It takes the place of a run of the same key that has ended. */
  readonly anew?: StartedAnew & { readonly generation: number };
}

/** A message from outside that is about to start a run. */
export interface ReceivedStart {
  /** As it is written if a run begins: `started`. */
  readonly head: Omit<ReceivedHead, "run">;
  /** With another rule than `merge` it does not join, so what differs is no conflict. */
  readonly duplicates: DuplicateRule;
}

/** The run that calls: it waits for the new one, and keeps its lane meanwhile. */
export interface StartingParent {
  readonly run: number;
  readonly step: string;
  readonly deadlineAtMs: number | null;
  /** Its own lane and those of the runs that wait for it. */
  readonly lanes: readonly HeldLane[];
  /** Set if it was restored from a backup, whose original may have started the child, too. */
  readonly restoredFromMs: number | null;
}

export interface Started {
  readonly run: number;
  readonly isNew: boolean;
  /** True if it joined a run that was started with another input. */
  readonly differs: boolean;
}

interface Joined {
  readonly run: number;
  readonly isNew: boolean;
  /** Digest of the input that the run was started with. */
  readonly inputDigest: string;
}

/** One start on its way. */
export interface Start {
  readonly workflow: AnyWorkflow;
  /** As the schema gives it. */
  readonly input: unknown;
  /** As the journal keeps it. */
  readonly text: string;
  /** Hex HMAC of the input as it came. */
  readonly digest: string;
  readonly key: string;
  readonly keyHash: string;
  readonly options: StartOptions;
}

/** A start that is decided but not yet durable. */
interface Fresh {
  readonly joined: Promise<Joined>;
  readonly options: StartOptions;
}

export interface StartsNeeds {
  readonly store: Store;
  readonly clock: Clock;
  readonly committer: Committer;
  readonly digests: Digests;
  readonly lanes: Lanes;
  readonly limits: EngineLimits;
  readonly namespace: string;
  readonly version: string;
  /** How many runs are in memory now. */
  liveCount(): number;
  /** A new run may begin; its start is buffered. */
  begin(stored: StoredRun, input: unknown): void;
  /** Writes the receipt of the message that has started a run, into the flush of the start. */
  received(head: ReceivedHead): void;
  /** A new run is in a lane behind another one: its start is buffered. */
  waitsInLane(namespace: string, lane: string, run: number): void;
  /** A start has joined a run that has another input. Resolves when that is on record. */
  differs(given: BesideCase): Promise<unknown>;
  /** A read for a run's sake, which nobody outside hears of: tried again until it succeeds. */
  surely<T>(read: () => Promise<T>): Promise<T>;
  readonly places: Places;
  readonly routes: Routes | null;
  readonly neighbours: Neighbours | null;
}

/** 16 bytes: nobody can make two inputs of one digest without the store's key. */
const DIGEST_HEX_LENGTH = 32;

export class Starts {
  readonly #needs: StartsNeeds;
  readonly #placed: PlacedStarts | null;
  #lastRun: number;
  /** Starts that are decided but not yet durable, by key hash. */
  readonly #fresh = new Map<string, Fresh>();
  #lookups: {
    key: RunKey;
    resolve: (found: FoundRun | null) => void;
    reject: (e: unknown) => void;
  }[] = [];

  constructor(needs: StartsNeeds) {
    this.#needs = needs;
    this.#lastRun = Math.max(needs.store.lastRun, needs.neighbours?.numbersAbove ?? 0);
    const { routes, places, clock, namespace } = needs;
    const { shared } = places;
    const here = (start: Start) => this.#startHere(start);
    const join = (start: Start) => this.#joinHere(start);
    this.#placed =
      routes === null || shared === null
        ? null
        : new PlacedStarts({
            namespace,
            clock,
            places,
            routes,
            shared,
            surely: (act) => needs.surely(act),
            here,
            join,
          });
  }

  /** Numbers go on behind those of shards that have come: the order of a lane is that of numbers. */
  raise(lastRun: number): void {
    this.#lastRun = Math.max(this.#lastRun, lastRun);
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#fresh.size + this.#lookups.length + (this.#placed?.keptCount ?? 0);
  }

  /**
   * @throws {HoldfastError} HF4102 if the input does not fit, HF4103..5 if it is no plain JSON or
   *   too large, HF4201 if the intake is full, HF4203 if too many have come with another input.
   *   Nothing is started then.
   */
  async start(workflow: AnyWorkflow, input: unknown, options: StartOptions = {}): Promise<Started> {
    const { limits, digests, namespace } = this.#needs;
    let digest = "";
    const checked = await checkedStart(workflow, input, options, limits, (plain) => {
      digest = inputDigest(plain, (t) => digests.hex(t)).slice(0, DIGEST_HEX_LENGTH);
    });
    const { text, key } = checked;
    const keyHash = runKeyHash(namespace, workflow.name, key, (t) => digests.hex(t));
    const start: Start = {
      workflow,
      input: checked.input,
      text,
      digest,
      key,
      keyHash,
      options,
    };
    return await (this.#placed === null ? this.#startHere(start) : this.#placed.start(start));
  }

  async #startHere(start: Start): Promise<Started> {
    return await this.#started(start, await this.#joinOrBegin(start));
  }

  async #started(start: Start, { run, isNew, inputDigest: first }: Joined): Promise<Started> {
    const differs = first !== start.digest;
    const { duplicates = "merge" } = start.options.received ?? {};
    if (differs && duplicates === "merge") await this.#needs.differs(differing(run, start));
    return { run, isNew, differs };
  }

  /** Joins a run with this key that is on record or about to be; null if there is none. */
  async #joinHere(start: Start): Promise<Started | null> {
    const { workflow, key, keyHash, input, options } = start;
    const { namespace } = this.#needs;
    // One that is refused has started nothing.
    const fresh = await this.#fresh.get(keyHash)?.joined.catch(() => null);
    if (fresh !== undefined && fresh !== null)
      return await this.#started(start, { ...fresh, isNew: false });
    const found = await this.#find({ namespace, workflow: workflow.name, key, keyHash });
    if (found === null) return null;
    if (found.row?.endedAtMs === null) this.#laneOf(workflow, input, options);
    return await this.#started(start, { ...found, isNew: false });
  }

  async #joinOrBegin(start: Start): Promise<Joined> {
    const { keyHash, options } = start;
    const fresh = this.#fresh.get(keyHash);
    if (fresh !== undefined) return await this.#join(start, fresh);
    const joined = this.#findOrBegin(start);
    this.#fresh.set(keyHash, { joined, options });
    try {
      return await joined;
    } finally {
      this.#fresh.delete(keyHash);
    }
  }

  async #join(start: Start, fresh: Fresh): Promise<Joined> {
    const { workflow, input, options } = start;
    if (options.parent !== undefined) this.#laneOf(workflow, input, options);
    try {
      return { ...(await fresh.joined), isNew: false };
    } catch (error) {
      if (isAlike(options, fresh.options) || this.#needs.committer.hasFailed) throw error;
    }
    // What was refused is the other start: this one is decided on its own, and joins who is next.
    return await this.#joinOrBegin(start);
  }

  /** The run that a start with this input would join; null if there is none. Starts nothing. */
  async find(workflow: AnyWorkflow, input: unknown): Promise<number | null> {
    const { limits, digests, namespace } = this.#needs;
    const text = toJson(input, limits, `input of ${workflow.name}`);
    const parsed = await parse(workflow.definition.input, parseJson(text));
    if (!parsed.ok) return null;
    const key = keyOf(workflow, parsed.value);
    const keyHash = runKeyHash(namespace, workflow.name, key, (t) => digests.hex(t));
    // One that is refused has started nothing: then the store is asked.
    const joined = await this.#fresh.get(keyHash)?.joined.catch(() => null);
    if (joined !== undefined && joined !== null) return joined.run;
    const found = await this.#needs.surely(() =>
      this.#find({ namespace, workflow: workflow.name, key, keyHash }),
    );
    return found?.run ?? null;
  }

  async #findOrBegin(start: Start): Promise<Joined> {
    const { committer, namespace } = this.#needs;
    const { workflow, key, keyHash, options } = start;
    const look = async () =>
      (await this.#find({ namespace, workflow: workflow.name, key, keyHash })) ??
      (await findFormer(this.#needs, start));
    const found = await (options.parent === undefined ? look() : this.#needs.surely(look));
    if (found !== null) {
      // One that has ended holds nobody up: its result is there already.
      if (found.row?.endedAtMs === null) this.#laneOf(workflow, start.input, options);
      return { run: found.run, isNew: false, inputDigest: found.inputDigest };
    }
    refuseUnnamed(workflow, options);
    // A parent has been accepted: its children are part of it and are never refused.
    if (options.parent === undefined) this.#refuseIfFull();
    const run = this.#begin(start);
    await committer.durable();
    return { run, isNew: true, inputDigest: start.digest };
  }

  /**
   * Begins a run in the place of one of its key that has ended, at once. Its start is buffered.
   *
   * @param text - the input as JSON, of which the workflow's schema has made `input`.
   */
  anew(
    workflow: AnyWorkflow,
    input: unknown,
    text: string,
    options: StartOptions & Required<Pick<StartOptions, "anew">>,
  ): number {
    const { digests, namespace } = this.#needs;
    const hex = (t: string) => digests.hex(t);
    const key = keyOf(workflow, input);
    const keyHash = runKeyHash(namespace, workflow.name, key, hex);
    const digest = inputDigest(parseJson(text), hex).slice(0, DIGEST_HEX_LENGTH);
    this.#refuseIfFull();
    return this.#begin({ workflow, input, text, digest, key, keyHash, options });
  }

  #refuseIfFull(): void {
    const { limits, committer } = this.#needs;
    const { strain } = committer;
    const live = this.#needs.liveCount();
    const hasRoom = live < limits.liveRunsMax && committer.backlog.takesIntake;
    if (hasRoom && strain.text === "") return;
    const work = `${strain.text}${String(live)} runs are at work (limit liveRunsMax ${String(limits.liveRunsMax)}), `;
    throw intakeIsFull(committer.backlog, work, "nothing was started");
  }

  #begin({ workflow, input, text, digest, key, keyHash, options }: Start): number {
    const { clock, committer, lanes, namespace, version, places } = this.#needs;
    const { definition, name } = workflow;
    const nowMs = clock.nowMs();
    // The definition's own functions first: one that throws must leave nothing behind in the lane.
    const isOfMessage = options.received !== undefined;
    const described = declaredBy({ name, isOfMessage, isAlways: true }, () =>
      checkedDescription(definition.describe?.(input), `workflow "${name}"`),
    );
    const { deadlineAtMs, lane } = declaredBy({ name, isOfMessage }, () => ({
      deadlineAtMs: deadlineOf(workflow, input, nowMs, options.parent?.deadlineAtMs ?? null),
      lane: this.#laneOf(workflow, input, options),
    }));
    const shard = places.shared?.ofStart({ namespace, lane, keyHash });
    places.require(shard);
    const part = this.#needs.neighbours?.part ?? null;
    const run = nextRunNumber(this.#lastRun, places.shared?.slot ?? 0, nowMs, part);
    this.#lastRun = run;
    const before =
      lane === null ? null : lanes.enter(namespace, lane, run, laned(workflow, options));
    const head: StartedHead = {
      ...described,
      namespace,
      workflow: name,
      key,
      keyHash,
      inputDigest: digest,
      generation: options.anew?.generation ?? 1,
      version: options.version ?? version,
      owner: definition.owner,
      lane,
      correlationId: options.correlationId ?? formatRunId(run),
      startedBy: options.by ?? UNNAMED_STARTER,
      parent: parentOf(options),
      ...restoredOf(options),
      ...anewOf(options),
      ...admittedOf(options),
      state: before === null ? "running" : "waiting",
      reason: before === null ? "" : `waits behind ${formatRunId(before)} in lane "${lane ?? ""}"`,
      deadlineAtMs,
    };
    const started = { run, seq: 1, kind: "started" as const, attempt: 0, name: "" };
    let record: JournalRecord;
    try {
      record = committer.add({ ...started, head, data: text });
    } catch (error) {
      // A description that is no JSON: nothing may stay behind in the lane.
      if (lane !== null) lanes.leave(namespace, lane, run);
      throw error;
    }
    const { received } = options;
    if (received !== undefined) this.#needs.received({ ...received.head, run });
    if (lane !== null && before !== null) this.#needs.waitsInLane(namespace, lane, run);
    const row = rowOf(run, head, nowMs);
    const placed = shard === undefined ? {} : { shard };
    this.#needs.begin({ row, records: [record], ...placed }, input);
    return run;
  }

  /**
   * The lane of the run, if it has one.
   *
   * @throws {HoldfastError} HF1204 if it would wait there for a run that waits for it.
   */
  #laneOf(workflow: AnyWorkflow, input: unknown, { parent }: StartOptions) {
    const { name } = workflow;
    const lane = laneOf(workflow, input);
    if (lane !== null) requireText(lane, `lane of workflow "${name}"`);
    if (lane === null || parent === undefined) return lane;
    const { lanes, namespace, limits } = this.#needs;
    const call = { workflow: name, namespace, lane, caller: parent.run, held: parent.lanes };
    refuseDeadlock(lanes, call, limits.laneWalkMax);
    return lane;
  }

  #find(key: RunKey): Promise<FoundRun | null> {
    return new Promise((resolve, reject) => {
      this.#lookups.push({ key, resolve, reject });
      if (this.#lookups.length === 1) setImmediate(() => void this.#look());
    });
  }

  async #look(): Promise<void> {
    const lookups = this.#lookups;
    this.#lookups = [];
    try {
      const found = await this.#needs.store.find(lookups.map((lookup) => lookup.key));
      for (const [index, lookup] of lookups.entries()) lookup.resolve(found[index] ?? null);
    } catch (error) {
      for (const lookup of lookups) lookup.reject(error);
    }
  }
}

/** What its lane has to know of a new run. */
function laned(workflow: AnyWorkflow, { parent }: StartOptions): Laned {
  return { held: parent?.lanes ?? [], replaces: isLatestWins(workflow) ? workflow.name : null };
}

/** True if what refuses one of two starts of the same key refuses the other one too. */
function isAlike(one: StartOptions, other: StartOptions): boolean {
  const ofNobody = one.parent === undefined && other.parent === undefined;
  return ofNobody && one.received === other.received && one.by === other.by;
}

/** The run keeps the input that it began with; somebody has to see that another one came. */
function differing(run: number, { workflow, text, digest, options }: Start): BesideCase {
  const by = options.by ?? UNNAMED_STARTER;
  return {
    run,
    subject: `start ${digest}`,
    at: "start",
    reasonCode: "HF4107",
    rule: "engine/start-differs@1",
    message: "The run was started again with the same key and another input.",
    because: (stored) => {
      const where = stored === null ? "" : whereDiffering(stored, text, workflow);
      return `Started again by ${by} with the same key and another input${where}. ${firstSentence(run, stored)}; the other one was not started.`;
    },
    owner: workflow.definition.owner,
    data: text,
  };
}

/** Where the inputs differ, in brackets; nothing where that cannot be said. */
function whereDiffering(
  { records, unreadable }: StoredRun,
  text: string,
  { definition }: AnyWorkflow,
): string {
  const first = records[0]?.data ?? null;
  if (first === null || unreadable !== undefined) return "";
  const where = differenceText(parseJson(first), parseJson(text), definition.sensitive);
  return where === null ? "" : ` (${where})`;
}

function firstSentence(run: number, stored: StoredRun | null): string {
  const id = formatRunId(run);
  if (stored === null) return `Run ${id} with this key has left the store for an archive`;
  const { state } = stored.row;
  return `The run ${isFinal(state) ? `is ${state}` : "goes on"} with the input it began with`;
}

function restoredOf({ restoredFromMs }: StartOptions): Pick<StartedHead, "restoredFromMs"> {
  return restoredFromMs === undefined ? {} : { restoredFromMs };
}

function admittedOf({ received }: StartOptions): Pick<StartedHead, "admitted"> {
  const admitted = received?.head.admitted;
  return admitted === undefined ? {} : { admitted };
}

function anewOf({ anew }: StartOptions): Pick<StartedHead, "anew"> {
  if (anew === undefined) return {};
  const { of, by, approvedBy, reason } = anew;
  return { anew: { of, by, approvedBy, reason } };
}

function parentOf({ parent }: StartOptions): StartedHead["parent"] {
  if (parent === undefined) return null;
  const { run, step, lanes, restoredFromMs } = parent;
  return {
    run,
    step,
    ...(lanes.length === 0 ? {} : { lanes }),
    ...(restoredFromMs === null ? {} : { restoredFromMs }),
  };
}
