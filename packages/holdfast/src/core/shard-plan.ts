/**
 * Which shards a worker takes or gives, by what it sees: each live worker is due the same number, so
 * all of them come to the same answer without talking to each other.
 */

const SHARD_COUNT = 256;

/** Owned by the oldest live worker, the keeper, for as long as it lives. */
const KEEPER_SHARD = 0;

export interface ShardView {
  readonly self: number;
  /** Live workers in the order in which they came. */
  readonly workers: readonly number[];
  /** Shards of this worker, those that it is giving up not among them. */
  readonly owned: readonly number[];
  /** Shards that nobody who lives owns. */
  readonly free: readonly number[];
}

export interface ShardPlan {
  readonly take: readonly number[];
  readonly give: readonly number[];
}

const NOTHING: ShardPlan = { take: [], give: [] };

/** How many shards the worker at this place among `count` is due. */
function shareOf(place: number, count: number): number {
  return Math.floor(SHARD_COUNT / count) + (place < SHARD_COUNT % count ? 1 : 0);
}

/** Takes only what is free, and gives only what is too much: shares add up, so it comes to rest. */
export function shardPlan({ self, workers, owned, free }: ShardView): ShardPlan {
  const place = workers.indexOf(self);
  if (place < 0) return NOTHING;
  const share = shareOf(place, workers.length);
  const isKeeper = place === 0;
  if (isKeeper && !owned.includes(KEEPER_SHARD) && free.includes(KEEPER_SHARD)) {
    const rest = free.filter((shard) => shard !== KEEPER_SHARD);
    return {
      take: [KEEPER_SHARD, ...rest.slice(0, Math.max(0, share - 1 - owned.length))],
      give: [],
    };
  }
  const missing = share - owned.length;
  if (missing > 0) return { take: chosen(place, workers.length, missing, free), give: [] };
  const givable = owned.filter((shard) => shard !== KEEPER_SHARD);
  return missing === 0 ? NOTHING : { take: [], give: givable.slice(missing) };
}

/** Each begins at another place, so that two who look at once seldom want the same. */
function chosen(place: number, count: number, missing: number, free: readonly number[]): number[] {
  const open = free.filter((shard) => shard !== KEEPER_SHARD);
  const from = Math.floor((open.length * place) / count);
  return [...open.slice(from), ...open.slice(0, from)].slice(0, missing);
}
