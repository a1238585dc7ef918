/** Workers that share one PostgreSQL store: processes of their own, killed with SIGKILL. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyPostgresStore, openPostgresReader } from "holdfast/postgres";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { makeDatabase, type TestDatabase } from "./postgres-database.ts";
import { Worker } from "./workers/fleet.ts";

// Each test starts processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const key = randomBytes(32).toString("base64");
let database: TestDatabase;
let folder: string;
let workers: Worker[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-workers-"));
});

beforeEach(async () => {
  database = await makeDatabase();
  writeFileSync(join(folder, "ledger"), "");
});

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.end("SIGKILL")));
  workers = [];
  await database.drop();
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** @param gate - a file that calls outside wait for; default: none. */
function start(gate = ""): Worker {
  const worker = new Worker({
    HOLDFAST_STORE: database.url,
    HOLDFAST_STORE_KEY: key,
    LEDGER: join(folder, "ledger"),
    GATE: gate === "" ? "" : join(folder, gate),
  });
  workers.push(worker);
  return worker;
}

/** As many workers, each with its share. */
async function startAll(count: number, gate = ""): Promise<[Worker, ...Worker[]]> {
  const first = await start(gate).ready();
  const others: Worker[] = [];
  for (let more = 1; more < count; more += 1) others.push(await start(gate).ready());
  const all = [first, ...others] as [Worker, ...Worker[]];
  await Promise.all(
    all.map((worker, place) =>
      worker.owns(Math.floor(256 / count) + (place < 256 % count ? 1 : 0)),
    ),
  );
  return all;
}

const entry = z.object({
  book: z.string().optional(),
  transfer: z.string().optional(),
  at: z.string().optional(),
  pid: z.number(),
});

function ledger() {
  const lines = readFileSync(join(folder, "ledger"), "utf8").trimEnd().split("\n");
  return lines.flatMap((line) => (line === "" ? [] : [entry.parse(JSON.parse(line))]));
}

/** Resolves when the ledger is as wanted. */
async function ledgerShows(isSo: (lines: ReturnType<typeof ledger>) => boolean): Promise<void> {
  const changes = watch(join(folder, "ledger"));
  try {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (isSo(ledger())) resolve();
      };
      changes.on("change", look);
      look();
    });
  } finally {
    changes.close();
  }
}

async function damage() {
  return (await verifyPostgresStore({ url: database.url, key })).damage;
}

/** Each worker in turn. */
function among(all: readonly [Worker, ...Worker[]], at: number): Worker {
  return all[at % all.length] ?? all[0];
}

const names = (count: number) => Array.from({ length: count }, (_, index) => `n${String(index)}`);

test("runs start at whichever worker is asked, once each, and their results come back", async () => {
  const all = await startAll(3);
  const answers = await Promise.all(
    names(30).flatMap((name) =>
      all.map((worker) => worker.asks({ verb: "result", flow: "outside", key: name })),
    ),
  );
  const runs = new Set(answers.map(({ run }) => run));
  expect(runs.size).toBe(30);
  expect(answers.filter(({ isNew }) => isNew === true).length).toBe(30);
  const calls = ledger().filter(({ at }) => at === "begin");
  expect(calls.length).toBe(30);
  expect(new Set(calls.map(({ book }) => book))).toEqual(new Set(names(30)));
  // All of them had their share.
  expect(new Set(calls.map(({ pid }) => pid)).size).toBe(3);
  expect(await damage()).toEqual([]);
});

test("children begin at their own workers, and their parents hear of their ends", async () => {
  const [first] = await startAll(3);
  const answers = await Promise.all(
    names(8).map((name) => first.asks({ verb: "result", flow: "family", key: name })),
  );
  expect(answers.map(({ result }) => result)).toEqual(
    names(8).map((name) => `${name}/a ${name}/b ${name}/c`),
  );
  expect(ledger().filter(({ at }) => at === "begin").length).toBe(24);
  expect(await damage()).toEqual([]);
});

test("an event reaches the run that waits for it, at whichever worker, before or after it came", async () => {
  const all = await startAll(3);
  const [first] = all;
  const early = names(6).map((name) => `early ${name}`);
  const late = names(6).map((name) => `late ${name}`);
  const send = (name: string, at: number) => among(all, at).asks({ verb: "send", key: name });
  await Promise.all(early.map(send));
  const starting = [...early, ...late].map((name) =>
    first.asks({ verb: "start", flow: "waits", key: name }),
  );
  await Promise.all(starting);
  await Promise.all(late.map(send));
  // Again: the same event changes nothing.
  await Promise.all(late.map((name, at) => send(name, at + 1)));
  const ends = await Promise.all(
    [...early, ...late].map((name) => first.asks({ verb: "result", flow: "waits", key: name })),
  );
  expect(ends.map(({ result }) => result)).toEqual(
    Array.from({ length: 12 }, () => ({ cents: 5 })),
  );
  expect(await damage()).toEqual([]);
});

test("a late answer reaches the request that it belongs to, at whichever worker, also if it is early", async () => {
  const all = await startAll(3);
  const [first] = all;
  const complete = (name: string, at: number) =>
    among(all, at).asks({ verb: "complete", key: name });
  const early = names(5).map((name) => `early ${name}`);
  const late = names(5).map((name) => `late ${name}`);
  await Promise.all(early.map(complete));
  const ends = Promise.all(
    [...early, ...late].map((name) => first.asks({ verb: "result", flow: "later", key: name })),
  );
  await ledgerShows((lines) => lines.filter(({ transfer }) => transfer !== undefined).length >= 10);
  await Promise.all(late.map(complete));
  expect((await ends).map(({ result }) => result)).toEqual(
    [...early, ...late].map((ref) => ({ ref })),
  );
  expect(await damage()).toEqual([]);
});

test("one key by many lanes is one run", async () => {
  const all = await startAll(3);
  const asked = names(12).flatMap((name) =>
    ["x", "y", "z", "u", "v"].map((lane, at) =>
      among(all, at).asks({ verb: "result", flow: "inLane", key: name, lane: `${lane} ${name}` }),
    ),
  );
  const answers = await Promise.all(asked);
  expect(new Set(answers.map(({ run }) => run)).size).toBe(12);
  expect(ledger().filter(({ at }) => at === "begin").length).toBe(12);
  expect(await damage()).toEqual([]);
});

test("the runs of a lane are done one at a time, in order, also while workers come and die", async () => {
  const [first, second = first] = await startAll(2, "gate");
  const lanes = ["p", "q", "r", "s", "t", "u"];
  const order = names(6);
  const inLanes = order.flatMap((name) => lanes.map((lane) => ({ lane, key: `${lane} ${name}` })));
  for (const [at, one] of inLanes.entries()) {
    await first.asks({ verb: "start", flow: "inLane", ...one });
    if (at === 10) await start("gate").ready();
  }
  // Each lane's first has its call outside, and all others wait behind it.
  await ledgerShows((lines) => lines.length >= lanes.length);
  const lost = new Set(ledger().flatMap(({ book, pid }) => (pid === second.pid ? [book] : [])));
  await second.end("SIGKILL");
  await ledgerShows((lines) => lines.length >= lanes.length + lost.size);
  writeFileSync(join(folder, "gate"), "");
  await Promise.all(inLanes.map((one) => first.asks({ verb: "result", flow: "inLane", ...one })));
  // A call that was cut off by the kill is made again: what counts is where each was first.
  const begun = [...new Set(ledger().map(({ book = "" }) => book))];
  for (const lane of lanes) {
    const ofLane = begun.filter((book) => book.startsWith(lane));
    expect(ofLane).toEqual(order.map((name) => `${lane} ${name}`));
  }
  // One at a time: between the begin and the end of a call is no other of its lane.
  for (const lane of lanes) {
    const calls = ledger().filter(({ book = "" }) => book.startsWith(lane));
    const strays = calls.filter(
      ({ book, at: edge }, at) => edge === "end" && calls[at - 1]?.book !== book,
    );
    expect(strays).toEqual([]);
  }
  rmSync(join(folder, "gate"));
  expect(await damage()).toEqual([]);
});

test("another worker goes on with the runs of one that was killed", async () => {
  const [first, second] = await startAll(2, "gate");
  await Promise.all(
    names(16).map((name) => first.asks({ verb: "start", flow: "outside", key: name })),
  );
  await ledgerShows((lines) => lines.length === 16);
  const ofSecond = ledger().flatMap(({ book, pid }) => (pid === second?.pid ? [book] : []));
  expect(ofSecond.length).toBeGreaterThan(0);
  await second?.end("SIGKILL");
  await first.owns(256);
  // What the dead one had under way is begun again here; what is under way here is not.
  await ledgerShows((lines) => lines.length === 16 + ofSecond.length);
  const again = ledger().slice(16);
  expect(new Set(again.map(({ book }) => book))).toEqual(new Set(ofSecond));
  expect(new Set(again.map(({ pid }) => pid))).toEqual(new Set([first.pid]));
  writeFileSync(join(folder, "gate"), "");
  const ends = await Promise.all(
    names(16).map((name) => first.asks({ verb: "result", flow: "outside", key: name })),
  );
  expect(ends.map(({ result }) => result)).toEqual(names(16));
  rmSync(join(folder, "gate"));
  expect(await damage()).toEqual([]);
});

test("a worker that was stopped for longer than its lease does nothing when it goes on", async () => {
  const [first, second = first] = await startAll(2, "gate");
  await Promise.all(
    names(16).map((name) => first.asks({ verb: "start", flow: "outside", key: name })),
  );
  await ledgerShows((lines) => lines.length === 16);
  const ofSecond = ledger().filter(({ pid }) => pid === second.pid).length;
  second.signal("SIGSTOP");
  await first.owns(256);
  await ledgerShows((lines) => lines.length === 16 + ofSecond);
  writeFileSync(join(folder, "gate"), "");
  await Promise.all(
    names(16).map((name) => first.asks({ verb: "result", flow: "outside", key: name })),
  );
  second.signal("SIGCONT");
  // The database says that it is dead, and nothing it knows counts any more.
  expect(await second.ended).toEqual([70, null]);
  const begun = ledger().filter(({ at, pid }) => at === "begin" && pid === second.pid);
  expect(begun.length).toBe(ofSecond);
  rmSync(join(folder, "gate"));
  expect(await damage()).toEqual([]);
});

test("a call that is outside keeps its shard until it has come back, when another worker comes", async () => {
  const [first] = await startAll(1, "gate");
  await Promise.all(
    names(40).map((name) => first.asks({ verb: "start", flow: "outside", key: name })),
  );
  await ledgerShows((lines) => lines.length === 40);
  const second = await start("gate").ready();
  // What stands still comes at once; what has a call outside, when that is back.
  await second.says((line) => "shards.taken" in line);
  writeFileSync(join(folder, "gate"), "");
  await Promise.all([first.owns(128), second.owns(128)]);
  const ends = await Promise.all(
    names(40).map((name) => second.asks({ verb: "result", flow: "outside", key: name })),
  );
  expect(ends.map(({ result }) => result)).toEqual(names(40));
  // None was cut off: each was begun once, and ended by who began it.
  expect(ledger().filter(({ at }) => at === "begin").length).toBe(40);
  expect(new Set(ledger().map(({ pid }) => pid))).toEqual(new Set([first.pid]));
  rmSync(join(folder, "gate"));
  expect(await damage()).toEqual([]);
});

test("at SIGTERM a worker lets its calls end and leaves all to the others", async () => {
  const [first, second = first] = await startAll(2, "gate");
  await Promise.all(
    names(12).map((name) => first.asks({ verb: "start", flow: "outside", key: name })),
  );
  await ledgerShows((lines) => lines.length === 12);
  const ending = first.end("SIGTERM");
  writeFileSync(join(folder, "gate"), "");
  expect(await ending).toEqual([0, null]);
  await second.owns(256);
  const ends = await Promise.all(
    names(12).map((name) => second.asks({ verb: "result", flow: "outside", key: name })),
  );
  expect(ends.map(({ result }) => result)).toEqual(names(12));
  expect(ledger().filter(({ at }) => at === "begin").length).toBe(12);
  rmSync(join(folder, "gate"));
  expect(await damage()).toEqual([]);
});

test("a command from outside finds the run, at whichever worker it is", async () => {
  const all = await startAll(3);
  const [first] = all;
  const started = await Promise.all(
    names(6).map((name) => first.asks({ verb: "start", flow: "waits", key: name })),
  );
  await Promise.all(
    started
      .slice(0, 3)
      .map(({ run = "" }, at) => among(all, at).asks({ verb: "cancel", key: "", run })),
  );
  const reader = await openPostgresReader({ url: database.url });
  for (const { run = "" } of started.slice(3)) {
    await reader.post({
      id: `cancel ${run}`,
      topic: "cancel",
      by: "ana",
      atMs: 1,
      data: JSON.stringify({ run, reason: "no more" }),
    });
  }
  await vi.waitFor(
    async () => {
      const cancelled = await reader.runs({ afterRun: 0, limit: 10, states: ["cancelled"] });
      expect(cancelled.length).toBe(6);
    },
    { timeout: 60_000, interval: 50 },
  );
  await reader.close();
  expect(await damage()).toEqual([]);
});

test("a run that holds its lane up is taken out of it from outside, at whichever worker it is", async () => {
  const all = await startAll(2);
  const [first] = all;
  const lanes = ["p", "q", "r", "s"];
  const heads = await Promise.all(
    lanes.map((lane) => first.asks({ verb: "start", flow: "waitsInLane", lane, key: lane })),
  );
  const behind = lanes.map((lane) => ({ flow: "inLane", lane, key: `${lane} next` }) as const);
  for (const one of behind) await first.asks({ verb: "start", ...one });
  const reader = await openPostgresReader({ url: database.url });
  expect(await reader.lanes({ limit: 10 })).toMatchObject(
    lanes.map((lane) => ({ lane, depth: 2 })),
  );
  for (const { run = "" } of heads) {
    const data = JSON.stringify({ run, reason: "the payer is away" });
    await reader.post({ id: `skip ${run}`, topic: "skipHead", by: "ana", atMs: 1, data });
  }
  await Promise.all(behind.map((one) => first.asks({ verb: "result", ...one })));
  const waiting = await reader.runs({ afterRun: 0, limit: 10, states: ["waiting"] });
  const left = waiting.map(({ key: name, lane }) => ({ name, lane }));
  expect(left.toSorted((one, other) => one.name.localeCompare(other.name))).toEqual(
    lanes.map((name) => ({ name, lane: null })),
  );
  await reader.close();
  expect(await damage()).toEqual([]);
});
