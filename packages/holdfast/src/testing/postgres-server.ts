/**
 * A PostgreSQL server of one's own, for tests, benchmarks and examples: real, with its own data in
 * a temporary folder, gone when its owner is gone.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { chmod, chown, cp, readdir } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPostgres, type PostgresPrograms } from "./postgres-programs.ts";

export interface PostgresServerOptions {
  /** False: the server does not sync to the disk. Faster, and a power cut loses the data. */
  readonly fsync?: boolean;
  /** Further settings of the server, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * Folder of a base backup, with `recovery.signal` in it where a log is to be replayed: a copy of it is
   * started in the place of a new database. Its superuser is `holdfast`, as of all servers here.
   */
  readonly from?: string;
  /** Where the folder of its data is made; default: the system's folder for temporary files. */
  readonly parent?: string;
  /** Default: those that `findPostgres` finds. */
  readonly programs?: PostgresPrograms;
}

export interface PostgresServer {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Process id of the server itself. */
  readonly pid: number;
  readonly version: string;
  /** `postgres://...` of a database; default: the one that is always there. */
  url(database?: string): string;
  /** Ends the server and removes its data. A second call does nothing. */
  stop(): Promise<void>;
}

/** The superuser of the server; there is no password, and it listens on the loopback only. */
const USER = "holdfast";
/** How often a port that was free a moment ago may turn out to be taken. */
const STARTS_MAX = 5;
/** A machine that needs longer is not slow but stuck. */
const START_MS_MAX = 60_000;
/** Bytes of the server's last words that are kept for the error. */
const WORDS_BYTES_MAX = 8192;

/**
 * Runs the server until `stop`, or until this process ends, however it does: a shell beside it
 * waits for the end of a pipe that only this process holds open. Who stops it in order has
 * its log archived; without its owner (SIGQUIT) it writes nothing more to data that is removed next.
 */
const KEEPER = [
  '"$@" </dev/null & server=$!',
  "trap '' INT TERM HUP",
  "read -r how",
  'if [ "$how" = stop ]; then kill -INT "$server"; else kill -QUIT "$server"; fi 2>/dev/null',
  'wait "$server"',
  'rm -rf "$HOLDFAST_PG_FOLDER"',
].join("\n");

/** @throws {Error} if the machine has no PostgreSQL, or it does not start. */
export async function startPostgresServer(
  options: PostgresServerOptions = {},
): Promise<PostgresServer> {
  const programs = options.programs ?? findPostgres();
  const owner = unprivileged();
  const folder = mkdtempSync(join(options.parent ?? tmpdir(), "holdfast-pg-"));
  if (owner !== null) chownSync(folder, owner.uid, owner.gid);
  const data = join(folder, "data");
  try {
    if (options.from === undefined) await initialise(programs, data, owner);
    else await placeBackup(options.from, data, owner);
    for (let start = 1; ; start += 1) {
      const port = await freePort();
      const started = await startOn(programs, { ...options, data, folder, port, owner });
      if (started !== null) return started;
      if (start === STARTS_MAX) throw new Error(`PostgreSQL found no free port in ${start} tries`);
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root, so root lends it the user made for that, or `nobody`. */
function unprivileged(): Owner | null {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = users.find(([user]) => user === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("root cannot run PostgreSQL, and there is no user postgres or nobody");
}

/** Messages in English whatever the machine speaks: one of them is waited for. */
const ENVIRONMENT = { ...process.env, LC_ALL: "C", LC_MESSAGES: "C" };

async function initialise(
  { initdb }: PostgresPrograms,
  data: string,
  owner: Owner | null,
): Promise<void> {
  const words = ["-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C"];
  const options = { ...owner, cwd: tmpdir(), env: ENVIRONMENT, timeout: START_MS_MAX };
  await new Promise<void>((resolve, reject) => {
    execFile(initdb, [...words, "--data-checksums", "--no-sync"], options, (error, _, said) => {
      if (error === null) resolve();
      else reject(new Error(`initdb has failed: ${said}`, { cause: error }));
    });
  });
}

/** The server refuses data that others may read, or that is not its user's. */
async function placeBackup(from: string, data: string, owner: Owner | null): Promise<void> {
  await cp(from, data, { recursive: true });
  await chmod(data, 0o700);
  if (owner === null) return;
  const inside = await readdir(data, { recursive: true, encoding: "utf8" });
  for (const path of ["", ...inside]) await chown(join(data, path), owner.uid, owner.gid);
}

interface Start extends PostgresServerOptions {
  readonly data: string;
  readonly folder: string;
  readonly port: number;
  readonly owner: Owner | null;
}

/** Null if the port was taken in the meantime. */
async function startOn(
  { postgres }: PostgresPrograms,
  start: Start,
): Promise<PostgresServer | null> {
  const { data, folder, port, owner } = start;
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    fsync: start.fsync === false ? "off" : "on",
    logging_collector: "off",
    ...start.settings,
  };
  const words = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const keeper = spawn("sh", ["-c", KEEPER, "keeper", postgres, "-D", data, ...words], {
    ...owner,
    cwd: tmpdir(),
    env: { ...ENVIRONMENT, HOLDFAST_PG_FOLDER: folder },
    stdio: ["pipe", "ignore", "pipe"],
    // Ctrl-C in a terminal is for us; the pipe tells the keeper.
    detached: true,
  });
  const gone = new Promise<void>((resolve) => {
    keeper.once("exit", () => resolve());
  });
  const failure = await readiness(keeper);
  if (failure !== null) {
    keeper.stdin?.end();
    if (/could not bind|Address already in use/u.test(failure)) return null;
    await gone;
    throw new Error(`PostgreSQL did not start: ${failure}`);
  }
  const [pid = ""] = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
  letGo(keeper);
  return {
    host: "127.0.0.1",
    port,
    pid: Number(pid),
    version: readFileSync(join(data, "PG_VERSION"), "utf8").trim(),
    url: (database = "postgres") => `postgres://${USER}@127.0.0.1:${port}/${database}`,
    async stop() {
      keeper.ref();
      keeper.stdin?.end("stop\n");
      await gone;
    },
  };
}

/** Neither the keeper nor its pipes are a reason for this process to live on. */
function letGo(keeper: ChildProcess): void {
  keeper.unref();
  for (const pipe of [keeper.stdin, keeper.stderr]) {
    // Pipes to a child are sockets, which the declared type does not know.
    (pipe as Socket | null)?.unref();
  }
}

/** Resolves to null when the server takes connections, else to its last words. */
function readiness(keeper: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => {
    let words = "";
    const late = setTimeout(
      () => resolve(`it was not ready after ${START_MS_MAX} ms: ${words}`),
      START_MS_MAX,
    );
    const decide = (answer: string | null) => {
      clearTimeout(late);
      resolve(answer);
    };
    keeper.stderr?.setEncoding("utf8").on("data", (text: string) => {
      words = `${words}${text}`.slice(-WORDS_BYTES_MAX);
      if (words.includes("ready to accept connections")) decide(null);
      else if (words.includes("database system is shut down")) decide(words);
      else if (words.includes("FATAL")) decide(words);
    });
    keeper.once("error", (error) => decide(error.message));
    keeper.once("exit", () => decide(words));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
  });
}
