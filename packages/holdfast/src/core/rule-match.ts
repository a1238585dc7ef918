/**
 * Whether a rule of the form "when ... then ..." is about what is known of a bad end. The tables of
 * the protocols are such rules; what a rule says is none of this file's business.
 *
 * Everything in a `When` must hold. A part that is left out says nothing.
 */

/** One status, or a range with both ends included. */
export type StatusRange = number | readonly [number, number];

export interface When<Phase extends string = string, Condition extends string = string> {
  /** Codes as they stand; a `*` at the end stands for any ending. */
  readonly code?: readonly string[];
  readonly status?: readonly StatusRange[];
  /** How far it had got, in the words of the protocol. */
  readonly phase?: readonly Phase[];
  /** Named conditions, all of which must hold. */
  readonly is?: readonly Condition[];
  /** From this attempt on; the first is 1. */
  readonly attemptFrom?: number;
}

/** What is known of one bad end. */
export interface Facts {
  /** Stable and machine made; null if there was none. */
  readonly code: string | null;
  readonly status: number | null;
  /** Null where nobody knows how far it had got. */
  readonly phase: string | null;
  /** The first is 1. */
  readonly attempt: number;
  readonly holds: (condition: string) => boolean;
}

export function matches(when: When, facts: Facts): boolean {
  return (
    (when.code === undefined || codeFit(when.code, facts.code) !== null) &&
    (when.status === undefined || hasStatus(when.status, facts.status)) &&
    (when.phase === undefined || (facts.phase !== null && when.phase.includes(facts.phase))) &&
    (when.attemptFrom === undefined || facts.attempt >= when.attemptFrom) &&
    (when.is === undefined || when.is.every(facts.holds))
  );
}

/**
 * How exactly the codes name this one: its own length and one more if one of them is the code
 * itself, the length of the longest beginning that fits otherwise, null if none does.
 */
export function codeFit(codes: readonly string[], code: string | null): number | null {
  if (code === null) return null;
  let best: number | null = null;
  for (const each of codes) {
    if (each === code) return code.length + 1;
    const start = each.slice(0, -1);
    if (each.endsWith("*") && code.startsWith(start)) best = Math.max(best ?? 0, start.length);
  }
  return best;
}

function hasStatus(ranges: readonly StatusRange[], status: number | null): boolean {
  if (status === null) return false;
  return ranges.some((each) =>
    typeof each === "number" ? each === status : status >= each[0] && status <= each[1],
  );
}
