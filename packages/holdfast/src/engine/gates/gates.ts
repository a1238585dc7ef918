/** The gates of all integrations, made when first needed and restored from the store. */
import { DEFAULT_BREAKER } from "../../core/breaker.ts";
import { durationMs } from "../../core/duration.ts";
import { HoldfastError } from "../../core/error.ts";
import { parseRate } from "../../core/rate.ts";
import { integrationOfGate } from "../../core/parking.ts";
import type { DependencyHead } from "../../core/journal.ts";
import type { Integration } from "../../workflow/integration.ts";
import type { Engine } from "../engine.ts";
import { Gate, type GateOptions } from "./gate.ts";
import { GateShare } from "./gate-share.ts";
import { ParkedExceptions } from "./parked-exceptions.ts";
import { sharedKnown } from "../../core/shared-breaker.ts";
import type { SharedShards } from "../../store/shards.ts";

/** Looks at what workers share until what a person said is there. */
const LOOKS_MAX = 20;

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
  /** By gate: whose it is. */
  readonly #configured = new Map<string, Integration>();
  /** Of those gates whose limits and breakers workers share. */
  readonly #shares = new Map<string, GateShare>();
  readonly #parked: ParkedExceptions;
  readonly #tookOverAtMs: number | null;
  #isLooking = false;
  #onQuiet: (() => void) | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
    const { store, clock } = engine;
    this.#tookOverAtMs = store.predecessors.length > 0 ? clock.nowMs() : null;
    this.#parked = new ParkedExceptions(engine);
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

  /** @param gate - of an integration, or of a part or a tenant of one. */
  ownerOf(gate: string): string | null {
    return this.#known.get(integrationOfGate(gate))?.options.owner ?? null;
  }

  /** Whether calls of such an effect are let through now. */
  isOpenTo(
    { on, group }: { readonly on: Integration; readonly group?: string },
    namespace: string,
  ): boolean {
    const name = gateName(on.name, group, on.options.perNamespace === true ? namespace : null);
    return this.#gates.get(name)?.isClosed ?? true;
  }

  /** @throws {HoldfastError} HF1002 if another integration has this name, HF1001 for bad options. */
  of(
    { on, group }: { readonly on: Integration; readonly group?: string },
    namespace: string,
  ): Gate {
    const known = this.#known.get(on.name);
    if (known !== undefined && known !== on) throw twoOf(on.name);
    this.#known.set(on.name, on);
    const name = gateName(on.name, group, on.options.perNamespace === true ? namespace : null);
    const gate = this.#named(name);
    const of = this.#configured.get(name);
    if (of === on) return gate;
    if (of !== undefined) throw twoOf(name);
    this.#configured.set(name, on);
    const { outside } = this.#engine;
    gate.configure(optionsOf(name, on, (asked) => outside.health(asked)));
    return gate;
  }

  #named(name: string): Gate {
    const existing = this.#gates.get(name);
    if (existing !== undefined) return existing;
    const { clock, random, limits, places } = this.#engine;
    const share = places.shared === null ? null : this.#shared(name, places.shared);
    const gate = new Gate(name, UNKNOWN, {
      clock,
      random,
      queueMax: limits.gateQueueMax,
      record: (head) => {
        this.#record(head);
      },
      note: (head) => {
        this.#engine.journal.append("dependency", head);
      },
      share,
      tookOverAtMs: this.#tookOverAtMs,
      wakeParked: (integration, count) => this.#wakeParked(integration, count),
      countParked: (integration) => this.#countParked(integration),
      quiet: () => this.#onQuiet?.(),
    });
    this.#gates.set(name, gate);
    return gate;
  }

  #record(head: DependencyHead): void {
    this.#engine.journal.append("dependency", head);
    const { integration, to, reason } = head;
    this.#engine.emit({ type: "dependency.changed", integration, to, reason });
    this.#parked.moved(integration);
  }

  /** What this worker holds and knows of a gate that all workers share. */
  #shared(name: string, shards: SharedShards): GateShare {
    const { clock, committer, store } = this.#engine;
    const share = new GateShare(name, {
      shards,
      worker: store.incarnation,
      clock,
      demand: () => this.#gates.get(name)?.demand ?? { inUse: 0, wants: 0 },
      lastKnown: async () => {
        const rows = await store.dependencies();
        const row = rows.find(({ integration }) => integration === name);
        return sharedKnown(row ?? null, clock.nowMs(), DEFAULT_BREAKER.probeFirstMs);
      },
      adopt: (become) => this.#gates.get(name)?.adopt(become),
      tryNow: () => this.#gates.get(name)?.tryNow(),
      room: () => this.#gates.get(name)?.roomCame(),
      drain: () => this.#gates.get(name)?.drain(),
      tell: async (head) => {
        if (head.to === "closed" && head.incident?.parkedCount != null)
          this.#engine.journal.append("dependency", head);
        else this.#record(head);
        await committer.durable();
      },
      failed: (error, delayMs) => {
        this.#failed(name, error, delayMs);
      },
      background: (work) => {
        this.#engine.background(work);
      },
    });
    this.#shares.set(name, share);
    return share;
  }

  /** This worker has shown that it lives: time to see what others have made of the gates. */
  async beat(): Promise<void> {
    const { shared } = this.#engine.places;
    const shares = [...this.#shares].filter(([, share]) => !share.isIdle);
    if (shared === null || shares.length === 0 || this.#isLooking) return;
    this.#isLooking = true;
    try {
      const seen = await shared.gates(shares.map(([name]) => name));
      for (const [, share] of shares) share.beat(seen);
    } catch (error) {
      // The next beat looks again.
      await this.#engine.reads.pause("the limits that workers share", error, 1);
    } finally {
      this.#isLooking = false;
    }
  }

  /** No call is under way any more: others may use what this worker holds, before its lease ends. */
  async leave(): Promise<void> {
    if (this.#engine.committer.hasFailed) return;
    await Promise.all(
      [...this.#shares].map(async ([name, share]) => {
        try {
          await share.leave();
        } catch (error) {
          // The end of its lease gives back all the same.
          this.#failed(name, error, 0);
        }
      }),
    );
  }

  #failed(name: string, error: unknown, delayMs: number): void {
    const message = error instanceof Error ? error.message : String(error);
    const what = `the limit of ${name} that workers share`;
    this.#engine.emit({ type: "store.retry", what, message, delayMs });
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

  /** Of all workers, those of this one as it has decided until now. */
  async #countParked(integration: string): Promise<number | null> {
    const { committer, store } = this.#engine;
    try {
      await committer.durable();
      return await store.parkedCount(integration);
    } catch (error) {
      await this.#engine.reads.pause(`runs that wait for ${integration}`, error, 1);
      return null;
    }
  }

  /** What the last engine knew of its dependencies; parked runs come back by it. */
  async restore(): Promise<void> {
    for (const row of await this.#engine.store.dependencies()) {
      const gate = this.#named(row.integration);
      gate.restore(row);
      // The process may have died between the record and its exception, or the end of that.
      if (row.state !== "closed" || row.incident?.endedAtMs != null)
        this.#parked.moved(row.integration);
    }
  }

  /**
   * A person does not want it called until then; after that it is tried like after an outage.
   * Resolves when that is on record, for all workers.
   */
  async parkByHand(integration: string, reason: string, untilMs: number): Promise<void> {
    await this.#shares.get(integration)?.refresh();
    this.#named(integration).parkByHand(reason, untilMs);
    await this.#onRecord(integration);
  }

  /** A person wants it tried now. Resolves as `parkByHand` does; false if it is not parked. */
  async tryByHand(integration: string, reason: string): Promise<boolean> {
    const gate = this.#gates.get(integration);
    await this.#shares.get(integration)?.refresh();
    if (gate === undefined || gate.isClosed) return false;
    const { declarations } = this.#engine;
    const isDeclared = declarations.namesOf("integration").includes(integrationOfGate(integration));
    // Of what no code has a name for, no call will ever come that could be tried.
    if (isDeclared || !gate.isParkedByHand) gate.tryNow(reason);
    else gate.letGo();
    await this.#onRecord(integration);
    return true;
  }

  /** Whether one of its effects was at work here, or what became of it is on record. */
  isKnown(integration: string): boolean {
    return this.#gates.has(integration);
  }

  async #onRecord(integration: string): Promise<void> {
    const share = this.#shares.get(integration);
    if (share !== undefined && !(await isTold(share))) throw notTold(integration);
    await this.#engine.committer.durable();
  }

  /** Runs have come that another worker had parked: those come back that may by what is known here. */
  async cameIn(): Promise<void> {
    const rows = await this.#engine.store.dependencies();
    // Whoever would have told of an outage may be gone.
    for (const { state, integration } of rows)
      if (state !== "closed") this.#parked.moved(integration);
    await Promise.all(rows.map((row) => this.#named(row.integration).lookForParked()));
  }

  /** The run has left memory. */
  forget(run: number): void {
    for (const gate of this.#gates.values()) gate.forget(run);
  }

  close(): void {
    for (const gate of this.#gates.values()) gate.close();
    this.#parked.close();
  }
}

/** Whether the others know, after some looks, what this worker has come to. */
async function isTold(share: GateShare): Promise<boolean> {
  for (let looks = 0; looks < LOOKS_MAX && !share.isTold; looks += 1) await share.refresh();
  return share.isTold;
}

function notTold(integration: string): HoldfastError {
  return new HoldfastError(
    "HF6005",
    `What workers share of "${integration}" could not be written, or others wrote it all the time.`,
    "Look with `holdfast dependencies` whether it is parked, and give the command again if not.",
  );
}

function twoOf(name: string): HoldfastError {
  return new HoldfastError(
    "HF1002",
    `Two integrations have the name "${name}".`,
    "Declare an integration once and import it where it is used.",
  );
}

/** As it is on record and as people name it: `erp`, `erp/invoices`, `erp@tenant`, `erp/invoices@tenant`. */
function gateName(
  integration: string,
  group: string | undefined,
  namespace: string | null,
): string {
  const part = group === undefined ? "" : `/${group}`;
  return `${integration}${part}${namespace === null ? "" : `@${namespace}`}`;
}

function optionsOf(
  name: string,
  on: Integration,
  health: (on: Integration) => Promise<boolean>,
): GateOptions {
  const { limit, breaker } = on.options;
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
            slowMs:
              breaker.slow === undefined
                ? null
                : durationMs(breaker.slow, `breaker.slow of "${name}"`),
          },
    health: on.options.health === undefined ? null : () => health(on),
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
