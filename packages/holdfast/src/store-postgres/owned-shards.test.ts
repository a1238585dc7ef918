import { expect, test } from "vitest";
import { binaryArray } from "./binary-array.ts";
import { OwnedShards } from "./owned-shards.ts";

function owned(...shards: readonly (readonly [number, number])[]): OwnedShards {
  const all = new OwnedShards();
  for (const [shard, epoch] of shards) all.add(shard, epoch);
  return all;
}

test("a worker owns the shards that it took, until it gives them up", () => {
  const shards = owned([5, 1], [7, 3]);
  shards.remove(5);
  expect(shards.list).toEqual([7]);
  expect([shards.has(5), shards.has(7)]).toEqual([false, true]);
});

test("a flush names each shard that it writes to with the epoch since which it is owned", () => {
  const shards = owned([5, 1], [7, 3], [9, 4]);
  // Given up and taken again: only the newer epoch counts.
  shards.remove(5);
  shards.add(5, 8);
  expect(shards.fence(new Set([7, 5]))).toEqual([
    binaryArray("int2", [7, 5]),
    binaryArray("int8", [3, 8]),
  ]);
});

test("a flush that writes to a shard of somebody else names an epoch that no shard has", () => {
  expect(owned([5, 1]).fence([6])).toEqual([binaryArray("int2", [6]), binaryArray("int8", [-1])]);
});
