/** A stored run whose workflow this app does not have: it is held and given to its owner. */
import { HoldfastError } from "../../core/error.ts";
import { isActive } from "../../core/run-state.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { CancelHead } from "../../core/journal.ts";
import type { RunRow, StoredRun } from "../../store/rows.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { Engine } from "../engine.ts";
import type { KnownWorkflows } from "../starts/known-workflows.ts";
import { LiveRun } from "./live-run.ts";
import { headOf } from "./recovery.ts";

/**
 * Puts the run on hold with HF2105. One that already waits for a person stays as it is: nothing of
 * it can move before the code is back.
 */
export function holdWithoutCode(engine: Engine, stored: StoredRun): void {
  const { row } = stored;
  if (!isActive(row.state) && row.state !== "waiting" && row.state !== "parked") return;
  const run = new LiveRun(engine, absent(row), stored);
  run.ending.hold(withoutCode(row));
}

export function withoutCode({ run, workflow }: Pick<RunRow, "run" | "workflow">): HoldfastError {
  return new HoldfastError(
    "HF2105",
    `Run ${formatRunId(run)} needs workflow "${workflow}", which this app does not have. Nothing was executed.`,
    "Deploy an app that has it, then resume the run.",
  );
}

/**
 * The code of a stored run; null if this app does not have it. Of one that was cancelled while it was
 * missing nothing is run any more: it is taken back by its journal, with what stands in for its code.
 */
export function codeOf(known: KnownWorkflows, { row, records }: StoredRun): AnyWorkflow | null {
  const workflow = known.get(row.workflow);
  if (workflow !== null) return workflow;
  const isGivenUp = records.some(
    (record) => record.kind === "cancel" && headOf<CancelHead>(record).withoutCode === true,
  );
  return isGivenUp ? absent(row) : null;
}

/** Stands in for the missing code. What it throws says nothing: its run is being taken back. */
export function absent({ workflow: name, owner }: Pick<RunRow, "workflow" | "owner">): AnyWorkflow {
  const anything = {
    "~standard": { version: 1, vendor: "holdfast", validate: (value: unknown) => ({ value }) },
  } as const;
  return {
    kind: "workflow",
    name,
    definition: { input: anything, output: anything, key: () => name, owner },
    body: () => Promise.reject(new Error(`workflow ${name} is not here`)),
  };
}
