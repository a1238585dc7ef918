/** Restate's server: one binary from its npm package, on ports of its own, gone with its owner. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { RestateUrls } from "./party.ts";

/** A server that needs longer is not slow but stuck, milliseconds. */
const START_MS_MAX = 60_000;
const LOOK_EVERY_MS = 100;
const WORDS_MAX = 600;

/**
 * Runs the server until its own input ends, which only this process holds open: so it ends however
 * this process does. SIGTERM first, and SIGKILL after five seconds. Says the server's process id.
 */
const KEEPER = [
  '"$@" </dev/null >&2 & server=$!',
  'echo "$server"',
  "trap '' INT TERM HUP",
  "cat >/dev/null",
  'kill -TERM "$server" 2>/dev/null',
  'for i in $(seq 50); do kill -0 "$server" 2>/dev/null || break; sleep 0.1; done',
  'kill -KILL "$server" 2>/dev/null',
  'wait "$server"',
].join("\n");

export interface RestateServer {
  readonly urls: RestateUrls;
  readonly pid: number;
  stop(): Promise<void>;
}

/** @throws {Error} if the package is not there for this machine, or the server does not start. */
export async function startRestateServer(folder: string): Promise<RestateServer> {
  const [ingress = 0, admin = 0, node = 0] = await freePorts(3);
  const logPath = join(folder, "restate.log");
  const log = openSync(logPath, "a");
  const words = ["--base-dir", join(folder, "restate"), "--node-name", "bench"];
  const listen = ["--listen-mode", "tcp", "--bind-ip", "127.0.0.1", "--no-logo"];
  const keeper = spawn("sh", ["-c", KEEPER, "keeper", serverBinary(), ...words, ...listen], {
    cwd: folder,
    detached: true,
    stdio: ["pipe", "pipe", log],
    env: {
      ...process.env,
      RESTATE_BIND_PORT: String(node),
      RESTATE_INGRESS__BIND_PORT: String(ingress),
      RESTATE_ADMIN__BIND_PORT: String(admin),
      RESTATE_LOG_FILTER: "warn",
      RESTATE_DISABLE_TELEMETRY: "true",
      DO_NOT_TRACK: "1",
    },
  });
  closeSync(log);
  const adminUrl = `http://127.0.0.1:${admin}`;
  const ingressUrl = `http://127.0.0.1:${ingress}`;
  try {
    const pid = await firstNumber(keeper);
    await healthy([`${adminUrl}/health`, `${ingressUrl}/restate/health`], logPath);
    return { pid, urls: { adminUrl, ingressUrl }, stop: () => stopKeeper(keeper) };
  } catch (error) {
    await stopKeeper(keeper);
    throw error;
  }
}

function serverBinary(): string {
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  return fileURLToPath(
    new URL(`../../peers/restate/node_modules/${name}/bin/restate-server`, import.meta.url),
  );
}

async function firstNumber(keeper: ChildProcess): Promise<number> {
  if (keeper.stdout === null) throw new Error("the keeper of the server has no output");
  const [line] = (await once(createInterface(keeper.stdout), "line")) as [string];
  return Number(line);
}

async function healthy(urls: readonly string[], logPath: string): Promise<void> {
  const endMs = performance.now() + START_MS_MAX;
  for (const url of urls) {
    while (!(await isWell(url))) {
      if (performance.now() > endMs) {
        const last = readFileSync(logPath, "utf8").slice(-WORDS_MAX);
        throw new Error(`Restate was not ready after ${START_MS_MAX / 1000} s: ${last}`);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, LOOK_EVERY_MS);
      });
    }
  }
}

async function isWell(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    // Nobody listens yet; `healthy` knows how long that may go on.
    return false;
  }
}

async function stopKeeper(keeper: ChildProcess): Promise<void> {
  if (keeper.exitCode !== null || keeper.signalCode !== null) return;
  const gone = once(keeper, "exit");
  keeper.stdin?.end();
  await gone;
}

/** Ports that are free now; all are held until all are known, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer());
  for (const probe of probes) {
    probe.listen(0, "127.0.0.1");
    await once(probe, "listening");
  }
  return Promise.all(
    probes.map(async (probe) => {
      const address = probe.address();
      probe.close();
      await once(probe, "close");
      if (address === null || typeof address === "string") throw new Error("no port");
      return address.port;
    }),
  );
}
