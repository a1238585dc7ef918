/**
 * The clock of a worker, or of the database, jumps forth or back, and back again after a while. A
 * timer may be early or late by as much; nothing is lost, and nothing is done twice.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ask, askNumber } from "./database.ts";
import { DatabaseServer } from "./database-server.ts";
import { fakeTimeLibrary, firstReason, withoutPrograms } from "./machine.ts";
import type { Scene } from "./scene.ts";
import type { FaultScript } from "./script.ts";
import { sharedStore } from "./shared-store.ts";
import { unexpected } from "./workers-stopped.ts";

const CLIENTS = 6;
const ATTEMPTS_MAX = 40;
const LEASE_MS = 2_000;
/**
 * Of a worker's clock, seconds. A sleep that began while it was ahead ends so much later, and the
 * script waits for it; and a retry may last a minute in all.
 */
const WORKER_JUMP_S = 15;
/** Of the database's, which measures leases alone: an hour, as when summer time is set by hand. */
const DATABASE_JUMP_S = 3_600;

export const clocksJumped: FaultScript = {
  name: "clocks-jumped",
  rounds: { short: 4, long: 60 },
  impossible: () =>
    firstReason(
      withoutPrograms("setpriv"),
      fakeTimeLibrary() === null ? "there is no libfaketime (Debian: faketime)" : null,
    ),
  async play(scene, rounds) {
    const [ofDatabase, ofWorker] = [
      new FakeClock(scene, "database"),
      new FakeClock(scene, "worker"),
    ];
    const folder = join(scene.folder, "server");
    const server = await DatabaseServer.make(folder, { env: ofDatabase.env });
    scene.onClose(() => server.kill());
    await server.start();
    const store = sharedStore(server.url(), LEASE_MS);
    const fleet = scene.fleet(store, { ways: [{ env: ofWorker.env }, {}, {}] });
    const orders = scene.orders(fleet);
    let jumps = 0;
    for (let round = 0; round < rounds; round += 1) {
      const sign = round % 4 < 2 ? 1 : -1;
      const jump = async () => {
        const [victim, other] = await fleet.whole();
        const [clock, seconds] =
          round % 2 === 0 ? [ofWorker, WORKER_JUMP_S] : [ofDatabase, DATABASE_JUMP_S];
        clock.jump(sign * seconds);
        const worker = round % 2 === 0 ? victim : other;
        await worker?.attemptsMore(1 + scene.random.integer(ATTEMPTS_MAX));
        if (clock === ofWorker || (await isOff(server.url(), sign * seconds))) jumps += 1;
        clock.jump(0);
      };
      await orders.during(CLIENTS, jump());
    }
    const unlike = await askNumber(server.url(), SQL.unlike, [WORKER_JUMP_S * 500]);
    return scene.found(
      store.store,
      { orders, fleet },
      {
        broken: unexpected(fleet),
        hits: {
          jumps: { count: jumps, atLeast: rounds },
          // Of one run: who took it from the worker whose clock was wrong wrote another time.
          "records out of their time": { count: unlike, atLeast: 1 },
        },
      },
    );
  },
};

const SQL = {
  unlike: `select count(*) from (select at_ms - lag(at_ms) over (order by incarnation, pos) as step
    from holdfast.journal) t where abs(step) > $1`,
  now: "select extract(epoch from clock_timestamp()) - extract(epoch from pg_postmaster_start_time())",
} as const;

/** Whether the database's clock is off by about that, in seconds. */
async function isOff(url: string, seconds: number): Promise<boolean> {
  const [[since] = []] = await ask(url, SQL.now);
  return (
    Math.sign(Number(since)) === Math.sign(seconds) &&
    Math.abs(Number(since)) > Math.abs(seconds) / 2
  );
}

/** A clock that processes read instead of the machine's: its file says by how much it is off. */
class FakeClock {
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;

  constructor(scene: Scene, name: string) {
    this.#file = join(scene.folder, `${name}.time`);
    this.jump(0);
    this.env = {
      LD_PRELOAD: fakeTimeLibrary() ?? "",
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      // What measures how long something lasts is left alone, as in a real jump.
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  jump(seconds: number): void {
    writeFileSync(this.#file, `${seconds < 0 ? "" : "+"}${String(seconds)}\n`);
  }
}
