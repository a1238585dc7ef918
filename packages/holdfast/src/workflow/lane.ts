/** The `lane` of a workflow: which runs are in one, and what order means for them. */
import { HoldfastError } from "../core/error.ts";
import { checkOptions } from "./known-options.ts";

/**
 * - `strict`: one at a time, in the order of acceptance.
 * - `latest-wins`: one at a time, and of those that wait only the newest is done: each says all there
 *   is to say, and one that comes later has taken its place.
 * - `none`: no order.
 *
 * Source: failure model R31.
 */
const LANE_POLICIES = ["strict", "latest-wins", "none"] as const;
export type LanePolicy = (typeof LANE_POLICIES)[number];

export interface LaneOptions<Input> {
  readonly of: (input: Input) => string;
  readonly policy: LanePolicy;
}

/** A function alone is strict. */
export type LaneOf<Input> = ((input: Input) => string) | LaneOptions<Input>;

interface InLanes {
  readonly definition: { readonly lane?: LaneOf<unknown> };
}

/** The lane of a run with this input; null if it is in none. Throws what the workflow's function throws. */
export function laneOf({ definition: { lane } }: InLanes, input: unknown): string | null {
  if (lane === undefined) return null;
  // Without types it may say nothing: then the run is in none.
  const said: string | undefined =
    typeof lane === "function" ? lane(input) : lane.policy === "none" ? undefined : lane.of(input);
  return said ?? null;
}

export function isLatestWins({ definition: { lane } }: InLanes): boolean {
  return typeof lane === "object" && lane.policy === "latest-wins";
}

/** @throws {HoldfastError} HF1001 for what is neither a function nor `{ of, policy }`. */
export function checkLane(what: string, lane: unknown): void {
  if (lane === undefined || typeof lane === "function") return;
  if (typeof lane !== "object" || lane === null) {
    throw new HoldfastError(
      "HF1001",
      `${what}: "lane" is not valid: expected a function, or { of, policy }, got ${typeof lane}.`,
      "A function of the input gives the lane of a run; a function alone is strict.",
    );
  }
  const where = `lane of ${what}`;
  checkOptions(where, lane, { of: "function", policy: LANE_POLICIES });
  for (const name of ["of", "policy"]) {
    if (Reflect.get(lane, name) !== undefined) continue;
    throw new HoldfastError(
      "HF1001",
      `${where} needs "${name}".`,
      `Give both, for example { of: (input) => input.account, policy: "strict" }; a function alone is strict.`,
    );
  }
}
