/** The one row that says who a store is. */
import type { Database } from "./runtime.ts";
import { copyDigest, metaDigest, sealKey } from "../store/seal.ts";

export interface Meta {
  readonly storeId: string;
  readonly keyId: string;
  readonly createdAtMs: number;
}

export interface StoredMeta extends Meta {
  readonly digest: Uint8Array;
}

/** Null if the store was left half made. */
export function readMeta(database: Database): StoredMeta | null {
  const row = database
    .prepare("select store_id, key_id, created_at_ms, digest from meta where one = 1")
    .get();
  if (row === undefined) return null;
  return {
    storeId: String(row["store_id"]),
    keyId: String(row["key_id"]),
    createdAtMs: Number(row["created_at_ms"]),
    // A blob column of a STRICT table.
    digest: row["digest"] as Uint8Array,
  };
}

export function insertMeta(database: Database, key: Uint8Array, meta: Meta): void {
  const { storeId, keyId, createdAtMs } = meta;
  database
    .prepare(
      "insert into meta (one, store_id, key_id, created_at_ms, digest) values (1, ?, ?, ?, ?)",
    )
    .run(storeId, keyId, createdAtMs, metaDigest(sealKey(key), { storeId, keyId, createdAtMs }));
}

/**
 * What the row is sealed as. A copy that nobody has accepted is told by its own row: a file beside it
 * may be left behind when it is moved. Whoever has no key can neither set nor take off that mark.
 */
export function sealedAs(key: string, meta: StoredMeta): "store" | "copy" | "nothing" {
  if (metaDigest(key, meta).equals(meta.digest)) return "store";
  return copyDigest(key, meta).equals(meta.digest) ? "copy" : "nothing";
}

/** Durable when it returns. */
export function sealAs(database: Database, key: Uint8Array, kind: "store" | "copy"): void {
  const meta = readMeta(database);
  if (meta === null) return;
  const digest = (kind === "copy" ? copyDigest : metaDigest)(sealKey(key), meta);
  database.prepare("update meta set digest = ? where one = 1").run(digest);
}
