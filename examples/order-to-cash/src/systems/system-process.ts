import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const SYSTEM_NAMES = ["crm", "payments", "erp", "mail"] as const;
export type SystemName = (typeof SYSTEM_NAMES)[number];

const PROGRAMS: Readonly<Record<SystemName, URL>> = {
  crm: new URL("./crm.ts", import.meta.url),
  payments: new URL("./payments.ts", import.meta.url),
  erp: new URL("./erp.ts", import.meta.url),
  mail: new URL("./mail.ts", import.meta.url),
};

const READY_MS_MAX = 15_000;
const TERM_MS_MAX = 5_000;
const LAST_WORDS_CHARS_MAX = 4_000;

/** How a system's process ended. */
export interface SystemEnd {
  readonly name: SystemName;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to stderr. */
  readonly lastWords: string;
}

/** One of the other systems, running as a process of its own. */
export interface SystemProcess {
  readonly name: SystemName;
  readonly pid: number;
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<SystemEnd>;
  /** SIGTERM, and SIGKILL if that is not enough within 5 s. */
  stop(): Promise<SystemEnd>;
}

/**
 * Starts one system and waits until it listens.
 *
 * @param db - its database; made if it is not there.
 * @param numbers - options of its own, without the dashes: `{ "search-lag-ms": 700 }`.
 * @throws {Error} with what the process wrote to stderr, if it ends or says nothing for 15 s.
 */
export async function startSystemProcess(
  name: SystemName,
  db: string,
  numbers: Readonly<Record<string, number>> = {},
): Promise<SystemProcess> {
  const options = Object.entries(numbers).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const child = spawn(
    process.execPath,
    [fileURLToPath(PROGRAMS[name]), "--port", "0", "--db", db, "--end-with-stdin", ...options],
    // Its stdin is a pipe that closes with us, so that a launcher killed with SIGKILL leaves nothing behind.
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  // A pipe to a process that has just died: `ended` tells about that.
  child.stdin.on("error", () => undefined);
  const ended = endOf(name, child);
  const stop = async (): Promise<SystemEnd> => {
    child.kill("SIGTERM");
    const guard = setTimeout(() => child.kill("SIGKILL"), TERM_MS_MAX);
    const end = await ended;
    clearTimeout(guard);
    return end;
  };
  const port = await readyPort(child, ended);
  if (port === undefined || child.pid === undefined) {
    child.kill("SIGKILL");
    const { lastWords } = await ended;
    throw new Error(`the system ${name} did not start:\n${lastWords}`);
  }
  return { name, pid: child.pid, port, ended, stop };
}

async function endOf(name: SystemName, child: ChildProcess): Promise<SystemEnd> {
  let lastWords = "";
  child.stderr?.on("data", (part: Buffer) => {
    lastWords = (lastWords + part.toString("utf8")).slice(-LAST_WORDS_CHARS_MAX);
  });
  return new Promise((resolve) => {
    child.once("error", (error) => {
      resolve({ name, code: null, signal: null, lastWords: error.message });
    });
    // "close" comes after the last bytes of stderr, "exit" may come before them.
    child.once("close", (code, signal) => {
      resolve({ name, code, signal, lastWords });
    });
  });
}

/** The port of the ready line; undefined if the process ends or is silent for too long. */
async function readyPort(
  child: ChildProcess,
  ended: Promise<unknown>,
): Promise<number | undefined> {
  if (child.stdout === null) return undefined;
  const lines = createInterface({ input: child.stdout });
  let guard: NodeJS.Timeout | undefined;
  try {
    const line = await Promise.race([
      new Promise<string>((resolve) => lines.once("line", resolve)),
      ended.then(() => undefined),
      new Promise<undefined>((resolve) => {
        guard = setTimeout(resolve, READY_MS_MAX, undefined);
      }),
    ]);
    return line === undefined ? undefined : portOf(line);
  } finally {
    clearTimeout(guard);
    lines.close();
    child.stdout.resume();
  }
}

function portOf(line: string): number | undefined {
  const said: unknown = JSON.parse(line);
  if (typeof said !== "object" || said === null || !("port" in said)) return undefined;
  return typeof said.port === "number" ? said.port : undefined;
}
