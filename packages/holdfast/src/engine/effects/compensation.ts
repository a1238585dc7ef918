/**
 * Undoes what a run, or one scope of it, has done, newest first. Each undoing is an effect of its own, with its own
 * contract and journal; one that fails waits for a person and is never given up.
 */
import { isWithin, undoPath } from "../../core/step-path.ts";
import type { Compensated } from "../../core/run-state.ts";
import { undoingOf, type AnyEffect, type EffectDefinition } from "../../workflow/effect.ts";
import { effectPlan } from "../../workflow/effect-plan.ts";
import { EffectStep } from "./effect-step.ts";
import type { LiveRun } from "../run/live-run.ts";
import { ANYTHING } from "./stand-in-effect.ts";
import {
  byHandWords,
  leavesWords,
  stayingEffects,
  stayingWords,
  type SaidByHand,
  type StayingEffect,
} from "./staying-effects.ts";

export class Compensation {
  readonly #run: LiveRun;
  readonly #done: readonly EffectStep[];
  /** What was done and cannot be undone by us. */
  readonly stays: readonly StayingEffect[];
  /** Undoings of which a person has said that they were done by hand, or that they are left. */
  readonly #byHand: SaidByHand[] = [];
  #isDone = false;
  #started = false;
  #isUndoing = false;

  /** @param scope - path of the scope that is undone; not given: the whole run. */
  constructor(run: LiveRun, scope?: string) {
    this.#run = run;
    this.#done = [...run.slots.values()]
      .map((slot) => slot.verb)
      .filter((verb): verb is EffectStep => verb instanceof EffectStep)
      .filter((step) => step.doneSeq !== null && step.undoes === null)
      .filter(
        (step) => undoingOf(step.effect.definition) !== null && isMeant(run, step.path, scope),
      )
      // The order in which the journal has their ends: of two at the same time, too.
      .toSorted((a, b) => (b.doneSeq ?? 0) - (a.doneSeq ?? 0));
    this.stays = stayingEffects(run).filter(({ path }) => isMeant(run, path, scope));
  }

  get isNeeded(): boolean {
    return this.#done.length > 0;
  }

  get compensated(): Compensated {
    const leftCount = this.#byHand.filter(({ happened }) => !happened).length;
    if (leftCount === this.#done.length) return "no";
    return this.stays.length + leftCount + this.#inPart.length === 0 ? "fully" : "partially";
  }

  /** What stays and who says so, and what they say was undone: the end of the run's reason. */
  get words(): string {
    return `${leavesWords(this.#inPart)}${stayingWords(this.stays)}${byHandWords(this.#byHand)}`;
  }

  /** Those whose undoing leaves something; what a person has decided about, that person says. */
  get #inPart(): readonly EffectStep[] {
    const decided = new Set(this.#byHand.map(({ path }) => path));
    return this.#done.filter(
      ({ path, effect }) => effect.definition.leaves !== undefined && !decided.has(path),
    );
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** True while all that is under way is an undoing, which says itself what it waits for. */
  get isWaiting(): boolean {
    return this.#isUndoing;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    if (!this.isNeeded) {
      this.#isDone = true;
      return;
    }
    void this.#undoAll();
  }

  async #undoAll(): Promise<void> {
    try {
      for (const step of this.#done) {
        const undo = undoEffectOf(step, await step.inputAsSeen(), await step.outputAsSeen());
        const { effect } = undo;
        const path = undoPath(step.path);
        const undoing = new EffectStep(this.#run, path, effect, undo.input, "undo", step.path);
        this.#isUndoing = true;
        await undoing.promise;
        this.#isUndoing = false;
        const said = undoing.saidByHand;
        if (said !== null) this.#byHand.push({ path: step.path, ...said });
      }
      this.#isDone = true;
    } catch (error) {
      // An undoing ends badly only where its definition is wrong: that is the code owner's.
      this.#run.ending.holdUndo(error);
    }
    this.#run.recheck();
  }
}

/** True for what was done there and has not been undone with a scope before. */
function isMeant(run: LiveRun, path: string, scope: string | undefined): boolean {
  return !run.scopes.haveUndone(path) && (scope === undefined || isWithin(path, scope));
}

/**
 * Path of an effect that would have to be undone if it happened, which nobody knows; or null.
 *
 * @param scope - path of the scope that is undone; not given: the whole run.
 */
export function stepThatBlocksUndoing(run: LiveRun, scope?: string): string | null {
  for (const { path, verb } of run.slots.values())
    if (verb.blocksUndoing === true && isMeant(run, path, scope)) return path;
  return null;
}

/** The declared undoing: an effect of its own, or a call under the contract of what it undoes. */
function undoEffectOf(
  step: EffectStep,
  input: unknown,
  output: unknown,
): { readonly effect: AnyEffect; readonly input: unknown } {
  const compensate = undoingOf(step.effect.definition);
  if (compensate === null) throw new TypeError(`effect ${step.effect.name} declares no undoing`);
  if (typeof compensate !== "function") {
    return { effect: compensate.effect, input: compensate.input(input, output) };
  }
  const { definition } = step.effect;
  const { describe } = definition;
  const name = `undo-${step.effect.name}`;
  const undo: EffectDefinition = {
    ...callOptionsOf(definition),
    // The call gets the original input and output instead.
    input: ANYTHING,
    output: ANYTHING,
    // What is at stake is what was done.
    ...(describe === undefined ? {} : { describe: () => describe(input) }),
    run: async (_input, attempt) => {
      await compensate(input, output, attempt);
      return null;
    },
  };
  return {
    effect: { kind: "effect", name, definition: undo, plan: effectPlan(name, undo) },
    input: { undoes: step.path },
  };
}

/** What an undoing call takes over: where it goes and how it may be repeated, but no look-up. */
function callOptionsOf(
  definition: EffectDefinition,
): Omit<EffectDefinition, "input" | "output" | "run"> {
  const { on, repeat, timeout, owner, owners, classify, retry, keyWindow, replays, why } =
    definition;
  return {
    on,
    repeat,
    ...(timeout === undefined ? {} : { timeout }),
    ...(owner === undefined ? {} : { owner }),
    ...(owners === undefined ? {} : { owners }),
    ...(classify === undefined ? {} : { classify }),
    ...(retry === undefined ? {} : { retry }),
    ...(keyWindow === undefined ? {} : { keyWindow }),
    ...(replays === undefined ? {} : { replays }),
    ...(why === undefined ? {} : { why }),
  };
}
