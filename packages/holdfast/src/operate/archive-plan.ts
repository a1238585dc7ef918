/**
 * Which runs an archive would take: those that had ended by a time, with their whole families, and
 * about which nothing is open. The engine looks again before it lets one go, and knows policies that
 * are in the app's code.
 */
import { retentionRule, whyFamilyStays, type Stays } from "../core/retention.ts";
import { formatRunId } from "../core/run-number.ts";
import { FINAL_RUN_STATES, isFinal, type FinalRunState } from "../core/run-state.ts";
import type { JournalRecord } from "../core/journal.ts";
import { leavingOf, type Leaving } from "../store/leaving.ts";
import { recordsOfNumber } from "../store/records-of-number.ts";
import type { RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";

export interface ArchiveRequest {
  /** Runs that had ended by then, milliseconds. */
  readonly beforeMs: number;
  /** Null: of all workflows. Children go with their parents, whatever their workflow is. */
  readonly workflow: string | null;
  /** Also runs that were stopped or cancelled. */
  readonly failures: boolean;
  readonly nowMs: number;
}

export interface PlannedRun {
  readonly run: number;
  readonly records: number;
}

export interface ArchivePlan {
  /** Each with its root first. */
  readonly families: readonly (readonly PlannedRun[])[];
  readonly runs: number;
  readonly records: number;
  /** Runs that had ended by then and stay, with their reasons; at most 100 of them. */
  readonly stays: readonly Stays[];
  readonly staysCount: number;
  /** True if there is more than one archive holds: the rest is for the next. */
  readonly isFull: boolean;
}

/** Runs of one archive: some gigabyte at most, and a plan that fits in memory. */
const ARCHIVE_RUNS_MAX = 100_000;

/** The store's own journal. */
const STORE = 0;

const RUNS_PER_READ = 500;
const RECORDS_PER_READ = 2_000;
const STAYS_SHOWN_MAX = 100;

/** Reads the records of every run that is looked at: what may leave is told by nothing less. */
export async function planArchive(
  reader: StoreReader,
  request: ArchiveRequest,
): Promise<ArchivePlan> {
  const plan = new Planning(reader, request);
  let afterRun = 0;
  for (;;) {
    const { workflow } = request;
    const query = { states: FINAL_RUN_STATES, afterRun, limit: RUNS_PER_READ };
    const rows = await reader.runs(workflow === null ? query : { ...query, workflow });
    for (const row of rows) {
      await plan.look(row);
      if (plan.isFull) return plan.made();
    }
    const last = rows.at(-1);
    // Later runs have later numbers: what began since then cannot have ended before it.
    const isOver = rows.every(({ startedAtMs }) => startedAtMs > request.beforeMs);
    if (last === undefined || rows.length < RUNS_PER_READ || isOver) return plan.made();
    afterRun = last.run;
  }
}

class Planning {
  isFull = false;
  readonly #reader: StoreReader;
  readonly #request: ArchiveRequest;
  readonly #families: (readonly PlannedRun[])[] = [];
  readonly #stays: Stays[] = [];
  #staysCount = 0;
  #runs = 0;
  #records = 0;

  constructor(reader: StoreReader, request: ArchiveRequest) {
    this.#reader = reader;
    this.#request = request;
  }

  made(): ArchivePlan {
    return {
      families: this.#families,
      runs: this.#runs,
      records: this.#records,
      stays: this.#stays,
      staysCount: this.#staysCount,
      isFull: this.isFull,
    };
  }

  async look(row: RunRow): Promise<void> {
    const { beforeMs } = this.#request;
    if (row.endedAtMs === null || row.endedAtMs > beforeMs) return;
    // It leaves with the run that has started it, if that is still here.
    if (row.parentRun !== null && (await this.#reader.run(row.parentRun)) !== null) return;
    const family: Leaving[] = [];
    const open = await this.#gather(row, family);
    const stays = open ?? this.#whyStays(family);
    if (stays !== null) {
      this.#staysCount += 1;
      if (this.#stays.length < STAYS_SHOWN_MAX) this.#stays.push(named(row, stays));
      return;
    }
    if (this.#runs + family.length > ARCHIVE_RUNS_MAX) {
      this.isFull = true;
      return;
    }
    this.#families.push(family.map(({ run, records }) => ({ run, records })));
    this.#runs += family.length;
    for (const { records } of family) this.#records += records;
  }

  /** The run and all that it has started, into `family`; says what else it has called and goes on. */
  async #gather(root: RunRow, family: Leaving[]): Promise<Stays | null> {
    const rows = [root];
    // One that was called twice is there once.
    const known = new Set([root.run]);
    for (let row = rows.pop(); row !== undefined; row = rows.pop()) {
      const leaving = await this.#leaving(row);
      family.push(leaving);
      for (const called of leaving.called) {
        if (known.has(called)) continue;
        known.add(called);
        const child = await this.#reader.run(called);
        if (child === null) continue;
        if (child.parentRun === row.run) rows.push(child);
        else if (!isFinal(child.state)) {
          const because = `${formatRunId(called)}, which it has called, has not ended`;
          return { run: row.run, because };
        }
      }
    }
    return null;
  }

  async #leaving(row: RunRow): Promise<Leaving> {
    const records: JournalRecord[] = [];
    for await (const record of recordsOf(this.#reader, row.run)) records.push(record);
    return leavingOf(row, records, (seq) => recordsOfNumber(this.#reader, STORE, seq));
  }

  #whyStays(family: readonly Leaving[]): Stays | null {
    const { beforeMs, failures, nowMs } = this.#request;
    const late = family.find(({ endedAtMs }) => endedAtMs !== null && endedAtMs > beforeMs);
    if (late !== undefined) return { run: late.run, because: "it ended later" };
    const failed = family.find(({ state }) => isFinal(state) && isFailure(state));
    if (failed !== undefined && !failures) {
      return {
        run: failed.run,
        because: `it is ${failed.state}; such runs are taken with --failures`,
      };
    }
    const any = retentionRule({ completed: "0s", failed: "0s" }, undefined, "an archive");
    return whyFamilyStays(family, () => any, nowMs);
  }
}

/** All records of a run, in order. */
export async function* recordsOf(reader: StoreReader, run: number): AsyncIterable<JournalRecord> {
  let after = 0;
  for (;;) {
    const records = await reader.records(run, after, RECORDS_PER_READ);
    yield* records;
    const last = records.at(-1);
    if (last === undefined || records.length < RECORDS_PER_READ) return;
    after = last.seq;
  }
}

function isFailure(state: FinalRunState): boolean {
  return state !== "completed";
}

/** Of a family, its root is named, with the member that keeps it. */
function named({ run }: RunRow, stays: Stays): Stays {
  if (stays.run === run) return stays;
  return {
    run,
    because: `${formatRunId(stays.run)}, which it has started, stays: ${stays.because}`,
  };
}
