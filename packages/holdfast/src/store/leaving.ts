/**
 * What the records of a run say to who lets it leave: whether anything about it is open, and what it
 * has added to the sums that go on counting it. Read off the same fold that makes the projections.
 */
import type { ArchivedHead, ArchivedIssue } from "../core/archived.ts";
import { parseJson } from "../core/json-text.ts";
import type { AcceptedEvent, CalledHead, JournalRecord } from "../core/journal.ts";
import type { LeavingRun } from "../core/retention.ts";
import type { Change } from "./change.ts";
import { project } from "./projection.ts";
import type { RunRow } from "./rows.ts";

export interface Leaving extends LeavingRun {
  /** How many records it has. */
  readonly records: number;
  /** Runs that it has called, whoever has started them. */
  readonly called: readonly number[];
  /** What goes on being counted. */
  readonly sums: ArchivedSums;
}

export type ArchivedSums = Pick<ArchivedHead, "counts" | "issues" | "taken">;

/**
 * @param records - all of the run, in order.
 * @param ofNumber - the records of the store's own journal that have this number: workers that share
 *   the store number theirs each for itself, and one at most keeps an event under it.
 */
export async function leavingOf(
  row: RunRow,
  records: readonly JournalRecord[],
  ofNumber: (seq: number) => Promise<readonly JournalRecord[]>,
): Promise<Leaving> {
  const fold = new LeavingFold();
  for (const record of records) fold.add(record);
  let { eventsUntilMs } = fold;
  for (const seq of fold.taken) {
    const kept = (await ofNumber(seq)).find(({ kind }) => kind === "kept");
    // Written by the engine with the shape of its kind.
    const head = parseJson(kept?.head ?? "null") as AcceptedEvent | null;
    eventsUntilMs = Math.max(eventsUntilMs, head?.untilMs ?? 0);
  }
  return {
    run: row.run,
    parentRun: row.parentRun,
    state: row.state,
    endedAtMs: row.endedAtMs,
    lastAtMs: records.at(-1)?.atMs ?? 0,
    records: records.length,
    openExceptions: fold.openExceptions,
    unknownEffects: fold.unknownEffects,
    eventsUntilMs,
    called: fold.called,
    sums: fold.sums(),
  };
}

/** The sums of several runs as one. */
export function addedSums(all: readonly ArchivedSums[]): ArchivedSums {
  const counts = new Map<string, number>();
  const issues = new Map<string, ArchivedIssue>();
  for (const sums of all) {
    for (const { name, delta } of sums.counts) counts.set(name, (counts.get(name) ?? 0) + delta);
    for (const issue of sums.issues) {
      const { fingerprint } = issue;
      const before = issues.get(fingerprint);
      issues.set(fingerprint, before === undefined ? issue : merged(before, issue));
    }
  }
  return {
    counts: [...counts]
      .filter(([, delta]) => delta !== 0)
      .map(([name, delta]) => ({ name, delta })),
    issues: [...issues.values()],
    taken: all.flatMap(({ taken }) => taken),
  };
}

/** What who has seen it first says of it stands, as in the table of issues. */
function merged(one: ArchivedIssue, other: ArchivedIssue): ArchivedIssue {
  const first = other.firstSeenAtMs < one.firstSeenAtMs ? other : one;
  return {
    ...first,
    lastSeenAtMs: Math.max(one.lastSeenAtMs, other.lastSeenAtMs),
    totalCount: one.totalCount + other.totalCount,
  };
}

class LeavingFold {
  readonly called: number[] = [];
  readonly taken: number[] = [];
  openExceptions = 0;
  eventsUntilMs = 0;
  readonly #counts: { name: string; delta: number }[] = [];
  readonly #issues: ArchivedIssue[] = [];
  /** Operations that may have happened. */
  readonly #unknown = new Set<number>();

  get unknownEffects(): number {
    return this.#unknown.size;
  }

  add(record: JournalRecord): void {
    if (record.kind === "called") {
      this.called.push((parseJson(record.head ?? "null") as CalledHead).child);
      return;
    }
    for (const change of project(record)) this.#change(change);
  }

  sums(): ArchivedSums {
    return addedSums([{ counts: this.#counts, issues: this.#issues, taken: this.taken }]);
  }

  /** Only what is looked at here: all else is a row that goes with its run. */
  #change(change: Change): void {
    if (change.kind === "counted") this.#counts.push(change);
    else if (change.kind === "issue-seen") this.#issues.push(seenOnce(change));
    else if (change.kind === "exception-opened") this.openExceptions += 1;
    else if (change.kind === "exception-closed") this.openExceptions -= 1;
    else if (change.kind === "effect-sent") this.#unknown.add(change.row.operation);
    else if (change.kind === "effect-sent-again") this.#unknown.add(change.operation);
    else if (change.kind === "event-taken") this.taken.push(change.seq);
    else if (change.kind === "event-accepted") {
      this.eventsUntilMs = Math.max(this.eventsUntilMs, change.row.untilMs);
    } else if (change.kind === "effect-learnt") {
      const { operation, proof, ended } = change;
      if (proof === "maybe" && !ended) this.#unknown.add(operation);
      else this.#unknown.delete(operation);
    }
  }
}

function seenOnce({
  kind: _,
  atMs,
  ...cause
}: Extract<Change, { kind: "issue-seen" }>): ArchivedIssue {
  return { ...cause, firstSeenAtMs: atMs, lastSeenAtMs: atMs, totalCount: 1 };
}
