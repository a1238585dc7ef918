/** Where Holdfast keeps its journal: a file in the directory, or a PostgreSQL server of its own. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openPostgresReader } from "holdfast/postgres";
import { openSqliteReader } from "holdfast/sqlite";
import { startPostgresServer } from "holdfast/testing";
import { KEY_FILE, STORE_FILE } from "./places.ts";
import type { StoreKind } from "./settings.ts";
import type { StoreReader } from "./store-reader.ts";

export interface StorePlace {
  /** As the app names it. */
  readonly address: `sqlite:${string}` | `postgres://${string}`;
  openReader(): Promise<StoreReader>;
  /** Ends the server, if there is one, and removes its data. */
  close(): Promise<void>;
}

/** @throws {Error} if PostgreSQL is asked for and this machine has none. */
export async function startStore(kind: StoreKind, dir: string): Promise<StorePlace> {
  if (kind === "sqlite") {
    const path = join(dir, STORE_FILE);
    return {
      address: `sqlite:${path}`,
      openReader: async () => openSqliteReader({ path }),
      close: async () => undefined,
    };
  }
  writeFileSync(join(dir, KEY_FILE), randomBytes(32), { mode: 0o600 });
  const server = await startPostgresServer();
  const url = server.url();
  return {
    address: `postgres://${url.slice("postgres://".length)}`,
    openReader: async () => openPostgresReader({ url }),
    close: async () => server.stop(),
  };
}
