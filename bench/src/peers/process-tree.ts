/** What a server and its children have used: read from /proc, so on Linux only. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Deeper than any server's processes go. */
const DEPTH_MAX = 8;

interface Stat {
  readonly parent: number;
  /** Its own time, and that of its children that have ended. */
  readonly ticks: number;
}

let ticksPerS = 0;

/** @throws {Error} on a system without /proc. */
export function requireProc(): void {
  if (!existsSync("/proc/self/smaps_rollup")) {
    throw new Error("CPU time and memory of servers are read from /proc, which is Linux's");
  }
  ticksPerS = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
}

/** CPU time of a process and of all its children, those that have ended included, in seconds. */
export function treeCpuS(pid: number): number {
  const stats = allStats();
  return sumOver(pid, stats, (each) => stats.get(each)?.ticks ?? 0) / ticksPerS;
}

/** Memory of a process and its children in MB; what they share is counted once. */
export function treeMemoryMb(pid: number): number {
  return sumOver(pid, allStats(), proportionalKb) / 1024;
}

function sumOver(
  pid: number,
  stats: ReadonlyMap<number, Stat>,
  valueOf: (pid: number) => number,
  depth = 0,
): number {
  let sum = valueOf(pid);
  if (depth === DEPTH_MAX) return sum;
  for (const [child, { parent }] of stats) {
    if (parent === pid) sum += sumOver(child, stats, valueOf, depth + 1);
  }
  return sum;
}

function allStats(): Map<number, Stat> {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/u.test(name)) continue;
    const text = read(`/proc/${name}/stat`);
    if (text !== null) stats.set(Number(name), parseStat(text));
  }
  return stats;
}

/**
 * The fields after the name, which may hold anything but is the last thing in brackets.
 * Source: proc_pid_stat(5): 4 ppid, 14 to 17 utime, stime, cutime, cstime.
 */
export function parseStat(text: string): Stat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const number = (field: number) => Number(fields[field - 3]);
  return { parent: number(4), ticks: number(14) + number(15) + number(16) + number(17) };
}

function proportionalKb(pid: number): number {
  const found = /^Pss:\s+(\d+)/mu.exec(read(`/proc/${pid}/smaps_rollup`) ?? "");
  return Number(found?.[1] ?? 0);
}

/** Null if the process has ended in the meantime. */
function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && GONE.has(String(error.code))) return null;
    throw error;
  }
}

const GONE = new Set(["ENOENT", "ESRCH"]);
