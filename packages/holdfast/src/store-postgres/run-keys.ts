/** Claims of keys: a run is unique by (namespace, workflow, key). */
import { keyShard } from "./shard.ts";
import { type Written, counted, inKeyOrder, inserted } from "./table.ts";
import { RUN_KEY, type RunAt, type RunKeyAt } from "./tables.ts";

export class RunKeys {
  /** Of first runs: the key must be free. */
  #first: RunKeyAt[] = [];
  /** Of later generations: takes the key over from an earlier one. */
  #later: RunKeyAt[] = [];

  claim(
    { run, shard, generation }: RunAt,
    { keyHash, inputDigest }: { readonly keyHash: string; readonly inputDigest: string },
  ): void {
    const key = { shard: keyShard(keyHash), keyHash };
    const claim = { ...key, run, runShard: shard, generation, inputDigest };
    if (generation === 1) this.#first.push(claim);
    else this.#later.push(claim);
  }

  finish(): Written[] {
    const written: Written[] = [];
    if (this.#first.length > 0) written.push(inserted(RUN_KEY, inKeyOrder(RUN_KEY, this.#first)));
    // One by one: two generations of one key may begin in one flush.
    for (const claim of this.#later) written.push(takeOver(claim));
    this.#first = [];
    this.#later = [];
    return written;
  }
}

/** Fails the flush if the key's run is no earlier one. */
function takeOver(claim: RunKeyAt): Written {
  const insert = inserted(RUN_KEY, [claim]);
  return {
    name: "take-over-run_key",
    text: counted(
      `${insert.text} on conflict (shard, key_hash) do update set run = excluded.run,
        run_shard = excluded.run_shard, generation = excluded.generation,
        input_digest = excluded.input_digest
        where excluded.generation > run_key.generation`,
      insert.values.length + 1,
    ),
    values: [...insert.values, 1],
  };
}
