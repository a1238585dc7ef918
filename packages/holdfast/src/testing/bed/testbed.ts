/**
 * A bed to try workflows in: the same engine as in production, on a database in memory, under virtual
 * time, with a fake world in the place of the other systems. Neutral to the test framework.
 */
import { requireDefinition, requireEventType } from "../../workflow/definition-check.ts";
import { durationMs, type Duration } from "../../core/duration.ts";
import { HoldfastError } from "../../core/error.ts";
import type { AskedHead, JournalRecord } from "../../core/journal.ts";
import type { JsonChange } from "../../core/json-edit.ts";
import { parseJson } from "../../core/json-text.ts";
import { formatRunId, parseRunId } from "../../core/run-number.ts";
import { isFinal } from "../../core/run-state.ts";
import type { EngineLimits } from "../../engine/limits.ts";
import type { LateOutcome } from "../../engine/steps/step-slot.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { AnyEffect, Effect } from "../../workflow/effect.ts";
import type { AnyReview, Review } from "../../workflow/review.ts";
import type { EventType } from "../../workflow/run.ts";
import { checkOptions } from "../../workflow/known-options.ts";
import type { In, Schema } from "../../workflow/schema.ts";
import type { AnyWorkflow, Workflow } from "../../workflow/workflow.ts";
import { BedLives } from "./bed-lives.ts";
import type { RunStands } from "../../store-sqlite/memory.ts";
import { Operators, type ByHand } from "./operators.ts";
import { EffectStub, type AnyStub } from "./effect-stub.ts";
import { runView, type RunView } from "./run-view.ts";

export interface TestbedOptions {
  readonly workflows: readonly AnyWorkflow[];
  /** As `effects` of `holdfast`: those by which a run is undone whose code does not ask for them. */
  readonly effects?: readonly AnyEffect[];
  /** The same seed gives the same keys, delays and ids. Default 1. */
  readonly seed?: number;
  /** Of the code, as in `holdfast`. Default "1". */
  readonly version?: string;
  /** Versions before it, as in `holdfast`. */
  readonly earlierVersions?: readonly string[];
  readonly limits?: Partial<EngineLimits>;
}

export interface Testbed {
  /** What an effect's system does in this bed, and what has been done there. */
  on<I extends Schema, O extends Schema>(effect: Effect<I, O>): EffectStub<I, O>;
  /** Answers every such review from now on, as soon as it is asked. */
  decide<S extends Schema, D extends Schema>(
    review: Review<S, D>,
    decision: In<D>,
    as: { readonly user: string },
  ): void;
  /** The event comes once a run has begun: at once, or when a run waits for it. */
  sends<S extends Schema>(
    event: EventType<S>,
    message: { readonly key: string; readonly id: string; readonly payload: In<S> },
  ): void;
  /** The late answer to an accepted request comes: kept for it if it is too early. */
  completes(integration: string, ref: string, outcome: LateOutcome): void;
  /**
   * Starts a run, and lets everything happen that needs no time. Twice with one key is one run.
   *
   * @param options - `began`: one of `earlierVersions`, with which it has begun: for `run.since`.
   */
  start<N extends string, I extends Schema, O extends Schema>(
    workflow: Workflow<N, I, O>,
    input: In<I>,
    options?: { readonly by?: string; readonly began?: string },
  ): Promise<RunView>;
  /**
   * Answers the open review of that name.
   *
   * @param as - `run`: the id of its run, where several wait.
   * @throws {Error} if none is open, or several are and no run is named.
   */
  answer<S extends Schema, D extends Schema>(
    review: Review<S, D>,
    decision: In<D>,
    as: { readonly user: string; readonly run?: string },
  ): Promise<RunView>;
  /** Sends an event, as `app.send`. */
  send<S extends Schema>(
    event: EventType<S>,
    message: { readonly key: string; readonly id: string; readonly payload: In<S> },
  ): Promise<void>;
  /** The late answer to an accepted request, as `app.complete`. */
  complete(integration: string, ref: string, outcome: LateOutcome): Promise<void>;
  cancel(run: string, options: { readonly by: string; readonly reason: string }): Promise<RunView>;
  /**
   * Says what became of a call whose outcome is unknown, as `holdfast settle`: with the result, if it
   * happened.
   *
   * @throws {HoldfastError} HF6001, HF6003 (it is known), HF4102 (the value does not fit), HF6002 (a second
   *   person is needed).
   */
  settle<I extends Schema, O extends Schema>(
    run: string,
    effect: Effect<I, O>,
    said:
      | { readonly happened: true; readonly value: In<O>; readonly ref?: string }
      | { readonly happened: false },
    hand: ByHand,
  ): Promise<RunView>;
  /** Lets a run go on that waits for a person, as `holdfast resume`; without `step` all of it that may. */
  resume(
    run: string,
    hand: { readonly by: string; readonly reason: string; readonly step?: string },
  ): Promise<RunView>;
  /**
   * Lets an effect be tried again that waits for a person: with `set` as `holdfast edit`, else as `resume`.
   *
   * @param said - `set`: changes by JSON pointers, within what the effect declares `editable`; `newKey`: the
   *   intent is another one.
   */
  retry<I extends Schema, O extends Schema>(
    run: string,
    effect: Effect<I, O>,
    said: { readonly set?: readonly JsonChange[]; readonly newKey?: true },
    hand: ByHand,
  ): Promise<RunView>;
  /** Gives an effect's result by hand, as `holdfast supply`; with `skipped` as `holdfast skip`. */
  supply<I extends Schema, O extends Schema>(
    run: string,
    effect: Effect<I, O>,
    said: { readonly value: In<O>; readonly ref?: string; readonly skipped?: true },
    hand: ByHand,
  ): Promise<RunView>;
  /** The run as it stands now. */
  run(id: string): Promise<RunView>;
  /** All runs of this bed, children among them, in the order of their starts. */
  runs(): Promise<readonly RunView[]>;
  /** Lets that much time pass: timers fire in order, and nobody waits for real. */
  advance(time: Duration): Promise<void>;
  /**
   * Lets time pass until every run has ended, or waits for a person or an event, and no request is on
   * its way any more. At most 60 days.
   */
  rest(): Promise<readonly RunView[]>;
  /** Lets everything happen that needs no time. */
  settled(): Promise<void>;
  /** The process dies between two moments; the next one recovers from what was on disk. */
  crash(): Promise<void>;
  /** The time that the bed has come to. */
  now(): Date;
  close(): Promise<void>;
}

/** How long `rest` waits: longer than any deadline that a test would declare. */
const REST_MS_MAX = 60 * 86_400_000;
/** Timers that `rest` lets fire: a run that waits more often than that in 60 days goes round in circles. */
const REST_TIMERS_MAX = 1_000;
/** Times that standing decisions are given in one wait: a review that asks again and again. */
const DECISIONS_MAX = 1_000;

const KNOWN = {
  workflows: "any",
  effects: "any",
  seed: "number",
  version: "text",
  earlierVersions: "any",
  limits: "object",
} as const;

/** Made at once; the engine starts with the first thing that is asked of it. */
export function testbed(options: TestbedOptions): Testbed {
  return new Bed(options);
}

interface Standing {
  readonly decision: unknown;
  readonly user: string;
}

export class Bed implements Testbed {
  readonly lives: BedLives;
  readonly #people: Operators;
  readonly #earlierVersions: readonly string[];
  readonly #stubs = new Map<string, AnyStub>();
  readonly #standing = new Map<string, Standing>();
  /** What comes from outside once a run has begun, and has not come yet. */
  readonly #toCome: ((commands: Commands) => Promise<void>)[] = [];

  constructor(options: TestbedOptions) {
    checkOptions("testbed", options, KNOWN);
    const {
      workflows,
      effects = [],
      seed = 1,
      version = "1",
      earlierVersions = [],
      limits = {},
    } = options;
    if (!Array.isArray(workflows))
      throw new HoldfastError(
        "HF1001",
        "testbed needs `workflows`: a list of those that are started or called in it.",
        "Write testbed({ workflows: [placeOrder] }).",
      );
    for (const [index, one] of workflows.entries())
      requireDefinition("workflow", one, `workflows[${String(index)}] of testbed`);
    for (const [index, one] of effects.entries())
      requireDefinition("effect", one, `effects[${String(index)}] of testbed`);
    this.#earlierVersions = earlierVersions;
    this.lives = new BedLives({ workflows, effects, version, earlierVersions, limits }, seed);
    this.#people = new Operators(this.lives);
  }

  on<I extends Schema, O extends Schema>(effect: Effect<I, O>): EffectStub<I, O> {
    requireDefinition("effect", effect, "The effect of bed.on");
    const stub = this.#stubs.get(effect.name) ?? new EffectStub<I, O>(effect, this.lives.world);
    this.#stubs.set(effect.name, stub);
    // Made for this very effect above: one name is one effect.
    return stub as EffectStub<I, O>;
  }

  decide(review: AnyReview, decision: unknown, as: { readonly user: string }): void {
    requireDefinition("review", review, "The review of bed.decide");
    checkOptions("who decides, of bed.decide,", as, { user: "any" });
    const { user } = as;
    this.#standing.set(review.name, { decision, user });
  }

  sends(event: EventType<Schema>, message: Message): void {
    const { key, id, payload } = sent("bed.sends", event, message);
    this.#toCome.push((commands) => commands.send(event.name, key, id, payload));
  }

  completes(integration: string, ref: string, outcome: LateOutcome): void {
    this.#toCome.push((commands) => commands.complete(integration, ref, outcome));
  }

  async start(
    workflow: AnyWorkflow,
    input: unknown,
    options: { readonly by?: string; readonly began?: string } = {},
  ): Promise<RunView> {
    requireDefinition("workflow", workflow, "The workflow of bed.start");
    // Asked again after a crash, it is the same run: it has the same key.
    const { began, ...given } = options;
    if (began !== undefined && !this.#earlierVersions.includes(began)) throw notEarlier(began);
    const how = { ...given, ...(began === undefined ? {} : { version: began }) };
    const { run } = await this.lives.ask((engine) => engine.startRun(workflow, input, how));
    await this.settled();
    return await this.run(formatRunId(run));
  }

  async answer(
    review: AnyReview,
    decision: unknown,
    as: { readonly user: string; readonly run?: string },
  ): Promise<RunView> {
    requireDefinition("review", review, "The review of bed.answer");
    checkOptions("who answers, of bed.answer,", as, { user: "any", run: "any" });
    const { user, run } = as;
    const open = (await this.#openReviews()).filter(
      (one) => one.review === review.name && (run === undefined || formatRunId(one.run) === run),
    );
    const [first, second] = open;
    if (first === undefined) throw await this.#noReview(review.name);
    if (second !== undefined) {
      const runs = open.map((one) => formatRunId(one.run)).join(", ");
      throw new Error(`Several reviews "${review.name}" are open: give { run }, one of ${runs}.`);
    }
    await this.lives.ask(({ commands }) => commands.answer(first.run, first.seq, decision, user));
    await this.settled();
    return await this.run(formatRunId(first.run));
  }

  async send(event: EventType<Schema>, message: Message): Promise<void> {
    const { key, id, payload } = sent("bed.send", event, message);
    await this.lives.ask(({ commands }) => commands.send(event.name, key, id, payload));
    await this.settled();
  }

  async complete(integration: string, ref: string, outcome: LateOutcome): Promise<void> {
    await this.lives.ask(({ commands }) => commands.complete(integration, ref, outcome));
    await this.settled();
  }

  async cancel(
    run: string,
    options: { readonly by: string; readonly reason: string },
  ): Promise<RunView> {
    checkOptions("bed.cancel", options, { by: "any", reason: "any" });
    const { by, reason } = options;
    await this.lives.ask(({ commands }) => commands.cancel(numberOf(run), by, reason));
    await this.settled();
    return await this.run(run);
  }

  async settle(
    run: string,
    effect: AnyEffect,
    said: { readonly happened: boolean; readonly value?: unknown; readonly ref?: string },
    hand: ByHand,
  ): Promise<RunView> {
    const { happened, value = null, ref = null } = said;
    const outcome = { happened, value, ref };
    return await this.#acted(run, (number) => this.#people.settle(number, effect, outcome, hand));
  }

  async resume(run: string, hand: Omit<ByHand, "approvedBy">): Promise<RunView> {
    return await this.#acted(run, (number) => this.#people.resume(number, hand));
  }

  async retry(
    run: string,
    effect: AnyEffect,
    { set = [], newKey }: { readonly set?: readonly JsonChange[]; readonly newKey?: true },
    hand: ByHand,
  ): Promise<RunView> {
    const said = { set, isNewKey: newKey === true };
    return await this.#acted(run, (number) => this.#people.retry(number, effect, said, hand));
  }

  async supply(
    run: string,
    effect: AnyEffect,
    said: { readonly value: unknown; readonly ref?: string; readonly skipped?: true },
    hand: ByHand,
  ): Promise<RunView> {
    const { value, ref = null, skipped } = said;
    const given = { value, ref, isSkipped: skipped === true };
    return await this.#acted(run, (number) => this.#people.supply(number, effect, given, hand));
  }

  async #acted(run: string, act: (number: number) => Promise<void>): Promise<RunView> {
    await act(numberOf(run));
    await this.settled();
    return await this.run(run);
  }

  async run(id: string): Promise<RunView> {
    const [stored] = await this.lives.stored([numberOf(id)]);
    if (stored === undefined) throw new Error(`There is no run ${id} in this bed.`);
    return runView(stored);
  }

  async runs(): Promise<readonly RunView[]> {
    return (await this.#stored()).map(runView);
  }

  async advance(time: Duration): Promise<void> {
    await this.settled();
    const untilMs = this.lives.clock.nowMs() + durationMs(time, "advance");
    await this.lives.passUntil(untilMs, async () => {
      await this.#actOutside();
      return false;
    });
    this.lives.clock.setMs(untilMs);
    await this.settled();
  }

  async rest(): Promise<readonly RunView[]> {
    const untilMs = this.lives.clock.nowMs() + REST_MS_MAX;
    const isAtRestNow = async () => {
      await this.#actOutside();
      return this.lives.world.onItsWay === 0 && areAtRest(this.lives.stands());
    };
    await this.lives.passUntil(untilMs, isAtRestNow, REST_TIMERS_MAX);
    return await this.runs();
  }

  async settled(): Promise<void> {
    await this.lives.settle();
    await this.#actOutside();
  }

  async #actOutside(): Promise<void> {
    await this.#letCome();
    await this.#decideStanding();
  }

  /** Each under an id or a reference: come twice, because the process died meanwhile, it is one. */
  async #letCome(): Promise<void> {
    if (this.#toCome.length === 0 || this.lives.runs.length === 0) return;
    for (const come of this.#toCome.splice(0)) {
      const { crashCount } = this.lives;
      try {
        await this.lives.ask(({ commands }) => come(commands));
      } catch (error) {
        // Its sender asks again where the process died before it said that it has it.
        const isKnown = error instanceof HoldfastError && error.code === "HF6003";
        if (!isKnown || this.lives.crashCount === crashCount) throw error;
      }
    }
  }

  async crash(): Promise<void> {
    await this.lives.crash();
    await this.settled();
  }

  now(): Date {
    return new Date(this.lives.clock.nowMs());
  }

  async close(): Promise<void> {
    await this.lives.close();
  }

  async #noReview(name: string): Promise<HoldfastError> {
    const runs = await this.runs();
    const stand = runs.map(
      ({ workflow, key, state, reason }) =>
        `${workflow} ${JSON.stringify(key)} is ${state}${reason === "" ? "" : ` (${reason})`}`,
    );
    return new HoldfastError(
      "HF6001",
      `No review "${name}" is open in this bed. ${stand.length === 0 ? "No run was started" : stand.join("; ")}.`,
      "Let the run come to it first: await bed.advance or bed.rest; or say bed.decide, for whenever it is asked.",
    );
  }

  async #stored(): Promise<readonly StoredRun[]> {
    return await this.lives.stored(this.lives.runs);
  }

  async #openReviews() {
    const asking = this.lives
      .stands()
      .filter(({ state }) => !isFinal(state) && state !== "waiting");
    return (await this.lives.stored(asking.map(({ run }) => run))).flatMap(openReviews);
  }

  async #decideStanding(): Promise<void> {
    if (this.#standing.size === 0) return;
    // Refused, and open all the same: not because it was answered in the life before.
    const refused = new Map<string, unknown>();
    for (let given = 0; given < DECISIONS_MAX; given += 1) {
      const open = (await this.#openReviews()).find((one) => this.#standing.has(one.review));
      const standing = open === undefined ? undefined : this.#standing.get(open.review);
      if (open === undefined || standing === undefined) return;
      const { run, seq } = open;
      const of = `${String(run)} ${String(seq)}`;
      if (refused.has(of)) throw refused.get(of);
      const { commands } = await this.lives.engine();
      commands.answer(run, seq, standing.decision, standing.user).catch((error: unknown) => {
        refused.set(of, error);
      });
      await this.lives.settle();
    }
    throw new Error(`More than ${String(DECISIONS_MAX)} reviews were asked for in one moment.`);
  }
}

function notEarlier(began: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `bed.start: "began" is not valid: ${JSON.stringify(began)} is not among the earlier versions of this bed.`,
    `List it: testbed({ version: "v45", earlierVersions: [${JSON.stringify(began)}] }).`,
  );
}

interface Message {
  readonly key: string;
  readonly id: string;
  readonly payload: unknown;
}

/** @throws {HoldfastError} HF1001 for what is no event, or no message. */
function sent(verb: string, event: EventType<Schema>, message: Message): Message {
  requireEventType(event, `The event of ${verb}`);
  checkOptions(`the message of ${verb}`, message, { key: "any", id: "any", payload: "any" });
  return message;
}

type Commands = Awaited<ReturnType<BedLives["engine"]>>["commands"];

interface OpenReview {
  readonly run: number;
  readonly seq: number;
  readonly review: string;
}

function openReviews({ row, records }: StoredRun): readonly OpenReview[] {
  if (isFinal(row.state)) return [];
  return records
    .filter((record) => record.kind === "asked" && !isAnswered(records, record))
    .map(({ run, seq, head }) => ({
      run,
      seq,
      // The engine wrote it with the shape of its kind.
      review: (parseJson(head ?? "null") as AskedHead).review,
    }));
}

function isAnswered(records: readonly JournalRecord[], { name, seq }: JournalRecord): boolean {
  return records.some((one) => one.seq > seq && one.name === name && one.kind === "answered");
}

/** Whoever waits for a child that is at rest is so as well, although it looks after it now and then. */
function areAtRest(all: readonly RunStands[]): boolean {
  const waitedFor = new Set(
    all.filter((one) => !isFinal(one.state) && isAtRest(one)).map(({ parentRun }) => parentRun),
  );
  return all.every((one) => isAtRest(one) || (one.state === "waiting" && waitedFor.has(one.run)));
}

/** Nothing happens to it before somebody acts: a person, or whoever sends what it waits for. */
function isAtRest({ state, wakeAtMs }: RunStands): boolean {
  if (isFinal(state) || state === "exception" || state === "held" || state === "paused")
    return true;
  return (state === "review" || state === "waiting") && wakeAtMs === null;
}

function numberOf(id: string): number {
  const run = parseRunId(id);
  if (run === null)
    throw new HoldfastError("HF1001", `"${id}" is no run id.`, "Give the id of a RunView.");
  return run;
}
