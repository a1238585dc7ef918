/**
 * `holdfast held`: runs whose code has to be mended, by the version that held them and by cause, so
 * that one is tried before all are. Source: failure model, "Hold for version".
 */
import { formatRunId } from "../core/run-number.ts";
import type { ExceptionRow, RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { deployedVersions } from "./list-issues.ts";
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

export async function listHeld(reader: StoreReader): Promise<HeldPage> {
  const groups = new Map<string, HeldGroup>();
  const newestVersion = (await deployedVersions(reader)).at(-1) ?? null;
  let count = 0;
  let afterRun = 0;
  let hasMore = true;
  while (hasMore && count < HELD_MAX) {
    const rows = await reader.runs({ afterRun, limit: PAGE_LIMIT_MAX, states: ["held"] });
    for (const row of rows) add(groups, row, await causeOf(reader, row), newestVersion);
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

/** The newest exception that it waits with. */
async function causeOf(reader: StoreReader, { run }: RunRow): Promise<ExceptionRow | undefined> {
  const of = { afterRun: run - 1, run, limit: PAGE_LIMIT_MAX };
  return (await reader.exceptions(of)).findLast(({ subject }) => subject === null);
}

function add(
  groups: Map<string, HeldGroup>,
  row: RunRow,
  cause: ExceptionRow | undefined,
  newestVersion: string | null,
): void {
  const version = cause?.record.codeVersion ?? null;
  const reasonCode = cause?.reasonCode ?? "";
  const id = JSON.stringify([version, row.workflow, cause?.fingerprint ?? row.reason]);
  const known = groups.get(id);
  if (known !== undefined) {
    groups.set(id, { ...known, count: known.count + 1 });
    return;
  }
  groups.set(id, {
    version,
    workflow: row.workflow,
    reasonCode,
    message: cause?.message ?? row.reason,
    owner: cause?.owner ?? row.owner,
    count: 1,
    since: isoText(cause?.openedAtMs ?? row.updatedAtMs),
    issue: cause?.fingerprint ?? null,
    isReady: version !== null && newestVersion !== null && version !== newestVersion,
    run: formatRunId(row.run),
    key: row.key,
  });
}

/** What may be done about a group, as a sentence: one is tried before all are. */
export function heldSentence(group: HeldGroup, newestVersion: string | null): string {
  const { version, count, run, issue, isReady } = group;
  const held = `${String(count)} ${count === 1 ? "run is" : "runs are"} held`;
  if (version === null || newestVersion === null)
    return `${held}; once it is mended try one: holdfast resume ${run} --reason "..."`;
  if (!isReady)
    return `${held} for defects of ${version}, which is the newest that was deployed: the same code does the same again; mend it and deploy that`;
  const ready = `ready: ${newestVersion} is here, and ${held} for defects of ${version}`;
  return count === 1 || issue === null
    ? `${ready}; try one: holdfast resume ${run} --reason "..."`
    : `${ready}; try one, then the rest: holdfast replay 'issue:${issue} failedin:${version}' --canary 1,rest --reason "..."`;
}
