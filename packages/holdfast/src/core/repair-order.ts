/** What a person wants done with one run, as it comes to the engine. */
import type { RepairAct } from "./repaired.ts";

export interface RepairOrder {
  /** Number of the run. */
  readonly run: number;
  readonly act: RepairAct;
  /** Path of the step; null where it is about the run as a whole. */
  readonly step: string | null;
  /** Where the run stood when the plan was shown: see run-version.ts. */
  readonly version: number;
  /** Of `supply` and `skip` the result; of `edit`, `correct` and `anew` a list of changes; else null. */
  readonly value: unknown;
  /** The other system's reference, of what was done there by hand. */
  readonly ref?: string;
  /** Of `edit`: the intent is another one, so the operation gets a new key. */
  readonly newKey?: true;
  readonly by: string;
  readonly reason: string;
  /** Id of the command in the inbox. */
  readonly command: string | null;
  /** Run of the replay plan that it is an item of: what was approved of that holds here. */
  readonly plan?: string;
  /** Which item of that plan, first is 0. */
  readonly item?: number;
}

/** An order as it lies in the inbox. */
export type RepairBody = Omit<RepairOrder, "run" | "by" | "command"> & {
  readonly run: string;
  /** It is only looked whether it could be done now. */
  readonly look?: true;
};

/** What a second person says about a proposal, as it lies in the inbox. */
export interface DecisionBody {
  readonly run: string;
  /** Number of the `proposed` record. */
  readonly seq: number;
  readonly approve: boolean;
  readonly reason: string;
}
