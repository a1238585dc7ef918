/**
 * What happens when the deadline of a run passes before the run is done. Source: failure model 2.2,
 * class `expired`; settled points 9 and 14.
 */
export const ON_LATE = ["ask", "compensate", "stop"] as const;
export type OnLate = (typeof ON_LATE)[number];
