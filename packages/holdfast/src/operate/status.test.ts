/** What `holdfast status` says of stores that were written before. */
import { afterEach, describe, expect, test } from "vitest";
import { cliAt } from "../cli-at.test-support.ts";
import { makeDatabase, openStore, runSql } from "../store-postgres/test-store.test-support.ts";
import { makeFolder, openInline } from "../store-sqlite/test-store.test-support.ts";
import {
  closedHead,
  finishedHead,
  openedHead,
  SAMPLE_START_MS,
  SampleJournal,
  startedHead,
  stateHead,
  SYSTEM_RUN,
} from "../testing/sample-journal.ts";
import type { StoreStatus } from "./status.ts";

/** The command line reads the machine's clock: what is to be overdue was due long before. */
const LONG_AGO_MS = 1_700_000_000_000;

let folder = makeFolder();
afterEach(() => {
  folder.remove();
  folder = makeFolder();
});

/** Seven runs: two wait for "erp", one for "tax", three have an open exception, one is completed. */
function work(sample: SampleJournal): void {
  for (const run of [1, 2, 3, 4, 5, 6, 7]) sample.add(run, "started", startedHead(run));
  const down = { reason: "it cannot be reached", class: "unavailable", probeAtMs: 1_000 } as const;
  sample.add(SYSTEM_RUN, "dependency", { integration: "erp", to: "open", ...down });
  const hand = { reason: "window", class: "unavailable", probeAtMs: null, byHand: true } as const;
  sample.add(SYSTEM_RUN, "dependency", { integration: "tax", to: "parked", ...hand });
  sample.add(SYSTEM_RUN, "dependency", { integration: "crm", to: "open", ...down });
  const back = { reason: "it answers", probeAtMs: null } as const;
  sample.add(SYSTEM_RUN, "dependency", { integration: "crm", to: "closed", ...back });
  for (const [run, dependency] of [
    [1, "erp"],
    [2, "erp"],
    [7, "tax"],
  ] as const) {
    const parked = { reason: "waits", dependency, wakeAtMs: SAMPLE_START_MS };
    sample.add(run, "state", stateHead("running", "parked", parked));
  }
  for (const [run, dueAtMs] of [
    [3, LONG_AGO_MS + 60_000],
    [4, LONG_AGO_MS],
    [5, Number.MAX_SAFE_INTEGER - 1],
  ] as const)
    sample.add(run, "opened", openedHead({ dueAtMs }), { name: "post" });
  const closed = sample.add(5, "opened", openedHead({ class: "policy" }), { name: "ship" });
  sample.add(5, "closed", { ...closedHead(closed), class: "policy" }, { name: "ship" });
  sample.add(6, "finished", finishedHead());
}

async function stored(name: string, fill: ((sample: SampleJournal) => void) | null = work) {
  const path = `${folder.path}/${name}.db`;
  const store = await openInline(path);
  if (fill !== null) {
    const sample = new SampleJournal();
    sample.continueIn(store);
    fill(sample);
    await sample.flushTo(store);
  }
  return { address: `sqlite:${path}`, store };
}

describe("holdfast status", () => {
  test("counts runs by state, exceptions by class, what is overdue, who waits for what is down", async () => {
    const { address, store } = await stored("a");
    const status = await cliAt(address).json<StoreStatus>("status");
    // A state, or a class, of which there is none any more is none.
    expect(Object.keys(status.runs).toSorted()).toEqual(["completed", "parked", "running"]);
    expect(Object.keys(status.exceptions.byClass)).toEqual(["data"]);
    expect(status).toMatchObject({
      engines: [{ cell: null, count: 1, silentSince: null }],
      runs: { parked: 3, running: 3, completed: 1 },
      exceptions: {
        open: 3,
        byClass: { data: 3 },
        overdue: { count: 2, hasMore: false },
        oldestDueAt: new Date(LONG_AGO_MS).toISOString(),
      },
      down: [
        {
          integration: "erp",
          state: "open",
          byHand: false,
          reason: "it cannot be reached",
          waiting: { count: 2, hasMore: false },
        },
        { integration: "tax", state: "parked", byHand: true, waiting: { count: 1 } },
      ],
      inbox: { count: 0, hasMore: false, oldestAt: null },
    });
    await store.close();
  });

  test("says since when nobody is at work, and what waits for somebody", async () => {
    const { address, store } = await stored("a");
    await store.close();
    const cli = cliAt(address);
    await cli.say("park", "erp", "--for", "1h", "--reason", "window", "--wait", "0s");
    const status = await cli.json<StoreStatus>("status");
    const [engine] = status.engines;
    expect(engine).toMatchObject({ count: 0, silentSince: engine?.newestFlushAt });
    expect(engine?.silentSince).not.toBeNull();
    expect(status.inbox).toMatchObject({ count: 1, oldestAt: expect.any(String) });
    const { out, code } = await cli.say("status");
    expect(code).toBe(0);
    expect(out).toMatch(
      /^engine {6}NONE is at work: nothing moves, silent since \d{4}-\d\d-\d\d /mu,
    );
    expect(out).toMatch(/^exceptions {2}3 open: 3 data; 2 overdue, the oldest was due /mu);
    expect(out).toMatch(/ {3}holdfast exceptions --overdue$/mu);
    expect(out).toMatch(/^down {8}erp \(open\) since .*, 2 runs wait for it: it cannot/mu);
    expect(out).toMatch(/^inbox {7}1 command waits, the oldest since /mu);
  });

  test("of a store without work it says that there is none", async () => {
    const { address, store } = await stored("a", null);
    const { out } = await cliAt(address).say("status");
    expect(out.trimEnd().split("\n")).toEqual([
      "engine      1 engine is at work",
      "flush       newest none yet",
      "runs        none",
      "exceptions  none open",
      "down        no system",
      "inbox       nothing waits",
    ]);
    await store.close();
  });

  test("of several cells it says of each who is at work, and counts the rest together", async () => {
    const north = await stored("north");
    const south = await stored("south", (sample) => {
      sample.add(8, "started", startedHead(8));
      const down = { reason: "so here", class: "unavailable", probeAtMs: 1_000 } as const;
      sample.add(SYSTEM_RUN, "dependency", { integration: "erp", to: "open", ...down });
    });
    await south.store.close();
    const cli = cliAt(`north=${north.address} south=${south.address}`);
    const status = await cli.json<StoreStatus>("status");
    expect(status.engines).toMatchObject([
      { cell: "north", count: 1, silentSince: null },
      { cell: "south", count: 0, silentSince: expect.any(String) },
    ]);
    expect(status.runs).toEqual({ parked: 3, running: 4, completed: 1 });
    // Down in both: since the first of them.
    expect(status.down).toMatchObject([
      { integration: "erp", reason: "so here" },
      { integration: "tax" },
    ]);
    expect(status.exceptions.open).toBe(3);
    expect((await cli.say("status")).out).toMatch(/^engine {6}south: NONE is at work/mu);
    await north.store.close();
  });

  test("runs of workflows whose names have a slash are counted by their state", async () => {
    const { address, store } = await stored("a", (sample) => {
      sample.add(1, "started", startedHead(1, { workflow: "shop/order" }));
    });
    expect((await cliAt(address).json<StoreStatus>("status")).runs).toEqual({ running: 1 });
    await store.close();
  });

  test("on PostgreSQL nobody is silent since the last beat", async () => {
    const database = await makeDatabase();
    const store = await openStore(database.url);
    const sample = new SampleJournal();
    sample.continueIn(store);
    work(sample);
    await sample.flushTo(store);
    const cli = cliAt(database.url);
    const alive = await cli.json<StoreStatus>("status");
    expect(alive).toMatchObject({
      engines: [{ cell: null, count: 1, silentSince: null }],
      runs: { parked: 3, running: 3, completed: 1 },
      exceptions: { open: 3, byClass: { data: 3 }, overdue: { count: 2, hasMore: false } },
      down: [
        { integration: "erp", waiting: { count: 2, hasMore: false } },
        { integration: "tax", waiting: { count: 1, hasMore: false } },
      ],
    });
    expect(alive.engines[0]?.newestFlushAt).toBe(
      new Date(Math.max(...sample.records.map(({ atMs }) => atMs))).toISOString(),
    );
    await store.close();
    const lastBeatMs = Date.UTC(2040, 0, 1);
    await runSql(database.url, `update heartbeat set beat_at_ms = ${String(lastBeatMs)}`);
    const silent = await cli.json<StoreStatus>("status");
    expect(silent.engines).toMatchObject([
      { count: 0, silentSince: new Date(lastBeatMs).toISOString() },
    ]);
    await database.drop();
  });
});
