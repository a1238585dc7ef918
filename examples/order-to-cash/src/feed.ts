/** Brings the orders to the intake, as a shop's front end would: again and again until it has an answer. */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { ArrivingOrder } from "./systems/orders.ts";

/** Orders under way to the intake at a time. */
const CONCURRENCY = 8;
const POST_MS_MAX = 5_000;
const RETRY_DELAY_MS = 100;

export interface FeedOptions {
  readonly arrivals: readonly ArrivingOrder[];
  /** Orders arrive at this pace, not all at once. */
  readonly perSecond: number;
  /** Where the intake is now; waits while the engine is down. Null if it is gone for good. */
  readonly port: () => Promise<number | null>;
  readonly onAccepted: (orderId: string, runId: string) => void;
  readonly signal: AbortSignal;
}

export interface FeedReport {
  /** Orders that the intake took, with the id of their run. */
  readonly accepted: ReadonlyMap<string, string>;
  /** Arrivals that repeated an earlier order and were given its run. */
  readonly duplicatesAbsorbed: number;
  /** Posts that were repeated because the answer never came. */
  readonly repeatedPosts: number;
  /** Malformed arrivals that were refused, by error code. */
  readonly refused: Readonly<Record<string, number>>;
  /** What the intake should not have done, as sentences. */
  readonly wrong: readonly string[];
}

/** Feeds all arrivals. Ends early, with what it has, when the signal is aborted. */
export async function feedOrders(options: FeedOptions): Promise<FeedReport> {
  const feed = new Feed(options);
  await feed.run();
  return feed.report;
}

const taken = z.object({ runId: z.string(), isNew: z.boolean() });
const refusal = z.object({ code: z.string(), message: z.string() });

type Answer =
  | { readonly kind: "taken"; readonly runId: string }
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

class Feed {
  readonly #options: FeedOptions;
  readonly #accepted = new Map<string, string>();
  readonly #refused = new Map<string, number>();
  readonly #wrong: string[] = [];
  readonly #startedAtMs = performance.now();
  #next = 0;
  #duplicatesAbsorbed = 0;
  #repeatedPosts = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get report(): FeedReport {
    return {
      accepted: this.#accepted,
      duplicatesAbsorbed: this.#duplicatesAbsorbed,
      repeatedPosts: this.#repeatedPosts,
      refused: Object.fromEntries([...this.#refused].toSorted(([a], [b]) => a.localeCompare(b))),
      wrong: this.#wrong,
    };
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: CONCURRENCY }, async () => this.#work()));
  }

  async #work(): Promise<void> {
    const { arrivals, signal, perSecond } = this.#options;
    while (!signal.aborted) {
      const index = this.#next;
      const arrival = arrivals[index];
      if (arrival === undefined) return;
      this.#next += 1;
      const dueAtMs = this.#startedAtMs + (index / perSecond) * 1_000;
      await pause(dueAtMs - performance.now(), signal);
      const answer = await this.#insist(arrival.raw);
      if (answer !== null) this.#note(arrival, answer);
    }
  }

  /** Null if the signal was aborted first, or nobody is there any more. */
  async #insist(raw: string): Promise<Answer | null> {
    const { signal, port } = this.#options;
    for (let posts = 0; !signal.aborted; posts += 1) {
      if (posts > 0) {
        this.#repeatedPosts += 1;
        await pause(RETRY_DELAY_MS, signal);
      }
      const where = await port();
      if (where === null) return null;
      const answer = await post(where, raw, signal);
      if (answer !== null) return answer;
    }
    return null;
  }

  #note(arrival: ArrivingOrder, answer: Answer): void {
    if (arrival.kind === "malformed") {
      if (answer.kind === "refused") bump(this.#refused, answer.code);
      else this.#wrong.push(`an order with ${arrival.flaw} was taken as ${answer.runId}`);
      return;
    }
    const { orderId } = arrival;
    if (answer.kind === "refused") {
      this.#wrong.push(`the good order ${orderId} was refused: ${answer.code}`);
      return;
    }
    const known = this.#accepted.get(orderId);
    if (known !== undefined && known !== answer.runId) {
      this.#wrong.push(`the order ${orderId} has two runs, ${known} and ${answer.runId}`);
    }
    if (arrival.kind === "duplicate") this.#duplicatesAbsorbed += 1;
    this.#accepted.set(orderId, answer.runId);
    if (known === undefined) this.#options.onAccepted(orderId, answer.runId);
  }
}

/** Null if no answer came, or one that asks to come again. */
async function post(port: number, raw: string, signal: AbortSignal): Promise<Answer | null> {
  const response = await fetchText(port, raw, signal);
  if (response === null) return null;
  const { status, text } = response;
  if (status === 200 || status === 202) {
    return { kind: "taken", runId: taken.parse(JSON.parse(text)).runId };
  }
  if (status === 422 || status === 413) {
    return { kind: "refused", ...refusal.parse(JSON.parse(text)) };
  }
  if (status === 503) return null;
  throw new Error(`the intake answered ${String(status)}: ${text.slice(0, 300)}`);
}

async function fetchText(
  port: number,
  body: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string } | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${String(port)}/orders`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
      signal: AbortSignal.any([signal, AbortSignal.timeout(POST_MS_MAX)]),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    // The engine was killed, or took too long: whether it has the order is not known, so it is sent
    // again. Anything else is a mistake of ours.
    if (error instanceof TypeError || error instanceof DOMException) return null;
    throw error;
  }
}

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (delayMs <= 0) return;
  try {
    await delay(delayMs, undefined, { signal });
  } catch (error) {
    // Aborted: the caller looks at the signal itself.
    if (!signal.aborted) throw error;
  }
}

function bump(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
