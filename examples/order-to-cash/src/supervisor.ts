/**
 * Runs the whole case: the other systems behind their fault proxies, the engine that is killed and
 * started again, the orders that arrive, and the people who decide. Ends when every order is over or
 * with a person, or when the time is up.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { FaultCounts } from "holdfast/testing";
import { readBooks, type Books } from "./books.ts";
import { openErpPath } from "./broken-contract.ts";
import { EngineFleet } from "./engine-fleet.ts";
import { feedOrders, type FeedReport } from "./feed.ts";
import { SETTLE_MS } from "./integrations.ts";
import { People, type PeopleReport } from "./people.ts";
import type { Progress } from "./progress.ts";
import type { Settings } from "./settings.ts";
import { startStore, type StorePlace } from "./store-place.ts";
import type { StoreReader } from "./store-reader.ts";
import { startSystems, type Systems } from "./systems/launch.ts";
import { makeOrders, type ArrivingOrder } from "./systems/orders.ts";
import type { SystemName } from "./systems/system-process.ts";
import { standing } from "./watch.ts";

const LOOK_EVERY_MS = 150;
/** Looks in a row that must find everything at rest: projections are a flush behind. */
const CALM_LOOKS = 3;
const ORDERS_PER_SECOND = 10;
/** Of the whole: the outage begins when so much is done. */
const OUTAGE_FROM_SHARE = 0.2;
/** So slow that the one late request is decided upon before the next order comes. */
const SCENARIO_ORDERS_PER_SECOND = 2;

/** Everything that was seen; what it means is for the report. */
export interface Outcome {
  readonly settings: Settings;
  readonly elapsedMs: number;
  readonly arrivals: readonly ArrivingOrder[];
  readonly feed: FeedReport;
  readonly people: PeopleReport;
  readonly killsDone: number;
  readonly faults: Readonly<Record<SystemName, FaultCounts>>;
  readonly books: Books;
  /** What went wrong with the case itself, as sentences. */
  readonly troubles: readonly string[];
}

export interface SupervisorOptions {
  readonly settings: Settings;
  readonly progress: Progress;
  /** Ends the case early: everything is stopped, and the answer is null. */
  readonly signal: AbortSignal;
}

export async function runOrders(options: SupervisorOptions): Promise<Outcome | null> {
  const { dir, seed, faults } = options.settings;
  let ordersCase: Case | null = null;
  const systems = await startSystems({
    dir,
    seed,
    faults,
    settleMs: SETTLE_MS,
    onDeath: ({ name, lastWords }) => {
      ordersCase?.giveUp(`the system ${name} has ended by itself: ${lastWords}`);
    },
  });
  let store: StorePlace | null = null;
  try {
    store = await startStore(options.settings.store, dir);
    ordersCase = new Case(options, systems, store);
    return await ordersCase.run();
  } finally {
    await systems.stop();
    await store?.close();
  }
}

/** How long the orders may take until the case gives up: a bound, not a target. */
function timeLimitMs({ orders, faults, kills, outage }: Settings): number {
  // A system that is back is tried after as long again at most.
  const outageMs = outage === null ? 0 : 60_000 + 4 * outage.durationMs;
  return Math.round(60_000 + orders * 300 * (1 + 6 * faults) + kills * 2_000 + outageMs);
}

class Case {
  readonly #options: SupervisorOptions;
  readonly #systems: Systems;
  readonly #store: StorePlace;
  readonly #arrivals: readonly ArrivingOrder[];
  readonly #orderCount: number;
  readonly #troubles: string[] = [];
  readonly #over = new AbortController();
  readonly #startedAtMs = performance.now();
  readonly #runIds = new Map<string, string>();
  #share = 0;
  #shareWaiters: { readonly share: number; readonly resolve: () => void }[] = [];

  constructor(options: SupervisorOptions, systems: Systems, store: StorePlace) {
    const { orders, seed } = options.settings;
    this.#options = options;
    this.#systems = systems;
    this.#store = store;
    this.#arrivals = makeOrders({ count: orders, seed });
    this.#orderCount = orders;
  }

  /** Something broke that the case rests on: what is there by now is looked at all the same. */
  giveUp(what: string): void {
    this.#troubles.push(what);
    this.#over.abort();
  }

  async run(): Promise<Outcome | null> {
    const { settings, signal } = this.#options;
    const { dir } = settings;
    const { crm, payments, erp, mail } = this.#systems.places;
    const erpPath = settings.brokenContract ? await openErpPath(erp, settings.seed) : null;
    const ports = {
      crm: crm.port,
      payments: payments.port,
      erp: erpPath?.port ?? erp.port,
      mail: mail.port,
    };
    const { workers } = settings;
    const setting = { dir, store: this.#store.address, ports, isShared: workers > 1 };
    const fleet = new EngineFleet(setting, workers, (what) => {
      this.giveUp(what);
    });
    try {
      await fleet.started();
      const reader = await this.#store.openReader();
      try {
        const done = await this.#work(fleet, reader);
        if (signal.aborted) return null;
        await this.#systems.settled();
        await erpPath?.settled();
        const badEnd = await fleet.stop();
        if (badEnd !== null) this.#troubles.push(`the engine did not end in order: ${badEnd}`);
        const counts = this.#systems.counts();
        return {
          settings,
          elapsedMs: performance.now() - this.#startedAtMs,
          arrivals: this.#arrivals,
          ...done,
          killsDone: fleet.killsDone,
          faults: erpPath === null ? counts : { ...counts, erp: erpPath.counts },
          books: await readBooks(reader, dir, this.#systems.places),
          troubles: this.#troubles,
        };
      } finally {
        await reader.close();
      }
    } finally {
      await fleet.stop();
      await erpPath?.close();
    }
  }

  async #work(
    fleet: EngineFleet,
    reader: StoreReader,
  ): Promise<{ readonly feed: FeedReport; readonly people: PeopleReport }> {
    const { settings, signal } = this.#options;
    const stop = AbortSignal.any([
      signal,
      this.#over.signal,
      AbortSignal.timeout(timeLimitMs(settings)),
    ]);
    stop.addEventListener("abort", () => {
      this.#reach(1);
    });
    const people = new People(reader, settings.seed, async (run) => {
      const row = await reader.run(run);
      const runId = row === null ? undefined : this.#runIds.get(row.key);
      return row === null || runId === undefined ? null : { orderId: row.key, runId };
    });
    let isBusy = true;
    const feeding = feedOrders({
      arrivals: this.#arrivals,
      perSecond: settings.brokenContract ? SCENARIO_ORDERS_PER_SECOND : ORDERS_PER_SECOND,
      port: async () => fleet.port(),
      onAccepted: (orderId, runId) => {
        this.#runIds.set(orderId, runId);
        people.orderAccepted(orderId, runId);
      },
      signal: stop,
    });
    const killing = fleet.killAll(
      settings.kills,
      settings.seed,
      async (share) => this.#reached(share),
      stop,
    );
    const both = Promise.all([feeding, killing, this.#outage()]).finally(() => {
      isBusy = false;
    });
    // Its end is awaited below; until then a failure must not end this process.
    both.catch(() => undefined);
    await this.#watch({ reader, people, fleet, isBusy: () => isBusy, stop });
    const [feed] = await both;
    await people.close();
    return { feed, people: people.report };
  }

  async #outage(): Promise<void> {
    const { outage } = this.#options.settings;
    if (outage === null) return;
    await this.#reached(OUTAGE_FROM_SHARE);
    await this.#systems.outage(outage.system, outage.durationMs);
  }

  /** Looks again and again, until everything is at rest or the case is stopped. */
  async #watch(watched: {
    readonly reader: StoreReader;
    readonly people: People;
    readonly fleet: EngineFleet;
    readonly isBusy: () => boolean;
    readonly stop: AbortSignal;
  }): Promise<void> {
    const { reader, people, fleet, isBusy, stop } = watched;
    const { progress } = this.#options;
    for (let calm = 0; calm < CALM_LOOKS && !stop.aborted;) {
      await people.work();
      const now = await standing(reader);
      const acceptedCount = this.#runIds.size;
      const atRest = now.completed + now.ended + now.withAPerson;
      progress.show(now, acceptedCount, fleet.killsDone);
      this.#reach((acceptedCount + atRest) / (2 * this.#orderCount));
      const isCalm = !isBusy() && people.isQuiet && atRest >= acceptedCount && now.underWay === 0;
      calm = isCalm ? calm + 1 : 0;
      await delay(LOOK_EVERY_MS);
    }
    progress.end();
  }

  #reach(share: number): void {
    this.#share = Math.max(this.#share, share);
    const due = this.#shareWaiters.filter((waiter) => waiter.share <= this.#share);
    this.#shareWaiters = this.#shareWaiters.filter((waiter) => waiter.share > this.#share);
    for (const { resolve } of due) resolve();
  }

  async #reached(share: number): Promise<void> {
    if (share <= this.#share) return;
    await new Promise<void>((resolve) => {
      this.#shareWaiters.push({ share, resolve });
    });
  }
}
