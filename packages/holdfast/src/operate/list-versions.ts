/** `holdfast versions`: versions of the code, with what is open of each. */
import { versionsInOrder } from "../core/code-version.ts";
import { needsPerson } from "../core/run-state.ts";
import type { StoreReader } from "../store/store.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";
import { isoText } from "./views.ts";

interface VersionView {
  readonly version: string;
  /** When it was first deployed; null of one that is not on record. */
  readonly firstDeployedAt: string | null;
  /** The one that was first deployed last. */
  readonly isNewest: boolean;
  /** Runs that have not ended and that this version went on with last. */
  readonly openRuns: number;
  /** Those of them that wait for a person or for another version. */
  readonly standingRuns: number;
  /** Open exceptions that its code has opened. */
  readonly exceptions: number;
}

export interface VersionPage {
  /** The newest first. */
  readonly versions: readonly VersionView[];
  /** True if more exceptions are open than were counted. */
  readonly hasMoreExceptions: boolean;
}

/** Open exceptions that are counted. */
const EXCEPTIONS_MAX = 10_000;

export async function listVersions(reader: StoreReader): Promise<VersionPage> {
  const deployed = versionsInOrder(await reader.declarations());
  const firstSeen = new Map(deployed.map(({ name, atMs }) => [name, atMs]));
  const counts = await reader.versionCounts();
  const { opened, hasMore } = await exceptionCounts(reader);
  const known = [...firstSeen.keys()];
  const others = [...counts.map(({ codeVersion }) => codeVersion), ...opened.keys()];
  // What is not on record was deployed after all that is.
  const names = [...new Set([...known, ...others])].toReversed();
  const versions = names.map((version) => {
    const own = counts.filter(({ codeVersion }) => codeVersion === version);
    const standing = own.filter(({ state }) => needsPerson(state));
    const atMs = firstSeen.get(version);
    return {
      version,
      firstDeployedAt: atMs === undefined ? null : isoText(atMs),
      isNewest: version === known.at(-1),
      openRuns: sum(own),
      standingRuns: sum(standing),
      exceptions: opened.get(version) ?? 0,
    };
  });
  return { versions, hasMoreExceptions: hasMore };
}

async function exceptionCounts(reader: StoreReader) {
  const opened = new Map<string, number>();
  let count = 0;
  // Behind those of the store itself, which are of no run.
  for (let afterRun = 0; count < EXCEPTIONS_MAX;) {
    const rows = await reader.exceptions({ afterRun, limit: PAGE_LIMIT_MAX });
    for (const { record } of rows)
      opened.set(record.codeVersion, (opened.get(record.codeVersion) ?? 0) + 1);
    count += rows.length;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_LIMIT_MAX) return { opened, hasMore: false };
    afterRun = last.run;
  }
  return { opened, hasMore: true };
}

function sum(rows: readonly { readonly count: number }[]): number {
  return rows.reduce((total, { count }) => total + count, 0);
}
