/**
 * Which shards are this engine's to work on. Where the store is whole, all are, always. Of a shared
 * store: those that it has taken, once their lanes are known, and until they are on their way out.
 */
import { KEEPER_SHARD, type SharedShards, type Shards } from "../../store/shards.ts";

/** Thrown at work on a run that another worker owns by now: it is left to that one. */
export class Elsewhere extends Error {
  override readonly name = "Elsewhere";
}

export class Places {
  /** Null where the store is whole. */
  readonly shared: SharedShards | null;
  readonly #here = new Set<number>();
  readonly #leaving = new Set<number>();

  constructor(shards: Shards) {
    this.shared = shards.isWhole ? null : shards;
  }

  /** For reads of the store: not given where it is whole. */
  get list(): readonly number[] | undefined {
    return this.shared === null ? undefined : [...this.#here];
  }

  get here(): ReadonlySet<number> {
    return this.#here;
  }

  get leaving(): ReadonlySet<number> {
    return this.#leaving;
  }

  /** Whether what belongs to no run is this engine's to write. */
  get isKeeper(): boolean {
    return this.owns(KEEPER_SHARD);
  }

  /** @param shard - of a run, as it was read; not given where the store is whole. */
  owns(shard: number | undefined): boolean {
    return this.shared === null || (shard !== undefined && this.#here.has(shard));
  }

  /** @throws {Elsewhere} if it is another worker's, or on its way to one. */
  require(shard: number | undefined): void {
    if (!this.owns(shard)) throw new Elsewhere(`shard ${String(shard)} is not here`);
  }

  came(shards: readonly number[]): void {
    for (const shard of shards) this.#here.add(shard);
  }

  /** Nothing new begins in them. */
  leave(shards: readonly number[]): void {
    for (const shard of shards) {
      this.#here.delete(shard);
      this.#leaving.add(shard);
    }
  }

  left(shards: readonly number[]): void {
    for (const shard of shards) this.#leaving.delete(shard);
  }
}
