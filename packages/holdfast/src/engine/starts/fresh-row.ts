/** The row of a run that has just begun. */
import type { StartedHead } from "../../core/journal.ts";
import type { RunRow } from "../../store/rows.ts";

/** The row that the store will hold once the start is durable. */
export function rowOf(run: number, head: StartedHead, nowMs: number): RunRow {
  return {
    run,
    namespace: head.namespace,
    workflow: head.workflow,
    key: head.key,
    generation: head.generation,
    version: head.version,
    codeVersion: head.version,
    owner: head.owner,
    lane: head.lane,
    correlationId: head.correlationId,
    startedBy: head.startedBy,
    state: head.state,
    reason: head.reason,
    wakeAtMs: head.state === "waiting" ? head.deadlineAtMs : null,
    dependency: null,
    parentRun: head.parent?.run ?? null,
    parentStep: head.parent?.step ?? null,
    startedAtMs: nowMs,
    updatedAtMs: nowMs,
    endedAtMs: null,
    deadlineAtMs: head.deadlineAtMs,
    compensated: "no",
    amount: head.amount ?? null,
    currency: head.currency ?? null,
    keys: head.keys === undefined ? null : JSON.stringify(head.keys),
  };
}
