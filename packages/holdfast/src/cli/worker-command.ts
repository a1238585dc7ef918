/** `holdfast worker`: a process that works on runs, with the code of the user's module. */
import type { Command } from "commander";
import type { Shown } from "./context.ts";
import type { WorkerStarted } from "./outside.ts";
import { sentence } from "./text-table.ts";

/** @param start - starts it, and tells what it has. */
export function addWorkerCommand(program: Command, start: (path: string) => Promise<void>): void {
  program
    .command("worker")
    .argument("<module>", "file whose default export names the workflows: { workflows: [...] }")
    .description("work on runs until SIGTERM; on PostgreSQL several workers share a store")
    .action(start);
}

export function workerShown(path: string, { workflows }: WorkerStarted): Shown {
  const text = `The worker runs, with ${workflows.join(", ")} of ${path}. SIGTERM ends it in order.`;
  return {
    document: { ready: true, workflows },
    text: ({ screen }) => sentence(text, 0, screen),
  };
}
