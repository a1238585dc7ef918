/** The engine's process as its supervisor sees it: started, killed, started again. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Ports } from "./integrations.ts";

const PROGRAM = fileURLToPath(new URL("./engine-process.ts", import.meta.url));
const READY_MS_MAX = 20_000;
/** Attempts in flight may end first, which takes their time-out at most. */
const DRAIN_MS_MAX = 15_000;
const LAST_WORDS_CHARS_MAX = 4_000;

export interface EngineEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to stderr. */
  readonly lastWords: string;
}

export interface EngineChild {
  /** Of its intake, on 127.0.0.1. */
  readonly port: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<EngineEnd>;
  /** SIGKILL: nothing of the process gets to run any more. */
  kill(): Promise<EngineEnd>;
  /** SIGTERM, which drains; SIGKILL if that is not enough. */
  stop(): Promise<EngineEnd>;
}

/** @throws {Error} with its last words, if it ends or is silent for 20 s instead of getting ready. */
export async function startEngine(dir: string, ports: Ports): Promise<EngineChild> {
  const flags = Object.entries(ports).flatMap(([name, port]) => [`--${name}`, String(port)]);
  const child = spawn(process.execPath, [...process.execArgv, PROGRAM, "--dir", dir, ...flags], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  // A pipe to a process that has just died: `ended` tells about that.
  child.stdin.on("error", () => undefined);
  const ended = endOf(child);
  const end = async (signal: NodeJS.Signals, patienceMs: number): Promise<EngineEnd> => {
    child.kill(signal);
    const guard = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    const seen = await ended;
    clearTimeout(guard);
    return seen;
  };
  const port = await readyPort(child, ended);
  if (port === null) {
    const { lastWords, code, signal } = await end("SIGKILL", 0);
    throw new Error(`the engine did not start (${String(signal ?? code)}):\n${lastWords}`);
  }
  return {
    port,
    ended,
    kill: async () => end("SIGKILL", DRAIN_MS_MAX),
    stop: async () => end("SIGTERM", DRAIN_MS_MAX),
  };
}

async function endOf(child: ChildProcess): Promise<EngineEnd> {
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
async function readyPort(child: ChildProcess, ended: Promise<unknown>): Promise<number | null> {
  if (child.stdout === null) return null;
  const lines = createInterface({ input: child.stdout });
  let guard: NodeJS.Timeout | undefined;
  try {
    const line = await Promise.race([
      new Promise<string>((resolve) => lines.once("line", resolve)),
      ended.then(() => null),
      new Promise<null>((resolve) => {
        guard = setTimeout(resolve, READY_MS_MAX, null);
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
