/** Programs of a test as processes of their own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CONDITION_FLAG } from "../program-flags.ts";

/** The database is no longer news. */
const NODE_OPTIONS = [CONDITION_FLAG, "--disable-warning=ExperimentalWarning"];
/** Node 22 says so of each thread, and the store's thread takes none of the flags above. */
const SQLITE_IS_NEW = /^\(node:\d+\) ExperimentalWarning: SQLite is .*\n\(Use `node .*\n/gmu;

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
  kill(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): void;
  /** One line to its standard input; nothing if it has ended. */
  tell(line: string): void;
}

export interface ProgramOptions {
  /** A program that starts node, with its arguments: strace. */
  readonly under?: readonly string[];
  /** It is killed then, which ends whoever waits for it. */
  readonly lifeMsMax?: number;
  /** Besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a TypeScript program. */
export function startProgram(
  file: URL,
  args: readonly string[],
  { under = [], lifeMsMax = 60_000, env = {} }: ProgramOptions = {},
): Program {
  const words = [...under, process.execPath, ...NODE_OPTIONS, fileURLToPath(file), ...args];
  // There is always the node of this process.
  const [command, ...rest] = words as [string, ...string[]];
  const child = spawn(command, rest, {
    env: { ...process.env, NODE_OPTIONS: undefined, ...env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: lifeMsMax,
    killSignal: "SIGKILL",
  });
  // A killed program does not read what it is told: its end says so.
  child.stdin.on("error", () => undefined);
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
    tell: (line) => {
      child.stdin.write(`${line}\n`);
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
