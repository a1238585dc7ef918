/**
 * Answers to requests that are not on record yet: a callback can be faster than the 202 that it
 * belongs to, or come while that is being repeated after a crash. Such an answer is kept, durable
 * before its sender hears that it was taken, and given to the request when it turns up. One that
 * nobody asks for in time becomes a row with an owner: somebody has done something for us that we
 * know nothing of.
 *
 * What is kept is held here too, so that a request looks it up without asking the store.
 */
import { HoldfastError } from "../core/error.ts";
import type { EarlyHead } from "../core/journal.ts";
import { parseJson } from "../core/json-text.ts";
import type { Engine } from "./engine.ts";
import { toJson } from "./payload.ts";
import type { LateOutcome } from "./step-slot.ts";

/** Owns what nobody has asked for where the integration is not known to this engine. */
const OWNER_OF_LAST_RESORT = "operators";

interface EarlyAnswer {
  readonly seq: number;
  readonly integration: string;
  readonly ref: string;
  readonly dueAtMs: number;
  readonly outcome: LateOutcome;
}

export class EarlyAnswers {
  readonly #engine: Engine;
  readonly #kept = new Map<string, EarlyAnswer>();
  /** Being given to its request, or looked after, just now. */
  readonly #claimed = new Set<number>();
  #cancelTimer: (() => void) | null = null;
  #isClosed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#kept.size + this.#claimed.size;
  }

  /** Reads what is kept. Before any run is brought back, which may ask for it. */
  async load(): Promise<void> {
    const { store, limits } = this.#engine;
    for (const row of await store.earlyAnswers(limits.earlyAnswersMax)) {
      const { seq, integration, ref, dueAtMs } = row;
      // We wrote it by the same type; the seal says that it is still the same.
      const outcome = parseJson(row.data ?? "null") as LateOutcome;
      this.#kept.set(nameOf(integration, ref), { seq, integration, ref, dueAtMs, outcome });
    }
  }

  /** The process may have died between a request's record and its answer: each is offered anew. */
  start(): void {
    for (const answer of this.#kept.values()) this.#engine.background(this.#offer(answer));
    this.#watch();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
  }

  /**
   * Keeps an answer that nobody waits for yet.
   *
   * @throws {HoldfastError} HF6003 if its request has ended, or has such an answer already, HF4201
   *   if too many are kept.
   */
  async keep(integration: string, ref: string, outcome: LateOutcome): Promise<void> {
    const { store, committer, clock, limits, journal } = this.#engine;
    if (await store.endedByRef(integration, ref)) throw answeredAlready(integration, ref);
    const name = nameOf(integration, ref);
    if (this.#kept.has(name)) throw answeredAlready(integration, ref);
    if (this.#kept.size >= limits.earlyAnswersMax) throw tooMany(limits.earlyAnswersMax);
    const data = toJson(outcome, limits, `answer of ${integration} under ${ref}`);
    const dueAtMs = clock.nowMs() + limits.earlyAnswerMs;
    const owner = this.#ownerOf(integration);
    const head: EarlyHead = { event: "kept", integration, ref, kept: 0, owner, dueAtMs };
    const seq = journal.append("early", head, data);
    const answer: EarlyAnswer = { seq, integration, ref, dueAtMs, outcome };
    this.#kept.set(name, answer);
    this.#watch();
    await committer.durable();
    // Its request may have been written while this was looked up, and found nothing here.
    await this.#offer(answer);
  }

  /** A request has been accepted under this reference, which is on record. */
  asked(integration: string, ref: string): void {
    const answer = this.#kept.get(nameOf(integration, ref));
    if (answer !== undefined) this.#engine.background(this.#offer(answer));
  }

  /** Gives it to its request, if that is on record by now. */
  async #offer(answer: EarlyAnswer): Promise<void> {
    const { seq, integration, ref, outcome } = answer;
    if (this.#claimed.has(seq) || this.#isClosed) return;
    this.#claimed.add(seq);
    try {
      if (await this.#engine.commands.answerPending(integration, ref, outcome))
        this.#gone(answer, "taken");
    } catch (error) {
      // The run could not take it now; it stays kept, and is offered again before it is given up.
      if (!(error instanceof HoldfastError) || this.#engine.committer.hasFailed) throw error;
    } finally {
      this.#claimed.delete(seq);
    }
  }

  /** A crash before this is durable finds the answer kept, and its request ended. */
  #gone(answer: EarlyAnswer, event: "taken" | "unasked"): void {
    const { seq, integration, ref, dueAtMs } = answer;
    if (!this.#kept.delete(nameOf(integration, ref))) return;
    const owner = this.#ownerOf(integration);
    const head: EarlyHead = { event, integration, ref, kept: seq, owner, dueAtMs };
    this.#engine.journal.append("early", head);
    if (event === "unasked") this.#engine.emit({ type: "answer.unasked", integration, ref, owner });
  }

  #ownerOf(integration: string): string {
    return this.#engine.ownerOf(integration) ?? OWNER_OF_LAST_RESORT;
  }

  /** One timer, for the answer that is given up first. */
  #watch(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#kept.size === 0 || this.#isClosed) return;
    const dueAtMs = Math.min(...[...this.#kept.values()].map((answer) => answer.dueAtMs));
    const { clock } = this.#engine;
    this.#cancelTimer = clock.after(Math.max(0, dueAtMs - clock.nowMs()), () => {
      this.#engine.background(this.#giveUp());
    });
  }

  async #giveUp(): Promise<void> {
    const nowMs = this.#engine.clock.nowMs();
    for (const answer of this.#kept.values()) {
      if (answer.dueAtMs <= nowMs) await this.#giveUpOne(answer);
    }
    this.#watch();
  }

  async #giveUpOne(answer: EarlyAnswer): Promise<void> {
    await this.#offer(answer);
    const { integration, ref } = answer;
    if (this.#isClosed || !this.#kept.has(nameOf(integration, ref))) return;
    const hasEnded = await this.#engine.store.endedByRef(integration, ref);
    this.#gone(answer, hasEnded ? "taken" : "unasked");
  }
}

function nameOf(integration: string, ref: string): string {
  return `${integration}\u0000${ref}`;
}

function answeredAlready(integration: string, ref: string): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `An answer of "${integration}" under "${ref}" was taken already.`,
    "Nothing has to be done: a second answer to the same request changes nothing.",
  );
}

function tooMany(max: number): HoldfastError {
  return new HoldfastError(
    "HF4201",
    `${String(max)} answers are kept that no request has asked for (limit earlyAnswersMax).`,
    "Send it again later. If these references are not ours, look at them with: holdfast answers",
  );
}
