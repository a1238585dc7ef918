/**
 * Starting runs: one run per (namespace, workflow, key). A second start joins the first.
 *
 * Accepted means durable: the promise resolves after the flush that holds the start. Look-ups of
 * keys are gathered, one message to the store per turn of the event loop.
 */
import { parseJson } from "../core/json-text.ts";
import { HoldfastError } from "../core/error.ts";
import type { JournalRecord, StartedHead } from "../core/journal.ts";
import { UNNAMED_STARTER } from "../core/person.ts";
import { runKeyHash } from "../core/operation-key.ts";
import { maskedText } from "../core/mask-text.ts";
import { formatRunId, nextRunNumber } from "../core/run-number.ts";
import { sensitiveTexts } from "../core/sensitive.ts";
import { isWellFormed } from "../core/well-formed.ts";
import type { FoundRun, RunKey, Store } from "../store/store.ts";
import type { RunRow, StoredRun } from "../store/rows.ts";
import { parse, problemText } from "../workflow/schema.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import { intakeIsFull } from "./backlog.ts";
import { checkedDescription, requireText } from "./checked-values.ts";
import type { Clock } from "./clock.ts";
import type { Committer } from "./committer.ts";
import type { Digests } from "./digest.ts";
import type { Lanes } from "./lanes.ts";
import type { EngineLimits } from "./limits.ts";
import { toJson } from "./payload.ts";

export interface StartOptions {
  readonly by?: string;
  readonly correlationId?: string;
  readonly parent?: { readonly run: number; readonly step: string; readonly lane: string | null };
}

export interface Started {
  readonly run: number;
  readonly isNew: boolean;
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
}

/** Characters of a business key. */
const KEY_CHARS_MAX = 512;

export class Starts {
  readonly #needs: StartsNeeds;
  #lastRun: number;
  /** Starts that are decided but not yet durable, by key hash. */
  readonly #fresh = new Map<string, Promise<Started>>();
  #lookups: {
    key: RunKey;
    resolve: (found: FoundRun | null) => void;
    reject: (e: unknown) => void;
  }[] = [];

  constructor(needs: StartsNeeds) {
    this.#needs = needs;
    this.#lastRun = needs.store.lastRun;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#fresh.size + this.#lookups.length;
  }

  /**
   * @throws {HoldfastError} HF4102 if the input does not fit, HF4103..5 if it is no plain JSON or
   *   too large, HF4201 if the intake is full. Nothing is started then.
   */
  async start(workflow: AnyWorkflow, input: unknown, options: StartOptions = {}): Promise<Started> {
    const { limits, digests, namespace } = this.#needs;
    const { by, correlationId } = options;
    if (by !== undefined) requireText(by, `name of who starts workflow "${workflow.name}"`);
    if (correlationId !== undefined)
      requireText(correlationId, `correlationId of a start of workflow "${workflow.name}"`);
    const what = `input of ${workflow.name}`;
    const { sensitive } = workflow.definition;
    const text = toJson(input, limits, what);
    // The copy is what the journal keeps, so that the first execution sees what recovery will see.
    const parsed = await parse(workflow.definition.input, parseJson(text));
    if (!parsed.ok) {
      const said = problemText(parsed.problems);
      const problems = maskedText(said, sensitiveTexts(parseJson(text), sensitive ?? []));
      throw new HoldfastError(
        "HF4102",
        `The ${what} is not valid: ${problems}. Nothing was started.`,
        "Mend the input and start again.",
      );
    }
    const key = this.#keyOf(workflow, parsed.value);
    const keyHash = runKeyHash(namespace, workflow.name, key, (t) => digests.hex(t));
    const fresh = this.#fresh.get(keyHash);
    if (fresh !== undefined) return { ...(await fresh), isNew: false };
    const started = this.#startOrJoin(workflow, parsed.value, text, key, keyHash, options);
    this.#fresh.set(keyHash, started);
    try {
      return await started;
    } finally {
      this.#fresh.delete(keyHash);
    }
  }

  async #startOrJoin(
    workflow: AnyWorkflow,
    input: unknown,
    text: string,
    key: string,
    keyHash: string,
    options: StartOptions,
  ): Promise<Started> {
    const { committer, namespace } = this.#needs;
    const found = await this.#find({ namespace, workflow: workflow.name, keyHash });
    if (found !== null) return { run: found.run, isNew: false };
    refuseUnnamed(workflow, options);
    // A parent has been accepted: its children are part of it and are never refused.
    if (options.parent === undefined) this.#refuseIfFull();
    const run = this.#begin(workflow, input, text, key, keyHash, options);
    await committer.durable();
    return { run, isNew: true };
  }

  #refuseIfFull(): void {
    const { limits, committer } = this.#needs;
    const live = this.#needs.liveCount();
    if (live < limits.liveRunsMax && committer.backlog.takesIntake) return;
    const work = `${String(live)} runs are at work (limit liveRunsMax ${String(limits.liveRunsMax)}), `;
    throw intakeIsFull(committer.backlog, work, "nothing was started");
  }

  #begin(
    workflow: AnyWorkflow,
    input: unknown,
    text: string,
    key: string,
    keyHash: string,
    options: StartOptions,
  ): number {
    const { clock, committer, lanes, namespace, version } = this.#needs;
    const { definition, name } = workflow;
    const nowMs = clock.nowMs();
    // The definition's own functions first: one that throws must leave nothing behind in the lane.
    const what = `workflow "${name}"`;
    const described = checkedDescription(definition.describe?.(input), what);
    const lane = definition.lane?.(input) ?? null;
    if (lane !== null) requireText(lane, `lane of ${what}`);
    if (lane !== null && lane === options.parent?.lane) throw ownLane(workflow.name, lane);
    const run = nextRunNumber(this.#lastRun, 0, nowMs);
    this.#lastRun = run;
    const before = lane === null ? null : lanes.enter(namespace, lane, run);
    const head: StartedHead = {
      ...described,
      namespace,
      workflow: name,
      key,
      keyHash,
      generation: 1,
      version,
      owner: definition.owner,
      lane,
      correlationId: options.correlationId ?? formatRunId(run),
      startedBy: options.by ?? UNNAMED_STARTER,
      parent: parentOf(options),
      state: before === null ? "running" : "waiting",
      reason: before === null ? "" : `waits behind ${formatRunId(before)} in lane "${lane ?? ""}"`,
      deadlineAtMs: null,
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
    this.#needs.begin({ row: rowOf(run, head, nowMs), records: [record] }, input);
    return run;
  }

  #keyOf(workflow: AnyWorkflow, input: unknown): string {
    const key = workflow.definition.key(input);
    // Half a surrogate pair would be stored as another text, and two keys would be one.
    if (typeof key === "string" && key !== "" && key.length <= KEY_CHARS_MAX && isWellFormed(key))
      return key;
    throw new HoldfastError(
      "HF4102",
      `The key of workflow "${workflow.name}" must be a text of 1 to ${String(KEY_CHARS_MAX)} whole characters. Nothing was started.`,
      "Mend the input, or the workflow's key function.",
    );
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

/** The row that the store will hold once the start is durable. */
function rowOf(run: number, head: StartedHead, nowMs: number): RunRow {
  return {
    run,
    namespace: head.namespace,
    workflow: head.workflow,
    key: head.key,
    generation: head.generation,
    version: head.version,
    owner: head.owner,
    lane: head.lane,
    correlationId: head.correlationId,
    startedBy: head.startedBy,
    state: head.state,
    reason: head.reason,
    wakeAtMs: null,
    dependency: null,
    parentRun: head.parent?.run ?? null,
    parentStep: head.parent?.step ?? null,
    startedAtMs: nowMs,
    updatedAtMs: nowMs,
    endedAtMs: null,
    deadlineAtMs: head.deadlineAtMs,
    compensated: "no",
    amount: head.amount ?? null,
    currency: head.currency ?? null,
    keys: head.keys === undefined ? null : JSON.stringify(head.keys),
  };
}

function parentOf({ parent }: StartOptions): StartedHead["parent"] {
  return parent === undefined ? null : { run: parent.run, step: parent.step };
}

/** A review that excludes the starter would exclude nobody. */
function refuseUnnamed(workflow: AnyWorkflow, { by = UNNAMED_STARTER }: StartOptions): void {
  if (by !== UNNAMED_STARTER) return;
  const review = workflow.definition.reviews?.find((r) => r.definition.notBy === "starter");
  if (review !== undefined) throw unnamedStarter(review.name, `workflow ${workflow.name}`);
}

/** @param where - the workflow or run that would ask it. */
export function unnamedStarter(review: string, where: string): HoldfastError {
  return new HoldfastError(
    "HF1108",
    `Review "${review}" excludes who started the run, and nobody is on record as that.`,
    "Say who starts it: app.start(workflow, input, { by }). A run that was started without that can be cancelled and started anew.",
    { where },
  );
}

function ownLane(workflow: string, lane: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `Workflow "${workflow}" was called by a run of the same lane "${lane}": they would wait for each other.`,
    "Give the called workflow another lane, or none: its caller holds the lane already.",
  );
}
