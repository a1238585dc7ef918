/** A run that a person has stopped. Source: settled points, "Run states". */

/** Of the exception by which a run is paused. */
export const PAUSED = "RUN:PAUSED";

/** The rule of that exception: what an effect of the user gives as its reason is no pause. */
export const PAUSED_BY_HAND = "run/PAUSED@1";
