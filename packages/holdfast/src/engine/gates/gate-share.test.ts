import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SharedGate } from "../../core/shared-gate.ts";
import { comingBack } from "../../core/breaker.ts";
import type { DependencyHead } from "../../core/journal.ts";
import { CALM_BREAKER } from "../../core/shared-breaker.ts";
import type { PostgresStore } from "../../store-postgres/index.ts";
import {
  type TestDatabase,
  makeDatabase,
  openStore,
} from "../../store-postgres/test-store.test-support.ts";
import type { SeenGates, SharedShards } from "../../store/shards.ts";
import { systemClock } from "../clock.ts";
import { GateShare, type ShareOptions } from "./gate-share.ts";

let database: TestDatabase;
const opened: { readonly store: PostgresStore; readonly share: GateShare }[] = [];

beforeEach(async () => {
  database = await makeDatabase();
});

afterEach(async () => {
  for (const { store, share } of opened.splice(0)) {
    share.close();
    await store.abandon();
  }
  await database.drop();
});

/** A bound against hanging: machines are shared. */
const PATIENCE = { timeout: 30_000 };

const OPTIONS = { concurrency: 8, rate: null, canaryMaxMs: 60_000, rampDoneAt: 8 };

/** A worker's share on a real store, played by hand. */
class Player {
  inUse = 0;
  wants = 0;
  /** The next write that is done: its answer is lost. */
  losesAnswer = false;
  triedCount = 0;
  drainCount = 0;
  readonly told: DependencyHead[] = [];
  readonly failures: unknown[] = [];
  readonly share: GateShare;
  readonly store: PostgresStore;

  private constructor(store: PostgresStore, shards: SharedShards, options: ShareOptions) {
    this.store = store;
    this.share = new GateShare("erp", {
      shards: {
        gates: (names) => shards.gates(names),
        saveGate: async (name, version, state) => {
          const saved = await shards.saveGate(name, version, state);
          if (!saved || !this.losesAnswer) return saved;
          this.losesAnswer = false;
          throw new Error("the answer was lost");
        },
      },
      worker: store.incarnation,
      clock: systemClock,
      demand: () => ({ inUse: this.inUse, wants: Math.max(this.inUse, this.wants) }),
      lastKnown: () => Promise.resolve(CALM_BREAKER),
      adopt: () => undefined,
      tryNow: () => {
        this.triedCount += 1;
      },
      room: () => undefined,
      drain: () => {
        this.drainCount += 1;
      },
      tell: (head) => {
        this.told.push(head);
        return Promise.resolve();
      },
      failed: (error) => this.failures.push(error),
      background: (work) => void work,
    });
    this.share.configure(options);
    opened.push(this);
  }

  static async join(options: ShareOptions = OPTIONS): Promise<Player> {
    const store = await openStore(database.url, { shared: true, leaseMs: 60_000 });
    if (store.shards.isWhole) throw new Error("it has the store for itself");
    return new Player(store, store.shards, options);
  }

  get free(): number {
    return this.share.free(this.inUse);
  }

  /** Wants so many, and has looked since. */
  async want(count: number): Promise<void> {
    this.wants = count;
    this.share.want();
    await this.share.refresh();
  }

  async seen(): Promise<SeenGates> {
    if (this.store.shards.isWhole) throw new Error("it has the store for itself");
    return await this.store.shards.gates(["erp"]);
  }

  async state(): Promise<SharedGate> {
    const [row] = (await this.seen()).gates;
    return JSON.parse(row?.state ?? "null") as SharedGate;
  }
}

describe("a worker's share of a limit", () => {
  test("is what it wants where nobody else wants any", async () => {
    const one = await Player.join();
    expect(one.free).toBe(0);
    await one.want(3);
    // In powers of two.
    expect(one.free).toBe(4);
    await one.want(20);
    expect(one.free).toBe(8);
  });

  test("goes to another as far as calls have come back", async () => {
    const [one, two] = [await Player.join(), await Player.join()];
    await one.want(8);
    one.inUse = 7;
    await two.want(8);
    expect(two.free).toBe(0);
    await one.share.refresh();
    expect(one.free).toBe(0);
    await two.share.refresh();
    expect(two.free).toBe(1);
    one.inUse = 2;
    one.share.returned();
    await one.share.refresh();
    expect(one.free).toBe(2);
    await two.share.refresh();
    expect(two.free).toBe(4);
  });

  test("is as it is on record after an answer was lost, and less until that is known", async () => {
    const [one, two] = [await Player.join(), await Player.join()];
    await one.share.refresh();
    one.losesAnswer = true;
    one.wants = 8;
    one.share.want();
    await vi.waitFor(() => expect(one.failures).toHaveLength(1), PATIENCE);
    expect(one.free).toBe(0);
    await two.want(8);
    expect(two.free).toBe(0);
    await one.share.refresh();
    expect(one.free).toBe(4);
    await two.share.refresh();
    expect(two.free).toBe(4);
  });

  test("of a rate comes with what is in its bucket, once, also when an answer was lost", async () => {
    // Four calls in an hour: nothing comes in while the test lasts.
    const options = { ...OPTIONS, rate: { count: 4, periodMs: 3_600_000, burst: 4 } };
    const [one, two] = [await Player.join(options), await Player.join(options)];
    await one.want(4);
    expect(one.free).toBe(4);
    one.share.take(0);
    one.share.take(0);
    await two.want(4);
    expect(two.free).toBe(0);
    one.losesAnswer = true;
    one.share.lookSoon();
    await vi.waitFor(() => expect(one.failures).toHaveLength(1), PATIENCE);
    await two.share.refresh();
    expect(two.free).toBe(1);
    // It was given, though nobody said so.
    await one.share.refresh();
    expect(one.free).toBe(1);
    expect((await one.state()).slices.map(({ parts }) => parts)).toEqual([2, 2]);
  });

  test("is free for others at once when it ends in order", async () => {
    const [one, two] = [await Player.join(), await Player.join()];
    await one.want(8);
    await two.want(8);
    expect(two.free).toBe(0);
    one.share.close();
    await one.share.leave();
    await two.share.refresh();
    expect(two.free).toBe(8);
  });

  test("is tried again by who starts while it waits for a setting, which may be mended", async () => {
    const one = await Player.join();
    await one.share.refresh();
    const outage = { class: "misconfigured", reason: "401", sinceMs: 0, spacingMs: 1 } as const;
    one.share.publish({ kind: "open", outage, probeAtMs: null });
    await one.share.refresh();
    await one.share.refresh();
    expect(one.triedCount).toBe(0);
    const two = await Player.join();
    await two.share.refresh();
    await two.share.refresh();
    expect(two.triedCount).toBe(1);
  });

  test("has a part of the retry budget, and takes up more of what nobody holds", async () => {
    const [one, two] = [await Player.join(), await Player.join()];
    await one.want(1);
    await two.want(1);
    const before = await one.state();
    expect(before.slices.map(({ retries }) => retries)).toEqual([10, 10]);
    expect(before.retries?.tokens).toBe(80);
    for (let n = 0; n < 5; n += 1) expect(one.share.payRetry(2)).toBe("paid");
    expect(one.share.payRetry(2)).toBe("wait");
    await one.share.refresh();
    await one.share.refresh();
    expect(one.share.payRetry(2)).toBe("paid");
    const { slices, retries } = await one.state();
    expect(slices.map((slice) => slice.retries)).toEqual([10, 10]);
    expect(retries?.tokens).toBeLessThanOrEqual(80);
  });

  test("is told of an outage with its end, and who waited is counted by the one that saw it", async () => {
    const one = await Player.join();
    await one.share.refresh();
    const outage = { class: "unavailable", reason: "down", sinceMs: 0, spacingMs: 1 } as const;
    one.share.publish({ kind: "open", outage, probeAtMs: null });
    await one.share.refresh();
    await one.share.refresh();
    one.share.publish(comingBack(null, null));
    await vi.waitFor(() => expect(one.drainCount).toBe(1), PATIENCE);
    one.share.drained({ parkedCount: 7, drainedAtMs: null });
    await one.share.refresh();
    one.share.drained({ parkedCount: 0, drainedAtMs: 1_000 });
    await vi.waitFor(async () => {
      await one.share.refresh();
      expect(one.told.at(-1)?.incident?.drainedAtMs).not.toBeNull();
    }, PATIENCE);
    expect(one.told.map(({ to }) => to)).toEqual(expect.arrayContaining(["parked", "closed"]));
    expect(one.told.at(-1)).toMatchObject({ to: "closed", incident: { parkedCount: 7 } });
    const { incident, drainer } = await one.state();
    expect(incident).toMatchObject({ parkedCount: 7 });
    expect(drainer).toBeNull();
  });

  test("is given back by halves, and costs nothing once it is all given", async () => {
    const one = await Player.join();
    await one.want(8);
    one.wants = 0;
    const held: number[] = [];
    while (!one.share.isIdle) {
      held.push(one.free);
      one.share.beat(await one.seen());
      await one.share.refresh();
    }
    expect(held).toEqual([8, 4, 2, 1]);
    expect((await one.state()).slices).toMatchObject([{ places: 0, wants: 0 }]);
    await one.want(1);
    expect(one.free).toBe(1);
    expect(one.share.isIdle).toBe(false);
  });

  test("is given by who is idle, at once when somebody waits", async () => {
    const [one, two] = [await Player.join(), await Player.join()];
    await one.want(8);
    await two.want(8);
    one.wants = 0;
    await one.share.refresh();
    // It looks again by itself, without a beat.
    await vi.waitFor(async () => {
      await two.share.refresh();
      expect(two.free).toBe(8);
    }, PATIENCE);
  });
});
