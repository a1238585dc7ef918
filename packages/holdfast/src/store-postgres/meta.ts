/** The one row that says who a store is, and what every connection to it is set to. */
import { keyId, metaDigest, sealKey } from "../store/seal.ts";
import { SCHEMA, type Connection } from "./client.ts";
import { binaryArray } from "./binary-array.ts";

interface Meta {
  readonly storeId: string;
  readonly keyId: string;
  readonly createdAtMs: number;
}

export interface StoredMeta extends Meta {
  readonly digest: Uint8Array;
}

/**
 * To be done on every connection: where our tables are, and that a commit is on the disk when it is
 * answered. A stronger setting (a standby that has applied it) is kept. What the role or the database
 * has as time limits is for people's statements: here they would end an engine in the middle of a
 * flush, and a check of a large store. From the list of settings, as a server may lack some.
 */
export async function prepareSession(connection: Connection): Promise<void> {
  await connection.script(`set search_path to ${SCHEMA};
    set idle_in_transaction_session_timeout = 60000;
    select set_config('synchronous_commit',
      case when current_setting('synchronous_commit') = 'remote_apply' then 'remote_apply'
        else 'on' end, false);
    select set_config(name, '0', false) from pg_settings where name in
      ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout')`);
}

/**
 * To be done on the connections of an engine: each of its statements finds its rows by key, one by
 * one. A plan made while a table was small would read all of it, and would be kept while it grows.
 * So there is one good plan for each, and none is made again for the values at hand, which some
 * statements would have the server do each time (measured: a sixth of its time for a run of one step
 * at a time). Nor is any compiled: to the server a statement that reads a whole table although it
 * should not looks endless, and it would compile it anew each time, for a fifth of a second, where
 * a table of a few rows is read in no time.
 */
export async function preferKeys(connection: Connection): Promise<void> {
  // From the list of settings, so that a database without them is no mistake.
  await connection.script(`select set_config(name, case name
      when 'plan_cache_mode' then 'force_generic_plan' else 'off' end, false) from pg_settings
    where name in ('enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'plan_cache_mode', 'jit')`);
}

/** Null if the store was left half made. */
export async function readMeta(connection: Connection): Promise<StoredMeta | null> {
  const [row] = await connection.rows(
    "meta",
    "select store_id, key_id, created_at_ms, digest from meta where one = 1",
  );
  if (row === undefined) return null;
  return {
    storeId: row[0] as string,
    keyId: row[1] as string,
    createdAtMs: row[2] as number,
    digest: row[3] as Uint8Array,
  };
}

/** Reads the row, or writes it if the store has none. Of two at once, the first one's stays. */
export async function readOrMakeMeta(
  connection: Connection,
  secret: Uint8Array,
  fresh: { readonly storeId: string; readonly createdAtMs: number },
): Promise<StoredMeta> {
  const found = await readMeta(connection);
  if (found !== null) return found;
  const meta = { ...fresh, keyId: keyId(secret) };
  await connection.rows(
    "make-meta",
    `insert into meta (one, store_id, key_id, created_at_ms, digest)
      select 1, $1, $2, $3, t.digest from unnest($4::bytea[]) as t (digest)
      on conflict (one) do nothing`,
    [
      meta.storeId,
      meta.keyId,
      meta.createdAtMs,
      binaryArray("bytea", [metaDigest(sealKey(secret), meta)]),
    ],
  );
  const made = await readMeta(connection);
  if (made === null) throw new Error("the row of the store that was just made is not there");
  return made;
}

export function isMetaSound(secret: Uint8Array, meta: StoredMeta): boolean {
  return metaDigest(sealKey(secret), meta).equals(meta.digest);
}
