import type { FaultContext } from "./fault-context.ts";
import type { FaultDecision } from "./fault-plan.ts";

/**
 * A late request is delivered between these shares of the settle time. The room up to the limit is
 * for a machine so busy that our own timer is late (settled.md 32: late by at most 0.6 x settle).
 */
const LATE_SHARE_MIN = 0.3;
const LATE_SHARE_MAX = 0.5;
const LATE_SHARE_LIMIT = 0.6;
const TOO_LATE_SHARE = 1.5;

/**
 * Holds a request back, then delivers it, whatever has become of the client.
 *
 * @param deliver - hands the request to the counterpart; false if it was not there.
 */
export async function deliverLate(
  context: FaultContext,
  decision: FaultDecision,
  deliver: () => Promise<boolean>,
): Promise<void> {
  const isTooLate = decision.kind === "too-late";
  const lateShare = LATE_SHARE_MIN + (LATE_SHARE_MAX - LATE_SHARE_MIN) * decision.variant;
  const delayMs = context.settleMs * (isTooLate ? TOO_LATE_SHARE : lateShare);
  const cameInAt = performance.now();
  await context.track(
    (async () => {
      const isDue = await context.wait(delayMs);
      const heldMs = performance.now() - cameInAt;
      // A promise of the counterpart is at stake here: better not deliver than break it by accident.
      if (!isDue || (!isTooLate && heldMs > context.settleMs * LATE_SHARE_LIMIT)) {
        context.count("lateDropped");
      } else if (await deliver()) {
        context.fired(decision);
      } else {
        context.count("upstreamLost");
      }
    })(),
  );
}
