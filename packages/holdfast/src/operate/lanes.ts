/**
 * Lanes in which runs wait for each other: which there are, and a run that holds one up taken out of
 * it. Source: failure model R31.
 */
import { HoldfastError } from "../core/error.ts";
import { formatRunId } from "../core/run-number.ts";
import type { RunState } from "../core/run-state.ts";
import type { LaneRow, RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { giveCommand, type Patience, type Receipt } from "./command.ts";
import type { Decider } from "./decisions.ts";
import { findRun, quoted, type RunReference } from "./find-run.ts";
import { isoText } from "./views.ts";
import { readExceptionOwners } from "./waiting-on.ts";

export interface LaneView {
  readonly namespace: string;
  readonly lane: string;
  /** Runs that have not ended, the one whose turn it is included. */
  readonly depth: number;
  /** The run whose turn it is. */
  readonly head: string;
  readonly key: string;
  readonly workflow: string;
  readonly state: RunState;
  readonly reason: string;
  /** The team of its workflow. */
  readonly owner: string;
  /** Who has its open exceptions, each once. */
  readonly exceptionOwners: readonly string[];
  /** Since when it is in that state. */
  readonly since: string;
  /** When the lane has accepted it: it holds nobody up for longer. */
  readonly startedAt: string;
}

export interface LanePage {
  readonly lanes: readonly LaneView[];
  /** True if there are more than were asked for. */
  readonly hasMore: boolean;
}

/** Those first in which the most runs are. */
export async function listLanes(reader: StoreReader, limit: number): Promise<LanePage> {
  const rows = await reader.lanes({ limit: limit + 1 });
  const lanes: LaneView[] = [];
  // By primary key, and at most one for each row of a bounded page.
  for (const row of rows.slice(0, limit)) {
    const head = await reader.run(row.run);
    if (head === null) continue;
    lanes.push(laneView(row, head, await readExceptionOwners(reader, head.run)));
  }
  return { lanes, hasMore: rows.length > limit };
}

function laneView(
  { namespace, lane, depth, run }: LaneRow,
  head: RunRow,
  exceptionOwners: readonly string[],
): LaneView {
  const { key, workflow, state, reason, owner, updatedAtMs, startedAtMs } = head;
  return {
    namespace,
    lane,
    depth,
    head: formatRunId(run),
    key,
    workflow,
    state,
    reason,
    owner,
    exceptionOwners,
    since: isoText(updatedAtMs),
    startedAt: isoText(startedAtMs),
  };
}

/** A lane by its name, or a run by its id or its key. */
export interface HeadReference extends RunReference {
  /** Tells lanes of one name apart. */
  readonly namespace?: string;
}

/**
 * Takes the first run of a lane out of it, so that the next one has its turn. The run itself goes on
 * waiting for whatever it waits for.
 *
 * @throws {HoldfastError} HF6001 (no such lane or run), HF4102 (several are meant), HF6003 (it has
 *   ended, is in no lane, is not the first, or is at work), HF6004 (an outcome is unknown), HF6005.
 */
export async function skipHead(
  reader: StoreReader,
  reference: HeadReference,
  { by, reason }: Decider,
  patience: Patience,
): Promise<Receipt> {
  const run = formatRunId(await headOf(reader, reference));
  return giveCommand(reader, { topic: "skipHead", by, body: { run, reason } }, patience);
}

/** Lanes of one name that are told apart: one for each namespace. */
const NAMED_MAX = 100;

async function headOf(reader: StoreReader, reference: HeadReference): Promise<number> {
  const { run: text, namespace } = reference;
  const all = await reader.lanes({ lane: text, limit: NAMED_MAX });
  const [first, ...others] = all.filter(
    (one) => namespace === undefined || one.namespace === namespace,
  );
  if (first === undefined) return (await findRun(reader, reference)).run;
  if (others.length === 0) return first.run;
  const names = [first, ...others].map((one) => one.namespace).join(", ");
  throw new HoldfastError(
    "HF4102",
    `Several namespaces have a lane ${quoted(text)}: ${names}. Nothing was done.`,
    "Say which, with --namespace NAME.",
  );
}
