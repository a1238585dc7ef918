/**
 * The other systems of a test bed: each effect is done, or not, as its contract says that its system
 * does it, and what was done is on record here, apart from what the caller heard of it.
 */
import { canonicalJson } from "../../core/canonical-json.ts";
import { durationMs } from "../../core/duration.ts";
import type { Outside } from "../../engine/effects/outside.ts";
import type { Attempt } from "../../workflow/attempt.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import { cannotTell, done, isPending, notDone, type Seen } from "../../workflow/seen.ts";
import { seededRandom, type SeededRandom } from "../seeded-random.ts";
import type { Fault } from "./fault.ts";
import { lostError, refusedError, statusError } from "./fault-error.ts";
import type { ManualClock } from "./manual-clock.ts";

/** One call that has reached an effect's system, or was to. */
export interface SeenCall {
  readonly input: unknown;
  /** The operation key: the same on every attempt. */
  readonly key: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly atMs: number;
}

/** Something that was really done. */
export interface Deed {
  readonly input: unknown;
  /** Canonical JSON of the input: what a look-up finds it by. */
  readonly reference: string;
  readonly key: string;
  readonly answer: unknown;
  readonly atMs: number;
}

export type Answer = (input: unknown) => unknown;
export type LookUp = (input: unknown, deeds: readonly Deed[]) => Seen<unknown>;

/** What undoing calls, which the engine makes of `compensate`, are named by. */
const UNDO = "undo-";
/** Calls that one bed keeps of one effect. */
const CALLS_MAX = 100_000;

export class EffectWorld {
  /** Null until it is first called. */
  effect: AnyEffect | null = null;
  readonly calls: SeenCall[] = [];
  readonly deeds: Deed[] = [];
  readonly plans: Fault[] = [];
  answer: Answer | null = null;
  lookUp: LookUp | null = null;
  /** For how long its system drops repeats of a key; null: as the effect's contract says. */
  keysForMs: number | null = null;
  /** A look-up does not see what was done since. */
  lagMs = 0;
  unreliable: Unreliable | null = null;
}

/** One of so many calls goes wrong, with one of these. */
export interface Unreliable {
  readonly oneIn: number;
  readonly faults: readonly Fault[];
  readonly random: SeededRandom;
}

export class FakeWorld implements Outside {
  /** What is wrong with the test itself: told to whoever waits for the bed to come to rest. */
  problem: Error | null = null;
  /** Called before each call; the answer is a fault that comes before those that were planned. */
  meddle: (effect: AnyEffect, call: SeenCall) => Fault | null = () => null;
  /** Requests that have not been carried out yet. */
  onItsWay = 0;
  readonly #clock: ManualClock;
  readonly #seed: number;
  readonly #effects = new Map<string, EffectWorld>();
  #activity = 0;

  constructor(clock: ManualClock, seed: number) {
    this.#clock = clock;
    this.#seed = seed;
  }

  /** Grows with everything that happens here. */
  get activity(): number {
    return this.#activity;
  }

  get names(): readonly string[] {
    return [...this.#effects.keys()];
  }

  of(name: string): EffectWorld {
    const known = this.#effects.get(name);
    if (known !== undefined) return known;
    const made = new EffectWorld();
    this.#effects.set(name, made);
    return made;
  }

  /** Chance of this one effect, the same for the same seed. */
  chanceOf(name: string): SeededRandom {
    return seededRandom(this.#seed, `world ${name}`);
  }

  undoingOf(name: string): EffectWorld {
    return this.of(`${UNDO}${name}`);
  }

  async run(effect: AnyEffect, input: unknown, attempt: Attempt): Promise<unknown> {
    const world = this.of(effect.name);
    const call = { input, key: attempt.key, attempt: attempt.number, atMs: this.#clock.nowMs() };
    this.#activity += 1;
    if (world.calls.length >= CALLS_MAX)
      throw this.#wrong(`Effect "${effect.name}" was called ${String(CALLS_MAX)} times.`);
    world.calls.push(call);
    world.effect = effect;
    attempt.calls.count += 1;
    const fault = this.meddle(effect, call) ?? world.plans.shift() ?? chanceFault(world.unreliable);
    const work = () => this.#do(effect, world, call);
    return fault === null ? work() : await this.#fail(fault, { effect, attempt, work });
  }

  /** The systems of a bed are there; what goes wrong goes wrong with calls. */
  health(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async probe(effect: AnyEffect, input: unknown): Promise<unknown> {
    this.#activity += 1;
    const { deeds, lookUp, lagMs } = this.of(effect.name);
    if (lookUp !== null) return lookUp(input, deeds);
    const reference = canonicalJson(input);
    const seenMs = this.#clock.nowMs() - lagMs;
    const deed = deeds.find((one) => one.reference === reference && one.atMs <= seenMs);
    if (deed === undefined) return await Promise.resolve(notDone());
    const isPromised = isPending(deed.answer);
    return isPromised ? cannotTell("it was accepted, and is not done yet") : done(deed.answer);
  }

  /** Whoever gave up does not hear of it; it is done all the same. */
  #later(afterMs: number, work: () => unknown): void {
    this.onItsWay += 1;
    this.#clock.after(afterMs, () => {
      this.onItsWay -= 1;
      work();
    });
  }

  /** Does it, unless its system knows that it was done before. The answer is that of the first time. */
  #do(effect: AnyEffect, world: EffectWorld, { input, key }: SeenCall): unknown {
    const { definition, name } = effect;
    const { repeat, keyWindow } = definition;
    const nowMs = this.#clock.nowMs();
    const reference = canonicalJson(input);
    const declaredMs = repeat === "keyed" ? durationMs(keyWindow ?? "0ms", "keyWindow") : 0;
    const windowMs = world.keysForMs ?? declaredMs;
    const before = world.deeds.findLast((deed) => {
      if (repeat === "idempotent" && deed.reference === reference) return true;
      return deed.key === key && nowMs - deed.atMs < windowMs;
    });
    this.#activity += 1;
    if (before !== undefined) return before.answer;
    const answer = this.#answer(name, world, input);
    // A read changes nothing.
    if (repeat !== "read") world.deeds.push({ input, reference, key, answer, atMs: nowMs });
    return answer;
  }

  #answer(name: string, { answer }: EffectWorld, input: unknown): unknown {
    if (answer !== null) return answer(input);
    // Nobody reads what an undoing answers.
    if (name.startsWith(UNDO)) return null;
    throw this.#wrong(
      `Effect "${name}" was called, and the test does not say what its system answers. ` +
        `Say it: bed.on(effect).answer(value).`,
    );
  }

  #wrong(message: string): Error {
    this.problem ??= new Error(message);
    return this.problem;
  }

  async #fail(
    fault: Fault,
    {
      effect,
      attempt,
      work,
    }: { readonly effect: AnyEffect; readonly attempt: Attempt; readonly work: () => unknown },
  ): Promise<unknown> {
    switch (fault.kind) {
      case "refused":
        throw refusedError(effect, attempt);
      case "lostAnswer":
        if (fault.happened) work();
        throw lostError(effect, attempt);
      case "late":
        this.#later(fault.afterMs, work);
        throw lostError(effect, attempt);
      case "slow":
        return await new Promise<unknown>((resolve) => {
          this.#later(fault.takesMs, () => {
            resolve(work());
          });
        });
      case "silent":
        if (fault.happened) work();
        attempt.mark("sent");
        return await untilAborted(attempt.signal);
      case "status":
        if (fault.happened) work();
        throw statusError(effect, attempt, fault);
      case "malformed":
        work();
        return fault.body;
    }
  }
}

function chanceFault(unreliable: Unreliable | null): Fault | null {
  if (unreliable === null || unreliable.random.integer(unreliable.oneIn) !== 0) return null;
  return unreliable.random.pick(unreliable.faults);
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
