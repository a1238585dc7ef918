/**
 * Answers to requests that are not on record yet: a callback can be faster than the 202 that it
 * belongs to, or come while that is being repeated after a crash. Such an answer is kept, durable
 * before its sender hears that it was taken, and given to the request when it turns up. One that
 * nobody asks for in time becomes an exception beside the store: somebody has done something for us
 * that we know nothing of.
 *
 * What is kept is held here too, so that a request looks it up without asking the store.
 */
import { HoldfastError } from "../../core/error.ts";
import type { EarlyHead } from "../../core/journal.ts";
import { parseJson } from "../../core/json-text.ts";
import { KEEPER_SHARD } from "../../store/shards.ts";
import type { BesideCase } from "../exceptions/beside.ts";
import type { Engine } from "../engine.ts";
import { toJson } from "../journal/payload.ts";
import type { LateOutcome } from "../steps/step-slot.ts";

/** While too many exceptions are open for one more, that is tried again after this time. */
const TOLD_AGAIN_MS = 60_000;

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
  /** The last offer of each to its request that is under way. */
  readonly #offers = new Map<number, Promise<void>>();
  #cancelTimer: (() => void) | null = null;
  #isClosed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#kept.size + this.#offers.size;
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
    if ((await store.endedByRef(integration, ref)) !== null)
      throw answeredAlready(integration, ref);
    const name = nameOf(integration, ref);
    if (this.#kept.has(name)) throw answeredAlready(integration, ref);
    if (this.#kept.size >= limits.earlyAnswersMax) throw tooMany(limits.earlyAnswersMax);
    const data = toJson(outcome, limits, `answer of ${integration} under ${ref}`);
    const dueAtMs = clock.nowMs() + limits.earlyAnswerMs;
    const owner = this.ownerOf(integration);
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
    const { places } = this.#engine;
    if (!places.isKeeper) this.#engine.background(this.#askKeeper(integration, ref));
    const answer = this.#kept.get(nameOf(integration, ref));
    if (answer !== undefined) this.#engine.background(this.#offer(answer));
  }

  /** The keeper has what is kept: it gives it to the request, which is on record by now. */
  async #askKeeper(integration: string, ref: string): Promise<void> {
    const { routes, committer, store, limits, reads } = this.#engine;
    if (routes === null) return;
    await reads.patiently("answers that came early", async () => {
      await committer.durable();
      const kept = await store.earlyAnswers(limits.earlyAnswersMax);
      if (!kept.some((row) => row.integration === integration && row.ref === ref)) return;
      await routes.tell(KEEPER_SHARD, { topic: "asked", data: { integration, ref } });
    });
  }

  /** One offer after the other: what the first was too early for, the second finds. */
  async #offer(answer: EarlyAnswer): Promise<void> {
    const { seq } = answer;
    const before = this.#offers.get(seq);
    const offer = this.#offerAfter(before, answer);
    this.#offers.set(seq, offer);
    try {
      await offer;
    } finally {
      if (this.#offers.get(seq) === offer) this.#offers.delete(seq);
    }
  }

  /** Gives it to its request, if that is on record by now. */
  async #offerAfter(before: Promise<void> | undefined, answer: EarlyAnswer): Promise<void> {
    await before;
    if (this.#isClosed || !this.#isKept(answer)) return;
    const isTaken = await this.#engine.reads.patiently("the request of an early answer", () =>
      this.#give(answer),
    );
    if (isTaken === true) this.#gone(answer, "taken");
  }

  async #give({ integration, ref, outcome }: EarlyAnswer): Promise<boolean> {
    const { commands, neighbours } = this.#engine;
    try {
      if (await commands.answerPending(integration, ref, outcome)) return true;
      return (await neighbours?.answered(integration, ref, outcome)) === true;
    } catch (error) {
      // The run could not take it now; it stays kept, and is offered again before it is given up.
      if (error instanceof HoldfastError) return false;
      throw error;
    }
  }

  #isKept({ integration, ref }: EarlyAnswer): boolean {
    return this.#kept.has(nameOf(integration, ref));
  }

  /** A crash before this is durable finds the answer kept, and its request ended. */
  #gone(answer: EarlyAnswer, event: "taken" | "unasked"): void {
    const { seq, integration, ref, dueAtMs } = answer;
    if (!this.#kept.delete(nameOf(integration, ref))) return;
    const owner = this.ownerOf(integration);
    const head: EarlyHead = { event, integration, ref, kept: seq, owner, dueAtMs };
    this.#engine.journal.append("early", head);
    if (event === "unasked") this.#engine.emit({ type: "answer.unasked", integration, ref, owner });
  }

  /** Who hears of its answers that nobody waits for. */
  ownerOf(integration: string): string {
    return this.#engine.ownerOf(integration) ?? this.#engine.owner;
  }

  /** One timer, for the answer that is given up first; not before `firstMs` from now. */
  #watch(firstMs = 0): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#kept.size === 0 || this.#isClosed) return;
    const dueAtMs = Math.min(...[...this.#kept.values()].map((answer) => answer.dueAtMs));
    const { clock } = this.#engine;
    this.#cancelTimer = clock.after(Math.max(firstMs, dueAtMs - clock.nowMs()), () => {
      this.#engine.background(this.#giveUp());
    });
  }

  async #giveUp(): Promise<void> {
    const nowMs = this.#engine.clock.nowMs();
    let firstMs = 0;
    for (const answer of this.#kept.values()) {
      if (answer.dueAtMs > nowMs) continue;
      if (!(await this.#giveUpOne(answer))) firstMs = TOLD_AGAIN_MS;
    }
    this.#watch(firstMs);
  }

  /** False if nobody can be told of it now: it stays kept. */
  async #giveUpOne(answer: EarlyAnswer): Promise<boolean> {
    // After an offer that is under way: a run may be taking it just now.
    await this.#offer(answer);
    const { integration, ref } = answer;
    if (this.#isClosed || !this.#isKept(answer)) return true;
    const { store, reads } = this.#engine;
    const what = "whether the request of an early answer has ended";
    const hasEnded = await reads.patiently(what, async () => {
      if ((await store.endedByRef(integration, ref)) !== null) return true;
      return (await this.#engine.neighbours?.endedByRef(integration, ref)) === true;
    });
    if (hasEnded === null) return true;
    if (!hasEnded && !(await this.#isTold(answer))) return false;
    this.#gone(answer, hasEnded ? "taken" : "unasked");
    return true;
  }

  /** Its exception is durable before it is gone: a crash between the two opens no second one. */
  async #isTold(answer: EarlyAnswer): Promise<boolean> {
    const { exceptions, reads } = this.#engine;
    const told = await reads.patiently("what was opened beside the store", async () => {
      try {
        await exceptions.beside.open(this.#unasked(answer));
        return true;
      } catch (error) {
        // Too many are open: it is told once some of them are closed.
        if (error instanceof HoldfastError) return false;
        throw error;
      }
    });
    return told === true;
  }

  #unasked({ seq, integration, ref, outcome }: EarlyAnswer): BesideCase {
    const what = `answer of ${integration} under ${ref}`;
    return {
      run: null,
      // By its own number: a later one under the same reference is another.
      subject: `answer ${String(seq)}`,
      at: "answer",
      reasonCode: "HF4108",
      rule: "engine/answer-unasked@1",
      message: `${integration} has answered a request that is not on record.`,
      because: () =>
        `${integration} has answered under ${JSON.stringify(ref)}, and no request of ours had that reference in time. It may have done something for us that we know nothing of.`,
      owner: this.ownerOf(integration),
      data: toJson(outcome, this.#engine.limits, what),
    };
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
