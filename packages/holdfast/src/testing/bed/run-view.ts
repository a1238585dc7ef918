/** A run as a test looks at it: where it stands, and what its journal says. */
import type { ClosedHead, OpenedHead } from "../../core/journal.ts";
import type { FailureClass } from "../../core/failure.ts";
import { parseJson } from "../../core/json-text.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { RunState } from "../../core/run-state.ts";
import type { StoredRun } from "../../store/rows.ts";

/** An exception that is open. */
export interface OpenException {
  readonly step: string;
  readonly class: FailureClass;
  /** The stable name of the reason: `HTTP:422`, `HF2104`. */
  readonly reasonCode: string;
  readonly owner: string;
  /** Why the engine gives it to a person. */
  readonly because: string;
  readonly message: string;
}

export interface RunView {
  readonly id: string;
  readonly workflow: string;
  readonly key: string;
  readonly state: RunState;
  /** Why it stands there, in words. */
  readonly reason: string;
  /** What it came to; undefined while it has not completed. */
  readonly result: unknown;
  readonly exceptions: readonly OpenException[];
  /** `kind name` of each record, in order. */
  readonly journal: readonly string[];
}

export function runView({ row, records }: StoredRun): RunView {
  const finished = records.find(({ kind }) => kind === "finished");
  return {
    id: formatRunId(row.run),
    workflow: row.workflow,
    key: row.key,
    state: row.state,
    reason: row.reason,
    result: row.state === "completed" ? parseJson(finished?.data ?? "null") : undefined,
    exceptions: openExceptions({ records }),
    journal: records.map(({ kind, name }) => (name === "" ? kind : `${kind} ${name}`)),
  };
}

export function openExceptions({ records }: Pick<StoredRun, "records">): readonly OpenException[] {
  const closed = new Set(
    records
      .filter(({ kind }) => kind === "closed")
      // The engine wrote it with the shape of its kind.
      .map(({ head }) => (parseJson(head ?? "null") as ClosedHead).opened),
  );
  return records
    .filter(({ kind, seq }) => kind === "opened" && !closed.has(seq))
    .map(({ name, head }) => {
      const opened = parseJson(head ?? "null") as OpenedHead;
      const { owner, because, message, reasonCode } = opened;
      return { step: name, class: opened.class, reasonCode, owner, because, message };
    });
}
