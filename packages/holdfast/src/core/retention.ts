/**
 * Which runs may leave a store: the policy, pure. A run leaves with its whole family, into an
 * archive, and never while anything about it is open. Why: docs/decisions/0017.
 */
import { durationMs, durationText, type Duration } from "./duration.ts";
import { HoldfastError } from "./error.ts";
import { formatRunId } from "./run-number.ts";
import { isFinal, type RunState } from "./run-state.ts";

/** How long something is kept at least. */
export type Kept = Duration | "forever";

export interface RetentionOptions {
  /** Runs that have completed stay so long after their end. Default: until somebody archives them. */
  readonly completed?: Kept;
  /** Runs that were stopped or cancelled. Default "forever": a failure leaves only where a policy says so. */
  readonly failed?: Kept;
}

export interface AppRetention extends RetentionOptions {
  /** So long after a run has left, its key still refuses another run. Default "forever". */
  readonly keys?: Kept;
}

/** In milliseconds; null is for ever. */
export interface RetentionRule {
  readonly completedMs: number | null;
  readonly failedMs: number | null;
}

/** What decides whether a run may leave. */
export interface LeavingRun {
  readonly run: number;
  readonly parentRun: number | null;
  readonly state: RunState;
  readonly endedAtMs: number | null;
  /** When the last record of it was written: a settlement may have come after its end. */
  readonly lastAtMs: number;
  readonly openExceptions: number;
  /** Operations that may have happened, and nobody knows. */
  readonly unknownEffects: number;
  /** Until then ids of events that it took are remembered; 0 if there are none. */
  readonly eventsUntilMs: number;
}

export interface Stays {
  readonly run: number;
  /** One sentence. */
  readonly because: string;
}

/** Runs that leave together at most; a larger family stays, and says so. */
export const FAMILY_RUNS_MAX = 1_000;

/**
 * The rule of a workflow: what it says itself, else what the app says.
 *
 * @throws {HoldfastError} HF1001 for what is no duration.
 */
export function retentionRule(
  own: RetentionOptions | undefined,
  app: RetentionOptions | undefined,
  what: string,
): RetentionRule {
  return {
    completedMs: keptMs(own?.completed ?? app?.completed ?? "0s", `completed of ${what}`),
    failedMs: keptMs(own?.failed ?? app?.failed ?? "forever", `failed of ${what}`),
  };
}

/** @throws {HoldfastError} HF1001 for what is neither a duration nor "forever". */
export function keptMs(kept: Kept, what: string): number | null {
  return kept === "forever" ? null : durationMs(kept, what);
}

/** @throws {HoldfastError} HF1001 for an option that is none, or whose value is none. */
export function checkRetention(what: string, options: object, names: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name)) {
      throw new HoldfastError(
        "HF1001",
        `${what} has no option ${JSON.stringify(name.slice(0, 80))}.`,
        `It takes: ${names.join(", ")}.`,
      );
    }
    if (value !== undefined) keptMs(value as Kept, `${name} of ${what}`);
  }
}

/** Why a run stays by itself; null if it may leave as far as it is concerned. */
export function whyStays(
  run: LeavingRun,
  { completedMs, failedMs }: RetentionRule,
  nowMs: number,
): string | null {
  const { state, endedAtMs, openExceptions, unknownEffects, eventsUntilMs, lastAtMs } = run;
  if (!isFinal(state) || endedAtMs === null) return `it has not ended: it is ${state}`;
  if (unknownEffects > 0) return "whether one of its effects has happened is not known";
  if (openExceptions > 0) return "an exception of it is open";
  const keptForMs = state === "completed" ? completedMs : failedMs;
  if (keptForMs === null) return `it is ${state}, and no policy lets such a run leave`;
  const leftMs = Math.max(endedAtMs, lastAtMs) + keptForMs - nowMs;
  if (leftMs > 0) {
    return `it is ${state}, and its policy keeps it for ${durationText(keptForMs)}, another ${durationText(leftMs)} from now`;
  }
  if (eventsUntilMs > nowMs) {
    return `the id of an event that it took is remembered for another ${durationText(eventsUntilMs - nowMs)}`;
  }
  return null;
}

/**
 * Why a family stays as a whole: the first of its runs that has to, or its size. Null: all may leave.
 *
 * @param family - a run, the runs that it has started, and theirs.
 */
export function whyFamilyStays(
  family: readonly LeavingRun[],
  ruleOf: (run: LeavingRun) => RetentionRule,
  nowMs: number,
): Stays | null {
  const root = family[0];
  if (root !== undefined && family.length > FAMILY_RUNS_MAX) {
    return {
      run: root.run,
      because: `its family has more than ${String(FAMILY_RUNS_MAX)} runs, which cannot leave together`,
    };
  }
  for (const member of family) {
    const because = whyStays(member, ruleOf(member), nowMs);
    if (because !== null) return { run: member.run, because };
  }
  return null;
}

/** The sentence for another run of the same family. */
export function staysWith({ run, because }: Stays): string {
  return `it belongs to ${formatRunId(run)}, which stays: ${because}`;
}
