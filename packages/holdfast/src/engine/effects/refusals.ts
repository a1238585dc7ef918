/** What came of the newest calls of each step, as this engine has seen it: one for all runs. */
import { isBareRefusal, ITEMS_MAX, ofNearlyAll, type ItemEnd } from "../../core/refused-share.ts";
import type { Failure } from "../../core/failure.ts";

/** One effect of one workflow, and the run whose call has ended. */
export interface ItemOfStep {
  readonly workflow: string;
  readonly effect: string;
  readonly run: number;
  readonly atMs: number;
}

/** By item, oldest first. Each end of each call is noted here, so nothing is copied for it. */
type Ends = Map<number, ItemEnd>;

export class Refusals {
  /** By workflow, then by effect: as many as there are in the code, each bounded. */
  readonly #ends = new Map<string, Map<string, Ends>>();

  /** The failure, or what it is where nearly all items of the step end so. Of a success: null. */
  seen(failure: Failure, item: ItemOfStep): Failure;
  seen(failure: null, item: ItemOfStep): null;
  seen(failure: Failure | null, { workflow, effect, run, atMs }: ItemOfStep): Failure | null {
    const ends = this.#endsOf(workflow, effect);
    const isRefused = failure !== null && isBareRefusal(failure);
    // Anew at the end: of an item only the newest counts, and the oldest of all goes first.
    ends.delete(run);
    ends.set(run, { isRefused, atMs });
    if (ends.size > ITEMS_MAX)
      for (const oldest of ends.keys()) {
        ends.delete(oldest);
        break;
      }
    return isRefused ? ofNearlyAll(failure, ends.values(), atMs) : failure;
  }

  #endsOf(workflow: string, effect: string): Ends {
    const ofWorkflow = this.#ends.get(workflow) ?? new Map<string, Ends>();
    const ends = ofWorkflow.get(effect) ?? new Map<number, ItemEnd>();
    if (ends.size === 0) this.#ends.set(workflow, ofWorkflow.set(effect, ends));
    return ends;
  }
}
