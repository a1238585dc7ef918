/**
 * Claims of keys: a run is unique by (namespace, workflow, key). The claim of a run that has left for
 * an archive stays, for ever or until its time is over.
 */
import type { ArchivedRun } from "../core/archived.ts";
import type { Change } from "../store/change.ts";
import { binaryArray } from "./binary-array.ts";
import { keyShard } from "./shard.ts";
import { type Written, counted, inKeyOrder, inserted } from "./table.ts";
import { RUN_KEY, type RunAt, type RunKeyAt } from "./tables.ts";

/** Keys that one record forgets at most, the oldest first. */
const KEYS_FORGOTTEN_MAX = 1_000;

const SQL = {
  // Not if another run has the key since.
  keepUntil: `update run_key set until_ms = t.until_ms
    from unnest($1::int2[], $2::bytea[], $3::int8[], $4::int8[]) as t (shard, key_hash, run, until_ms)
    where run_key.shard = t.shard and run_key.key_hash = t.key_hash and run_key.run = t.run`,
  // Keys of other workers' shards among them, as their runs may have claimed them from there. What
  // another worker is forgetting just now is left to it.
  forget: `delete from run_key where (shard, key_hash) in (select shard, key_hash from run_key
    where until_ms <= $1::int8 and until_ms is not null order by until_ms, shard, key_hash
    limit ${String(KEYS_FORGOTTEN_MAX)} for update skip locked)`,
  ofLater: `on conflict (shard, key_hash) do update set run = excluded.run,
    run_shard = excluded.run_shard, generation = excluded.generation,
    input_digest = excluded.input_digest, until_ms = excluded.until_ms
    where excluded.generation > run_key.generation`,
} as const;

export class RunKeys {
  /** Of first runs: the key must be free. */
  #first: RunKeyAt[] = [];
  /** Of later generations: takes the key over from an earlier one. */
  #later: RunKeyAt[] = [];
  /** Of runs that leave, and whose keys are not kept for ever. */
  #bounded: RunKeyAt[] = [];
  /** Keys whose time was over by then are forgotten, milliseconds. */
  #forgetAtMs: number | null = null;

  claim(
    { run, shard, generation }: RunAt,
    { keyHash, inputDigest }: { readonly keyHash: string; readonly inputDigest: string },
  ): void {
    const key = { shard: keyShard(keyHash), keyHash };
    const claim = { ...key, run, runShard: shard, generation, inputDigest, untilMs: null };
    if (generation === 1) this.#first.push(claim);
    else this.#later.push(claim);
  }

  leave({ runs, keysUntilMs, atMs }: Extract<Change, { kind: "runs-archived" }>): void {
    if (keysUntilMs !== null) {
      this.#bounded.push(...runs.map((run) => claimOfArchived(run, keysUntilMs)));
    }
    this.#forgetAtMs = Math.max(this.#forgetAtMs ?? 0, atMs);
  }

  finish(): Written[] {
    const written: Written[] = [];
    if (this.#first.length > 0) written.push(inserted(RUN_KEY, inKeyOrder(RUN_KEY, this.#first)));
    // One by one: two generations of one key may begin in one flush.
    for (const claim of this.#later) written.push(takeOver(claim));
    if (this.#bounded.length > 0) written.push(keptUntil(inKeyOrder(RUN_KEY, this.#bounded)));
    if (this.#forgetAtMs !== null) {
      written.push({ name: "forget-run_key", text: SQL.forget, values: [this.#forgetAtMs] });
    }
    this.#first = [];
    this.#later = [];
    this.#bounded = [];
    this.#forgetAtMs = null;
    return written;
  }
}

/** What a run that has left keeps claimed. */
export function claimOfArchived(archived: ArchivedRun, untilMs: number | null): RunKeyAt {
  const { run, keyHash, generation, inputDigest } = archived;
  const runShard = shardOfArchived(archived);
  return { shard: keyShard(keyHash), keyHash, run, runShard, generation, inputDigest, untilMs };
}

/** The shard of a run that leaves: its start, which told it, is gone. */
export function shardOfArchived({ run, shard }: ArchivedRun): number {
  if (shard === undefined) throw new Error(`an archived record does not say where run ${run} was`);
  return shard;
}

/** Claims as a flush has left them, of runs whose starts are gone: part of verify's fold. */
export function claimsAgain(claims: readonly RunKeyAt[]): Written[] {
  const newest = new Map<string, RunKeyAt>();
  for (const claim of claims) {
    const before = newest.get(claim.keyHash);
    if (before === undefined || before.generation < claim.generation)
      newest.set(claim.keyHash, claim);
  }
  if (newest.size === 0) return [];
  const { text, values } = inserted(RUN_KEY, inKeyOrder(RUN_KEY, newest.values()));
  return [{ name: "claim-again-run_key", text: `${text} ${SQL.ofLater}`, values }];
}

/** Fails the flush if the key's run is no earlier one. */
function takeOver(claim: RunKeyAt): Written {
  const insert = inserted(RUN_KEY, [claim]);
  return {
    name: "take-over-run_key",
    text: counted(`${insert.text} ${SQL.ofLater}`, insert.values.length + 1),
    values: [...insert.values, 1],
  };
}

function keptUntil(claims: readonly RunKeyAt[]): Written {
  return {
    name: "keep-until-run_key",
    text: SQL.keepUntil,
    values: [
      binaryArray(
        "int2",
        claims.map(({ shard }) => shard),
      ),
      binaryArray(
        "bytea",
        claims.map(({ keyHash }) => Buffer.from(keyHash, "hex")),
      ),
      binaryArray(
        "int8",
        claims.map(({ run }) => run),
      ),
      binaryArray(
        "int8",
        claims.map(({ untilMs }) => untilMs),
      ),
    ],
  };
}
