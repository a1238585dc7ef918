/** `holdfast runs`. */
import type { RunState } from "../core/run-state.ts";
import type { StoreReader } from "../store/store.ts";
import { afterRunOf, nextCursor, type PageRequest } from "./paging.ts";
import { runView, type RunView } from "./views.ts";

export interface RunFilter extends PageRequest {
  readonly states?: readonly RunState[];
  readonly workflow?: string;
  readonly key?: string;
  readonly owner?: string;
  readonly namespace?: string;
}

export interface RunPage {
  readonly runs: readonly RunView[];
  readonly next: string | null;
}

/** Runs that fit the filter, oldest first. */
export async function listRuns(reader: StoreReader, filter: RunFilter): Promise<RunPage> {
  const rows = await reader.runs({ ...filter, afterRun: afterRunOf(filter) });
  return { runs: rows.map(runView), next: nextCursor(rows, filter.limit) };
}
