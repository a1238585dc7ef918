/** Commands that let runs leave, and look at those that have: archive, import. */
import { Option, type Command } from "commander";
import { durationMs } from "../core/duration.ts";
import { formatRunId } from "../core/run-number.ts";
import type { Stays } from "../core/retention.ts";
import {
  orderRemoval,
  planArchive,
  writeArchive,
  type ArchivePlan,
  type LetGo,
  type WrittenArchive,
} from "../operate/archive-runs.ts";
import { badUse, type Context, type Shown, type Work } from "./context.ts";
import { momentMs, personOf, waitMs } from "./option-values.ts";
import type { Look } from "./show-lists.ts";
import { sentence } from "./text-table.ts";

type Act = (work: Work) => Promise<void>;

export function addArchiveCommands(program: Command, act: Act): void {
  addArchive(program, act);
  addImport(program, act);
}

interface ArchiveOptions {
  readonly before?: number;
  readonly olderThan?: number;
  readonly workflow?: string;
  readonly failures?: true;
  readonly to: string;
  readonly yes?: true;
  readonly by?: string;
  readonly wait: number;
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
    .requiredOption("--to <file>", "file to write; must not exist")
    .option("--yes", "do it; without it only what would be done is shown")
    .option("--by <name>", "who archives; default: your name on this system")
    .addOption(
      new Option("--wait <duration>", "how long to wait for each answer of the engine")
        .default(60_000, "60s")
        .argParser(waitMs),
    )
    .action((options: ArchiveOptions) => act((context) => archive(context, options)));
}

async function archive(context: Context, options: ArchiveOptions): Promise<Shown> {
  const { outside, store } = context;
  const { to, wait, workflow = null, failures = false } = options;
  const nowMs = outside.nowMs();
  const request = { beforeMs: beforeOf(options, nowMs), workflow, failures, nowMs };
  const reader = await store.openStored();
  try {
    const plan = await planArchive(reader, request);
    if (options.yes !== true || plan.runs === 0) return plannedShown(plan, request.beforeMs, to);
    const by = personOf(options.by, context);
    const file = { name: to, open: () => outside.newArchive(to) };
    const written = await writeArchive(reader, plan, { ...request, by }, file);
    const patience = { waitMs: wait, nowMs: outside.nowMs, pause: outside.pause };
    const gone = await orderRemoval(reader, plan, { ...written, file: to, by }, patience);
    return archivedShown(plan, written, to, gone);
  } finally {
    await reader.close();
  }
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

/** Runs that are named with their reasons. */
const STAYS_SHOWN = 10;

function plannedShown(plan: ArchivePlan, beforeMs: number, to: string): Shown {
  const { runs, records, families, isFull } = plan;
  const stays = plan.stays.map(named);
  const document = {
    outcome: "planned",
    runs,
    records,
    families: families.length,
    isFull,
    stays,
    staysCount: plan.staysCount,
  };
  const first = `${String(runs)} runs (${String(families.length)} families, ${String(records)} records) ended before ${new Date(beforeMs).toISOString()} and may leave, as far as the store tells; what the policies of your app keep, the engine keeps.`;
  const rest = isFull ? ["More than one archive holds: give the command again for the rest."] : [];
  const next =
    runs === 0
      ? "There is nothing to do."
      : `Nothing was written. To write ${to} and let them leave, add --yes.`;
  return {
    document,
    text: (look) =>
      [
        sentence(first, 0, look.screen),
        ...staysText(plan.stays, plan.staysCount, look),
        ...rest,
        next,
      ].join("\n"),
  };
}

function archivedShown(
  plan: ArchivePlan,
  { archive: id, sha256 }: WrittenArchive,
  to: string,
  { outcome, removed, stays }: LetGo,
): Shown {
  const { runs, records } = plan;
  const document = {
    outcome,
    archive: id,
    file: to,
    sha256,
    runs,
    records,
    removed,
    stays: stays.map(named),
  };
  const first = `${to} has ${String(runs)} runs with ${String(records)} records, as ${id}.`;
  return {
    document,
    text: (look) =>
      [
        sentence(`${first} ${OUTCOME[outcome](removed)}`, 0, look.screen),
        ...staysText(stays, stays.length, look),
      ].join("\n"),
  };
}

const OUTCOME: Readonly<Record<LetGo["outcome"], (removed: number) => string>> = {
  applied: (removed) => `${String(removed)} of them have left the store.`,
  kept: () =>
    "No engine runs on this store: the order is kept, and the next one to start lets go of what may leave. Keep the file.",
  sent: (removed) =>
    `${String(removed)} of them are known to have left; the engine was not waited for. Keep the file.`,
};

function staysText(stays: readonly Stays[], count: number, { screen }: Look): readonly string[] {
  if (count === 0) return [];
  const lines = stays
    .slice(0, STAYS_SHOWN)
    .map(({ run, because }) => sentence(`${formatRunId(run)}: ${because}`, 2, screen));
  const more = count > STAYS_SHOWN ? [`  and ${String(count - STAYS_SHOWN)} more`] : [];
  return [`${String(count)} stay:`, ...lines, ...more];
}

function named({ run, because }: Stays) {
  return { run: formatRunId(run), because };
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
