/** A run that a person has stopped. Source: settled points, "Run states". */

/** Of the exception by which a run is paused. */
export const PAUSED = "RUN:PAUSED";
