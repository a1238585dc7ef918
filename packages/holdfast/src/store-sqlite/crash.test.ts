import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HoldfastError } from "../core/error.ts";
import { SampleJournal, startRuns, startedHead } from "../testing/sample-journal.ts";
import { openSqliteReader, openSqliteStore, verifyStore } from "./index.ts";
import { migrate } from "./migrations.ts";
import { openDatabase } from "./runtime.ts";
import { NOW_MS, makeFolder, openInline } from "./test-store.test-support.ts";
import { SqliteWriter } from "./writer.ts";

let folder: ReturnType<typeof makeFolder>;
let path: string;

beforeEach(() => {
  folder = makeFolder();
  path = join(folder.path, "store.db");
});

afterEach(() => {
  folder.remove();
});

/** A process that starts runs one flush at a time and prints the number of each that is durable. */
function startWriter(thread: "worker" | "inline") {
  const index = new URL("./index.ts", import.meta.url).href;
  const samples = new URL("../testing/sample-journal.ts", import.meta.url).href;
  const script = `
    import { openSqliteStore } from ${JSON.stringify(index)};
    import { SampleJournal, startedHead } from ${JSON.stringify(samples)};
    const options = { path: ${JSON.stringify(path)}, thread: "${thread}", nowMs: () => 1_800_000_000_000 };
    const store = await openSqliteStore({ ...options, anchorEveryMs: 20 });
    const sample = new SampleJournal();
    sample.add(0, "incarnation", { incarnation: store.incarnation, closes: store.predecessors });
    const records = sample.batch().records;
    await store.flush({ number: 1, atMs: 1, taken: [], records: { ...records, seq: [store.lastSystemSeq + 1] } });
    for (let number = 2, run = store.lastRun + 1; ; number += 1, run += 1) {
      const own = new SampleJournal();
      own.add(run, "started", startedHead(run), { data: "x".repeat(run % 7000) });
      own.add(run, "result", null, { name: "step", data: String(run) });
      await store.flush({ ...own.batch(), number });
      process.stdout.write(run + "\\n");
    }`;
  return spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Opens a store and catches the thread that it starts. */
async function openWithThread() {
  const started = once(process, "worker") as Promise<[Worker]>;
  const store = await openSqliteStore({ path, nowMs: () => NOW_MS });
  const [thread] = await started;
  return { store, thread };
}

/** A flush whose record fills some pages. */
function flushOf(number: number) {
  const sample = new SampleJournal();
  sample.add(number, "started", startedHead(number), { data: "x".repeat(9000) });
  return { ...sample.batch(), number };
}

describe("SIGKILL", () => {
  test.each(["worker", "inline"] as const)(
    "loses nothing that was acknowledged, five times in a row (%s)",
    { timeout: 60_000 },
    async (thread) => {
      const acknowledged = new Set<number>();
      for (const goal of [3, 40, 1, 150, 20]) {
        const child = startWriter(thread);
        let count = 0;
        for await (const line of createInterface({ input: child.stdout })) {
          acknowledged.add(Number(line));
          count += 1;
          // Not awaited: what it still acknowledges before it dies counts as well.
          if (count === goal) child.kill("SIGKILL");
        }
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
        expect(child.signalCode).toBe("SIGKILL");
      }
      const store = await openInline(path);
      const stored = await store.load([...acknowledged]);
      expect(stored.length).toBe(acknowledged.size);
      expect(stored.every(({ records }) => records.length === 2)).toBe(true);
      await store.close();
      expect((await verifyStore({ path })).damage).toEqual([]);
    },
  );
});

describe("the writer's thread", () => {
  test("takes everything with it when it dies, and the next start finds what was durable", async () => {
    const { store, thread } = await openWithThread();
    const sample = await startRuns(store, [1]);
    const told = new Promise<Error>((resolve) => {
      store.onFatal(resolve);
    });
    const dying = thread.terminate();
    sample.add(2, "started", startedHead(2));
    await expect(sample.flushTo(store)).rejects.toMatchObject({ code: "HF5008" });
    await dying;
    expect(await told).toMatchObject({ code: "HF5008" });
    await expect(store.load([1])).rejects.toMatchObject({ code: "HF5008" });
    const late: Error[] = [];
    store.onFatal((error) => late.push(error));
    expect(late.length).toBe(1);
    await store.close();
    const again = await openInline(path);
    expect((await again.load([1])).length).toBe(1);
    await again.close();
  });

  test("ends with close, which may be called twice, and answers nothing after it", async () => {
    const { store, thread } = await openWithThread();
    await startRuns(store, [1]);
    const gone = once(thread, "exit") as Promise<[number]>;
    await Promise.all([store.close(), store.close()]);
    // It has ended by itself: a thread that is terminated ends with code 1.
    expect(await gone).toEqual([0]);
    await expect(store.load([1])).rejects.toBeInstanceOf(HoldfastError);
    await store.abandon();
  });

  test("closes the database and ends by itself after a failed write", async () => {
    const { store, thread } = await openWithThread();
    const sample = await startRuns(store, [1]);
    sample.add(1, "started", startedHead(1));
    const twice = sample.batch();
    const seq = twice.records.seq.map(() => 1);
    const gone = once(thread, "exit") as Promise<[number]>;
    const flush = store.flush({ ...twice, records: { ...twice.records, seq } });
    await expect(flush).rejects.toMatchObject({ code: "HF5008" });
    await store.close();
    expect(await gone).toEqual([0]);
    const again = await openInline(path);
    expect((await again.load([1])).length).toBe(1);
    await again.close();
  });

  test("says why a store cannot be opened, in the same words", async () => {
    await using holder = await openInline(path).then((store) => ({
      [Symbol.asyncDispose]: async () => store.close(),
    }));
    expect(holder).toBeDefined();
    const opening = openSqliteStore({ path, nowMs: () => NOW_MS });
    await expect(opening).rejects.toMatchObject({
      name: "HoldfastError",
      code: "HF5004",
      // Where the system tells who it is, it is this process.
      message: expect.stringMatching(
        new RegExp(`store\\.db(?: \\(process ${String(process.pid)}\\))?$`, "u"),
      ) as unknown,
      remedy: expect.stringMatching(/Stop the other process/u) as unknown,
    });
  });
});

describe("a disk that is full", () => {
  test("fails the flush as a whole, and no write follows it", () => {
    const database = openDatabase(":memory:");
    migrate(database, 0);
    const pages = Number(database.prepare("pragma page_count").get()?.["page_count"]);
    database.exec(`pragma max_page_count = ${pages + 20}`);
    const fatal: HoldfastError[] = [];
    const identity = { storeId: "s", secret: new Uint8Array(32), incarnation: 1 };
    const writer = new SqliteWriter(database, identity, (error) => fatal.push(error));
    let number = 1;
    const fill = () => {
      for (; number < 100; number += 1) writer.flush(flushOf(number));
    };
    expect(fill).toThrow(expect.objectContaining({ code: "HF5008" }));
    expect(number).toBeGreaterThan(1);
    expect(fatal.length).toBe(1);
    database.exec("pragma max_page_count = 100000");
    expect(() => writer.flush(flushOf(number))).toThrow(
      expect.objectContaining({ code: "HF5008" }),
    );
    expect(() => writer.checkpoint()).toThrow(expect.objectContaining({ code: "HF5008" }));
    expect(() => writer.inbox(1)).toThrow(expect.objectContaining({ code: "HF5008" }));
    expect(fatal.length).toBe(1);
    writer.abandon();
  });
});

describe("readers in other processes", () => {
  test("see whole flushes only, while the writer goes on", { timeout: 30_000 }, async () => {
    const child = startWriter("worker");
    await once(child.stdout, "data");
    const reader = await openSqliteReader({ path });
    for (let round = 0; round < 200; round += 1) {
      const runs = await reader.runs({ afterRun: Math.max(0, round * 3), limit: 5 });
      for (const { run } of runs) expect((await reader.records(run, 0, 10)).length).toBe(2);
      await reader.post({ id: `c${round}`, topic: "send", atMs: NOW_MS, by: "a", data: "{}" });
    }
    expect(await reader.engineRuns()).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    await reader.close();
    const store = await openInline(path);
    expect((await store.inbox(1000)).length).toBe(200);
    await store.close();
  });
});
