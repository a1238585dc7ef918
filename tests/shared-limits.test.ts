/** Limits and breakers of an integration, over all workers of one PostgreSQL store. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { openPostgresReader, verifyPostgresStore } from "holdfast/postgres";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { IntegrationOptions } from "holdfast";
import { makeDatabase, type TestDatabase } from "./postgres-database.ts";
import type { Seen } from "./workers/counterpart.ts";
import { Worker } from "./workers/fleet.ts";

// Each test starts processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const key = randomBytes(32).toString("base64");
let database: TestDatabase;
let shop: Shop;
let workers: Worker[] = [];

beforeEach(async () => {
  database = await makeDatabase();
  shop = await Shop.start();
});

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.end("SIGKILL")));
  workers = [];
  await shop.end();
  await database.drop();
});

class Shop {
  readonly #process: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, port: string) {
    this.#process = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<Shop> {
    const program = fileURLToPath(new URL("workers/counterpart.ts", import.meta.url));
    const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    return new Shop(child, line.toString().trim());
  }

  /** @param what - `seen`, `reset`, `up`, or `down/` and a process or `all`. */
  async tell(what: string): Promise<Seen> {
    const answer = await fetch(`${this.url}/test/${what}`);
    return (await answer.json()) as Seen;
  }

  async sees(isSo: (seen: Seen) => boolean): Promise<Seen> {
    return await vi.waitFor(
      async () => {
        const seen = await this.tell("seen");
        if (!isSo(seen)) throw new Error(`the shop has seen ${String(seen.calls.length)} calls`);
        return seen;
      },
      { timeout: 120_000, interval: 20 },
    );
  }

  async end(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}

type Limits = Partial<Pick<IntegrationOptions, "limit" | "breaker">>;

function start(limits: Limits): Worker {
  const worker = new Worker({
    HOLDFAST_STORE: database.url,
    HOLDFAST_STORE_KEY: key,
    SHOP: shop.url,
    LIMITS: JSON.stringify(limits),
  });
  workers.push(worker);
  return worker;
}

async function startThree(limits: Limits): Promise<readonly [Worker, Worker, Worker]> {
  const all = [start(limits), start(limits), start(limits)] as const;
  await Promise.all(all.map((worker) => worker.ready()));
  await vi.waitFor(
    () => {
      expect(all.map(({ owned }) => owned).toSorted((a, b) => a - b)).toEqual([85, 85, 86]);
    },
    { timeout: 60_000, interval: 20 },
  );
  return all;
}

const names = (count: number, prefix = "n") =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index)}`);

/** Runs of these keys, each at whichever worker it belongs to. */
async function begin(worker: Worker, keys: readonly string[]): Promise<void> {
  await Promise.all(keys.map((name) => worker.asks({ verb: "start", flow: "orders", key: name })));
}

async function completed(worker: Worker, keys: readonly string[]): Promise<void> {
  const ends = await Promise.all(
    keys.map((name) => worker.asks({ verb: "result", flow: "orders", key: name })),
  );
  expect(ends.map(({ result }) => result)).toEqual(keys);
}

/** Resolves when no run is at work: each has ended or is parked. */
async function atRest(): Promise<void> {
  const reader = await openPostgresReader({ url: database.url });
  try {
    await vi.waitFor(
      async () => {
        expect(await reader.runs({ afterRun: 0, limit: 1, states: ["running"] })).toEqual([]);
      },
      { timeout: 120_000, interval: 20 },
    );
  } finally {
    await reader.close();
  }
}

const callers = ({ calls }: Seen) => new Set(calls.map(({ pid }) => pid));

test("a limit of 4 calls at a time holds for all workers, also when one is killed", async () => {
  const [first, second, third] = await startThree({ limit: { concurrency: 4 } });
  const keys = names(240);
  await begin(first, keys);
  const called = await shop.sees((seen) => callers(seen).size === 3);
  await second.end("SIGKILL");
  await completed(first, keys);
  expect((await shop.tell("seen")).openMax).toBe(4);
  expect(callers(called)).toEqual(new Set([first.pid, second.pid, third.pid]));
  expect((await verifyPostgresStore({ url: database.url, key })).damage).toEqual([]);
});

test("a limit of 1 call at a time goes from worker to worker, and starves none", async () => {
  const [first, second, third] = await startThree({ limit: { concurrency: 1 } });
  const keys = names(60);
  await begin(first, keys);
  await completed(second, keys);
  const seen = await shop.tell("seen");
  expect(seen.openMax).toBe(1);
  expect(callers(seen)).toEqual(new Set([first.pid, second.pid, third.pid]));
});

test("a rate of 20 calls a second holds for all workers, also when one is killed", async () => {
  const [first, second] = await startThree({ limit: { rate: "20/s" } });
  const keys = names(100);
  await begin(first, keys);
  await shop.sees(({ calls }) => calls.length >= 40);
  await second.end("SIGKILL");
  await completed(first, keys);
  const { calls } = await shop.tell("seen");
  // In any two seconds: 40, two that may start at once, and half a second of busy machine.
  const most = calls.map(
    ({ atMs: fromMs }) =>
      calls.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + 2_000).length,
  );
  expect(Math.max(...most)).toBeLessThanOrEqual(40 + 2 + 10);
});

test("what one worker finds down no other calls either, though it answers them", async () => {
  const [first, ...others] = await startThree({
    breaker: { openAt: "50%", of: 3, probeEvery: "1h" },
  });
  await shop.tell(`down/${String(first.pid)}`);
  for (let batch = 0; !first.incidents.includes("open"); batch += 1) {
    const keys = names(4, `before ${String(batch)} `);
    await begin(first, keys);
    await atRest();
  }
  // Those of the others go on until they have looked at what is shared.
  for (let batch = 0; ; batch += 1) {
    const keys = names(12, `after ${String(batch)} `);
    await shop.tell("reset");
    await begin(first, keys);
    await atRest();
    if ((await shop.tell("seen")).calls.length === 0) break;
    expect(batch).toBeLessThan(100);
  }
  expect(first.incidents).toEqual(["open"]);
  for (const other of others) expect(other.incidents).toEqual([]);
});

test("an outage is one incident for all, tried by one call at a time, and ends for all", async () => {
  const all = await startThree({
    limit: { concurrency: 6 },
    breaker: { openAt: "50%", of: 3, probeEvery: "500ms" },
  });
  const [first, second] = all;
  await shop.tell("down/all");
  const keys = names(60);
  await begin(first, keys);
  await atRest();
  await shop.tell("reset");
  const tried = await shop.sees(({ calls }) => calls.length >= 3);
  expect(tried.openMax).toBe(1);
  await shop.tell("up");
  await completed(second, keys);
  expect((await shop.tell("seen")).openMax).toBeLessThanOrEqual(6);
  const told = () => all.flatMap(({ incidents }) => incidents).toSorted();
  await vi.waitFor(() => expect(told()).toEqual(["closed", "open"]));
  const reader = await openPostgresReader({ url: database.url });
  expect(await reader.dependencies()).toMatchObject([{ integration: "shop", state: "closed" }]);
  await reader.close();
  expect((await verifyPostgresStore({ url: database.url, key })).damage).toEqual([]);
});
