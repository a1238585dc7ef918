import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatRunId } from "../core/run-number.ts";
import type { StoreReader } from "../store/store.ts";
import { openSqliteReader, type SqliteStore } from "../store-sqlite/index.ts";
import { makeFolder, NOW_MS, openInline } from "../store-sqlite/test-store.test-support.ts";
import { SampleJournal, startedHead, stateHead } from "../testing/sample-journal.ts";
import { listLanes, skipHead } from "./lanes.ts";
import { whyRun } from "./why-run.ts";

let folder: ReturnType<typeof makeFolder>;
let store: SqliteStore;
let reader: StoreReader;
let journal: SampleJournal;
beforeEach(async () => {
  folder = makeFolder();
  store = await openInline(`${folder.path}/store.db`);
  reader = await openSqliteReader({ path: `${folder.path}/store.db` });
  journal = new SampleJournal();
  journal.continueIn(store);
  for (const [run, namespace, lane] of [
    [1, "main", "acme"],
    [2, "main", "acme"],
    [3, "main", "shared"],
    [4, "north", "shared"],
  ] as const)
    journal.add(run, "started", startedHead(run, { lane, namespace, key: `order ${run}` }));
  journal.add(1, "state", stateHead("running", "review", { reason: "waits for finance" }));
  await journal.flushTo(store);
});
afterEach(async () => {
  await reader.close();
  await store.close();
  folder.remove();
});

const decider = { by: "ana", reason: "the bank is slow" };
const patience = { waitMs: 0, nowMs: () => NOW_MS, pause: () => Promise.resolve() };

async function skipped(reference: Parameters<typeof skipHead>[1]): Promise<string> {
  return (await skipHead(reader, reference, decider, patience)).run;
}

async function gapsOf(run: number): Promise<readonly string[]> {
  return (await whyRun(reader, { run: formatRunId(run) }, NOW_MS)).gaps;
}

describe("lanes", () => {
  test("are listed with the run that holds each up, and since when, and say if there are more", async () => {
    const { lanes, hasMore } = await listLanes(reader, 1);
    expect(hasMore).toBe(true);
    expect(lanes).toMatchObject([
      { lane: "acme", depth: 2, head: formatRunId(1), key: "order 1", state: "review" },
    ]);
    expect(lanes[0]?.reason).toBe("waits for finance");
    expect((await listLanes(reader, 3)).hasMore).toBe(false);
  });
});

describe("skip-head", () => {
  test("means the first run of a lane, or a run by id or key", async () => {
    expect(await skipped({ run: "acme" })).toBe(formatRunId(1));
    expect(await skipped({ run: formatRunId(2) })).toBe(formatRunId(2));
    expect(await skipped({ run: "order 2" })).toBe(formatRunId(2));
    await expect(skipped({ run: "nobody" })).rejects.toMatchObject({ code: "HF6001" });
  });

  test("asks which, where namespaces have lanes of one name", async () => {
    await expect(skipped({ run: "shared" })).rejects.toMatchObject({
      code: "HF4102",
      message: expect.stringContaining("main, north"),
    });
    expect(await skipped({ run: "shared", namespace: "north" })).toBe(formatRunId(4));
  });
});

test("why says of both runs that there is a gap between them, who made it, and why", async () => {
  const gap = { lane: "acme", cause: "operator", ...decider } as const;
  journal.add(1, "lane", { event: "left", ...gap, next: 2 });
  journal.add(2, "lane", { event: "gap", ...gap, run: 1 });
  await journal.flushTo(store);
  expect(await gapsOf(1)).toEqual([
    `taken out of lane "acme" by ana: the bank is slow; ${formatRunId(2)} goes on`,
  ]);
  expect(await gapsOf(2)).toEqual([
    `a gap before it in lane "acme": ${formatRunId(1)} was taken out, not ended, by ana: the bank is slow`,
  ]);
  expect(await gapsOf(3)).toEqual([]);
});
