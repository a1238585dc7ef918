/** Processes of our own that say on stdout when they are ready, and end when we do. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

const LAST_WORDS_CHARS_MAX = 4_000;

/** How a process ended. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to stderr. */
  readonly lastWords: string;
}

/** A process that listens. */
export interface Child {
  readonly pid: number;
  /** On 127.0.0.1, as its ready line says. */
  readonly port: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<ChildEnd>;
  /** Sends the signal, and SIGKILL if the process has not ended after `patienceMs`. */
  end(signal: NodeJS.Signals, patienceMs: number): Promise<ChildEnd>;
}

/**
 * Runs a program with our own Node.js and its flags, until it says `{"ready":true,"port":N}`.
 *
 * Its stdin is a pipe that closes with us, so that it can end itself if we are killed with SIGKILL.
 *
 * @param what - names it in the error: `the system crm`.
 * @throws {Error} with what the process wrote to stderr, if it ends or is silent for too long.
 */
export async function startChild(
  what: string,
  program: readonly string[],
  readyMsMax: number,
): Promise<Child> {
  const child = spawn(process.execPath, [...process.execArgv, ...program], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  // A pipe to a process that has just died: `ended` tells about that.
  child.stdin.on("error", () => undefined);
  const ended = endOf(child);
  const end = async (signal: NodeJS.Signals, patienceMs: number): Promise<ChildEnd> => {
    child.kill(signal);
    const guard = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    const seen = await ended;
    clearTimeout(guard);
    return seen;
  };
  const port = await readyPort(child, ended, readyMsMax);
  if (port === null || child.pid === undefined) {
    const { lastWords } = await end("SIGKILL", readyMsMax);
    throw new Error(`${what} did not start:\n${lastWords}`);
  }
  return { pid: child.pid, port, ended, end };
}

async function endOf(child: ChildProcess): Promise<ChildEnd> {
  let lastWords = "";
  child.stderr?.on("data", (part: Buffer) => {
    lastWords = (lastWords + part.toString("utf8")).slice(-LAST_WORDS_CHARS_MAX);
  });
  return new Promise((resolve) => {
    child.once("error", (error) => {
      resolve({ code: null, signal: null, lastWords: error.message });
    });
    // "close" comes after the last bytes of stderr, "exit" may come before them.
    child.once("close", (code, signal) => {
      resolve({ code, signal, lastWords });
    });
  });
}

/** The port of the ready line; null if the process ends or is silent for too long. */
async function readyPort(
  child: ChildProcess,
  ended: Promise<unknown>,
  readyMsMax: number,
): Promise<number | null> {
  if (child.stdout === null) return null;
  const lines = createInterface({ input: child.stdout });
  let guard: NodeJS.Timeout | undefined;
  try {
    const line = await Promise.race([
      new Promise<string>((resolve) => lines.once("line", resolve)),
      ended.then(() => null),
      new Promise<null>((resolve) => {
        guard = setTimeout(resolve, readyMsMax, null);
      }),
    ]);
    return line === null ? null : portOf(line);
  } finally {
    clearTimeout(guard);
    lines.close();
    child.stdout.resume();
  }
}

function portOf(line: string): number | null {
  const said: unknown = JSON.parse(line);
  if (typeof said !== "object" || said === null || !("port" in said)) return null;
  return typeof said.port === "number" ? said.port : null;
}
