/** Sealed and offloading stores in a folder of their own, and a search for what must not be there. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Store, StoreReader } from "../store/store.ts";
import { openSqliteReader, openSqliteStore, verifyStore } from "../store-sqlite/index.ts";
import { readKey } from "../store-sqlite/key-file.ts";
import { makeFolder, NOW_MS } from "../store-sqlite/test-store.test-support.ts";
import type { OpenStoreUnderTest } from "../testing/describe-store.ts";
import { verifyWithPayloads } from "./audit.ts";
import { makeKeyRing, readKeyRing } from "./key-ring.ts";
import { readerWithPayloads } from "./reader-with-payloads.ts";
import { withPayloads } from "./with-payloads.ts";

/** 32 bytes that are the same in each run of a test. */
export function keyOf(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}

/**
 * What `describeStore` needs: the embedded store, all of its payloads sealed and in files.
 *
 * @param placeOf - where the files go of the next store, whose folder it is given.
 */
export function openSealedUnderTest(
  placeOf = (path: string) => join(path, "payloads"),
): OpenStoreUnderTest {
  return async () => {
    const folder = makeFolder();
    const path = join(folder.path, "store.db");
    makeKeyRing(join(folder.path, "ring.keys"), keyOf(1));
    const ring = readKeyRing(join(folder.path, "ring.keys"));
    const directory = placeOf(folder.path);
    const wrapped = async (inner: Store) =>
      withPayloads(inner, { ring, directory, inlineBytesMax: 1024 });
    const open = () => openSqliteStore({ path, thread: "inline", nowMs: () => NOW_MS });
    const readers: StoreReader[] = [];
    let current = await open();
    let sealed = await wrapped(current);
    const again = async () => {
      current = await open();
      sealed = await wrapped(current);
      return sealed;
    };
    return {
      store: sealed,
      openReader: async () => {
        const reader = readerWithPayloads(await openSqliteReader({ path }), { ring, directory });
        readers.push(reader);
        return reader;
      },
      openSecond: async () => wrapped(await open()),
      reopen: async () => {
        await sealed.close();
        return again();
      },
      crash: async () => {
        await current.abandon();
        return again();
      },
      damage: async () => {
        const options = { ring, directory, secret: readKey(path) };
        const report = await verifyWithPayloads((o) => verifyStore({ path, ...o }), options);
        return report.damage.map(({ what }) => what);
      },
      dispose: async () => {
        for (const reader of readers) await reader.close();
        await current.abandon();
        folder.remove();
      },
    };
  };
}

/** Files under the folder, at any depth, whose bytes hold one of the texts. */
export function filesWith(folder: string, texts: readonly string[]): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const bytes = readIfThere(file);
      return texts.some((text) => bytes.includes(text));
    });
}

/** A server removes files of its own while it is looked at. */
function readIfThere(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return Buffer.alloc(0);
    throw error;
  }
}
