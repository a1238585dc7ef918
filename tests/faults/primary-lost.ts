/**
 * The primary is lost with all its processes while it commits, and its synchronous standby is
 * promoted. What was acknowledged is there; the workers find the new primary by the same address.
 */
import { join } from "node:path";
import { ask, askNumber } from "./database.ts";
import { DatabaseProxy } from "./database-proxy.ts";
import { DatabaseServer } from "./database-server.ts";
import { firstReason, withoutPostgresProgram, withoutPrograms } from "./machine.ts";
import type { Scene } from "./scene.ts";
import type { FaultScript } from "./script.ts";
import { sharedStore, THREE } from "./shared-store.ts";
import { until } from "./until.ts";

const CLIENTS = 6;
/** It is lost after so many attempts, at most. */
const ATTEMPTS_MAX = 40;
const LEASE_MS = 4_000;
const WAIT_MS_MAX = 60_000;

export const primaryLost: FaultScript = {
  name: "primary-lost",
  rounds: { short: 2, long: 20 },
  impossible: () =>
    firstReason(withoutPrograms("setpriv"), withoutPostgresProgram("pg_basebackup")),
  async play(scene, rounds) {
    let primary = await serverOf(scene, DatabaseServer.make(join(scene.folder, "0")));
    await primary.start();
    let standby = await withStandby(scene, primary, 1);
    const proxy = await DatabaseProxy.open(primary.port);
    scene.onClose(() => proxy.close());
    const store = sharedStore(proxy.url(primary.url()), LEASE_MS);
    const fleet = scene.fleet(store, { ways: THREE });
    const orders = scene.orders(fleet);
    let lost = 0;
    let unheard = 0;
    for (let round = 0; round < rounds; round += 1) {
      const failOver = async () => {
        await fleet.whole();
        const worker = await fleet.some(({ length }) => scene.random.integer(length));
        await worker.attemptsMore(1 + scene.random.integer(ATTEMPTS_MAX));
        await primary.kill();
        lost += 1;
        await ask(standby.url(), "select pg_promote()");
        proxy.leadTo(standby.port);
      };
      await orders.during(CLIENTS, failOver());
      unheard = orders.unknownCount;
      primary = standby;
      if (round < rounds - 1) standby = await withStandby(scene, primary, round + 2);
    }
    return scene.found(
      sharedStore(primary.url(), LEASE_MS).store,
      { orders, fleet },
      {
        hits: { "primaries lost": { count: lost, atLeast: rounds } },
        figures: { "starts asked for again": unheard },
      },
    );
  },
};

async function serverOf(scene: Scene, making: Promise<DatabaseServer>): Promise<DatabaseServer> {
  const server = await making;
  scene.onClose(() => server.kill());
  return server;
}

/** Resolves when no commit of the primary is acknowledged without the standby. */
async function withStandby(
  scene: Scene,
  primary: DatabaseServer,
  number: number,
): Promise<DatabaseServer> {
  const folder = join(scene.folder, String(number));
  // The settings of the primary come along: promoted, it must wait for nobody.
  await ask(primary.url(), "alter system reset synchronous_standby_names");
  const standby = await serverOf(scene, DatabaseServer.standbyOf(primary, folder));
  await standby.start();
  await ask(primary.url(), "alter system set synchronous_standby_names = '*'");
  await ask(primary.url(), "select pg_reload_conf()");
  const inStep = "select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')";
  const isSynchronous = await until(
    async () => (await askNumber(primary.url(), inStep)) === 1,
    WAIT_MS_MAX,
  );
  if (!isSynchronous) throw new Error("the standby does not keep up");
  return standby;
}
