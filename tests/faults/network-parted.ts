/**
 * One of two workers is parted from the database by a packet filter, which drops what it sends, what
 * it is sent, or both; the other one reaches it by another wire. Nobody is told: no connection ends.
 */
import { join } from "node:path";
import { askNumber } from "./database.ts";
import { DatabaseServer } from "./database-server.ts";
import { run, withoutNetworks } from "./machine.ts";
import type { Scene } from "./scene.ts";
import type { FaultScript } from "./script.ts";
import { sharedStore } from "./shared-store.ts";
import { until } from "./until.ts";
import { unexpected } from "./workers-stopped.ts";

const CLIENTS = 6;
const ATTEMPTS_MAX = 12;
const LEASE_MS = 1_500;
const WAIT_MS_MAX = 30_000;
/** What was sent into nothing is sent again by the network after pauses that double. */
const END_MS_MAX = 60_000;
const WAYS = ["input", "output", "both"] as const;

const SQL = {
  newest: "select incarnation from holdfast.worker where alive = 1 order by epoch desc limit 1",
  lost: `select count(*) from holdfast.shard s join holdfast.worker w on w.incarnation = $1
    where w.alive = 0 and s.owner is not null and s.owner <> $1`,
} as const;
const ALL_SHARDS = 256;

export const networkParted: FaultScript = {
  name: "network-parted",
  rounds: { short: 3, long: 30 },
  impossible: withoutNetworks,
  async play(scene, rounds) {
    const net = new Network(scene);
    const server = await DatabaseServer.make(join(scene.folder, "server"), {
      under: ["ip", "netns", "exec", net.name],
      host: net.host("b"),
      settings: { listen_addresses: "*" },
      network: "10.203.0.0/16",
    });
    scene.onClose(() => server.kill());
    await server.start();
    const url = server.url();
    const store = sharedStore(url, LEASE_MS);
    const parted = sharedStore(url.replace(net.host("b"), net.host("a")), LEASE_MS);
    const incarnations = new Map<object, number>();
    const fleet = scene.fleet(store, {
      ways: [{ settings: parted }, {}],
      async onReady(worker) {
        incarnations.set(worker, await askNumber(url, SQL.newest));
      },
    });
    const orders = scene.orders(fleet);
    const broken: string[] = [];
    let parts = 0;
    for (let round = 0; round < rounds; round += 1) {
      const way = WAYS[round % WAYS.length] ?? "both";
      const part = async () => {
        const [victim] = await fleet.whole();
        if (victim === undefined) return;
        await victim.attemptsMore(1 + scene.random.integer(ATTEMPTS_MAX));
        net.part(way);
        const self = [incarnations.get(victim)];
        const isLost = async () => (await askNumber(url, SQL.lost, self)) === ALL_SHARDS;
        if (!(await until(isLost, WAIT_MS_MAX))) broken.push(`nobody took over (${way})`);
        net.heal();
        if (!(await until(() => victim.hasEnded, END_MS_MAX))) {
          broken.push(`the parted worker (${way}) has not found that it was replaced`);
          victim.kill("SIGKILL");
        }
        parts += 1;
      };
      const startedAtMs = performance.now();
      await orders.during(CLIENTS, part());
      scene.say(`${way}: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
    }
    return scene.found(
      store.store,
      { orders, fleet },
      {
        broken: [...broken, ...unexpected(fleet)],
        hits: { partitions: { count: parts, atLeast: rounds } },
      },
    );
  },
};

/** A namespace with two wires to this one, a and b; a packet filter in it parts a. */
class Network {
  readonly name = `hf-${String(process.pid)}`;

  constructor(scene: Scene) {
    run("ip", "netns", "add", this.name);
    scene.onClose(() => run("ip", "netns", "del", this.name));
    this.#inside("ip", "link", "set", "lo", "up");
    for (const [index, wire] of ["a", "b"].entries()) {
      const [here, there] = [`hf${wire}${String(process.pid)}`, `in-${wire}`];
      const subnet = `10.203.${String(index + 1)}`;
      run("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", this.name);
      run("ip", "addr", "add", `${subnet}.1/24`, "dev", here);
      run("ip", "link", "set", here, "up");
      this.#inside("ip", "addr", "add", `${subnet}.2/24`, "dev", there);
      this.#inside("ip", "link", "set", there, "up");
    }
  }

  /** Of whoever listens in the namespace, by that wire. */
  host(wire: "a" | "b"): string {
    return `10.203.${wire === "a" ? "1" : "2"}.2`;
  }

  part(way: (typeof WAYS)[number]): void {
    this.#inside("nft", "add", "table", "inet", "holdfast");
    for (const [hook, match] of [
      ["input", "iifname"],
      ["output", "oifname"],
    ] as const) {
      if (way !== "both" && way !== hook) continue;
      const chain = `{ type filter hook ${hook} priority 0 ; }`;
      this.#inside("nft", "add", "chain", "inet", "holdfast", hook, chain);
      this.#inside("nft", "add", "rule", "inet", "holdfast", hook, match, "in-a", "drop");
    }
  }

  heal(): void {
    this.#inside("nft", "delete", "table", "inet", "holdfast");
  }

  #inside(...words: readonly string[]): void {
    run("ip", "netns", "exec", this.name, ...words);
  }
}
