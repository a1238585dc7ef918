/**
 * Runs whose code has ended processes. They are their owner's, and their code is not run before a person
 * says so: to look at one, or to cancel it, would end the next process.
 */
import type { ClosedHead, JournalRecord, OpenedHead } from "../../core/journal.ts";
import { isActive } from "../../core/run-state.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import { exceptionHead } from "../exceptions/exceptions.ts";
import { headOf } from "./recovery.ts";
import { RunException } from "./run-exception.ts";

/** Gives a run to its owner, unless it has come to rest meanwhile. */
export function putAway(engine: Engine, stored: StoredRun): void {
  const workflow = engine.workflow(stored.row.workflow);
  if (workflow === null || !isActive(stored.row.state)) return;
  const live = engine.dormant(stored, workflow);
  if (live === null) return;
  const ends = String(engine.limits.crashesMax);
  const because = `Engines have ended at least ${ends} times while it was at work, the last time when it alone was being tried.`;
  const head = exceptionHead(live, {
    class: "poison",
    effect: "maybe",
    scope: "item",
    origin: "code",
    reasonCode: "ENGINE:CRASHED",
    rule: "engine/poison@1",
    message: because,
    because,
    owner: stored.row.owner,
    step: "",
  });
  // What it was held for before is found again once its code runs: one question at a time is enough.
  RunException.recorded(live, ofRun(stored.records))?.close("superseded", "(engine)", because);
  const { wait } = RunException.open(live, head);
  live.changeState(wait.state, wait.reason);
  live.leave({ kind: "suspended", state: wait.state, wakeAtMs: null });
}

function ofRun(records: readonly JournalRecord[]): readonly JournalRecord[] {
  return records.filter(({ name }) => name === "");
}

/**
 * True until a person resumes it. One that is cancelled instead is taken back by its journal.
 *
 * @param exceptions - records of the run that open or close one.
 */
export function isPutAway(exceptions: readonly JournalRecord[]): boolean {
  const opened = exceptions.findLast(
    (record) => record.kind === "opened" && headOf<OpenedHead>(record).class === "poison",
  );
  if (opened === undefined) return false;
  const closed = exceptions
    .filter((record) => record.kind === "closed")
    .map((record) => headOf<ClosedHead>(record))
    .find((head) => head.opened === opened.seq);
  return closed === undefined || closed.resolution === "cancelled";
}
