/** A PostgreSQL whose end is in a script's hands: killed, promoted, put on a disk that fails. */
import { spawn, type ChildProcess } from "node:child_process";
import { appendFileSync, chownSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPostgres } from "holdfast/testing";
import { ask } from "./database.ts";
import { postgresProgram, run } from "./machine.ts";
import { until } from "./until.ts";

const USER = "holdfast";
/** A machine that needs longer is stuck. */
const READY_MS_MAX = 60_000;
const LOG_CHARS_MAX = 1_000_000;

export interface StartOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Programs that start it: ip netns exec. */
  readonly under?: readonly string[];
  readonly host?: string;
  /** Addresses that may connect besides the loopback: "10.0.0.0/8". */
  readonly network?: string;
}

export class DatabaseServer {
  readonly data: string;
  readonly host: string;
  readonly port: number;
  /** What it has said so far. */
  log = "";
  readonly #options: StartOptions;
  #process: ChildProcess | null = null;
  /** Process id of the server itself, whatever has started it; its file may be gone with its disk. */
  #pid = 0;
  #gone: Promise<void> = Promise.resolve();

  private constructor(data: string, port: number, options: StartOptions) {
    this.data = data;
    this.port = port;
    this.host = options.host ?? "127.0.0.1";
    this.#options = options;
  }

  /** Makes its data below that folder, which may be a file system of its own. Starts nothing. */
  static async make(folder: string, options: StartOptions = {}): Promise<DatabaseServer> {
    const data = emptyFolder(folder);
    asOwner(
      findPostgres().initdb,
      "-D",
      data,
      "-U",
      USER,
      "--auth=trust",
      "--encoding=UTF8",
      "--locale=C",
      "--data-checksums",
    );
    if (options.network !== undefined) {
      appendFileSync(join(data, "pg_hba.conf"), `host all all ${options.network} trust\n`);
    }
    return new DatabaseServer(data, await freePort(), options);
  }

  /** A standby of that server, which runs. Starts nothing. */
  static async standbyOf(primary: DatabaseServer, folder: string): Promise<DatabaseServer> {
    const data = emptyFolder(folder);
    const from = ["-h", primary.host, "-p", String(primary.port), "-U", USER];
    asOwner(
      postgresProgram("pg_basebackup"),
      "-D",
      data,
      ...from,
      "-R",
      "-X",
      "stream",
      "-c",
      "fast",
    );
    return new DatabaseServer(data, await freePort(), primary.#options);
  }

  url(): string {
    return `postgres://${USER}@${this.host}:${String(this.port)}/postgres`;
  }

  /** Resolves when it takes connections. @throws {Error} if it ends before, with what it has said. */
  async start(): Promise<void> {
    const { settings = {}, env = {}, under = [] } = this.#options;
    const given = {
      listen_addresses: this.host,
      port: String(this.port),
      unix_socket_directories: "",
      logging_collector: "off",
      ...settings,
    };
    const words = Object.entries(given).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    // For the server alone: what starts it is another user's.
    const own = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const program = ["env", ...own, findPostgres().postgres];
    const command = [...under, ...lent(), ...program, "-D", this.data, ...words];
    const child = spawn(command[0] ?? "", command.slice(1), {
      cwd: tmpdir(),
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.log = `${this.log}${text}`.slice(-LOG_CHARS_MAX);
    });
    this.#gone = new Promise((resolve) => {
      child.once("close", () => {
        this.#process = null;
        this.#pid = 0;
        resolve();
      });
    });
    if (!(await this.isReady()))
      throw new Error(`PostgreSQL is not ready: ${this.log.slice(-2_000)}`);
    this.#pid = Number(readFileSync(join(this.data, "postmaster.pid"), "utf8").split("\n")[0]);
  }

  /** Resolves when it takes connections; with false if it ends before, or never does. */
  async isReady(): Promise<boolean> {
    let isOpen = false;
    await until(async () => {
      isOpen = await answers(this.url());
      return isOpen || this.#process === null;
    }, READY_MS_MAX);
    return isOpen;
  }

  /** All of its processes, as a machine that loses its power: none gets to say a word. */
  async kill(): Promise<void> {
    if (this.#process === null) return;
    // Before it was ready it has no children that would outlive it.
    if (this.#pid === 0) this.#process.kill("SIGKILL");
    else for (const one of [this.#pid, ...childrenOf(this.#pid)]) kill(one, "SIGKILL");
    await this.#gone;
  }

  async stop(): Promise<void> {
    if (this.#process === null) return;
    kill(this.#pid, "SIGINT");
    await this.#gone;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    await ask(url, "select 1");
    return true;
  } catch {
    // Not yet: that is what was asked.
    return false;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const isGone = error instanceof Error && "code" in error && error.code === "ESRCH";
    if (!isGone) throw error;
  }
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((one) => parentOf(one) === pid);
}

function parentOf(pid: number): number | null {
  try {
    // The name in parentheses may hold anything; the parent comes after it and the state.
    const [, rest = ""] = /\) (.*)/su.exec(readFileSync(`/proc/${String(pid)}/stat`, "utf8")) ?? [];
    return Number(rest.split(" ")[1]);
  } catch {
    // It has ended since it was listed.
    return null;
  }
}

/** The user that PostgreSQL runs as; it refuses root. */
function owner(): { readonly uid: number; readonly gid: number } | null {
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

/** Words before a command that run it as its owner, and end it with this process. */
function lent(): readonly string[] {
  const user = owner();
  const as =
    user === null
      ? []
      : [`--reuid=${String(user.uid)}`, `--regid=${String(user.gid)}`, "--clear-groups"];
  return ["setpriv", "--pdeathsig=KILL", ...as];
}

function asOwner(program: string, ...args: readonly string[]): void {
  const [command = "", ...words] = [...lent(), program, ...args];
  run(command, ...words);
}

function emptyFolder(folder: string): string {
  const data = join(folder, "data");
  mkdirSync(folder, { recursive: true });
  mkdirSync(data, { mode: 0o700 });
  const user = owner();
  if (user !== null) chownSync(data, user.uid, user.gid);
  return data;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  // A server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  return port;
}
