/** One effect's system in a test bed, as test code sees it. */
import { durationMs, type Duration } from "../../core/duration.ts";
import { HoldfastError } from "../../core/error.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { In, Out, Schema } from "../../workflow/schema.ts";
import type { Pending, Seen } from "../../workflow/seen.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { EffectWorld, FakeWorld } from "./fake-world.ts";
import type { Fault } from "./fault.ts";

/** Faults planned at once for one effect. */
const TIMES_MAX = 10_000;

/** What the bed keeps of stubs whose schemas it does not know. */
export type AnyStub = EffectStub<Schema, Schema>;

export class EffectStub<I extends Schema, O extends Schema> {
  readonly #world: EffectWorld;
  readonly #undoing: EffectWorld;
  readonly #effect: AnyEffect;
  readonly #chance: SeededRandom;

  constructor(effect: AnyEffect, world: FakeWorld) {
    this.#effect = effect;
    this.#world = world.of(effect.name);
    this.#chance = world.chanceOf(effect.name);
    this.#undoing = world.undoingOf(effect.name);
  }

  /**
   * What the system answers when it has done it: a value, or made of the input; or `pending(...)`, where it
   * answers later (`bed.complete`). The last word counts.
   */
  answer(value: In<O> | Pending | ((input: Out<I>) => In<O> | Pending)): this {
    this.#world.answer =
      typeof value === "function"
        ? // The engine calls it with the parsed input.
          (input) => (value as (given: Out<I>) => In<O> | Pending)(input)
        : () => value;
    return this;
  }

  /**
   * The next call ends like this, and so many in all; those after it go well.
   *
   * @throws {HoldfastError} HF1001 for a number of times that is none.
   */
  fail(fault: Fault, options: { readonly times?: number } = {}): this {
    this.#plan(this.#world, fault, options);
    return this;
  }

  /** The same for the calls that undo it, where `compensate` is a function. */
  failUndo(fault: Fault, options: { readonly times?: number } = {}): this {
    this.#plan(this.#undoing, fault, options);
    return this;
  }

  #plan(world: EffectWorld, fault: Fault, { times = 1 }: { readonly times?: number }): void {
    if (!Number.isInteger(times) || times < 1 || times > TIMES_MAX) {
      throw new HoldfastError(
        "HF1001",
        `times of effect "${this.#effect.name}" is ${String(times)}.`,
        `Give a whole number from 1 to ${String(TIMES_MAX)}.`,
      );
    }
    for (let time = 0; time < times; time += 1) world.plans.push(fault);
  }

  /** What a look-up finds, in the place of the truth: a search that lags, or that cannot tell. */
  lookUp(find: (input: Out<I>, happened: number) => Seen<In<O>>): this {
    this.#world.lookUp = (input, { length }) => find(input, length);
    return this;
  }

  /** Its system drops repeats of a key for ever, whatever the effect declares. */
  keyed(): this {
    this.#world.keysForMs = Number.POSITIVE_INFINITY;
    return this;
  }

  /**
   * Its system drops repeats of a key for so long and no longer, whatever the effect declares; "0ms": it
   * knows no keys.
   */
  windowed(window: Duration): this {
    this.#world.keysForMs = durationMs(window, "windowed");
    return this;
  }

  /** A look-up finds what was done so long ago, and nothing newer: a search index, a replica. */
  lagging(lag: Duration): this {
    this.#world.lagMs = durationMs(lag, "lagging");
    return this;
  }

  /**
   * One of so many calls, drawn by the seed of the bed, ends with one of these faults; those of `fail` come
   * first.
   *
   * @throws {HoldfastError} HF1001 for a number below 1, or no fault.
   */
  unreliable(oneIn: number, faults: readonly Fault[]): this {
    if (!Number.isInteger(oneIn) || oneIn < 1 || oneIn > TIMES_MAX || faults.length === 0) {
      throw new HoldfastError(
        "HF1001",
        `unreliable of effect "${this.#effect.name}" is one in ${String(oneIn)}, with ${String(faults.length)} faults.`,
        `Give a whole number from 1 to ${String(TIMES_MAX)}, and at least one fault.`,
      );
    }
    this.#world.unreliable = { oneIn, faults: [...faults], random: this.#chance };
    return this;
  }

  /** Each call, whatever became of it. */
  get calls(): readonly {
    readonly input: Out<I>;
    readonly key: string;
    readonly attempt: number;
    readonly atMs: number;
  }[] {
    return this.#world.calls;
  }

  /** How often it was really done over there: what must not be twice. A read does nothing. */
  get happened(): number {
    return this.#world.deeds.length;
  }

  /** How often it was really undone, by the call that `compensate` declares. */
  get undone(): number {
    return this.#undoing.deeds.length;
  }
}
