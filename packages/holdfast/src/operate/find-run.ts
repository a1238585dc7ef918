/** Finds the run that a person means: by its id, or by its business key. */
import { HoldfastError } from "../core/error.ts";
import { formatRunId, parseRunId } from "../core/run-number.ts";
import { hasLeft } from "../store/has-left.ts";
import type { RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";

/** Runs of one key that are looked at: one for each workflow and generation. */
const RUNS_PER_KEY_MAX = 100;
/** Of these, how many are named in an error. */
const NAMED_MAX = 5;
const RUN_ID = /^run_[0-9a-z]{11}$/i;

export interface RunReference {
  /** Id (`run_...`) or business key. */
  readonly run: string;
  /** Tells runs with the same key apart. */
  readonly workflow?: string;
}

/**
 * The one run that is meant. An id wins over a key that looks like one.
 *
 * @throws {HoldfastError} HF6001 if there is none, HF6006 if it has left for an archive, HF4102 if the key has more than one.
 */
export async function findRun(reader: StoreReader, reference: RunReference): Promise<RunRow> {
  const [first, ...others] = newest(await findRuns(reader, reference));
  if (first === undefined) {
    const { run } = reference;
    const gone = RUN_ID.test(run) ? await reader.archivedRun(parseRunId(run)) : null;
    throw gone === null ? noSuchRun(reference) : hasLeft(gone);
  }
  if (others.length > 0) throw severalRuns(reference, [first, ...others]);
  return first;
}

/** One that was started anew has taken the place of those before it. */
function newest(rows: readonly RunRow[]): readonly RunRow[] {
  return rows.filter(
    ({ namespace, workflow, key, generation }) =>
      !rows.some(
        (other) =>
          other.generation > generation &&
          other.namespace === namespace &&
          other.workflow === workflow &&
          other.key === key,
      ),
  );
}

/** All runs that are meant, newest first, at most `RUNS_PER_KEY_MAX`. */
export async function findRuns(
  reader: StoreReader,
  { run: text, workflow }: RunReference,
): Promise<readonly RunRow[]> {
  if (RUN_ID.test(text)) {
    const row = await reader.run(parseRunId(text));
    if (row !== null) return [row];
  }
  const rows = await reader.runsByKey(text, RUNS_PER_KEY_MAX);
  return workflow === undefined ? rows : rows.filter((row) => row.workflow === workflow);
}

function noSuchRun({ run, workflow }: RunReference): HoldfastError {
  const of = workflow === undefined ? "" : ` of workflow "${workflow}"`;
  return new HoldfastError(
    "HF6001",
    `There is no run${of} with the id or business key ${quoted(run)}.`,
    "List runs with: holdfast runs. Check that --store names the store of the right app.",
  );
}

function severalRuns({ run }: RunReference, rows: readonly RunRow[]): HoldfastError {
  const named = rows
    .slice(0, NAMED_MAX)
    .map((row) => `${formatRunId(row.run)} (${row.workflow}, ${row.state})`);
  const rest = rows.length - named.length;
  const more = rest > 0 ? ` and ${String(rest)} more` : "";
  return new HoldfastError(
    "HF4102",
    `${String(rows.length)} runs have the business key ${quoted(run)}: ${named.join(", ")}${more}.`,
    "Name one of them by its id, or add --workflow NAME.",
  );
}

/** Longest piece of foreign text in a message, in characters. */
const QUOTED_MAX = 80;

export function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}...` : text);
}
