/** Programs of a test as processes of their own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Packages resolve from source; the database is no longer news. */
const NODE_OPTIONS = ["--conditions=holdfast-source", "--disable-warning=ExperimentalWarning"];
/** Node 22 says so of each thread, and the store's thread takes none of the flags above. */
const SQLITE_IS_NEW = /^\(node:\d+\) ExperimentalWarning: SQLite is .*\n\(Use `node .*\n/gmu;
/** Loading our source takes most of a short process's time; node keeps what it made of it there. */
const NODE_COMPILE_CACHE = fileURLToPath(
  new URL("../../node_modules/.cache/test-programs", import.meta.url),
);

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it wrote to stderr. */
  readonly err: string;
}

export interface Program {
  /** What it says, line by line, until it ends. */
  readonly lines: AsyncIterable<unknown>;
  readonly ended: Promise<End>;
  kill(signal: "SIGKILL" | "SIGTERM"): void;
}

/**
 * Starts a TypeScript program. It is killed if it lives longer than `lifeMsMax`, which ends whoever
 * waits for it.
 *
 * @param under - a program that starts node, with its arguments: strace.
 */
export function startProgram(
  file: URL,
  args: readonly string[],
  {
    under = [],
    lifeMsMax = 60_000,
  }: { readonly under?: readonly string[]; readonly lifeMsMax?: number } = {},
): Program {
  const words = [...under, process.execPath, ...NODE_OPTIONS, fileURLToPath(file), ...args];
  // There is always the node of this process.
  const [command, ...rest] = words as [string, ...string[]];
  const child = spawn(command, rest, {
    env: { ...process.env, NODE_OPTIONS: undefined, NODE_COMPILE_CACHE },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: lifeMsMax,
    killSignal: "SIGKILL",
  });
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  return {
    lines: parsed(createInterface({ input: child.stdout })),
    // "close" comes after the last bytes of stderr, "exit" may come before them.
    ended: once(child, "close").then(() => ({
      code: child.exitCode,
      signal: child.signalCode,
      err: err.replace(SQLITE_IS_NEW, ""),
    })),
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

async function* parsed(lines: AsyncIterable<string>): AsyncGenerator {
  for await (const line of lines) {
    // A killed process may leave half a line, which says nothing.
    if (line.endsWith("}")) yield JSON.parse(line);
  }
}

/** The first thing that a program says. */
export async function firstLine(program: Program): Promise<unknown> {
  for await (const line of program.lines) return line;
  const { code, signal, err } = await program.ended;
  throw new Error(`it ended (${String(signal ?? code)}) and has said nothing: ${err}`);
}
