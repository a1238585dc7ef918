/** The composition root: wires store, engine and tables together. */
import { constants } from "node:os";
import { checkAppOptions, known } from "./app-options.ts";
import type { Duration } from "./core/duration.ts";
import { parseJson } from "./core/json-text.ts";
import { HoldfastError } from "./core/error.ts";
import { maskedText } from "./core/mask-text.ts";
import { checkSensitive, sensitiveTexts } from "./core/sensitive.ts";
import { formatItemId, formatRunId, parseItemId, parseRunId } from "./core/run-number.ts";
import type { FinalRunState } from "./core/run-state.ts";
import type { HoldfastOptions } from "./app-settings.ts";
import { systemClock } from "./engine/clock.ts";
import type { EngineListener } from "./engine/events.ts";
import { logOf } from "./engine-opening.ts";
import { type Engines, Opening, openEngines } from "./engines.ts";
import type { Ingress, IngressOptions } from "./ingress/index.ts";
import { ingressOf } from "./ingress-of-app.ts";
import { requireWork } from "./looking-only.ts";
import type { LateOutcome } from "./engine/steps/step-slot.ts";
import type { RunRow } from "./store/rows.ts";
import { pruneLocal, type PrunedLocal } from "./prune-local.ts";
import { Posting, type Posted } from "./start-in.ts";
import type { PostgresTransaction } from "./store-postgres/post-in.ts";
import type { SqliteTransaction } from "./store-sqlite/post-in.ts";
import type { PostgresDatabase, SqliteDatabase } from "./workflow/local-database.ts";
import {
  requireDefinition,
  requireEventType,
  requireFunction,
} from "./workflow/definition-check.ts";
import type { EventType } from "./workflow/run.ts";
import { parse, problemText, type In, type Out, type Schema } from "./workflow/schema.ts";
import type { Workflow } from "./workflow/workflow.ts";

/** Thrown by `result()` of a run that ended without a result. */
export class RunEnded extends Error {
  override readonly name = "RunEnded";
  readonly runId: string;
  readonly state: Exclude<FinalRunState, "completed">;

  constructor(runId: string, state: Exclude<FinalRunState, "completed">, reason: string) {
    super(`run ${runId} was ${state}: ${reason}`);
    this.runId = runId;
    this.state = state;
  }
}

export interface Handle<T> {
  readonly id: string;
  /** False for a duplicate: the run was there already and this start has joined it. */
  readonly isNew: boolean;
  /**
   * True for a duplicate that brought another input than the run was started with. The run goes on
   * with its own; its owner has an exception that says so.
   */
  readonly differs: boolean;
  /**
   * The run's result, however long it takes.
   *
   * @throws {RunEnded} if the run was stopped or cancelled.
   * @throws {HoldfastError} HF6006 if the run has left the store for an archive.
   */
  result(): Promise<T>;
}

/** What became of something that another person may have to approve. */
export interface Proposed {
  /** Id of the proposal (`prp_...`) that waits for `app.decide`; null: nobody has to, it is done. */
  readonly proposal: string | null;
}

/** Who does something and why; both are on record. */
export interface Actor {
  readonly by: string;
  readonly reason?: string;
}

/**
 * An open transaction of your own, on the database that holds the store: a client of `pg` on which
 * BEGIN was executed, or a `DatabaseSync` of `node:sqlite` on which BEGIN IMMEDIATE was.
 */
export type Transaction = PostgresTransaction | SqliteTransaction;

export interface App {
  /**
   * Starts a run, or joins the one with the same key. Accepted means kept: it survives `kill -9`
   * and loss of power.
   *
   * @param options - `by`: who starts it, which a review that excludes the starter needs.
   * @throws {HoldfastError} HF4102..HF4105 for an input that does not fit, HF4201 if the intake is
   *   full, HF4203 if too many starts with this key have brought another input, HF1108 if nobody is
   *   named and the workflow lists a review that excludes the starter.
   */
  start<N extends string, I extends Schema, O extends Schema>(
    workflow: Workflow<N, I, O>,
    input: In<I>,
    options?: { readonly by?: string; readonly correlationId?: string },
  ): Promise<Handle<Out<O>>>;
  /**
   * Starts a run inside a transaction of your own: both are committed, or neither. Begins once that is
   * committed; one that joins a run with the same key does so then. Opens no engine, so it works in
   * any process. Your table and the store share one database, on SQLite one file.
   *
   * @throws {HoldfastError} HF4102..HF4105 for an input that does not fit, HF1003 and HF1108 as for
   *   `start`, HF5014 if no transaction is open, HF5015 if it is in another database, HF4205 if too
   *   many commands wait for an engine. Nothing was written then, and the transaction goes on.
   */
  startIn<N extends string, I extends Schema, O extends Schema>(
    tx: Transaction,
    workflow: Workflow<N, I, O>,
    input: In<I>,
    options?: { readonly by?: string; readonly correlationId?: string },
  ): Promise<Posted>;
  /**
   * A handler for requests of node:http that start runs: each message is taken once, and each repeat
   * of it gets the same answer. Accepted (202) means kept, as with `start`. It listens on no port.
   *
   * @throws {HoldfastError} HF1001 for an option that is none, HF1109 for a window shorter than the
   *   sender's horizon. What is wrong with a request, its sender is told.
   */
  ingress<N extends string, I extends Schema, O extends Schema>(
    workflow: Workflow<N, I, O>,
    options: IngressOptions<I>,
  ): Ingress;
  /** Where a run stands; null if there is no such run, or it has left for an archive. */
  get(runId: string): Promise<RunRow | null>;
  /** Takes a run back: settles what is unknown, then undoes what was done. */
  cancel(runId: string, actor: Actor): Promise<void>;
  /**
   * Delivers an event; one that nobody waits for yet is kept. `id` is the sender's: within
   * `limits.eventIdsMs` (30 days) the same event again changes nothing.
   *
   * @throws {HoldfastError} HF4102..HF4105 if it does not fit, HF4106 if the id belongs to another
   *   event (nothing is delivered, and its owner has an exception), HF4202 if no more ids can be
   *   remembered, HF4204 if nobody waits for it and no more can be kept.
   */
  send<S extends Schema>(
    event: EventType<S>,
    message: { readonly key: string; readonly id: string; readonly payload: In<S> },
  ): Promise<void>;
  /**
   * Sends an event inside a transaction of your own, as `startIn` starts a run. One that cannot be
   * delivered, because its id belongs to another event, becomes an exception of its owner.
   *
   * @throws {HoldfastError} HF4102..HF4105 if it does not fit; HF5014, HF5015, HF4205 as `startIn`.
   */
  sendIn<S extends Schema>(
    tx: Transaction,
    event: EventType<S>,
    message: { readonly key: string; readonly id: string; readonly payload: In<S> },
  ): Promise<Posted>;
  /**
   * The late answer to a request that an effect returned as `pending`. One that comes before its
   * request is on record is kept for it, for an hour; one that nobody asks for becomes an
   * exception of the owner of the integration.
   *
   * @throws {HoldfastError} HF4102 if a name or the outcome is none, HF6003 for a second answer, HF4201 if too many are kept.
   */
  complete(integration: string, ref: string, outcome: LateOutcome): Promise<void>;
  /** Answers a review, by its id (`rev_...`). */
  answer(reviewId: string, decision: unknown, actor: Actor): Promise<void>;
  /**
   * Says whether an effect (`eff_...`) happened. What may be done only once, and what is about money,
   * another person has to approve: nothing is settled before.
   */
  settle(
    effectId: string,
    said: { readonly happened: boolean; readonly value?: unknown; readonly ref?: string },
    actor: Actor,
  ): Promise<Proposed>;
  /**
   * Approves or rejects what somebody else has proposed (`prp_...`); approved, it is done.
   *
   * @throws {HoldfastError} HF6002 for who has proposed it, HF6003 if it was decided or has expired,
   *   HF6007 if its run has moved since.
   */
  decide(proposalId: string, approve: boolean, actor: Required<Actor>): Promise<void>;
  /** Lets a run go on that waits for a person. */
  resume(runId: string, actor: Actor & { readonly step?: string }): Promise<void>;
  /**
   * Closes an exception (`exc_...`) that no run waits for: what there was to do has been done. The
   * reason goes on record.
   *
   * @throws {HoldfastError} HF6001..HF6004 if there is none, or its run waits for a decision.
   */
  closeException(exceptionId: string, actor: Required<Actor>): Promise<void>;
  /**
   * Takes away what `run.transact` has left in a database of yours: rows of this store that are older
   * than `olderThan` and whose runs have ended. Keep them for as long as you could restore the store
   * from a backup, and for a day at least.
   *
   * @throws {HoldfastError} HF1001 for a time below a day.
   */
  pruneLocal(
    database: PostgresDatabase | SqliteDatabase,
    options: { readonly olderThan: Duration },
  ): Promise<PrunedLocal>;
  /**
   * Opens the store and brings back what was under way, as the program that does so: at a signal it
   * lets attempts in flight end, closes the store, and ends the process with exit code 0, unless
   * others listen to the signal too. `start` opens the store at first use, without the signals.
   *
   * @param options - `signals`: which, default SIGTERM; [] for none.
   */
  listen(options?: { readonly signals?: readonly NodeJS.Signals[] }): Promise<void>;
  /**
   * Everything the engine does, as it does it. The answer ends the subscription. A listener that throws
   * or rejects disturbs nobody: it gets a warning of the process.
   *
   * @throws {HoldfastError} HF1001 for what is no function.
   */
  on(listener: EngineListener): () => void;
  /** Lets attempts in flight end, then closes the store. */
  close(): Promise<void>;
}

/**
 * An app: your workflows on a store.
 *
 * @throws {HoldfastError} HF1001 for an option that is missing or not known; at first use: HF5001
 *   on a Node.js that is too old, HF1002 for two workflows or listed effects of one name,
 *   HF5002..HF5010 for a store that cannot be opened.
 */
export function holdfast(options: HoldfastOptions): App {
  checkAppOptions(options);
  const listeners = new Set<EngineListener>();
  const opening = new Opening(() => openEngines(options, listeners));
  const engines = async () => {
    await requireWork();
    return await opening.engines();
  };
  const posting = postingOf(options);
  return {
    async start(workflow, input, startOptions) {
      requireDefinition("workflow", workflow, "The workflow of app.start");
      const given = known("start", startOptions);
      const running = await engines();
      const { run, ...how } = await running.any().startRun(workflow, input, given);
      return { id: formatRunId(run), ...how, result: () => resultOf(running, workflow, run) };
    },
    ...inTransactions(posting),
    ...localCare(engines),
    ...onRuns(engines),
    ingress: ingressOf({ ...options, log: logOf(options), nowMs: systemNowMs }, engines),
    async send(event, message) {
      const { key, id, payload } = known("send", message);
      await requireEvent(event, payload);
      await (await engines()).any().commands.send(event.name, key, id, payload);
    },
    async complete(integration, ref, outcome) {
      const any = (await engines()).any();
      const away = await any.neighbours?.engineOfAnswer(integration, ref);
      await (away ?? any).commands.complete(integration, ref, outcome);
    },
    async listen(listenOptions) {
      const { signals = DRAIN_SIGNALS } = known("listen", listenOptions) ?? {};
      checkSignals(signals);
      for (const signal of signals) endOnSignal(signal, () => this.close());
      await engines();
    },
    on(listener) {
      requireFunction(listener, "The listener of app.on");
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    async close() {
      // Both at once: nothing new is started from this call on.
      await Promise.all([opening.close(), posting.close()]);
    },
  };
}

function inTransactions(posting: Posting): Pick<App, "startIn" | "sendIn"> {
  return {
    async startIn(tx, workflow, input, options) {
      requireDefinition("workflow", workflow, "The workflow of app.startIn");
      await requireWork();
      return await posting.start(tx, workflow, input, known("startIn", options));
    },
    async sendIn(tx, event, message) {
      known("sendIn", message);
      await requireEvent(event, message.payload);
      await requireWork();
      const { name, sensitive = [] } = event;
      return await posting.send(tx, { ...message, name, sensitive });
    },
  };
}

type OnRuns = "get" | "cancel" | "answer" | "settle" | "decide" | "resume" | "closeException";

/** What is done to a run, by the engine that has it. */
function onRuns(engines: () => Promise<Engines>): Pick<App, OnRuns> {
  return {
    async get(runId) {
      const { run, engine } = await runOf(engines, runId);
      await engine.committer.durable();
      const [stored] = await engine.store.load([run]);
      return stored?.row ?? null;
    },
    async cancel(runId, actor) {
      const { by, reason } = known("cancel", actor);
      const { run, engine } = await runOf(engines, runId);
      await engine.commands.cancel(run, by, reason ?? "");
    },
    async answer(reviewId, decision, actor) {
      const { by, reason } = known("answer", actor);
      const { run, seq } = parseItemId("rev", reviewId);
      const engine = await (await engines()).of(run);
      await engine.commands.answer(run, seq, decision, by, reason ?? "");
    },
    async settle(effectId, outcome, actor) {
      const { happened, value = null, ref = null } = known("settle", outcome);
      const { by, reason = "" } = known("answer", actor);
      const { run, seq: operation } = parseItemId("eff", effectId);
      const engine = await (await engines()).of(run);
      const said = { run, operation, happened, value, ref, by, reason };
      const { proposal } = await engine.commands.repairs.settle(said);
      return { proposal: proposal === null ? null : formatItemId("prp", { run, seq: proposal }) };
    },
    async decide(proposalId, approve, actor) {
      const { by, reason } = known("decide", actor);
      const { run, seq } = parseItemId("prp", proposalId);
      const engine = await (await engines()).of(run);
      const decision = { run, seq, approve, by, reason, command: null };
      await engine.commands.repairs.decide(decision);
    },
    async resume(runId, actor) {
      const { by, reason, step } = known("resume", actor);
      const { run, engine } = await runOf(engines, runId);
      await engine.commands.resume(run, step ?? null, by, reason ?? "");
    },
    async closeException(exceptionId, actor) {
      const { by, reason } = known("closeException", actor);
      const { run, seq } = parseItemId("exc", exceptionId);
      const engine = await (await engines()).ofException(run, seq);
      await engine.exceptions.beside.close({ run, seq }, by, reason);
    },
  };
}

/** A run by its public id, and the engine that has it. */
async function runOf(engines: () => Promise<Engines>, runId: string) {
  const run = parseRunId(runId);
  return { run, engine: await (await engines()).of(run) };
}

function localCare(engines: () => Promise<Engines>): Pick<App, "pruneLocal"> {
  return {
    async pruneLocal(database, options) {
      const { olderThan } = known("pruneLocal", options);
      let sum: PrunedLocal = { removed: 0, kept: 0 };
      for (const { store } of (await engines()).all()) {
        const { removed, kept } = await pruneLocal(store, database, olderThan);
        sum = { removed: sum.removed + removed, kept: sum.kept + kept };
      }
      return sum;
    },
  };
}

function postingOf({ store, workflows, limits, payloads }: HoldfastOptions): Posting {
  const stores = typeof store === "string" ? [store] : Object.values(store);
  const given = { stores, workflows, keyRing: payloads?.keyRing, nowMs: systemNowMs };
  return new Posting({ ...given, ...(limits === undefined ? {} : { limits }) });
}

/** @throws {HoldfastError} HF1001 for what is no event, HF4102 if the event's payload is not what its schema takes. */
async function requireEvent(event: EventType<Schema>, payload: unknown): Promise<void> {
  requireEventType(event, "The event that is sent");
  checkSensitive(`event "${event.name}"`, event.sensitive);
  const parsed = await parse(event.schema, payload);
  if (!parsed.ok) throw invalidEvent(event.name, maskedProblems(event, payload, parsed.problems));
}

const DRAIN_SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM"];

/** @throws {HoldfastError} HF1001 for a name that is no signal of this system: nobody would ever send it. */
function checkSignals(signals: readonly unknown[]): void {
  const isList = Array.isArray(signals);
  const wrong = isList
    ? signals.find((name) => !Object.keys(constants.signals).includes(name))
    : signals;
  if (isList && wrong === undefined) return;
  throw new HoldfastError(
    "HF1001",
    `The option "signals" of app.listen is not valid: expected a list of names of signals, got ${isList ? "one with " : ""}${String(wrong).slice(0, 40)}.`,
    'Give signals: ["SIGTERM", "SIGINT"], or leave it out.',
  );
}

/** The default of a signal is death on the spot; this one drains first. */
function endOnSignal(signal: NodeJS.Signals, close: () => Promise<void>): void {
  const drain = () => {
    // First in line, so that those who listen once are still counted.
    const others = process.listenerCount(signal) - 1;
    process.removeListener(signal, drain);
    void close().then(() => {
      if (others === 0) process.exit(0);
    });
  };
  process.prependListener(signal, drain);
}

async function resultOf<N extends string, I extends Schema, O extends Schema>(
  engines: Engines,
  workflow: Workflow<N, I, O>,
  run: number,
): Promise<Out<O>> {
  const end = await (await engines.of(run)).end(run);
  if (end.state !== "completed") throw new RunEnded(formatRunId(run), end.state, end.reason);
  const parsed = await parse(workflow.definition.output, parseJson(end.data ?? "null"));
  if (!parsed.ok) {
    throw new HoldfastError(
      "HF4102",
      `The recorded result of run ${formatRunId(run)} no longer fits the output schema of "${workflow.name}".`,
      `Read it as it is with: holdfast show ${formatRunId(run)}`,
    );
  }
  return parsed.value;
}

/** What is wrong with a payload, without what is sensitive in it. */
function maskedProblems(
  { sensitive = [] }: EventType<Schema>,
  payload: unknown,
  problems: Parameters<typeof problemText>[0],
): string {
  return maskedText(problemText(problems), sensitiveTexts(payload, sensitive));
}

function invalidEvent(name: string, problems: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `Event "${name}" is not valid: ${problems}. Nothing was sent.`,
    "Mend the payload and send it again.",
  );
}

function systemNowMs(): number {
  return systemClock.nowMs();
}
