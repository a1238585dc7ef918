/**
 * Holds the histories of all runs that are under way against a build that is not deployed yet. Reads a
 * store as other readers do, run by run; writes nothing, and calls no effect. Part of command-line.ts.
 */
import { HoldfastError } from "./core/error.ts";
import type { JournalRecord } from "./core/journal.ts";
import { REPLAY_WORKFLOW } from "./core/replay/replay-plan.ts";
import { formatRunId } from "./core/run-number.ts";
import { isFinal, RUN_STATES } from "./core/run-state.ts";
import { UNREADABLE_MARK } from "./core/sensitive.ts";
import { systemClock, systemRandom } from "./engine/clock.ts";
import { FitCheck } from "./engine/versions/fit-check.ts";
import type { StoreReader } from "./operate/store-care.ts";
import {
  CHECKED_RUNS_MAX,
  MISFITS_SHOWN_MAX,
  type Build,
  type MisfitView,
  type VersionsChecked,
} from "./operate/versions-check.ts";
import type { RunRow, StoredRun } from "./store/rows.ts";
import { definitionIn, type WorkerDefinition } from "./worker.ts";

/** Runs whose rows are read at a time; of histories one is in memory. */
const ROWS_AT_A_TIME = 200;
const RECORDS_AT_A_TIME = 1_000;
/** A longer history is not looked at, and counts as one that does not fit. */
const RECORDS_MAX = 1_000_000;

const OPEN = RUN_STATES.filter((state) => !isFinal(state));
const UNREADABLE = JSON.stringify(UNREADABLE_MARK);

export interface CheckedStore {
  readonly openReader: () => Promise<StoreReader>;
  /** @throws {HoldfastError} HF5009 if the store's key is not there. */
  readonly secret: () => Uint8Array;
}

/**
 * @param path - of a module that exports the build as `holdfast worker` takes it.
 * @throws {HoldfastError} HF4102 if the module cannot be used, else as a reader of the store.
 */
export async function checkVersions(store: CheckedStore, path: string): Promise<VersionsChecked> {
  return await checkBuild(store, await definitionIn(path));
}

export async function checkBuild(
  store: CheckedStore,
  definition: WorkerDefinition,
): Promise<VersionsChecked> {
  const reader = await store.openReader();
  try {
    return await checked(reader, definition, await fitCheck(reader, store.secret(), definition));
  } finally {
    await reader.close();
  }
}

/** @throws {HoldfastError} HF4102 if the module cannot be used. */
export async function openBuild(secret: () => Uint8Array, path: string): Promise<Build> {
  return openBuildOf(secret, await definitionIn(path));
}

export function openBuildOf(secret: () => Uint8Array, definition: WorkerDefinition): Build {
  return {
    version: definition.version ?? null,
    against: async (reader) => {
      const check = await fitCheck(reader, secret(), definition);
      return (run) => misfitOf(reader, check, run);
    },
  };
}

/** The code of a build, to hold histories of this store against. */
async function fitCheck(
  reader: StoreReader,
  secret: Uint8Array,
  { workflows, effects = [], version = "1", earlierVersions = [], limits = {} }: WorkerDefinition,
): Promise<FitCheck> {
  const check = new FitCheck({
    storeId: reader.storeId,
    secret,
    declarations: () => reader.declarations(),
    workflows,
    effects,
    version,
    earlierVersions,
    limits,
    clock: systemClock,
    random: systemRandom,
  });
  await check.begin();
  return check;
}

async function checked(
  reader: StoreReader,
  { version = "1", workflows }: WorkerDefinition,
  check: FitCheck,
): Promise<VersionsChecked> {
  const misfits: MisfitView[] = [];
  let count = 0;
  let misfitCount = 0;
  let hasMore = true;
  for (let afterRun = 0; hasMore && count < CHECKED_RUNS_MAX;) {
    const rows = await reader.runs({ states: OPEN, afterRun, limit: ROWS_AT_A_TIME });
    for (const row of rows) {
      // The engine's own code goes on with those.
      if (row.workflow === REPLAY_WORKFLOW) continue;
      count += 1;
      const misfit = await misfitOf(reader, check, row);
      if (misfit === null) continue;
      misfitCount += 1;
      if (misfits.length < MISFITS_SHOWN_MAX) misfits.push(misfitView(row, misfit));
    }
    afterRun = rows.at(-1)?.run ?? afterRun;
    hasMore = rows.length === ROWS_AT_A_TIME;
  }
  return {
    version,
    workflows: workflows.map(({ name }) => name),
    checked: count,
    fits: count - misfitCount,
    misfits,
    misfitCount,
    hasMore,
  };
}

/** Null if the build fits the run, or the run has left the store meanwhile. */
async function misfitOf(
  reader: StoreReader,
  check: FitCheck,
  row: RunRow,
): Promise<HoldfastError | null> {
  const stored = await historyOf(reader, row);
  if (stored instanceof HoldfastError) return stored;
  return stored === null ? null : check.misfitOf(stored);
}

/** A beginning of it is a history too: an engine may be at work on the run. */
async function historyOf(
  reader: StoreReader,
  row: RunRow,
): Promise<StoredRun | HoldfastError | null> {
  const records: JournalRecord[] = [];
  for (;;) {
    const page = await reader.records(row.run, records.at(-1)?.seq ?? 0, RECORDS_AT_A_TIME);
    if (page.some(({ data }) => data === UNREADABLE)) return sealedAway(row);
    records.push(...page);
    if (page.length < RECORDS_AT_A_TIME) break;
    if (records.length >= RECORDS_MAX) return tooLong(row);
  }
  return records.length === 0 ? null : { row, records };
}

function misfitView(row: RunRow, { code, message, remedy }: HoldfastError): MisfitView {
  const { key, workflow, state, version, codeVersion, cell } = row;
  return {
    ...(cell === undefined ? {} : { cell }),
    run: formatRunId(row.run),
    key,
    workflow,
    state,
    version,
    codeVersion,
    code,
    message,
    remedy,
  };
}

function sealedAway({ run }: RunRow): HoldfastError {
  return new HoldfastError(
    "HF5021",
    `A payload of run ${formatRunId(run)} cannot be read here, so it was not checked.`,
    "Add --key-ring FILE and --payload-files DIRECTORY as the app has them.",
  );
}

function tooLong({ run }: RunRow): HoldfastError {
  return new HoldfastError(
    "HF4104",
    `Run ${formatRunId(run)} has more than ${String(RECORDS_MAX)} records, so it was not checked.`,
    "Try it by itself: deploy to one worker, and see whether it is held.",
  );
}
