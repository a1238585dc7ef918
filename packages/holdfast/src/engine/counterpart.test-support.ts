/**
 * Another system, in this process: it does what it is asked, or not, and answers, or not, as a test
 * has planned it. Its ledger holds what it really did; that is what tests count.
 */
import type { Classified, Evidence, Phase } from "../core/failure.ts";
import { CallFailed, type Attempt } from "../workflow/attempt.ts";
import { conflict, done, notDone, type Seen } from "../workflow/seen.ts";
import type { ManualClock } from "../testing/bed/manual-clock.ts";

/** What the other system does about repeats. */
export type Memory =
  /** Nothing: each request does it again. */
  | "none"
  /** It drops repeats of a key and answers as before. */
  | "keys"
  /** The same request has the same end: a row is set, not added. */
  | "upsert";

export interface LedgerRow {
  readonly action: string;
  /** Business reference: the `id` of the input. */
  readonly id: string;
  readonly key: string;
  readonly atMs: number;
}

export interface Request {
  readonly action: string;
  readonly id: string;
  readonly key: string;
  readonly number: number;
  readonly atMs: number;
}

/** What happens to one request. */
export type Plan =
  | { readonly kind: "ok" }
  /** Nobody listens: nothing was sent. */
  | { readonly kind: "refused" }
  | { readonly kind: "lostAnswer"; readonly happened: boolean }
  /** The answer is lost and the work is done later, when we have given up. */
  | { readonly kind: "late"; readonly afterMs: number }
  /** No answer at all; the call ends when its signal says so. */
  | { readonly kind: "silent"; readonly happened: boolean }
  /** No answer, and the call does not heed its signal either. */
  | { readonly kind: "deaf"; readonly happened: boolean }
  /** It takes this long and then is done. */
  | { readonly kind: "slow"; readonly takesMs: number }
  | { readonly kind: "throttled"; readonly afterMs: number }
  /** A definite no, of this class. */
  | { readonly kind: "no"; readonly class: Classified["class"]; readonly status?: number }
  /** "It is there already." */
  | { readonly kind: "echo" }
  | { readonly kind: "answers"; readonly value: unknown }
  | { readonly kind: "throws"; readonly error: Error };

export class Counterpart {
  readonly name: string;
  readonly memory: Memory;
  readonly ledger: LedgerRow[] = [];
  readonly requests: Request[] = [];
  readonly lookups: Request[] = [];
  /** Set while the whole system is away. */
  isDown = false;
  readonly #clock: ManualClock;
  readonly #plans = new Map<string, Plan[]>();
  readonly #always = new Map<string, Plan>();
  readonly #answers = new Map<string, unknown>();
  /** What the first so many rows of the ledger hold, by what this system knows repeats by. */
  readonly #done = new Set<string>();
  #remembered = 0;

  constructor(name: string, memory: Memory, clock: ManualClock) {
    this.name = name;
    this.memory = memory;
    this.#clock = clock;
  }

  /** The next requests of an action end like this; later ones are `ok`. */
  plan(action: string, ...plans: readonly Plan[]): void {
    this.#plans.set(action, [...(this.#plans.get(action) ?? []), ...plans]);
  }

  /** Each request of an action ends like this, until told otherwise. */
  always(action: string, plan: Plan): void {
    this.#always.set(action, plan);
  }

  /** How often an action was really done for one business reference. */
  count(action: string, id?: string): number {
    return this.ledger.filter((row) => row.action === action && (id === undefined || row.id === id))
      .length;
  }

  requestsOf(action: string, id?: string): readonly Request[] {
    return this.requests.filter(
      (seen) => seen.action === action && (id === undefined || seen.id === id),
    );
  }

  #do(action: string, id: string, key: string): void {
    if (this.memory !== "none" && this.#remembers(action, this.memory === "keys" ? key : id))
      return;
    this.ledger.push({ action, id, key, atMs: this.#clock.nowMs() });
  }

  /** A test may have written to the ledger itself, so what is new in it is looked at first. */
  #remembers(action: string, name: string): boolean {
    for (const row of this.ledger.slice(this.#remembered)) {
      this.#done.add(nameOf(row.action, this.memory === "keys" ? row.key : row.id));
    }
    this.#remembered = this.ledger.length;
    return this.#done.has(nameOf(action, name));
  }

  /** One request. The answer is `{ ref }`, the same for the same work. */
  async call(action: string, id: string, attempt: Attempt): Promise<{ ref: string }> {
    const { key, number } = attempt;
    this.requests.push({ action, id, key, number, atMs: this.#clock.nowMs() });
    if (this.isDown) throw refusedError();
    const plan = this.#plans.get(action)?.shift() ?? this.#always.get(action) ?? { kind: "ok" };
    const work = () => {
      this.#do(action, id, key);
    };
    const value = await this.#carryOut(plan, work, attempt);
    // The cast is the point of "answers": what it says need not be what was agreed.
    return (value ?? { ref: `${action}:${id}` }) as { ref: string };
  }

  async #carryOut(plan: Plan, work: () => void, attempt: Attempt): Promise<unknown> {
    switch (plan.kind) {
      case "ok":
        work();
        return undefined;
      case "answers":
        work();
        return plan.value;
      case "slow":
        await new Promise<void>((resolve) => this.#clock.after(plan.takesMs, resolve));
        work();
        return undefined;
      case "refused":
        throw refusedError();
      case "lostAnswer":
        if (plan.happened) work();
        throw lostError();
      case "late":
        this.#clock.after(plan.afterMs, work);
        throw lostError();
      case "silent":
        if (plan.happened) work();
        return await untilAborted(attempt.signal);
      case "deaf":
        if (plan.happened) work();
        return await new Promise<never>(() => undefined);
      case "throttled":
        throw answered(429, "throttled", "never", plan.afterMs);
      case "no":
        throw answered(plan.status ?? 422, plan.class, "never");
      case "echo":
        throw answered(409, "data", "never", undefined, true);
      case "throws":
        throw plan.error;
    }
  }

  /** Looks an action up by its business reference. */
  find(action: string, id: string, attempt: Attempt): Seen<{ ref: string }> {
    const { key, number } = attempt;
    this.lookups.push({ action, id, key, number, atMs: this.#clock.nowMs() });
    const answer = this.#answers.get(`${action}?`);
    if (answer !== undefined) return answer as Seen<{ ref: string }>;
    const row = this.ledger.find((one) => one.action === action && one.id === id);
    if (row === undefined) return notDone();
    return done({ ref: `${action}:${id}` }, { ref: `${this.name}-${id}` });
  }

  /** Look-ups of an action answer this, whatever the ledger holds; undefined: the truth again. */
  lookupSays(action: string, seen: Seen<unknown> | undefined): void {
    if (seen === undefined) this.#answers.delete(`${action}?`);
    else this.#answers.set(`${action}?`, seen);
  }
}

export const fenced = (): Seen<never> => notDone({ final: true });
export const differs = (): Seen<never> => conflict({ ref: "something else" });

function nameOf(action: string, name: string): string {
  return `${action} ${name}`;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise<never>((_resolve, reject) => {
    const abort = () => {
      reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    };
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

function refusedError(): CallFailed {
  return failed("connect ECONNREFUSED", { phase: "none", code: "ECONNREFUSED" }, "unavailable");
}

function lostError(): CallFailed {
  return failed("socket hang up", { phase: "sent", code: "ECONNRESET" }, "transient");
}

function failed(
  message: string,
  evidence: Evidence,
  failureClass: Classified["class"],
): CallFailed {
  return new CallFailed({
    message,
    evidence: { ...evidence, callCount: 1 },
    table: {
      says: {
        class: failureClass,
        effect: evidence.phase === "none" ? "never" : "maybe",
        scope: failureClass === "unavailable" ? "dependency" : "item",
        origin: "network",
        reasonCode: `TEST:${evidence.code ?? "LOST"}`,
      },
      rule: { source: "table", id: `test/${evidence.code ?? "lost"}`, version: 1 },
    },
  });
}

function answered(
  status: number,
  failureClass: Classified["class"],
  effect: "never" | "maybe",
  retryAfterMs?: number,
  echo = false,
): CallFailed {
  const phase: Phase = "answered";
  return new CallFailed({
    message: `answered ${String(status)}`,
    evidence: {
      phase,
      status,
      callCount: 1,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
    table: {
      says: { class: failureClass, effect, origin: "remote", reasonCode: `TEST:${String(status)}` },
      rule: { source: "table", id: `test/${String(status)}`, version: 1 },
    },
    echo,
  });
}
