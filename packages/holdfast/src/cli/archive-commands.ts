/** Commands that let runs leave, and look at those that have: archive, import. */
import { Option, type Command } from "commander";
import { durationMs } from "../core/duration.ts";
import { archiveCells } from "./archive-cells.ts";
import { archiveStore, type ArchiveOptions } from "./archive-store.ts";
import { badUse, type Context, type Shown, type Work } from "./context.ts";
import { momentMs, waitMs } from "./option-values.ts";
import { sentence } from "./text-table.ts";

type Act = (work: Work) => Promise<void>;

export function addArchiveCommands(program: Command, act: Act): void {
  addArchive(program, act);
  addImport(program, act);
}

function addArchive(program: Command, act: Act): void {
  program
    .command("archive")
    .description("write runs that have ended into a file, and let them leave the store")
    .option("--before <date>", "runs that had ended before this day", momentMs)
    .option("--older-than <duration>", "runs that ended so long ago, for example 90d", (text) =>
      durationMs(text, "--older-than"),
    )
    .option("--workflow <name>", "only of this workflow, with the runs that these have started")
    .option("--failures", "also runs that were stopped or cancelled")
    .requiredOption(
      "--to <file>",
      "file to write; must not exist; of several cells each has its own, with its name in it",
    )
    .option("--yes", "do it; without it only what would be done is shown")
    .option("--by <name>", "who archives; default: your name on this system")
    .addOption(
      new Option("--wait <duration>", "how long to wait for each answer of the engine")
        .default(60_000, "60s")
        .argParser(waitMs),
    )
    .action((options: ArchiveOptions) => act((context) => archive(context, options)));
}

function archive(context: Context, options: ArchiveOptions): Promise<Shown> {
  const { outside, store } = context;
  const { workflow = null, failures = false } = options;
  const nowMs = outside.nowMs();
  const request = { beforeMs: beforeOf(options, nowMs), workflow, failures, nowMs };
  const { cells } = store;
  if (cells !== undefined) return archiveCells(context, options, { request, cells });
  return archiveStore(context, options, request);
}

function beforeOf({ before, olderThan }: ArchiveOptions, nowMs: number): number {
  if ((before === undefined) === (olderThan === undefined)) {
    throw badUse(
      "Which runs are meant is said with --before or with --older-than.",
      "Give one of them, for example: holdfast archive --older-than 90d --to old.ndjson",
    );
  }
  const beforeMs = before ?? nowMs - (olderThan ?? 0);
  if (beforeMs <= nowMs) return beforeMs;
  throw badUse("--before lies in the future.", "Name a day that is over.");
}

function addImport(program: Command, act: Act): void {
  program
    .command("import")
    .description("read an archive into a store of its own, for looking")
    .argument("<file>", "what holdfast archive has written")
    .action((file: string) =>
      act(async ({ outside, store }) => {
        const imported = await store.importArchive(() => outside.linesOf(file));
        const { archive: id, storeId, runs, records, newRuns } = imported;
        const what = `${id}, of the store ${storeId}: ${String(runs)} runs with ${String(records)} records.`;
        const text =
          newRuns === 0
            ? `${what} They were here already; nothing was changed.`
            : `${what} ${String(newRuns)} of them are new here. Look at them with: holdfast runs, show. They never go on.`;
        const document = { archive: id, storeId, runs, records, newRuns };
        return { document, text: (look) => sentence(text, 0, look.screen) };
      }),
    );
}
