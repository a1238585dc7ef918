/** A MariaDB of one's own, and its own command-line client: what that prints of an error is what was seen. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Ledger, Seen } from "./case.ts";
import { plain } from "./capture.ts";
import { closedPort } from "./cases/http-call.ts";
import { ended, listening } from "./last-servers.ts";

export interface MariaDb {
  readonly port: number;
  readonly pid: number;
  /** Runs statements one after the other in a session of their own, until one is refused. */
  run(text: string, options?: RunOptions): Promise<Ran>;
  /** A session that stays open, to hold what others want. */
  hold(text: string, options?: RunOptions): Promise<Held>;
  done(key: string): Promise<Ledger>;
  stop(): Promise<void>;
}

interface RunOptions {
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly port?: number;
  readonly more?: readonly string[];
}

interface Ran {
  readonly output: string;
  readonly error: Seen["error"] | undefined;
}

interface Held {
  /** Sends statements and resolves once they are done. */
  say(text: string): Promise<void>;
  /** Sends statements without waiting for them. */
  ask(text: string): void;
  /** Sends the last statements; what the session ends with. */
  failed(text: string): Promise<Seen["error"] | undefined>;
  end(): Promise<void>;
}

const SETTINGS = [
  "--innodb-lock-wait-timeout=1",
  "--max-connections=12",
  "--max-allowed-packet=1M",
  "--max-heap-table-size=16384",
  "--sql-mode=STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION",
];

export async function startMariaDb(folder: string): Promise<MariaDb> {
  const at = join(folder, "mariadb");
  mkdirSync(at);
  const port = await closedPort();
  execFileSync(
    "mariadb-install-db",
    ["--no-defaults", `--datadir=${at}`, "--auth-root-authentication-method=normal", "--user=root"],
    { stdio: "ignore" },
  );
  const child = spawn(
    "mariadbd",
    [
      "--no-defaults",
      `--datadir=${at}`,
      `--socket=${at}/socket`,
      `--pid-file=${at}/pid`,
      `--port=${String(port)}`,
      "--bind-address=127.0.0.1",
      "--user=root",
      "--skip-name-resolve",
      ...SETTINGS,
    ],
    { stdio: "ignore" },
  );
  await listening(port);
  const words = (options: RunOptions = {}): string[] => [
    "--no-defaults",
    "--protocol=tcp",
    "--host=127.0.0.1",
    `--port=${String(options.port ?? port)}`,
    `--user=${options.user ?? "root"}`,
    ...(options.password === undefined ? [] : [`--password=${options.password}`]),
    "--batch",
    "--skip-column-names",
    "--unbuffered",
    ...(options.more ?? []),
    ...(options.database === "" ? [] : [options.database ?? "shop"]),
  ];
  const run = async (text: string, options?: RunOptions): Promise<Ran> =>
    ran(spawn("mariadb", words(options), { stdio: "pipe" }), text);
  return {
    port,
    pid: child.pid ?? 0,
    run,
    hold: async (text, options) => held(spawn("mariadb", words(options), { stdio: "pipe" }), text),
    done: async (key) => {
      const { output } = await run(`select count(*) from work where k = '${key}'`);
      return output.trim() === "1" ? "happened" : "not";
    },
    stop: async () => ended(child, "SIGKILL"),
  };
}

async function ran(child: ChildProcess, text: string): Promise<Ran> {
  let output = "";
  let errors = "";
  child.stdout?.on("data", (bytes: Buffer) => (output += bytes.toString()));
  child.stderr?.on("data", (bytes: Buffer) => (errors += bytes.toString()));
  // A client that cannot connect ends before it reads.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(text);
  await once(child, "close");
  return { output, error: errorOf(errors) };
}

/** `ERROR 1062 (23000) at line 3: Duplicate entry`, as other clients give it in fields. */
function errorOf(text: string): Seen["error"] | undefined {
  const found = /^ERROR (\d+) \((\w{5})\)[^:]*: ([^\n]*)/mu.exec(text);
  if (found === null) return undefined;
  const [, number = "", sqlState = "", said = ""] = found;
  const message = plain(said).replaceAll(/\bid \d+/giu, "id 1");
  return { name: "SqlError", message, errno: Number(number), sqlState, sqlMessage: message };
}

async function held(child: ChildProcess, text: string): Promise<Held> {
  let output = "";
  let errors = "";
  let count = 0;
  child.stdout?.on("data", (bytes: Buffer) => (output += bytes.toString()));
  child.stderr?.on("data", (bytes: Buffer) => (errors += bytes.toString()));
  child.stdin?.on("error", () => undefined);
  const ask = (statements: string): void => {
    child.stdin?.write(`${statements};\n`);
  };
  const say = async (statements: string): Promise<void> => {
    count += 1;
    const mark = `said-${String(count)}.`;
    ask(`${statements}; select '${mark}'`);
    while (!output.includes(mark)) {
      if (child.stdout === null) throw new Error("the session has no output");
      await once(child.stdout, "data", { signal: AbortSignal.timeout(30_000) });
    }
  };
  await say(text);
  const failed = async (last: string) => {
    const closed = once(child, "close");
    child.stdin?.end(`${last};\n`);
    await closed;
    return errorOf(errors);
  };
  return { say, ask, failed, end: async () => ended(child, "SIGKILL") };
}
