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
  return readFileSync(output, "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, thread, name, file] = /^(\d+) +(\w+)\((?:\d+<)?([^>,)]*)/u.exec(line) ?? [];
      if (thread === undefined || name === undefined) return [];
      return [{ thread, name, file: file ?? "", injected: line.includes("(INJECTED)") }];
    });
}

/**
 * How often the thread that makes this call most on files in `folder` makes it: strace counts the
 * calls of each thread by themselves.
 */
export function countOf(name: string, folder: string, calls: readonly Call[]): number {
  const counts = new Map<string, number>();
  for (const call of calls) {
    if (call.name !== name || !call.file.includes(folder)) continue;
    counts.set(call.thread, (counts.get(call.thread) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}
