/**
 * Messages that came before what they follow: which there are, by order, and when their owners have
 * to know. Their payloads lie in the store.
 */
import type { Clock } from "../clock.ts";

export interface HeldMessage {
  readonly name: string;
  readonly orderName: string;
  readonly number: number;
  readonly dueAtMs: number;
}

/** What could not be told or started is tried again after this. */
const AGAIN_MS = 60_000;

export class HeldMessages {
  readonly #clock: Clock;
  readonly #onDue: (due: readonly HeldMessage[]) => void;
  readonly #onAgain: (orders: readonly string[]) => void;
  readonly #held = new Map<string, HeldMessage>();
  readonly #ofOrder = new Map<string, Set<HeldMessage>>();
  /** Whose owner knows, or is being told. */
  readonly #told = new Set<string>();
  /** Orders whose next has its turn, and could not be started. */
  readonly #refused = new Set<string>();
  #cancelTimer: (() => void) | null = null;
  #cancelAgain: (() => void) | null = null;
  #isClosed = false;

  /**
   * @param onDue - their owners have to know.
   * @param onAgain - what was refused in these orders is to be tried once more.
   */
  constructor(
    clock: Clock,
    onDue: (due: readonly HeldMessage[]) => void,
    onAgain: (orders: readonly string[]) => void,
  ) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#onAgain = onAgain;
  }

  get count(): number {
    return this.#held.size;
  }

  add(message: HeldMessage): void {
    this.#held.set(message.name, message);
    const others = this.#ofOrder.get(message.orderName) ?? new Set();
    this.#ofOrder.set(message.orderName, others.add(message));
  }

  remove(name: string): void {
    const message = this.#held.get(name);
    if (message === undefined) return;
    this.#held.delete(name);
    this.#told.delete(name);
    const others = this.#ofOrder.get(message.orderName);
    others?.delete(message);
    if (others?.size === 0) this.#ofOrder.delete(message.orderName);
  }

  clear(): void {
    this.#held.clear();
    this.#ofOrder.clear();
    this.#told.clear();
    this.#refused.clear();
  }

  /** Orders of which any is held. */
  get orders(): readonly string[] {
    return [...this.#ofOrder.keys()];
  }

  /** The one with the lowest number; null if none is held. */
  lowest(orderName: string): HeldMessage | null {
    let lowest: HeldMessage | null = null;
    for (const message of this.#ofOrder.get(orderName) ?? []) {
      if (lowest === null || message.number < lowest.number) lowest = message;
    }
    return lowest;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#cancelAgain?.();
  }

  /** The next of this order could not be started: that is tried again, whether or not its owner knows. */
  refused(orderName: string): void {
    if (this.#isClosed) return;
    this.#refused.add(orderName);
    this.#cancelAgain ??= this.#clock.after(AGAIN_MS, () => {
      this.#cancelAgain = null;
      const orders = [...this.#refused];
      this.#refused.clear();
      this.#onAgain(orders);
    });
  }

  /** Its owner could not be told: that is tried again. */
  untold(name: string): void {
    if (this.#told.delete(name)) this.watch(AGAIN_MS);
  }

  /** One timer, for the one that is due first; not before `firstMs` from now. */
  watch(firstMs = 0): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const dues = [...this.#held.values()].filter(({ name }) => !this.#told.has(name));
    if (dues.length === 0 || this.#isClosed) return;
    const dueAtMs = dues.reduce((soonest, one) => Math.min(soonest, one.dueAtMs), Infinity);
    const delayMs = Math.max(firstMs, dueAtMs - this.#clock.nowMs());
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#tell();
    });
  }

  #tell(): void {
    const nowMs = this.#clock.nowMs();
    const due = [...this.#held.values()].filter(
      ({ name, dueAtMs }) => dueAtMs <= nowMs && !this.#told.has(name),
    );
    for (const { name } of due) this.#told.add(name);
    this.#onDue(due);
    this.watch();
  }
}
