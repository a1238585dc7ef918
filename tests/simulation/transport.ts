/**
 * The way between a worker and the other systems: requests and answers are lost, late, doubled. What
 * has left goes on without whoever has sent it.
 */
import type { SeededRandom } from "#src/testing/seeded-random.ts";
import { CallFailed, type Attempt } from "#src/workflow/attempt.ts";
import type { Classified, Evidence, Phase } from "#src/core/failure.ts";
import { cannotTell, done, notDone, type Seen } from "#src/workflow/seen.ts";
import type { Life, Scheduler } from "./scheduler.ts";
import { landsWithinMs, type SystemKind, type Systems } from "./systems.ts";
import type { Found } from "./weather.ts";

export interface Request {
  readonly kind: SystemKind;
  readonly action: string;
  readonly id: string;
  readonly key: string;
  readonly number: number;
  readonly sentAtMs: number;
  /** When it is worked on, by the plan of the world; empty: never. */
  landsAtMs: readonly number[];
}

export interface TransportOptions {
  readonly scheduler: Scheduler;
  readonly systems: Systems;
  readonly random: SeededRandom;
  /** Chance that something goes wrong now. */
  readonly faults: () => number;
  readonly found: (action: string) => Found;
  /** Told when a request leaves, before anything becomes of it. */
  readonly onLeave: (request: Request) => void;
  readonly note: (text: string) => void;
}

const NEAR_MS = 200;
/** Longer than a call may take: the answer comes to nobody. */
const FAR_MS = 9_000;

const FATES = [
  "refused",
  "lost",
  "unheard",
  "late",
  "slow",
  "twice",
  "throttled",
  "busy",
  "broken",
  "rejected",
] as const;
type Fate = (typeof FATES)[number] | "well";

export class Transport {
  readonly #options: TransportOptions;
  /** Requests that may still land. */
  readonly #flying = new Set<Request>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Whether a request for this may still land. */
  mayLand(action: string, id: string): boolean {
    for (const request of this.#flying)
      if (request.action === action && request.id === id) return true;
    return false;
  }

  /** Requests that may still land under this key. */
  flyingUnder(key: string): number {
    let count = 0;
    for (const request of this.#flying) if (request.key === key) count += 1;
    return count;
  }

  call(
    life: Life,
    of: { readonly kind: SystemKind; readonly action: string; readonly id: string },
    attempt: Attempt,
  ): Promise<{ ref: string }> {
    const { scheduler, onLeave, note } = this.#options;
    if (life.isDead) return never();
    const { key, number } = attempt;
    const request: Request = { ...of, key, number, sentAtMs: scheduler.nowMs, landsAtMs: [] };
    const fate = this.#fate(request);
    note(`call ${of.action} ${of.id} #${String(number)} ${fate}`);
    onLeave(request);
    return this.#carry(request, fate, life, attempt.signal);
  }

  #fate({ action, kind }: Request): Fate {
    const { random, faults, found } = this.#options;
    const how = found(action);
    if (how === "away") return "refused";
    if (how === "falling") return random.next() < 0.5 ? "unheard" : "lost";
    if (random.next() >= faults()) return "well";
    const fate = random.pick(FATES);
    // The network may double a request only for who has promised to notice.
    const mayDouble = kind === "read" || kind === "upsert" || kind === "keys";
    if (fate === "twice" && !mayDouble) return "well";
    // Refusals need people: some are enough.
    if (fate === "rejected" && random.next() < 0.7) return "busy";
    return fate;
  }

  async #carry(
    request: Request,
    fate: Fate,
    life: Life,
    signal: AbortSignal,
  ): Promise<{ ref: string }> {
    const { random } = this.#options;
    const near = () => random.next() * NEAR_MS;
    switch (fate) {
      case "well":
      case "twice":
        if (fate === "twice")
          this.#land(request, near() + random.next() * landsWithinMs(request.kind) * 0.9);
        return await this.#answered(request, near(), near(), life);
      case "slow":
        return await this.#answered(request, near(), random.next() * FAR_MS, life);
      case "refused":
        await this.#pause(near(), life);
        throw refusedError();
      case "lost":
        if (random.next() < 0.5) return await untilAborted(signal);
        await this.#pause(near(), life);
        throw lostError();
      case "unheard":
        this.#land(request, near());
        if (random.next() < 0.5) return await untilAborted(signal);
        await this.#pause(2 * NEAR_MS, life);
        throw lostError();
      case "late":
        this.#land(request, 1_000 + random.next() * (landsWithinMs(request.kind) - 1_000));
        if (random.next() < 0.5) return await untilAborted(signal);
        await this.#pause(near(), life);
        throw lostError();
      case "throttled":
        await this.#pause(near(), life);
        throw answered(429, "throttled", "never", random.integer(20_000));
      case "busy":
        await this.#pause(near(), life);
        throw answered(409, "contention", "never");
      case "broken":
        if (random.next() < 0.5) this.#land(request, near() / 2);
        await this.#pause(near() + NEAR_MS, life);
        throw answered(500, "transient", "maybe");
      case "rejected":
        return await this.#answered(request, near(), near(), life, true);
    }
  }

  /** Worked on, and answered if somebody still waits. */
  async #answered(
    request: Request,
    landsInMs: number,
    backInMs: number,
    life: Life,
    refuses = false,
  ): Promise<{ ref: string }> {
    const landed = { isRefused: false };
    this.#land(request, landsInMs, refuses, (isRefused) => {
      landed.isRefused = isRefused;
    });
    await this.#pause(landsInMs + backInMs + 0.01, life);
    if (landed.isRefused) throw answered(422, "data", "never");
    return { ref: `${request.action}:${request.id}` };
  }

  #land(
    request: Request,
    inMs: number,
    refuses = false,
    heard: (isRefused: boolean) => void = () => undefined,
  ): void {
    const { scheduler, systems, note } = this.#options;
    request.landsAtMs = [...request.landsAtMs, scheduler.nowMs + inMs];
    this.#flying.add(request);
    scheduler.after(inMs, null, () => {
      const worked = systems.work({ ...request, refuses });
      note(`lands ${request.action} ${request.id} #${String(request.number)} ${worked}`);
      if (Math.max(...request.landsAtMs) <= scheduler.nowMs) this.#flying.delete(request);
      heard(worked === "refused");
    });
  }

  /** Looks up what was done. */
  async look(
    life: Life,
    action: string,
    id: string,
    signal: AbortSignal,
  ): Promise<Seen<{ ref: string }>> {
    const { random, faults, found, systems, note } = this.#options;
    if (life.isDead) return await never();
    const how = found(action);
    const goesWrong = random.next() < faults();
    const isLost = how === "falling" || (goesWrong && random.next() < 0.5);
    if (how === "away") throw refusedError();
    if (isLost && random.next() < 0.5) return await untilAborted(signal);
    await this.#pause(random.next() * NEAR_MS, life);
    if (isLost) throw lostError();
    const isFound = systems.finds(action, id);
    note(`look ${action} ${id} ${isFound ? "found" : "not found"}`);
    await this.#pause(random.next() * NEAR_MS, life);
    if (goesWrong && !isFound) return cannotTell("the index is being rebuilt");
    return isFound ? done({ ref: `${action}:${id}` }, { ref: `${action}-${id}` }) : notDone();
  }

  #pause(ms: number, life: Life): Promise<void> {
    return new Promise((resolve) => {
      this.#options.scheduler.after(ms, life, resolve);
    });
  }
}

function never(): Promise<never> {
  return new Promise<never>(() => undefined);
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
  const isUnsent = evidence.phase === "none";
  return new CallFailed({
    message,
    evidence: { ...evidence, callCount: 1 },
    table: {
      says: {
        class: failureClass,
        effect: isUnsent ? "never" : "maybe",
        scope: isUnsent ? "dependency" : "item",
        origin: "network",
        reasonCode: `SIM:${evidence.code ?? "LOST"}`,
      },
      rule: { source: "table", id: `sim/${evidence.code ?? "lost"}`, version: 1 },
    },
  });
}

function answered(
  status: number,
  failureClass: Classified["class"],
  effect: "never" | "maybe",
  retryAfterMs?: number,
): CallFailed {
  const phase: Phase = "answered";
  const hint = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new CallFailed({
    message: `answered ${String(status)}`,
    evidence: { phase, status, callCount: 1, ...hint },
    table: {
      says: { class: failureClass, effect, origin: "remote", reasonCode: `SIM:${String(status)}` },
      rule: { source: "table", id: `sim/${String(status)}`, version: 1 },
    },
  });
}
