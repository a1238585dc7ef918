/** Archives one store: what is planned, what is done, and what is said of it. */
import { formatRunId } from "../core/run-number.ts";
import type { Stays } from "../core/retention.ts";
import {
  orderRemoval,
  planArchive,
  writeArchive,
  type ArchivePlan,
  type ArchiveRequest,
  type LetGo,
  type WrittenArchive,
} from "../operate/archive-runs.ts";
import type { StoreReader } from "../operate/store-care.ts";
import type { Context, Shown } from "./context.ts";
import { personOf } from "./option-values.ts";
import type { Look } from "./show-lists.ts";
import { sentence } from "./text-table.ts";

export interface ArchiveOptions {
  readonly before?: number;
  readonly olderThan?: number;
  readonly workflow?: string;
  readonly failures?: true;
  readonly to: string;
  readonly yes?: true;
  readonly by?: string;
  readonly wait: number;
}

export async function archiveStore(
  context: Context,
  options: ArchiveOptions,
  request: ArchiveRequest,
): Promise<Shown> {
  const { to } = options;
  const reader = await context.store.openStored();
  try {
    const plan = await planArchive(reader, request);
    return await archivePlanned(context, options, { request, reader, plan, to });
  } finally {
    await reader.close();
  }
}

export interface Planned {
  readonly request: ArchiveRequest;
  readonly reader: StoreReader;
  readonly plan: ArchivePlan;
  readonly to: string;
}

/** Shows the plan, or does it. */
export async function archivePlanned(
  context: Context,
  options: ArchiveOptions,
  { request, reader, plan, to }: Planned,
): Promise<Shown> {
  if (options.yes !== true || plan.runs === 0) return plannedShown(plan, request.beforeMs, to);
  const { outside } = context;
  const by = personOf(options.by, context);
  const file = { name: to, open: () => outside.newArchive(to) };
  const written = await writeArchive(reader, plan, { ...request, by }, file);
  const patience = { waitMs: options.wait, nowMs: outside.nowMs, pause: outside.pause };
  const gone = await orderRemoval(reader, plan, { ...written, file: to, by }, patience);
  return archivedShown(plan, written, to, gone);
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
