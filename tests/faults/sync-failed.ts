/**
 * PostgreSQL is told by its disk, once, that a sync has failed: of its log, while it commits, and of
 * its tables, at a checkpoint. It ends in a panic and recovers; the workers go on where they were.
 * What the embedded store does then is tests/real's.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ask } from "./database.ts";
import { DatabaseServer } from "./database-server.ts";
import { firstReason, withoutPrograms, withoutRoot } from "./machine.ts";
import type { FaultScript } from "./script.ts";
import { sharedStore } from "./shared-store.ts";
import { until } from "./until.ts";
import { unexpected } from "./workers-stopped.ts";

const CLIENTS = 4;
const LEASE_MS = 6_000;
const WAIT_MS_MAX = 30_000;
/** By then a process that is traced has said so, or never does. */
const TRACED_MS_MAX = 10_000;

const SQL = {
  writers: "select pid from pg_stat_activity where application_name = 'holdfast'",
  checkpointer: "select pid from pg_stat_activity where backend_type = 'checkpointer'",
} as const;
const PANIC = /PANIC: .*could not (?:fsync|fdatasync)/gu;

export const syncFailed: FaultScript = {
  name: "sync-failed",
  rounds: { short: 4, long: 40 },
  impossible: () => firstReason(withoutRoot(), withoutPrograms("strace", "setpriv")),
  async play(scene, rounds) {
    // Its default, said here because all rests on it.
    const settings = { data_sync_retry: "off", restart_after_crash: "on" };
    const server = await DatabaseServer.make(join(scene.folder, "server"), { settings });
    scene.onClose(() => server.kill());
    await server.start();
    const store = sharedStore(server.url(), LEASE_MS);
    const fleet = scene.fleet(store, { ways: [{}, {}] });
    const orders = scene.orders(fleet);
    const tracers: ChildProcess[] = [];
    scene.onClose(() => {
      for (const tracer of tracers) tracer.kill("SIGKILL");
    });
    const panics = () => [...server.log.matchAll(PANIC)].length;
    for (let round = 0; round < rounds; round += 1) {
      const ofLog = round % 2 === 0;
      const failOne = async () => {
        await fleet.whole();
        const before = panics();
        const pids = await ask(server.url(), ofLog ? SQL.writers : SQL.checkpointer);
        for (const [pid] of pids) {
          const tracer = fault(Number(pid), ofLog ? "fdatasync" : "fsync");
          tracers.push(tracer);
          await attached(tracer);
        }
        // The checkpoint is what fails, and so does this question.
        if (!ofLog) await ask(server.url(), "checkpoint").catch(() => undefined);
        await until(() => panics() > before, WAIT_MS_MAX);
        if (!(await server.isReady()))
          throw new Error(`it has not come back: ${server.log.slice(-2_000)}`);
        await Promise.all(tracers.splice(0).map(gone));
      };
      await orders.during(CLIENTS, failOne());
    }
    return scene.found(
      store.store,
      { orders, fleet },
      {
        broken: unexpected(fleet),
        hits: { "panics at a failed sync": { count: panics(), atLeast: rounds * 0.8 } },
      },
    );
  },
};

/** The next sync of that process fails as on a disk that has lost what it was given. */
function fault(pid: number, call: "fsync" | "fdatasync"): ChildProcess {
  const inject = `inject=${call}:error=EIO:when=1`;
  return spawn(
    "strace",
    ["-p", String(pid), "-o", "/dev/null", "-e", `trace=${call}`, "-e", inject],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
}

/** Resolves when it has said that it is there, or has ended because the process had. */
async function attached(tracer: ChildProcess): Promise<void> {
  let isThere = false;
  tracer.stderr?.once("data", () => {
    isThere = true;
  });
  await until(() => isThere || tracer.exitCode !== null, TRACED_MS_MAX);
}

/** Those whose process did not die with the others are let go. */
async function gone(tracer: ChildProcess): Promise<void> {
  if (tracer.exitCode !== null || tracer.signalCode !== null) return;
  const end = once(tracer, "exit");
  tracer.kill("SIGTERM");
  await end;
}
