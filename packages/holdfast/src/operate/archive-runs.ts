/**
 * `holdfast archive`: writes what may leave into a file, durably, and only then orders the engine to
 * let it go. The file alone changes nothing, so whoever dies in between has lost nothing.
 */
import { createHash } from "node:crypto";
import { parseJson } from "../core/json-text.ts";
import { HoldfastError } from "../core/error.ts";
import { formatRunId, parseRunId } from "../core/run-number.ts";
import type { Stays } from "../core/retention.ts";
import { ArchiveLines, type ArchiveHeader } from "../store/archive-file.ts";
import type { StoreReader } from "../store/store.ts";
import {
  planArchive,
  recordsOf,
  type ArchivePlan,
  type ArchiveRequest,
  type PlannedRun,
} from "./archive-plan.ts";
import { postAndWait, type Patience } from "./command.ts";

/** Where the lines go. */
export interface ArchiveSink {
  readonly write: (line: string) => Promise<void>;
  /** The file is there, whole and durable, when it resolves. */
  readonly finish: () => Promise<void>;
  /** Leaves nothing behind. */
  readonly abandon: () => Promise<void>;
}

export interface ArchiveFileOf {
  /** Makes it; called once there is something to write. */
  readonly open: () => Promise<ArchiveSink>;
  /** Its name, for the record. */
  readonly name: string;
}

export interface WrittenArchive {
  readonly archive: string;
  readonly sha256: string;
}

export interface LetGo {
  /**
   * `applied`: the engine has let go what may leave. `kept`: no engine runs, and the next one does it.
   * `sent`: an engine runs, and not all of its answers were waited for.
   */
  readonly outcome: "applied" | "kept" | "sent";
  /** Of those that were answered. */
  readonly removed: number;
  readonly stays: readonly Stays[];
}

/** Runs of one order: a family is never split, so one may have more. */
const RUNS_PER_ORDER = 500;
const ID_HEX_LENGTH = 32;

export { planArchive, type ArchivePlan, type ArchiveRequest };

/**
 * @param reader - one that gives payloads as they are stored, with those in files in their place.
 * @throws {HoldfastError} HF4102 if the file cannot be made or a run has left meanwhile, HF5021 for a payload that cannot be read.
 */
export async function writeArchive(
  reader: StoreReader,
  plan: ArchivePlan,
  { workflow, beforeMs, nowMs, by }: ArchiveRequest & { readonly by: string },
  file: ArchiveFileOf,
): Promise<WrittenArchive> {
  const madeAt = new Date(nowMs).toISOString();
  const endedBefore = new Date(beforeMs).toISOString();
  const { runs, records } = plan;
  const { storeId } = reader;
  const made = { storeId, madeAt, by, endedBefore, workflow, runs, records };
  const archive = archiveId(made, plan);
  const sink = await file.open();
  try {
    const sha256 = await writeLines(reader, plan, { archive, ...made }, sink);
    await sink.finish();
    return { archive, sha256 };
  } catch (error) {
    await sink.abandon();
    throw error;
  }
}

async function writeLines(
  reader: StoreReader,
  plan: ArchivePlan,
  header: ArchiveHeader,
  sink: ArchiveSink,
): Promise<string> {
  const lines = new ArchiveLines();
  await sink.write(lines.header(header));
  // What is masked is masked wherever these runs are looked at.
  for (const row of await reader.declarations()) await sink.write(lines.declaration(row));
  for (const { run, records } of plan.families.flat()) {
    await sink.write(lines.run(run, records));
    let left = records;
    for await (const record of recordsOf(reader, run)) {
      // One that has come since is not in the plan: the run stays then, with this copy as a copy.
      if (left === 0) break;
      await sink.write(lines.record(record));
      left -= 1;
    }
    if (left > 0) throw leftMeanwhile(run);
  }
  const { line, sha256 } = lines.end();
  await sink.write(line);
  return sha256;
}

/** Another archive has taken it: a file that lacks what it announces could not be read any more. */
function leftMeanwhile(run: number): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `Run ${formatRunId(run)} has left the store while the archive was being written. The file was not kept, and no run has left for it.`,
    "Give the command again, when no other archive is being made.",
  );
}

/** The same runs at the same time are the same archive. */
function archiveId(made: object, { families }: ArchivePlan): string {
  const hash = createHash("sha256").update(JSON.stringify(made));
  for (const { run } of families.flat()) hash.update(` ${String(run)}`);
  return `arc_${hash.digest("hex").slice(0, ID_HEX_LENGTH)}`;
}

/**
 * Orders the engine to let go of what the archive holds, some hundreds of runs at a time.
 *
 * @throws {HoldfastError} the engine's refusal; HF6005 if it does not answer in time.
 */
export async function orderRemoval(
  reader: StoreReader,
  plan: ArchivePlan,
  written: { readonly archive: string; readonly file: string; readonly by: string },
  patience: Patience,
): Promise<LetGo> {
  const { archive, file, by } = written;
  let outcome: LetGo["outcome"] = "applied";
  let removed = 0;
  const stays: Stays[] = [];
  for (const runs of orders(plan.families)) {
    const pairs = runs.map(({ run, records }) => [formatRunId(run), records] as const);
    const body = { archive, file, runs: pairs };
    const order = { topic: "archive", by, body, where: archive } as const;
    const answered = await postAndWait(reader, order, patience);
    if (answered.outcome !== "applied") ({ outcome } = answered);
    else {
      const answer = answerIn(answered.answer);
      removed += answer.removed;
      stays.push(...answer.stays);
    }
  }
  return { outcome, removed, stays };
}

interface Answer {
  readonly removed: number;
  readonly stays: readonly Stays[];
}

function answerIn(text: string): Answer {
  // Written by the engine in this form, and sealed since.
  const { removed, stays } = parseJson(text) as {
    readonly removed: number;
    readonly stays: readonly { readonly run: string; readonly because: string }[];
  };
  return { removed, stays: stays.map(({ run, because }) => ({ run: parseRunId(run), because })) };
}

function* orders(families: readonly (readonly PlannedRun[])[]): Iterable<readonly PlannedRun[]> {
  let runs: PlannedRun[] = [];
  for (const family of families) {
    if (runs.length > 0 && runs.length + family.length > RUNS_PER_ORDER) {
      yield runs;
      runs = [];
    }
    runs.push(...family);
  }
  if (runs.length > 0) yield runs;
}
