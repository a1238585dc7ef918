/**
 * The connection to the database is lost at each byte of the answer to a commit: the transaction is
 * done, and its worker has not heard of it, or not all.
 */
import { startPostgresServer } from "holdfast/testing";
import { DatabaseProxy } from "./database-proxy.ts";
import type { FaultScript } from "./script.ts";
import { sharedStore } from "./shared-store.ts";

const CLIENTS = 4;
/** Long: it is not to be judged dead, however slow the machine is. */
const LEASE_MS = 20_000;

export const answersCut: FaultScript = {
  name: "answers-cut",
  rounds: { short: 80, long: 2_000 },
  impossible: () => null,
  async play(scene, rounds) {
    const server = await startPostgresServer();
    scene.onClose(() => server.stop());
    const proxy = await DatabaseProxy.open(server.port);
    scene.onClose(() => proxy.close());
    const store = sharedStore(proxy.url(server.url()), LEASE_MS);
    const fleet = scene.fleet(store, { ways: [{}] });
    await fleet.whole();
    const orders = scene.orders(fleet);
    let cuts = 0;
    let lengthMax = 1;
    const cutAll = async () => {
      // From its end, where what it says of the commit stands, to its beginning, and again.
      for (let bytes = 0; cuts < rounds; bytes = bytes > lengthMax ? 0 : bytes + 1) {
        lengthMax = Math.max(lengthMax, await proxy.cutNextCommit(bytes));
        cuts += 1;
      }
    };
    await orders.during(CLIENTS, cutAll());
    const ends = fleet.ends.map(({ code, err }) => `a worker has ended (${String(code)}): ${err}`);
    const direct = sharedStore(server.url(), LEASE_MS).store;
    const found = await scene.found(
      direct,
      { orders, fleet },
      {
        hits: { "answers cut": { count: cuts, atLeast: rounds } },
        figures: { "bytes of the longest answer": lengthMax },
      },
    );
    // No process was hurt, so no attempt may be: a commit that was not recognised would show as one.
    const hurt = found.hits["attempts cut off"]?.count ?? 0;
    const repeated = hurt === 0 ? [] : [`${String(hurt)} attempts were cut off`];
    return { ...found, broken: [...found.broken, ...ends, ...repeated] };
  },
};
