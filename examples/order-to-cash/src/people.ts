/**
 * The people of the example: finance answers 70 % of the reviews, customers cancel 3 % of the orders.
 * They speak to the engine through the inbox of its store, like every other process, so what they say
 * survives a kill. Who does what follows from seed and order alone.
 */
import { setTimeout as delay } from "node:timers/promises";
import { seededRandom, systemClock } from "holdfast/testing";
import type { StoreReader } from "./store-reader.ts";
import { allOf } from "./watch.ts";

const ANSWER_SHARE = 0.7;
const APPROVE_SHARE = 0.9;
const CANCEL_SHARE = 0.03;
/** A customer changes his mind within this after the order was accepted. */
const CANCEL_AFTER_MS_MAX = 8_000;

export interface PeopleReport {
  /** Orders that a customer wanted to cancel; some of these wishes came when the order was over. */
  readonly cancelled: readonly string[];
  /** As `run/seq` of the question. */
  readonly answeredReviews: ReadonlySet<string>;
}

interface Command {
  readonly id: string;
  readonly topic: "answer" | "cancel";
  /** The order, or `run/seq` of the question. */
  readonly about: string;
  /** What has been said of it; null while the engine has not taken it. */
  answer: string | null;
}

export class People {
  readonly #reader: StoreReader;
  readonly #seed: number;
  readonly #orderOf: (run: number) => Promise<{ orderId: string; runId: string } | null>;
  readonly #commands = new Map<string, Command>();
  readonly #seen = new Set<string>();
  readonly #settling = new Set<Promise<void>>();
  readonly #leaving = new AbortController();

  /** @param orderOf - the order of a run, and the public form of the run's number. */
  constructor(
    reader: StoreReader,
    seed: number,
    orderOf: (run: number) => Promise<{ orderId: string; runId: string } | null>,
  ) {
    this.#reader = reader;
    this.#seed = seed;
    this.#orderOf = orderOf;
  }

  /** An order was accepted: its customer may cancel it in some seconds. */
  orderAccepted(orderId: string, runId: string): void {
    const random = seededRandom(this.#seed, `cancel/${orderId}`);
    if (random.next() >= CANCEL_SHARE) return;
    const afterMs = random.next() * CANCEL_AFTER_MS_MAX;
    const asking = this.#cancelLater(orderId, runId, afterMs).finally(() => {
      this.#settling.delete(asking);
    });
    this.#settling.add(asking);
  }

  async #cancelLater(orderId: string, runId: string, afterMs: number): Promise<void> {
    try {
      await delay(afterMs, undefined, { signal: this.#leaving.signal });
    } catch (error) {
      if (this.#leaving.signal.aborted) return;
      throw error;
    }
    const data = { run: runId, reason: "the customer has changed his mind" };
    const id = `cancel-${orderId}`;
    await this.#say({ id, topic: "cancel", about: orderId }, "customer", data);
  }

  /** Looks at the open reviews and answers those that somebody would answer. */
  async work(): Promise<void> {
    const open = await allOf((page) => this.#reader.reviews(page));
    for (const review of open) {
      const about = `${String(review.run)}/${String(review.seq)}`;
      if (this.#seen.has(about)) continue;
      const order = await this.#orderOf(review.run);
      if (order === null) continue;
      this.#seen.add(about);
      const random = seededRandom(this.#seed, `review/${order.orderId}`);
      if (random.next() >= ANSWER_SHARE) continue;
      const approve = random.next() < APPROVE_SHARE;
      const decision = { approve, note: approve ? "credit line checked" : "credit line used up" };
      const data = { run: order.runId, seq: review.seq, decision };
      // Stable, so that saying it twice is saying it once.
      await this.#say({ id: `answer-${about}`, topic: "answer", about }, "finance-clerk", data);
    }
    for (const command of this.#commands.values()) {
      command.answer ??= await this.#reader.answer(command.id);
    }
  }

  async #say(command: Omit<Command, "answer">, by: string, data: object): Promise<void> {
    const { id, topic } = command;
    await this.#reader.post({
      id,
      topic,
      by,
      atMs: systemClock.nowMs(),
      data: JSON.stringify(data),
    });
    this.#commands.set(id, { ...command, answer: null });
  }

  /** True if nobody is about to say something, and everything said was heard. */
  get isQuiet(): boolean {
    return (
      this.#settling.size === 0 &&
      [...this.#commands.values()].every((command) => command.answer !== null)
    );
  }

  get report(): PeopleReport {
    const said = [...this.#commands.values()];
    const of = (topic: Command["topic"]): string[] =>
      said.filter((command) => command.topic === topic).map(({ about }) => about);
    return { cancelled: of("cancel"), answeredReviews: new Set(of("answer")) };
  }

  async close(): Promise<void> {
    this.#leaving.abort();
    await Promise.allSettled(this.#settling);
  }
}
