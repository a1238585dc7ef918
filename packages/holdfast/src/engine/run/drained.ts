/** Waits, within a bound, until no call is outside any more; then other workers may use the limits. */
import type { Clock } from "../clock.ts";
import type { Gates } from "../gates/gates.ts";

export async function drained(gates: Gates, clock: Clock, drainMs: number): Promise<void> {
  if (gates.inFlight > 0) await quiet(gates, clock, drainMs);
  await gates.leave();
}

async function quiet(gates: Gates, clock: Clock, drainMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.after(drainMs, resolve);
    gates.onQuiet(() => {
      if (gates.inFlight > 0) return;
      cancel();
      resolve();
    });
  });
  // Outcomes that came in during the drain are still being recorded.
  await new Promise<void>((resolve) => setImmediate(resolve));
}
