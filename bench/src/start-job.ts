/** Runs a job in a process of its own and hands on what it measures. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Figure } from "./figure.ts";
import type { Job, JobMessage } from "./job.ts";

export interface JobOptions {
  /** When the process is killed at the latest, milliseconds from now. */
  readonly killAfterMs: number;
  /** Kills the process with SIGKILL once it says that it is ready for that. */
  readonly killWhenReady?: boolean;
  readonly report: (figure: Figure) => void;
  readonly missed: (because: string) => void;
}

/** @throws {Error} if the job failed or did not come to its end in time. */
export async function startJob(job: Job, options: JobOptions): Promise<void> {
  const flags = [...process.execArgv, "--expose-gc", "--max-old-space-size=6144"];
  const file = new URL("./child.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [...flags, file, JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let wasKilled = false;
  const kill = setTimeout(() => child.kill("SIGKILL"), options.killAfterMs);
  createInterface(child.stdout).on("line", (line) => {
    // Written by child.ts.
    const message = JSON.parse(line) as JobMessage;
    if (message.kind === "figure") options.report(message.figure);
    else if (message.kind === "missed") options.missed(message.because);
    else if (options.killWhenReady === true) wasKilled = child.kill("SIGKILL");
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  clearTimeout(kill);
  if (code === 0 || wasKilled) return;
  throw new Error(`job ${job.name} ended with ${signal ?? `code ${code}`}`);
}
