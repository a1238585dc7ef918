/** Workers die by SIGKILL while their calls are outside; others go on, and new ones come. */
import { startPostgresServer } from "holdfast/testing";
import type { FaultScript } from "./script.ts";
import { sharedStore, THREE } from "./shared-store.ts";
import { unexpected } from "./workers-stopped.ts";

const CLIENTS = 8;
/** The victim dies at one of so many attempts: each order makes six. */
const ATTEMPTS_MAX = 12;
/** Short, so that its runs go on elsewhere soon. */
const LEASE_MS = 1_500;

export const workersKilled: FaultScript = {
  name: "workers-killed",
  rounds: { short: 8, long: 100 },
  impossible: () => null,
  async play(scene, rounds) {
    const server = await startPostgresServer();
    scene.onClose(() => server.stop());
    const store = sharedStore(server.url(), LEASE_MS);
    const fleet = scene.fleet(store, { ways: THREE });
    const orders = scene.orders(fleet);
    let kills = 0;
    const killOne = async () => {
      await fleet.whole();
      const victim = await fleet.some(({ length }) => scene.random.integer(length));
      if (!(await victim.attemptsMore(1 + scene.random.integer(ATTEMPTS_MAX)))) return;
      victim.kill("SIGKILL");
      kills += 1;
      await victim.ended;
    };
    const cutOffMin = rounds / 2;
    await scene.rounds(store.store, { count: rounds, cutOffMin }, () =>
      orders.during(CLIENTS, killOne()),
    );
    return scene.found(
      store.store,
      { orders, fleet },
      {
        broken: unexpected(fleet),
        hits: { kills: { count: kills, atLeast: rounds * 0.9 } },
        cutOffMin,
      },
    );
  },
};
