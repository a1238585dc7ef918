/** Faults at the Nth call of a system call, by strace: no code of ours has to know. */
import { readFileSync } from "node:fs";

/**
 * strace and its arguments, to be followed by the program: node, and all its threads. Not with
 * `--seccomp-bpf`, although it is faster: strace 6.1 then sends no signal but at the first call.
 */
export function traced(calls: readonly string[], output: string, inject?: string): string[] {
  const trace = ["strace", "-f", "-qq", "-y", "-o", output];
  const faults = inject === undefined ? [] : ["-e", `inject=${inject}`];
  return [...trace, "-e", `trace=${calls.join(",")}`, ...faults];
}

interface Call {
  readonly thread: string;
  readonly name: string;
  /** The file that the call is about: its first argument, without the descriptor. */
  readonly file: string;
  readonly injected: boolean;
}

/** Calls in the order in which they ended, of all threads. */
export function callsIn(output: string): readonly Call[] {
  /** Files of calls that another thread's line has cut in two, by thread. */
  const unfinished = new Map<string, string>();
  return readFileSync(output, "utf8")
    .split("\n")
    .flatMap((line) => {
      const injected = line.includes("(INJECTED)");
      const [, late, lateName] = /^(\d+) +<\.\.\. (\w+) resumed>/u.exec(line) ?? [];
      if (late !== undefined && lateName !== undefined) {
        return [{ thread: late, name: lateName, file: unfinished.get(late) ?? "", injected }];
      }
      const [, thread, name, file] = /^(\d+) +(\w+)\((?:\d+<|")?([^>",)]*)/u.exec(line) ?? [];
      if (thread === undefined || name === undefined || file === undefined) return [];
      if (!line.includes("<unfinished ...>")) return [{ thread, name, file, injected }];
      unfinished.set(thread, file);
      return [];
    });
}

/**
 * The calls of the thread that writes the log, each with its number: strace counts the calls of each
 * kind, and of each thread, by themselves.
 */
export function writersCalls(
  calls: readonly Call[],
): readonly (Call & { readonly number: number })[] {
  const writer = calls.find(({ file }) => file.endsWith("-wal"))?.thread;
  const counts = new Map<string, number>();
  return calls
    .filter(({ thread }) => thread === writer)
    .map((call) => {
      const number = (counts.get(call.name) ?? 0) + 1;
      counts.set(call.name, number);
      return { ...call, number };
    });
}
