/**
 * The runs that a run waits for: before it in its lane, or called by it, and what those wait for in
 * turn. So whoever looks at the last of a queue sees what holds up the first. Source: failure model
 * R29, R31.
 */
import { formatRunId, parseRunId } from "../core/run-number.ts";
import { isFinal, type RunState } from "../core/run-state.ts";
import type { RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { readExceptionOwners } from "./waiting-on.ts";

/** Runs of such a chain that are looked at. */
const BLOCKERS_MAX = 20;

export interface BlockerView {
  readonly run: string;
  readonly key: string;
  readonly workflow: string;
  readonly state: RunState;
  /** What it waits for itself. */
  readonly reason: string;
  /** The team of its workflow. */
  readonly owner: string;
  /** Who has its open exceptions, each once. */
  readonly exceptionOwners: readonly string[];
}

/** The nearest first; empty where it waits for no run. */
export async function blockersOf(
  reader: StoreReader,
  row: Pick<RunRow, "run" | "state" | "reason">,
): Promise<readonly BlockerView[]> {
  const blockers: BlockerView[] = [];
  const seen = new Set([row.run]);
  for (let next = runAwaited(row); next !== null && blockers.length < BLOCKERS_MAX;) {
    if (seen.has(next)) break;
    seen.add(next);
    const found = await reader.run(next);
    // It has ended since, and whoever waits is about to hear of it.
    if (found === null || isFinal(found.state)) break;
    const { run, key, workflow, state, reason, owner } = found;
    const exceptionOwners = await readExceptionOwners(reader, run);
    blockers.push({
      run: formatRunId(run),
      key,
      workflow,
      state,
      reason,
      owner,
      exceptionOwners,
    });
    next = runAwaited(found);
  }
  return blockers;
}

/** What a waiting run says it waits for: the engine writes the run's id into that sentence. */
const AWAITED =
  /^waits (?:behind (run_[0-9a-z]{11}) in lane|for workflow "[^]*" \((run_[0-9a-z]{11})\)$|until workflow "[^]*" \((run_[0-9a-z]{11})\) has)/u;

function runAwaited({ state, reason }: Pick<RunRow, "state" | "reason">): number | null {
  if (state !== "waiting" && state !== "cancelling" && state !== "compensating") return null;
  const found = AWAITED.exec(reason);
  const id = found?.[1] ?? found?.[2] ?? found?.[3];
  return id === undefined ? null : parseRunId(id);
}
