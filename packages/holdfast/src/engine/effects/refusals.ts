/** What came of the newest calls of each step, as this engine has seen it: one for all runs. */
import { isBareRefusal, ofNearlyAll, withEnd, type ItemEnd } from "../../core/refused-share.ts";
import type { Failure } from "../../core/failure.ts";

/** One effect of one workflow, and the run whose call has ended. */
export interface ItemOfStep {
  readonly workflow: string;
  readonly effect: string;
  readonly run: number;
  readonly atMs: number;
}

export class Refusals {
  /** As many as there are effects in the code, each with a bounded list. */
  readonly #ends = new Map<string, readonly ItemEnd[]>();

  /** The failure, or what it is where nearly all items of the step end so. Of a success: null. */
  seen(failure: Failure, item: ItemOfStep): Failure;
  seen(failure: null, item: ItemOfStep): null;
  seen(failure: Failure | null, { workflow, effect, run, atMs }: ItemOfStep): Failure | null {
    const step = JSON.stringify([workflow, effect]);
    const isRefused = failure !== null && isBareRefusal(failure);
    const ends = withEnd(this.#ends.get(step) ?? [], { item: run, isRefused, atMs });
    this.#ends.set(step, ends);
    return isRefused ? ofNearlyAll(failure, ends, atMs) : failure;
  }
}
