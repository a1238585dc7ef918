/** Workers of one shared store, as tests of the driver have them. */
import type { SharedShards, Surroundings } from "../store/shards.ts";
import { startedHead } from "../testing/sample-journal.ts";
import type { PostgresStore, Ticks } from "./index.ts";
import { openStore, runSql } from "./test-store.test-support.ts";
import { systemTicks } from "./ticks.ts";

export interface Worker {
  readonly store: PostgresStore;
  readonly shards: SharedShards;
  /** The next look that this is true of. */
  sees(isSo: (seen: Surroundings) => boolean): Promise<Surroundings>;
}

/** Its own journal, so that its chain begins as an engine's does. */
export async function joinStore(
  url: string,
  { leaseMs = 3_000, ticks = systemTicks }: { leaseMs?: number; ticks?: Ticks } = {},
): Promise<Worker> {
  const store = await openStore(url, { shared: true, leaseMs, ticks });
  const { shards } = store;
  if (shards.isWhole) throw new Error("it has the store for itself");
  let seen: Surroundings | null = null;
  const waiting: { isSo: (seen: Surroundings) => boolean; resolve: (s: Surroundings) => void }[] =
    [];
  shards.onLook((found) => {
    seen = found;
    for (const { isSo, resolve } of waiting) if (isSo(found)) resolve(found);
  });
  return {
    store,
    shards,
    sees: async (isSo) => {
      if (seen !== null && isSo(seen)) return seen;
      shards.lookSoon();
      return new Promise((resolve) => {
        waiting.push({ isSo, resolve });
      });
    },
  };
}

export const isFree = (shard: number) => (seen: Surroundings) => seen.free.includes(shard);

/** A run that begins in this shard; runs with another `key` are others. */
export function headIn(run: number, shard: number, key = 0) {
  const keyHash = `${key.toString(16).padStart(62, "0")}${shard.toString(16).padStart(2, "0")}`;
  return startedHead(run, { keyHash });
}

/** Sets its beat so far back that its lease has run out. */
export function expire(url: string, { store }: Worker): Promise<void> {
  return runSql(
    url,
    `update heartbeat set beat_at_ms = 0 where incarnation = ${String(store.incarnation)}`,
  );
}

/** As soon as it is free: what a look showed may be old. */
export async function takeOnceFree(worker: Worker, shard: number): Promise<void> {
  for (let taken: readonly number[] = []; taken.length === 0;) {
    await worker.sees(isFree(shard));
    taken = (await worker.shards.take([shard])).shards;
    worker.shards.lookSoon();
  }
}
