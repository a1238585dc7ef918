/**
 * Who waits for a place at one gate. First attempts go before repeats, and repeats before what a
 * person has replayed, so that what piles up does not hold up what comes; but each eighth place goes
 * to whoever has waited longest, so that nobody waits for ever. Within a rank namespaces take turns.
 * Source: failure model R8.
 */

/** Best first. */
const RANKS = ["first", "repeat", "replay"] as const;
export type Rank = (typeof RANKS)[number];

/** Each so many places one goes to who has waited longest, whatever its rank. */
const LONGEST_EVERY = 8;

/** Called when it is its turn. */
type Waiter = () => void;

interface Standing {
  readonly waiter: Waiter;
  /** Grows with each that comes. */
  readonly number: number;
}

/** Those of one namespace, in the order in which they came. */
class Queue {
  #items: Standing[] = [];
  #at = 0;

  get head(): Standing | undefined {
    return this.#items[this.#at];
  }

  push(item: Standing): void {
    this.#items.push(item);
  }

  shift(): Standing | undefined {
    const { head } = this;
    if (head === undefined) return undefined;
    this.#at += 1;
    // What is gone is given back when it is half of it: each is moved once on average.
    if (this.#at * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#at);
      this.#at = 0;
    }
    return head;
  }
}

export class GateLine {
  /** By rank: the namespaces that wait, whose turn it is first. */
  readonly #ranks: readonly Map<string, Queue>[] = RANKS.map(() => new Map<string, Queue>());
  #length = 0;
  #number = 0;
  #taken = 0;

  get length(): number {
    return this.#length;
  }

  add(rank: Rank, namespace: string, waiter: Waiter): void {
    const queues = this.#ranks[RANKS.indexOf(rank)];
    if (queues === undefined) throw new Error(`no rank ${rank}`);
    let queue = queues.get(namespace);
    if (queue === undefined) {
      queue = new Queue();
      queues.set(namespace, queue);
    }
    this.#number += 1;
    queue.push({ waiter, number: this.#number });
    this.#length += 1;
  }

  /** The next one, who stands in line no longer; null if there is none. */
  take(): Waiter | null {
    if (this.#length === 0) return null;
    this.#taken += 1;
    const isForLongest = this.#taken % LONGEST_EVERY === 0;
    const [queues, namespace] = isForLongest ? this.#longest() : this.#best();
    const queue = queues.get(namespace);
    const taken = queue?.shift();
    if (queue === undefined || taken === undefined) throw new Error("the line has lost somebody");
    // Behind the others of its rank.
    queues.delete(namespace);
    if (queue.head !== undefined) queues.set(namespace, queue);
    this.#length -= 1;
    return taken.waiter;
  }

  #best(): readonly [Map<string, Queue>, string] {
    for (const queues of this.#ranks)
      for (const namespace of queues.keys()) return [queues, namespace];
    throw new Error("nobody stands in line");
  }

  #longest(): readonly [Map<string, Queue>, string] {
    let [best, at] = this.#best();
    let number = Number.POSITIVE_INFINITY;
    for (const queues of this.#ranks) {
      for (const [namespace, { head }] of queues) {
        if (head === undefined || head.number >= number) continue;
        [best, at, number] = [queues, namespace, head.number];
      }
    }
    return [best, at];
  }
}
