/** The gates of all integrations, made when first needed and restored from the store. */
import { DEFAULT_BREAKER } from "../core/breaker.ts";
import { durationMs } from "../core/duration.ts";
import { HoldfastError } from "../core/error.ts";
import { parseRate } from "../core/rate.ts";
import type { Integration, IntegrationOptions } from "../workflow/integration.ts";
import type { Engine } from "./engine.ts";
import { Gate, type GateOptions } from "./gate.ts";

/** Calls at a time where nothing is declared. */
const CONCURRENCY = 64;
const UNKNOWN: GateOptions = {
  concurrency: CONCURRENCY,
  rate: null,
  breaker: DEFAULT_BREAKER,
  health: null,
};

export class Gates {
  readonly #engine: Engine;
  readonly #gates = new Map<string, Gate>();
  readonly #known = new Map<string, Integration>();
  #onQuiet: (() => void) | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    let count = 0;
    for (const gate of this.#gates.values()) count += gate.keptCount;
    return count;
  }

  /** Calls under way at all integrations. */
  get inFlight(): number {
    let count = 0;
    for (const gate of this.#gates.values()) count += gate.inFlight;
    return count;
  }

  onQuiet(listener: () => void): void {
    this.#onQuiet = listener;
  }

  ownerOf(integration: string): string | null {
    return this.#known.get(integration)?.options.owner ?? null;
  }

  /** @throws {HoldfastError} HF1002 if another integration has this name, HF1001 for bad options. */
  of(integration: Integration): Gate {
    const gate = this.#named(integration.name);
    const known = this.#known.get(integration.name);
    if (known === integration) return gate;
    if (known !== undefined) {
      throw new HoldfastError(
        "HF1002",
        `Two integrations have the name "${integration.name}".`,
        "Declare an integration once and import it where it is used.",
      );
    }
    this.#known.set(integration.name, integration);
    gate.configure(optionsOf(integration.name, integration.options));
    return gate;
  }

  #named(name: string): Gate {
    const existing = this.#gates.get(name);
    if (existing !== undefined) return existing;
    const { clock, random, limits, journal } = this.#engine;
    const gate = new Gate(name, UNKNOWN, {
      clock,
      random,
      queueMax: limits.gateQueueMax,
      record: (head) => {
        journal.append("dependency", head);
        const { integration, to, reason } = head;
        this.#engine.emit({ type: "dependency.changed", integration, to, reason });
      },
      wakeParked: (integration, count) => this.#wakeParked(integration, count),
      quiet: () => this.#onQuiet?.(),
    });
    this.#gates.set(name, gate);
    return gate;
  }

  async #wakeParked(integration: string, count: number): Promise<boolean> {
    const { committer, store, wakes, live } = this.#engine;
    try {
      await committer.durable();
      const page = { afterRun: 0, limit: count + live.size };
      const runs = await store.parked(integration, page, this.#engine.places.list);
      const asleep = runs.filter((run) => !live.has(run)).slice(0, count);
      wakes.add(asleep);
      return asleep.length > 0;
    } catch (error) {
      // Told as if somebody had been woken: so the gate looks again, at its own pace.
      return await this.#engine.reads.pause(`runs that wait for ${integration}`, error, 1);
    }
  }

  /** What the last engine knew of its dependencies; parked runs come back by it. */
  async restore(): Promise<void> {
    for (const row of await this.#engine.store.dependencies()) {
      const gate = this.#named(row.integration);
      gate.restore(row);
    }
  }

  /** Runs have come that another worker had parked: those come back that may by what is known here. */
  async cameIn(): Promise<void> {
    for (const row of await this.#engine.store.dependencies()) {
      const known = this.#gates.get(row.integration);
      if (known === undefined) this.#named(row.integration).restore(row);
      else known.lookForParked();
    }
  }

  /** The run has left memory. */
  forget(run: number): void {
    for (const gate of this.#gates.values()) gate.forget(run);
  }

  close(): void {
    for (const gate of this.#gates.values()) gate.close();
  }
}

function optionsOf(name: string, options: IntegrationOptions): GateOptions {
  const { limit, breaker } = options;
  const concurrency = positive(limit?.concurrency ?? CONCURRENCY, `limit.concurrency of "${name}"`);
  // Coming back is over where the integration's own limit holds.
  const rampDoneAt = Math.min(DEFAULT_BREAKER.rampDoneAt, concurrency);
  return {
    concurrency,
    rate: limit?.rate === undefined ? null : parseRate(limit.rate, `limit.rate of "${name}"`),
    breaker:
      breaker === undefined
        ? { ...DEFAULT_BREAKER, rampDoneAt }
        : {
            ...DEFAULT_BREAKER,
            rampDoneAt,
            openAt:
              positive(Number.parseFloat(breaker.openAt), `breaker.openAt of "${name}"`) / 100,
            of: positive(breaker.of, `breaker.of of "${name}"`),
            probeFirstMs: durationMs(breaker.probeEvery, `breaker.probeEvery of "${name}"`),
          },
    health: options.health ?? null,
  };
}

function positive(value: number, what: string): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new HoldfastError(
    "HF1001",
    `${what} must be above 0, got ${String(value)}.`,
    "Give a number above 0.",
  );
}
