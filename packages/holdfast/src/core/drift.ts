/**
 * Whether what the code asks for is what the journal recorded at that step. A difference means that
 * the code has changed under a run in flight; nothing is executed then. Source: api.md 3.6, HF2104.
 */

/** What a step is, as the journal knows it. */
export const STEP_VERBS = [
  "effect",
  "step",
  "now",
  "timer",
  "review",
  "wait",
  "call",
  "compensation",
] as const;
type StepVerb = (typeof STEP_VERBS)[number];

export interface StepShape {
  readonly verb: StepVerb;
  /** Name of the effect, review, event or workflow; null for verbs that have none. */
  readonly target: string | null;
  /** Hex digest of the input or subject; null for verbs that have none. */
  readonly digest: string | null;
}

const VERB_TEXT: Readonly<Record<StepVerb, string>> = {
  effect: "the effect",
  step: "local work",
  now: "the time",
  timer: "a timer",
  review: "the review",
  wait: "the event",
  call: "the workflow",
  compensation: "the undoing",
};

/**
 * Null if they agree, else what differs, as the second sentence of HF2104.
 *
 * @param path - the step's path.
 */
export function driftOf(path: string, recorded: StepShape, asked: StepShape): string | null {
  const at = `The journal says step ${JSON.stringify(path)} was`;
  if (recorded.verb !== asked.verb || recorded.target !== asked.target) {
    return `${at} ${shapeText(recorded)}; your code asks for ${shapeText(asked)}.`;
  }
  if (recorded.digest !== asked.digest && recorded.digest !== null && asked.digest !== null) {
    return (
      `${at} ${shapeText(recorded)} with another input (digest ${short(recorded.digest)}); ` +
      `your code asks with digest ${short(asked.digest)}.`
    );
  }
  return null;
}

function shapeText(shape: StepShape): string {
  const verb = VERB_TEXT[shape.verb];
  return shape.target === null ? verb : `${verb} ${JSON.stringify(shape.target)}`;
}

function short(digest: string): string {
  return `${digest.slice(0, 8)}...`;
}
