/**
 * A store whose flushes are made by a thread of its own, one message and one answer each: the
 * thread layout of the embedded store, for what is measured beside it.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Store } from "holdfast/testing";
import { emptyStore } from "./empty-store.ts";

/** What the threads of this folder are asked, and answer by the number alone. */
export type ThreadRequest =
  | { readonly id: number; readonly verb: "flush"; readonly batch: Parameters<Store["flush"]>[0] }
  | { readonly id: number; readonly verb: "find" };

export async function threadStore(thread: URL, workerData: unknown): Promise<Store> {
  const worker = new Worker(thread, { workerData, execArgv: [] });
  await once(worker, "online");
  const waiting = new Map<number, () => void>();
  let nextId = 0;
  const ask = (request: (id: number) => ThreadRequest) =>
    new Promise<void>((resolve) => {
      nextId += 1;
      waiting.set(nextId, resolve);
      worker.postMessage(request(nextId), []);
    });
  worker.on("message", (id: number) => {
    waiting.get(id)?.();
    waiting.delete(id);
  });
  // A raw limit that fails is no limit: the process ends with the thread's error.
  worker.on("error", (error) => {
    throw error;
  });
  return {
    ...emptyStore(),
    flush: (batch) => ask((id) => ({ id, verb: "flush", batch })),
    // Asked in the thread like the embedded store's, so that a start costs the same messages.
    find: async (keys) => {
      await ask((id) => ({ id, verb: "find" }));
      return keys.map(() => null);
    },
    close: async () => {
      await worker.terminate();
    },
  };
}
