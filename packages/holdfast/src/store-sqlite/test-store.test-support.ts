/** Stores in a folder of their own, for the tests of this driver. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoreReader } from "../store/store.ts";
import type { OpenStoreUnderTest } from "../testing/describe-store.ts";
import { openSqliteReader, openSqliteStore, verifyStore } from "./index.ts";
import type { SqliteStore, SqliteStoreOptions } from "./index.ts";

export const NOW_MS = 1_800_000_000_000;

/** A folder that is removed when the caller says so. */
export function makeFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "holdfast-store-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function openInline(
  path: string,
  over: Partial<SqliteStoreOptions> = {},
): Promise<SqliteStore> {
  return openSqliteStore({ path, thread: "inline", nowMs: () => NOW_MS, ...over });
}

/** What `describeStore` needs, for one way of running the writer. */
export function openUnderTest(thread: "worker" | "inline"): OpenStoreUnderTest {
  return async () => {
    const folder = makeFolder();
    const path = join(folder.path, "store.db");
    const open = () => openSqliteStore({ path, thread, nowMs: () => NOW_MS });
    const readers: StoreReader[] = [];
    const first = await open();
    let current = first;
    return {
      store: first,
      openReader: async () => {
        const reader = await openSqliteReader({ path });
        readers.push(reader);
        return reader;
      },
      openSecond: open,
      reopen: async () => {
        await current.close();
        current = await open();
        return current;
      },
      crash: async () => {
        await current.abandon();
        current = await open();
        return current;
      },
      damage: async () => (await verifyStore({ path })).damage.map(({ what }) => what),
      dispose: async () => {
        for (const reader of readers) await reader.close();
        await current.abandon();
        folder.remove();
      },
    };
  };
}
