/** What goes wrong by itself, now and then: systems that are away, clocks that jump, workers that stop. */
import type { SeededRandom } from "#src/testing/seeded-random.ts";
import type { Plan } from "./plan.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import { LEASE_MS } from "./store/shared.ts";

export interface WeatherOptions {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly isCalm: () => boolean;
  readonly processes: () => readonly Process[];
  readonly note: (text: string) => void;
}

const EVERY_MS = 10_000;
const SYSTEMS = ["look", "set", "charge", "order", "invoice", "mail", "stamp"];
/** Most outages are short; some outlast the window of a key. */
const OUTAGE_MS = [20_000, 60_000, 900_000];

export class Weather {
  readonly #options: WeatherOptions;
  readonly #awayUntilMs = new Map<string, number>();

  constructor(options: WeatherOptions) {
    this.#options = options;
  }

  start(): void {
    const { scheduler, isCalm } = this.#options;
    scheduler.after(EVERY_MS, null, () => {
      if (isCalm()) return;
      this.#change();
      this.start();
    });
  }

  isAway(action: string): boolean {
    const { scheduler, isCalm } = this.#options;
    const untilMs = this.#awayUntilMs.get(action.replace("undo-", "")) ?? 0;
    return !isCalm() && scheduler.nowMs < untilMs;
  }

  #change(): void {
    const { plan, scheduler, random, processes, note } = this.#options;
    if (random.next() < plan.outage) {
      const system = random.pick(SYSTEMS);
      const forMs = random.pick(OUTAGE_MS) * random.next();
      this.#awayUntilMs.set(system, scheduler.nowMs + forMs);
      note(`${system} is away for ${String(Math.round(forMs))} ms`);
    }
    for (const process of processes()) {
      if (plan.jumpMs > 0 && random.next() < 0.2) {
        const before = process.skewMs;
        process.skewMs = Math.round((random.next() - 0.5) * plan.jumpMs);
        note(`clock of ${process.name} jumps ${String(process.skewMs - before)} ms`);
      }
      if (random.next() < plan.stop) {
        const forMs = LEASE_MS * 3 * random.next();
        process.stoppedUntilMs = scheduler.nowMs + forMs;
        note(`${process.name} is stopped for ${String(Math.round(forMs))} ms`);
      }
    }
  }
}
