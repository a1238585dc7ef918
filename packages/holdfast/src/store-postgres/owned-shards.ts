/** The shards that this engine owns, each with the epoch since which it does: what a flush names. */
import { binaryArray } from "./binary-array.ts";

export class OwnedShards {
  readonly #epochs = new Map<number, number>();

  add(shard: number, epoch: number): void {
    this.#epochs.set(shard, epoch);
  }

  remove(shard: number): void {
    this.#epochs.delete(shard);
  }

  has(shard: number): boolean {
    return this.#epochs.has(shard);
  }

  get list(): readonly number[] {
    return [...this.#epochs.keys()];
  }

  /** Numbers and epochs of these, as two arguments. One that is not owned is stopped by the fence. */
  fence(shards: Iterable<number>): [Buffer, Buffer] {
    const ids = [...shards];
    const epochs = ids.map((id) => this.#epochs.get(id) ?? NEVER);
    return [binaryArray("int2", ids), binaryArray("int8", epochs)];
  }
}

/** No shard has this epoch. */
const NEVER = -1;
