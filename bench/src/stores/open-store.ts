/** The stores that a workload can run on: the ones that ship, and the raw limits. */
import { join } from "node:path";
import { openPostgresStore } from "holdfast/postgres";
import { openSqliteStore } from "holdfast/sqlite";
import type { Store } from "holdfast/testing";
import { bareStore } from "./bare-store.ts";
import { logStore } from "./log-store.ts";
import { nullStore } from "./null-store.ts";

const STORE_KINDS = ["sqlite", "log", "null", "bare", "bare-sealed"] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

/** The store on a server of its own; the key is not what is measured. */
export function openOnPostgres(
  url: string,
  options: { readonly shared?: boolean } = {},
): Promise<Store> {
  return openPostgresStore({ url, key: new Uint8Array(32), nowMs: Date.now, ...options });
}

/** A new store of a kind, with its files in `folder`. */
export async function openStore(kind: StoreKind, folder: string): Promise<Store> {
  switch (kind) {
    case "sqlite":
      return openSqliteStore({ path: join(folder, "store.db"), nowMs: Date.now });
    case "log":
      return logStore(join(folder, "append.log"));
    case "null":
      return nullStore();
    case "bare":
      return bareStore({ path: join(folder, "bare.db"), digests: false });
    case "bare-sealed":
      return bareStore({ path: join(folder, "bare-sealed.db"), digests: true });
  }
}
