/**
 * A call that the end of engines has cut off again and again may be what ends them. Where it is sent once
 * more after its run has stood still (a look-up found nothing), no recovery group speaks against it: it has
 * to be on record that it is being tried, alone.
 */
import type { EffectStep } from "./effect-step.ts";

/** Null: nothing speaks against the call. Else it may be sent when this has resolved. */
export function trialOf({ run, journal, effect }: EffectStep): Promise<void> | null {
  const { cutOffCount } = journal;
  const { crashesMax } = run.host.limits;
  if (cutOffCount < crashesMax || effect.plan.contract.kind === "read") return null;
  // The next end that it causes is the last.
  return run.host.suspects.tryAlone(run, crashesMax - 1);
}
