/** `holdfast runs`. */
import { isFinal, RUN_STATES, type RunState } from "../core/run-state.ts";
import type { StoreReader } from "../store/store.ts";
import { afterRunOf, nextCursor, type PageRequest } from "./paging.ts";
import { readExceptionOwners } from "./waiting-on.ts";
import { runView, type RunView } from "./views.ts";

export interface RunFilter extends PageRequest {
  readonly states?: readonly RunState[];
  readonly workflow?: string;
  readonly key?: string;
  readonly owner?: string;
  readonly namespace?: string;
  /** Of the code that went on with them last; of runs that have not ended, unless `states` are given. */
  readonly codeVersion?: string;
  /** Only those that are being undone, were undone, or have an exception about an undoing. */
  readonly compensation?: boolean;
}

export interface RunPage {
  readonly runs: readonly RunView[];
  readonly next: string | null;
}

/** Runs that fit the filter, oldest first. */
export async function listRuns(reader: StoreReader, filter: RunFilter): Promise<RunPage> {
  const { codeVersion, compensation, ...others } = filter;
  const query = { ...others, afterRun: afterRunOf(filter) };
  const ofVersion = codeVersion === undefined ? {} : { codeVersion, states: filter.states ?? OPEN };
  const isOfUndoing = compensation === true ? { isOfUndoing: true } : {};
  const rows = await reader.runs({ ...query, ...ofVersion, ...isOfUndoing });
  const runs: RunView[] = [];
  for (const row of rows) runs.push(runView(row, await readExceptionOwners(reader, row.run)));
  return { runs, next: nextCursor(rows, filter.limit) };
}

/** No index has versions: they are looked at in the rows of these, which are few beside those that ended. */
const OPEN = RUN_STATES.filter((state) => !isFinal(state));
