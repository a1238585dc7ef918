/**
 * `holdfast held`: runs whose code has to be mended, by the version that held them and by cause, so
 * that one is tried before all are. Source: failure model, "Hold for version".
 */
import { settleFirst } from "../core/acts.ts";
import { formatRunId } from "../core/run-number.ts";
import type { ExceptionRow, RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { deployedVersions } from "./list-issues.ts";
import { settleCommand } from "./next-commands.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";
import { isoText } from "./views.ts";

/** Runs that are held by one version for one cause. */
export interface HeldGroup {
  /** Of the code that held them; null where no open exception says so. */
  readonly version: string | null;
  readonly workflow: string;
  readonly reasonCode: string;
  readonly message: string;
  readonly owner: string;
  readonly count: number;
  /** When the first of them was held. */
  readonly since: string;
  /** Of the place that they are counted by (F2); null where no open exception says so. */
  readonly issue: string | null;
  /** A version that came first after the one that held them is deployed: they may be tried with it. */
  readonly isReady: boolean;
  /** The oldest of them: to be tried first. */
  readonly run: string;
  readonly key: string;
  /** What has to be said before it may go on, as a command; null if nothing has. */
  readonly settleWith: string | null;
}

export interface HeldPage {
  /** That was deployed last for the first time; null if none is on record. */
  readonly newestVersion: string | null;
  /** Those first of which there are the most. */
  readonly groups: readonly HeldGroup[];
  readonly count: number;
  /** True if more runs are held than are counted here. */
  readonly hasMore: boolean;
}

/** Held runs that are counted. */
const HELD_MAX = 10_000;

export async function listHeld(reader: StoreReader, nowMs: number): Promise<HeldPage> {
  const groups = new Map<string, HeldGroup>();
  const newestVersion = (await deployedVersions(reader)).at(-1) ?? null;
  let count = 0;
  let afterRun = 0;
  let hasMore = true;
  while (hasMore && count < HELD_MAX) {
    const rows = await reader.runs({ afterRun, limit: PAGE_LIMIT_MAX, states: ["held"] });
    for (const row of rows) {
      const exceptions = await exceptionsOf(reader, row);
      // The newest exception that it waits with.
      const cause = exceptions.findLast(({ subject }) => subject === null);
      const id = groupOf(row, cause);
      const known = groups.get(id);
      if (known !== undefined) groups.set(id, { ...known, count: known.count + 1 });
      else groups.set(id, await newGroup(reader, row, { exceptions, cause, newestVersion, nowMs }));
    }
    count += rows.length;
    afterRun = rows.at(-1)?.run ?? afterRun;
    hasMore = rows.length === PAGE_LIMIT_MAX;
  }
  return {
    newestVersion,
    groups: [...groups.values()].toSorted((one, other) => other.count - one.count),
    count,
    hasMore,
  };
}

/** Open ones, oldest first. */
async function exceptionsOf(
  reader: StoreReader,
  { run }: RunRow,
): Promise<readonly ExceptionRow[]> {
  return await reader.exceptions({ afterRun: run - 1, run, limit: PAGE_LIMIT_MAX });
}

function groupOf(row: RunRow, cause: ExceptionRow | undefined): string {
  const version = cause?.record.codeVersion ?? null;
  return JSON.stringify([version, row.workflow, cause?.fingerprint ?? row.reason]);
}

interface Held {
  readonly exceptions: readonly ExceptionRow[];
  readonly cause: ExceptionRow | undefined;
  readonly newestVersion: string | null;
  readonly nowMs: number;
}

async function newGroup(
  reader: StoreReader,
  run: RunRow,
  { exceptions, cause, newestVersion, nowMs }: Held,
): Promise<HeldGroup> {
  const version = cause?.record.codeVersion ?? null;
  const of = { afterRun: run.run - 1, run: run.run, limit: PAGE_LIMIT_MAX };
  const known = { run, exceptions, effects: await reader.effects(of), nowMs };
  const unknown = settleFirst(known, null);
  return {
    version,
    workflow: run.workflow,
    reasonCode: cause?.reasonCode ?? "",
    message: cause?.message ?? run.reason,
    owner: cause?.owner ?? run.owner,
    count: 1,
    since: isoText(cause?.openedAtMs ?? run.updatedAtMs),
    issue: cause?.fingerprint ?? null,
    isReady: version !== null && newestVersion !== null && version !== newestVersion,
    run: formatRunId(run.run),
    key: run.key,
    settleWith: unknown === null ? null : settleCommand(unknown, known, null),
  };
}

/** What may be done about a group, as a sentence: one is tried before all are. */
export function heldSentence(group: HeldGroup, newestVersion: string | null): string {
  const { version, count, run, issue, isReady, settleWith } = group;
  const held = `${String(count)} ${count === 1 ? "run is" : "runs are"} held`;
  if (settleWith !== null)
    return `${held}, and what ${run} has done outside is not known: say that first: ${settleWith}`;
  if (version === null || newestVersion === null)
    return `${held}; once it is mended try one: holdfast resume ${run} --reason "..."`;
  if (!isReady)
    return `${held} for defects of ${version}, which is the newest that was deployed: the same code does the same again; mend it and deploy that`;
  const ready = `ready: ${newestVersion} is here, and ${held} for defects of ${version}`;
  return count === 1 || issue === null
    ? `${ready}; try one: holdfast resume ${run} --reason "..."`
    : `${ready}; try one, then the rest: holdfast replay 'issue:${issue} failedin:${version}' --canary 1,rest --reason "..."`;
}
