/** A gap in a lane, in words: for whoever looks at the run that has left, or at the one behind it. */
import type { LaneCause, LaneHead } from "../core/lane.ts";
import { formatRunId } from "../core/run-number.ts";

const CAUSE_TEXT: Readonly<Record<LaneCause, string>> = {
  operator: "",
  quarantine: " (quarantine)",
};

export function laneText(head: LaneHead): string {
  const { lane, by, reason, cause } = head;
  const who = `by ${by}${CAUSE_TEXT[cause]}: ${reason}`;
  if (head.event === "gap")
    return `a gap before it in lane "${lane}": ${formatRunId(head.run)} was taken out, not ended, ${who}`;
  const next = head.next === null ? "nobody was behind it" : `${formatRunId(head.next)} goes on`;
  return `taken out of lane "${lane}" ${who}; ${next}`;
}
