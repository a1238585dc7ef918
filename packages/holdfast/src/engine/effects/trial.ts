/**
 * A call that the end of engines has cut off again and again may be what ends them. Where it is sent once
 * more after its run has stood still (a look-up found nothing), no recovery group speaks against it: it has
 * to be on record that it is being tried, alone.
 */
import type { EffectStep } from "./effect-step.ts";

/**
 * Null: nothing speaks against the call. Else it may be sent when this has resolved.
 *
 * The last two ends are those of a trial: what ended the process while others were tried with it proves
 * too little, and one end alone may be anybody's.
 */
export function trialOf({ run, journal, effect }: EffectStep): Promise<void> | null {
  const { cutOffCount } = journal;
  const { crashesMax } = run.host.limits;
  const begins = Math.max(1, crashesMax - 1);
  if (cutOffCount < begins || effect.plan.contract.kind === "read") return null;
  return run.host.suspects.tryAlone(run, Math.min(crashesMax - 1, cutOffCount - begins + 1));
}
