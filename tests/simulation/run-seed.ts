/** Runs one seed, and says all there is to say of it as plain values. */
import { EventLoop } from "./event-loop.ts";
import { planOf, type Plan } from "./plan.ts";
import { Simulation } from "./simulation.ts";
import type { Violation } from "./model/violation.ts";

export interface SeedResult {
  readonly plan: Plan;
  /** Of all that happened, in order: the same seed gives the same. */
  readonly digest: string;
  readonly violation: Violation | null;
  /** The newest lines about the run concerned; none if all is well. */
  readonly lines: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Lines that are shown of a seed with a violation. */
export const LINES_SHOWN = 60;

export async function runSeed(
  seed: number,
  workers: number | null = null,
  linesMax: number = LINES_SHOWN,
): Promise<SeedResult> {
  const plan = planOf(seed, workers);
  const eventLoop = new EventLoop();
  const simulation = new Simulation(plan, eventLoop);
  const onThrown = (error: unknown) => {
    simulation.threw(error);
  };
  process.on("unhandledRejection", onThrown);
  const end = eventLoop.begin();
  try {
    const { violation, trace, counts } = await simulation.run();
    const lines = violation === null ? [] : trace.newest(linesMax, simulation.about(violation));
    return { plan, digest: trace.digest, violation, lines, counts };
  } finally {
    end();
    process.off("unhandledRejection", onThrown);
  }
}
