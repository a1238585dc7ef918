/** The disk of the store is full for a while: the process ends with words, and goes on with room. */
import { join } from "node:path";
import { DatabaseServer } from "./database-server.ts";
import { firstReason, withoutPrograms, withoutRoot } from "./machine.ts";
import { fill, makeRoom, mountSmall } from "./mounts.ts";
import type { Scene } from "./scene.ts";
import type { FaultScript, Found } from "./script.ts";
import { sharedStore } from "./shared-store.ts";
import type { WorkerSettings } from "./worker.ts";
import { merged } from "./script.ts";

const CLIENTS = 4;
const ATTEMPTS_MAX = 20;
const LEASE_MS = 3_000;
const MIB = 2 ** 20;
/** Two segments of PostgreSQL's log are 32 MiB, its empty database is 40. */
const SIZE_BYTES = { sqlite: 6 * MIB, postgres: 128 * MIB } as const;
const LOG = { min_wal_size: "32MB", max_wal_size: "32MB", shared_buffers: "16MB" } as const;
const STORE_FAILED = 70;

export const diskFull: FaultScript = {
  name: "disk-full",
  rounds: { short: 2, long: 20 },
  impossible: () => firstReason(withoutRoot(), withoutPrograms("mount", "umount", "setpriv")),
  async play(scene, rounds) {
    return merged({
      sqlite: await onSqlite(scene, rounds),
      postgres: await onPostgres(scene, rounds),
    });
  },
};

async function onSqlite(scene: Scene, rounds: number): Promise<Found> {
  const folder = mountSmall(scene, "sqlite", SIZE_BYTES.sqlite);
  const store = `sqlite:${join(folder, "engine.db")}` as const;
  return fillAgainAndAgain(scene, rounds, {
    folder,
    settings: { store },
    revive: () => Promise.resolve(),
  });
}

async function onPostgres(scene: Scene, rounds: number): Promise<Found> {
  const folder = mountSmall(scene, "postgres", SIZE_BYTES.postgres);
  const server = await DatabaseServer.make(folder, { settings: LOG });
  scene.onClose(() => server.kill());
  await server.start();
  return fillAgainAndAgain(scene, rounds, {
    folder,
    settings: sharedStore(server.url(), LEASE_MS),
    async revive() {
      // It ends by itself where it cannot even write its log.
      if (!(await server.isReady())) await server.start();
    },
  });
}

interface Full {
  readonly folder: string;
  readonly settings: Omit<WorkerSettings, "port">;
  readonly revive: () => Promise<void>;
}

async function fillAgainAndAgain(
  scene: Scene,
  rounds: number,
  { folder, settings, revive }: Full,
): Promise<Found> {
  const fleet = scene.fleet(settings);
  const orders = scene.orders(fleet, settings.store.slice(0, 8));
  let full = 0;
  const fillOnce = async () => {
    const [worker] = await fleet.whole();
    if (worker === undefined) return;
    await worker.attemptsMore(1 + scene.random.integer(ATTEMPTS_MAX));
    fleet.pause();
    fill(folder);
    await worker.ended;
    full += 1;
    makeRoom(folder);
    await revive();
    fleet.resume();
  };
  for (let round = 0; round < rounds; round += 1) await orders.during(CLIENTS, fillOnce());
  const unclear = fleet.ends
    .filter(({ code, err }) => code !== STORE_FAILED || !/HF50\d\d/u.test(err))
    .map(({ code, err }) => `on a full disk a worker has ended (${String(code)}): ${err}`);
  return scene.found(
    settings.store,
    { orders, fleet },
    {
      broken: unclear,
      hits: { "times that the disk was full": { count: full, atLeast: rounds } },
    },
  );
}
