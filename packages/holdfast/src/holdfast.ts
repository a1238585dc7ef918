/** The composition root: wires store, engine and tables together. */
import { checkAppOptions, known } from "./app-options.ts";
import type { Duration } from "./core/duration.ts";
import { parseJson } from "./core/json-text.ts";
import { formatError, HoldfastError } from "./core/error.ts";
import { maskedText } from "./core/mask-text.ts";
import { checkSensitive, sensitiveTexts } from "./core/sensitive.ts";
import { formatItemId, formatRunId, parseItemId, parseRunId } from "./core/run-number.ts";
import type { AppRetention } from "./core/retention.ts";
import type { FinalRunState } from "./core/run-state.ts";
import { classifyForeign } from "./foreign-errors.ts";
import { systemClock, systemRandom } from "./engine/clock.ts";
import { Engine } from "./engine/engine.ts";
import type { EngineEvent, EngineListener } from "./engine/events.ts";
import type { EngineLimits } from "./engine/limits.ts";
import type { LateOutcome } from "./engine/steps/step-slot.ts";
import type { RunRow } from "./store/rows.ts";
import type { Store } from "./store/store.ts";
import { readKeyRing, withPayloads } from "./payload/index.ts";
import { pruneLocal, type PrunedLocal } from "./prune-local.ts";
import { Posting, type Posted } from "./start-in.ts";
import { placeOf, shownAddress } from "./store-address.ts";
import { openPostgresStore } from "./store-postgres/index.ts";
import type { PostgresTransaction } from "./store-postgres/post-in.ts";
import { openSqliteStore } from "./store-sqlite/index.ts";
import type { SqliteTransaction } from "./store-sqlite/post-in.ts";
import type { AnyEffect } from "./workflow/effect.ts";
import type { PostgresDatabase, SqliteDatabase } from "./workflow/local-database.ts";
import type { EventType } from "./workflow/run.ts";
import { parse, problemText, type In, type Out, type Schema } from "./workflow/schema.ts";
import type { AnyWorkflow, Workflow } from "./workflow/workflow.ts";

export interface HoldfastOptions {
  /**
   * `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, which needs the package `pg` and the store's
   * key (see `postgres`); `:memory:` keeps nothing and is for tests.
   */
  readonly store:
    | `sqlite:${string}`
    | `postgres://${string}`
    | `postgresql://${string}`
    | ":memory:";
  /** For a store on PostgreSQL. The key is taken from HOLDFAST_STORE_KEY if it is not given here. */
  readonly postgres?: PostgresSettings;
  /** Payloads that do not lie in the store in plain form. */
  readonly payloads?: PayloadSettings;
  readonly workflows: readonly AnyWorkflow[];
  /**
   * Your effects. A run whose code no longer fits it (HF2104) is cancelled without its code: what it
   * did is undone by the effects of these names, and of those that code has asked for since the app
   * has started. What is in neither is given to its owner (HF3004). Default: none.
   */
  readonly effects?: readonly AnyEffect[];
  /** Version of your code. Runs remember the version they began with. Default "1". */
  readonly version?: string;
  readonly limits?: Partial<EngineLimits>;
  /** Owns what belongs to no run, such as two events with one id. Default "operators". */
  readonly owner?: string;
  /**
   * How long runs are kept at least; a workflow may say otherwise for its own. Nothing leaves the store
   * by itself: `holdfast archive` lets go of what may leave. Default: completed runs may leave when
   * somebody archives them, others never, and keys are kept for ever.
   */
  readonly retention?: AppRetention;
  /**
   * Gets one line whenever a run needs a person (also for a review, and when that is overdue):
   * which, why, and where to look; and whenever the store does not answer. Default: standard error, so that a run that waits for somebody does not
   * look like one that hangs.
   */
  readonly log?: (line: string) => void;
}

export interface PostgresSettings {
  /** The store's key, as `holdfast store key` prints it, or its 32 bytes. */
  readonly key?: string | Uint8Array;
  /** A file that holds it. */
  readonly keyFile?: string;
  /** Where the newest seals are kept outside the database; default: nowhere. */
  readonly anchorFile?: string;
  /**
   * True: this app is one worker of several on the store, which share its runs. All of them say so.
   * Default: this app alone, and another is refused.
   */
  readonly shared?: boolean;
  /**
   * An engine that has not shown for so long that it lives is replaced, milliseconds. Default
   * 15,000, where workers share a store 3,000. An app that starts waits so long for the lease of
   * another before it is refused.
   */
  readonly leaseMs?: number;
}

export interface PayloadSettings {
  /**
   * File of a key ring (`holdfast store key --new-ring FILE`): what is declared sensitive, and what
   * nobody has declared, is sealed with its current key. Read at the first use of the app. Once a
   * store has sealed payloads it needs its ring. Default: nothing is sealed.
   */
  readonly keyRing?: string;
  /**
   * Directory for payloads longer than `inlineBytesMax`, each in a file of its own; made if it is
   * not there. Or a bucket that is there, `s3://BUCKET/PREFIX`, with the package
   * `@aws-sdk/client-s3`; its credentials and region come from the environment. It belongs to the
   * store, and to its backups. Default: all stay in the store.
   */
  readonly directory?: string;
  /** Longest payload that stays in the store, bytes of its stored text. Default 65,536. */
  readonly inlineBytesMax?: number;
}

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
  /** Says whether an effect (`eff_...`) happened. */
  settle(
    effectId: string,
    said: { readonly happened: boolean; readonly value?: unknown; readonly ref?: string },
    actor: Actor,
  ): Promise<void>;
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
  /** Everything the engine does, as it does it. The answer ends the subscription. */
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
  const opening = new Opening(() => openEngine(options, listeners));
  const engine = () => opening.engine();
  const posting = postingOf(options);
  return {
    async start(workflow, input, startOptions) {
      const given = known("start", startOptions);
      const running = await engine();
      const { run, ...how } = await running.startRun(workflow, input, given);
      return { id: formatRunId(run), ...how, result: () => resultOf(running, workflow, run) };
    },
    ...inTransactions(posting),
    ...localCare(engine),
    async get(runId) {
      const running = await engine();
      await running.committer.durable();
      const [stored] = await running.store.load([parseRunId(runId)]);
      return stored?.row ?? null;
    },
    async cancel(runId, actor) {
      const { by, reason } = known("cancel", actor);
      await (await engine()).commands.cancel(parseRunId(runId), by, reason ?? "");
    },
    async send(event, message) {
      const { key, id, payload } = known("send", message);
      await requireEvent(event, payload);
      await (await engine()).commands.send(event.name, key, id, payload);
    },
    async complete(integration, ref, outcome) {
      await (await engine()).commands.complete(integration, ref, outcome);
    },
    async answer(reviewId, decision, actor) {
      const { by, reason } = known("answer", actor);
      const { run, seq } = parseItemId("rev", reviewId);
      await (await engine()).commands.answer(run, seq, decision, by, reason ?? "");
    },
    async settle(effectId, said, actor) {
      const { happened, value = null, ref = null } = known("settle", said);
      const { by, reason = "" } = known("answer", actor);
      const { run, seq: operation } = parseItemId("eff", effectId);
      const running = await engine();
      await running.commands.settle({ run, operation, happened, value, ref, by, reason });
    },
    async resume(runId, actor) {
      const { by, reason, step } = known("resume", actor);
      await (await engine()).commands.resume(parseRunId(runId), step ?? null, by, reason ?? "");
    },
    async closeException(exceptionId, actor) {
      const { by, reason } = known("closeException", actor);
      await (await engine()).beside.close(parseItemId("exc", exceptionId), by, reason);
    },
    async listen(listenOptions) {
      const { signals = DRAIN_SIGNALS } = known("listen", listenOptions) ?? {};
      for (const signal of signals) endOnSignal(signal, () => this.close());
      await engine();
    },
    on(listener) {
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
      return await posting.start(tx, workflow, input, known("startIn", options));
    },
    async sendIn(tx, event, message) {
      known("sendIn", message);
      await requireEvent(event, message.payload);
      const { name, sensitive = [] } = event;
      return await posting.send(tx, { ...message, name, sensitive });
    },
  };
}

function localCare(engine: () => Promise<Engine>): Pick<App, "pruneLocal"> {
  return {
    async pruneLocal(database, options) {
      const { olderThan } = known("pruneLocal", options);
      return await pruneLocal((await engine()).store, database, olderThan);
    },
  };
}

function postingOf({ store, workflows, limits, payloads }: HoldfastOptions): Posting {
  const nowMs = systemNowMs;
  const given = { store, workflows, keyRing: payloads?.keyRing, nowMs };
  return new Posting({ ...given, ...(limits === undefined ? {} : { limits }) });
}

/** @throws {HoldfastError} HF4102 if the event's payload is not what its schema takes. */
async function requireEvent(event: EventType<Schema>, payload: unknown): Promise<void> {
  checkSensitive(`event "${event.name}"`, event.sensitive);
  const parsed = await parse(event.schema, payload);
  if (!parsed.ok) throw invalidEvent(event.name, maskedProblems(event, payload, parsed.problems));
}

/** Opens the engine at first use, once. */
class Opening {
  readonly #open: () => Promise<Engine>;
  #engine: Promise<Engine> | null = null;

  constructor(open: () => Promise<Engine>) {
    this.#open = open;
  }

  engine(): Promise<Engine> {
    this.#engine ??= this.#open().catch((error: unknown) => {
      // Nothing is kept of an opening that failed: the next use tries again.
      this.#engine = null;
      throw error;
    });
    return this.#engine;
  }

  async close(): Promise<void> {
    if (this.#engine !== null) await (await this.#engine).close();
  }
}

async function openEngine(
  options: HoldfastOptions,
  listeners: Set<EngineListener>,
): Promise<Engine> {
  const { keyRing, ...kept } = options.payloads ?? {};
  const given = { ...kept, ...(keyRing === undefined ? {} : { ring: readKeyRing(keyRing) }) };
  const store = await openStore(options);
  try {
    return await engineOn(await withPayloads(store, given), options, listeners);
  } catch (error) {
    // The lock and the writer go too, or the next try would be refused by ourselves.
    await store.close();
    throw error;
  }
}

async function engineOn(
  store: Store,
  options: HoldfastOptions,
  listeners: Set<EngineListener>,
): Promise<Engine> {
  const engine = new Engine({
    store,
    clock: systemClock,
    random: systemRandom,
    workflows: options.workflows,
    effects: options.effects ?? [],
    version: options.version ?? "1",
    limits: options.limits ?? {},
    ...(options.owner === undefined ? {} : { owner: options.owner }),
    ...(options.retention === undefined ? {} : { retention: options.retention }),
    foreign: classifyForeign,
  });
  engine.on((event) => {
    for (const listener of listeners) listener(event);
  });
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  engine.on((event) => {
    if (event.type === "exception.opened") log(needsPerson(event));
    if (event.type === "review.asked" || event.type === "review.overdue") log(needsAnswer(event));
    if (event.type === "store.retry") log(cannotRead(event));
  });
  store.onFatal((error) => {
    engine.emit({ type: "engine.fatal", message: error.message });
    endProcess(error);
  });
  await engine.start();
  return engine;
}

function needsPerson(event: Extract<EngineEvent, { type: "exception.opened" }>): string {
  const { run, workflow, key, step, owner, because } = event;
  const id = formatRunId(run);
  if (event.beside === true) {
    const what = workflow === "" ? "" : ` ${id} (${workflow}, ${JSON.stringify(key)}):`;
    return `holdfast:${what} ${owner} has to look: ${because} Look: npx holdfast exceptions`;
  }
  const place = step === "" ? "its code" : `step ${JSON.stringify(step)}`;
  return `holdfast: ${id} (${workflow}, ${JSON.stringify(key)}) needs ${owner} at ${place}: ${because} Look: npx holdfast why ${id}`;
}

function needsAnswer(
  event: Extract<EngineEvent, { type: "review.asked" | "review.overdue" }>,
): string {
  const { run, workflow, key, seq, review } = event;
  const id = formatItemId("rev", { run, seq });
  const due =
    "dueAtMs" in event && event.dueAtMs !== null
      ? ` until ${new Date(event.dueAtMs).toISOString()}`
      : "";
  const said =
    event.type === "review.overdue"
      ? `is overdue: nobody has answered ${JSON.stringify(review)} in time; it goes to ${event.to}.`
      : `asks ${event.by} to decide ${JSON.stringify(review)}${due}.`;
  return `holdfast: ${formatRunId(run)} (${workflow}, ${JSON.stringify(key)}) ${said} What it takes: npx holdfast reviews. Answer: npx holdfast answer ${id} DECISION`;
}

function cannotRead({
  what,
  message,
  delayMs,
}: Extract<EngineEvent, { type: "store.retry" }>): string {
  return `holdfast: the store did not answer (${what}): ${message}. It is asked again in ${String(delayMs)} ms; nothing is lost. If this goes on, run: npx holdfast store verify`;
}

const DRAIN_SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM"];

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

/** Nothing may be written over a hole: the process ends, and recovery goes on from what is durable. */
function endProcess(error: Error): void {
  const text = error instanceof HoldfastError ? formatError(error) : error.message;
  process.stderr.write(`The store has failed, the process ends.\n${text}\n`);
  process.exit(70);
}

function systemNowMs(): number {
  return systemClock.nowMs();
}

/** Of a store on PostgreSQL, milliseconds: an engine that died without a word is gone after it. */
const LEASE_MS = 15_000;
const SHARED_LEASE_MS = 3_000;
/** A lease that has just run out is seen a little later. */
const LEASE_SLACK_MS = 1000;

function openStore({ store, postgres = {} }: HoldfastOptions): Promise<Store> {
  const nowMs = systemNowMs;
  if (store === ":memory:") return openSqliteStore({ path: store, thread: "inline", nowMs });
  const place = placeOf(store);
  if (place?.kind === "sqlite") return openSqliteStore({ path: place.path, nowMs });
  if (place?.kind === "postgres") {
    const leaseMs = postgres.leaseMs ?? (postgres.shared === true ? SHARED_LEASE_MS : LEASE_MS);
    const waitMsMax = leaseMs + LEASE_SLACK_MS;
    return openPostgresStore({ ...postgres, url: place.url, nowMs, leaseMs, waitMsMax });
  }
  throw new HoldfastError(
    "HF5002",
    `The store ${shownAddress(store)} cannot be opened: expected sqlite:PATH or postgres://USER@HOST/DATABASE.`,
    'Give store: "sqlite:./holdfast.db".',
  );
}

async function resultOf<N extends string, I extends Schema, O extends Schema>(
  engine: Engine,
  workflow: Workflow<N, I, O>,
  run: number,
): Promise<Out<O>> {
  const end = await engine.end(run);
  if (end.state !== "completed") throw new RunEnded(formatRunId(run), end.state, end.reason);
  const parsed = await parse(workflow.definition.output, parseJson(end.data ?? "null"));
  if (!parsed.ok) {
    throw new HoldfastError(
      "HF4102",
      `The recorded result of run ${formatRunId(run)} no longer fits the output schema of "${workflow.name}".`,
      "Read it as it is with: holdfast show.",
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
