/** States of a run. Source: settled points, "Run states". The numbers are what both databases store. */
/** How much of what a run had done was undone when it ended. */
export const COMPENSATED = ["no", "partially", "fully"] as const;
export type Compensated = (typeof COMPENSATED)[number];

/** What is said after the state of a run that has ended. */
export const COMPENSATED_TEXT: Readonly<Record<Compensated, string>> = {
  no: "",
  partially: ", undone in part",
  fully: ", undone",
};

export const RUN_STATES = [
  "running",
  "waiting",
  "parked",
  "review",
  "exception",
  "held",
  "paused",
  "cancelling",
  "compensating",
  "completed",
  "stopped",
  "cancelled",
] as const;
export type RunState = (typeof RUN_STATES)[number];

export const FINAL_RUN_STATES = ["completed", "stopped", "cancelled"] as const;
export type FinalRunState = (typeof FINAL_RUN_STATES)[number];

export function isFinal(state: RunState): state is FinalRunState {
  return (FINAL_RUN_STATES as readonly RunState[]).includes(state);
}

/** States in which the engine itself has work to do; a crash makes suspects of exactly these. */
export function isActive(state: RunState): boolean {
  return state === "running" || state === "cancelling" || state === "compensating";
}

/** States in which nothing goes on before a person has decided. */
export function needsPerson(state: RunState): boolean {
  return state === "exception" || state === "held" || state === "paused";
}
