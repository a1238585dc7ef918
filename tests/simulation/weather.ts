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
/** Most outages are short; some outlast the window of a key, by little or by much. */
const OUTAGE_MS = [20_000, 60_000, 300_000, 900_000];

/** How a request finds its system: at work, going down with this very request, or away. */
export type Found = "here" | "falling" | "away";

export class Weather {
  readonly #options: WeatherOptions;
  readonly #awayUntilMs = new Map<string, number>();
  /** Systems that go down at their next request, and for how long. */
  readonly #falling = new Map<string, number>();

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

  /** A system goes down at work: whoever has asked last does not hear what became of it. */
  found(action: string): Found {
    const { scheduler, isCalm, note } = this.#options;
    if (isCalm()) return "here";
    const system = action.replace("undo-", "");
    const forMs = this.#falling.get(system);
    if (forMs === undefined)
      return scheduler.nowMs < (this.#awayUntilMs.get(system) ?? 0) ? "away" : "here";
    this.#falling.delete(system);
    this.#awayUntilMs.set(system, scheduler.nowMs + forMs);
    note(`${system} is away for ${String(Math.round(forMs))} ms`);
    return "falling";
  }

  #change(): void {
    const { plan, scheduler, random, processes, note } = this.#options;
    if (random.next() < plan.outage)
      this.#falling.set(random.pick(SYSTEMS), random.pick(OUTAGE_MS) * random.next());
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
