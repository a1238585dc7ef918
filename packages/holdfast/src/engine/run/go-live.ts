/** A step that the journal has not ended begins, or goes on from what it has recorded. */
import type { StepSlot } from "../steps/step-slot.ts";
import type { LiveRun } from "./live-run.ts";

export function goLive(run: LiveRun, slot: StepSlot): void {
  if (slot.ended || run.isGone) return;
  const { backlog } = run.host.committer;
  // Only what has not begun waits for room: what has may be open outside, and has to be known.
  if (backlog.isFull && slot.records.length === 0) {
    backlog.whenRoom(() => {
      // Who stands still by now begins nothing more: from its journal it may, if its owner says so.
      if (run.ending.isFrozen) run.end(slot);
      else goLive(run, slot);
    });
    return;
  }
  run.guarded(slot, () => {
    slot.verb.live(slot);
  });
}
