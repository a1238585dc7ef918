/**
 * A worker is stopped (SIGSTOP) until its lease has run out, and goes on (SIGCONT): in every second
 * round when the database says that it is dead, else in a race with those who steal its shards.
 */
import { startPostgresServer } from "holdfast/testing";
import { ask, askNumber } from "./database.ts";
import type { Fleet } from "./fleet.ts";
import type { Orders } from "./orders.ts";
import type { Scene } from "./scene.ts";
import type { FaultScript, Found } from "./script.ts";
import { sharedStore, THREE } from "./shared-store.ts";
import { until } from "./until.ts";
import type { WorkerProcess } from "./worker-process.ts";

const CLIENTS = 6;
const ATTEMPTS_MAX = 12;
const LEASE_MS = 900;
/** In a race it goes on so long before its lease ends or after, milliseconds. */
const RACE_BEFORE_MS = 60;
/** Others look about every third of a lease. */
const RACE_AFTER_MS = 400;
/** Longer than anybody stands still: a request that was about to leave leaves then. */
const SETTLE = "6s";
const WAIT_MS_MAX = 30_000;
/** What a worker ends with that has been replaced. */
const REPLACED = 70;

const SQL = {
  newest: "select incarnation from holdfast.worker where alive = 1 order by epoch desc limit 1",
  alive: "select alive from holdfast.worker where incarnation = $1",
  leftMs: `select h.beat_at_ms + w.lease_ms - (extract(epoch from clock_timestamp()) * 1000)::int8
    from holdfast.heartbeat h join holdfast.worker w on w.incarnation = h.incarnation
    where w.incarnation = $1`,
  shards: "select count(*) from holdfast.shard where owner = $1",
  written: "select coalesce(max(number), 0) from holdfast.flush where incarnation = $1",
} as const;

interface Told {
  stale: number;
  raced: number;
  replaced: number;
  readonly broken: string[];
}

export const workersStopped: FaultScript = {
  name: "workers-stopped",
  rounds: { short: 8, long: 300 },
  impossible: () => null,
  async play(scene, rounds): Promise<Found> {
    const server = await startPostgresServer();
    scene.onClose(() => server.stop());
    const url = server.url();
    const store = { ...sharedStore(url, LEASE_MS), settle: SETTLE } as const;
    const incarnations = new Map<WorkerProcess, number>();
    const fleet = scene.fleet(store, {
      ways: THREE,
      async onReady(worker) {
        incarnations.set(worker, await askNumber(url, SQL.newest));
      },
    });
    const orders = scene.orders(fleet);
    const told: Told = { stale: 0, raced: 0, replaced: 0, broken: [] };
    const played = () => told.stale + told.raced;
    // A victim may end before it is stopped: that round is played again.
    for (let tries = 0; played() < rounds && tries < 2 * rounds; tries += 1) {
      const round = played();
      const stop = round % 2 === 0 ? stopPastLease : stopInRace;
      await playRound({ scene, fleet, orders, url }, incarnations, (stopped) =>
        stop(stopped, told, scene),
      );
      if (round % 20 === 19)
        scene.say(`${String(round + 1)} rounds, ${String(orders.keys.length)} orders`);
    }
    const { stale, raced, replaced, broken } = told;
    return scene.found(
      store.store,
      { orders, fleet },
      {
        broken: [...broken, ...unexpected(fleet)],
        hits: {
          "stopped until it was dead": { count: stale, atLeast: Math.floor(rounds / 2) * 0.8 },
          "went on in a race": { count: raced, atLeast: Math.floor(rounds / 2) * 0.8 },
        },
        figures: { "races that it lost": replaced },
      },
    );
  },
};

interface Play {
  readonly scene: Scene;
  readonly fleet: Fleet;
  readonly orders: Orders;
  readonly url: string;
}

interface Stopped {
  readonly worker: WorkerProcess;
  readonly incarnation: number;
  readonly url: string;
}

async function playRound(
  { scene, fleet, orders, url }: Play,
  incarnations: ReadonlyMap<WorkerProcess, number>,
  stop: (stopped: Stopped) => Promise<void>,
): Promise<void> {
  const stopOne = async () => {
    await fleet.whole();
    const worker = await fleet.some(({ length }) => scene.random.integer(length));
    const incarnation = incarnations.get(worker) ?? 0;
    if (!(await worker.attemptsMore(1 + scene.random.integer(ATTEMPTS_MAX)))) return;
    worker.kill("SIGSTOP");
    try {
      await stop({ worker, incarnation, url });
    } finally {
      worker.kill("SIGCONT");
    }
  };
  await orders.during(CLIENTS, stopOne());
}

/** It goes on when others have all that was its. */
async function stopPastLease({ worker, incarnation, url }: Stopped, told: Told): Promise<void> {
  const isDead = await until(async () => {
    const alive = await askNumber(url, SQL.alive, [incarnation]);
    return alive === 0 && (await askNumber(url, SQL.shards, [incarnation])) === 0;
  }, WAIT_MS_MAX);
  if (!isDead) {
    told.broken.push(`nobody took over from ${String(incarnation)} in ${String(WAIT_MS_MAX)} ms`);
    return;
  }
  const written = await askNumber(url, SQL.written, [incarnation]);
  worker.kill("SIGCONT");
  const { code } = await worker.ended;
  if (code !== REPLACED) told.broken.push(`a stale worker has ended with ${String(code)}`);
  const since = (await askNumber(url, SQL.written, [incarnation])) - written;
  if (since !== 0) told.broken.push(`a stale worker has written ${String(since)} flushes`);
  told.stale += 1;
}

/** It goes on about when its lease ends: it beats again in time, or others are faster. */
async function stopInRace(
  { worker, incarnation, url }: Stopped,
  told: Told,
  { random }: Scene,
): Promise<void> {
  const edgeMs = RACE_BEFORE_MS - random.integer(RACE_BEFORE_MS + RACE_AFTER_MS);
  await until(async () => (await askNumber(url, SQL.leftMs, [incarnation])) <= edgeMs, WAIT_MS_MAX);
  worker.kill("SIGCONT");
  told.raced += 1;
  let isAlive = true;
  const isDecided = await until(async () => {
    const [[alive] = [], [leftMs] = []] = [
      ...(await ask(url, SQL.alive, [incarnation])),
      ...(await ask(url, SQL.leftMs, [incarnation])),
    ];
    isAlive = alive === 1;
    return !isAlive || Number(leftMs) > LEASE_MS / 2;
  }, WAIT_MS_MAX);
  if (!isDecided) told.broken.push(`worker ${String(incarnation)} neither lives nor is dead`);
  if (isAlive) return;
  told.replaced += 1;
  const { code } = await worker.ended;
  if (code !== REPLACED) told.broken.push(`a replaced worker has ended with ${String(code)}`);
}

/** Ends that no rule foresees: a worker may only find that it was replaced. */
export function unexpected(fleet: Fleet): readonly string[] {
  return fleet.ends
    .filter(({ code, err }) => code !== REPLACED || !err.includes("HF5012"))
    .map(({ code, signal, err }) => `a worker has ended (${String(signal ?? code)}): ${err}`);
}
