/**
 * The file system below the store stops at a random moment, as if its machine had lost its power:
 * what was not yet written to its device is gone, and its own journal decides what it holds next.
 *
 * What this proves: every acknowledged record had been synced as far as the device. What it does not:
 * that the device itself keeps what it was given without being told to flush (the image's pages stay
 * in this machine's memory), and what a disk does that writes half a sector.
 */
import { join } from "node:path";
import { DatabaseServer } from "./database-server.ts";
import { firstReason, withoutLoopDevices, withoutPrograms } from "./machine.ts";
import { Disk } from "./mounts.ts";
import type { Scene } from "./scene.ts";
import { merged, type FaultScript, type Found } from "./script.ts";
import { sharedStore } from "./shared-store.ts";
import type { WorkerSettings } from "./worker.ts";

const CLIENTS = 6;
const ATTEMPTS_MAX = 40;
const LEASE_MS = 3_000;
/**
 * Power goes again before an order could show that it has not crashed the engine, and a long play would
 * end with such orders held. What holds them is tested elsewhere; here all have to come to their end.
 */
const CRASHES_MAX = 1_000;
const LOG = { min_wal_size: "32MB", max_wal_size: "64MB", shared_buffers: "16MB" } as const;

export const powerLost: FaultScript = {
  name: "power-lost",
  rounds: { short: 1, long: 20 },
  impossible: () =>
    firstReason(withoutPrograms("xfs_io"), withoutLoopDevices("ext4"), withoutLoopDevices("xfs")),
  async play(scene, rounds) {
    const found: Record<string, Found> = {};
    for (const kind of ["ext4", "xfs"] as const) {
      for (const [name, play] of [
        ["sqlite", onSqlite],
        ["postgres", onPostgres],
      ] as const) {
        const disk = new Disk(scene, kind, `${kind}-${name}`);
        found[`${kind}, ${name}`] = await play(scene, rounds, disk);
      }
    }
    return merged(found);
  },
};

function onSqlite(scene: Scene, rounds: number, disk: Disk): Promise<Found> {
  const store = `sqlite:${join(disk.folder, "engine.db")}` as const;
  return loseAgainAndAgain(scene, rounds, {
    disk,
    settings: { store, crashesMax: CRASHES_MAX },
    die: () => Promise.resolve(),
    revive: () => Promise.resolve(),
  });
}

async function onPostgres(scene: Scene, rounds: number, disk: Disk): Promise<Found> {
  const server = await DatabaseServer.make(disk.folder, { settings: LOG });
  scene.onClose(() => server.kill());
  await server.start();
  const found = await loseAgainAndAgain(scene, rounds, {
    disk,
    settings: { ...sharedStore(server.url(), LEASE_MS), crashesMax: CRASHES_MAX },
    die: () => server.kill(),
    revive: () => server.start(),
  });
  await server.stop();
  return found;
}

interface Machine {
  readonly disk: Disk;
  readonly settings: Omit<WorkerSettings, "port">;
  readonly die: () => Promise<void>;
  readonly revive: () => Promise<void>;
}

async function loseAgainAndAgain(
  scene: Scene,
  rounds: number,
  { disk, settings, die, revive }: Machine,
): Promise<Found> {
  const fleet = scene.fleet(settings);
  const orders = scene.orders(fleet, `${disk.folder.split("/").at(-1) ?? ""} order`);
  let lost = 0;
  let forgotten = 0;
  const loseOnce = async () => {
    const [worker] = await fleet.whole();
    if (worker === undefined) return;
    await worker.attemptsMore(1 + scene.random.integer(ATTEMPTS_MAX));
    fleet.pause();
    disk.losePower();
    worker.kill("SIGKILL");
    await worker.ended;
    await die();
    lost += 1;
    if (await disk.comeBack()) forgotten += 1;
    await revive();
    fleet.resume();
  };
  // One round may find nothing outside.
  const cutOffMin = Math.floor(rounds / 4);
  await scene.rounds(settings.store, { count: rounds, cutOffMin }, () =>
    orders.during(CLIENTS, loseOnce()),
  );
  return scene.found(
    settings.store,
    { orders, fleet },
    {
      hits: {
        "times that its power was lost": { count: lost, atLeast: rounds },
        "unsynced files that were lost": { count: forgotten, atLeast: lost },
      },
      cutOffMin,
    },
  );
}
