/** A stored run whose workflow this app does not have: it is held and given to its owner. */
import { HoldfastError } from "../core/error.ts";
import { isActive } from "../core/run-state.ts";
import type { StoredRun } from "../store/rows.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import type { Engine } from "./engine.ts";
import { LiveRun } from "./live-run.ts";

/**
 * Puts the run on hold with HF2105. One that already waits for a person stays as it is: nothing of
 * it can move before the code is back.
 */
export function holdWithoutCode(engine: Engine, stored: StoredRun): void {
  const { row } = stored;
  if (!isActive(row.state) && row.state !== "waiting" && row.state !== "parked") return;
  const run = new LiveRun(engine, absent(row.workflow, row.owner), stored);
  run.ending.hold(
    new HoldfastError(
      "HF2105",
      `Run ${run.id} needs workflow "${row.workflow}", which this app does not have. Nothing was executed.`,
      "Deploy an app that has it, then resume the run.",
    ),
  );
}

/** Stands in for the missing code; it is never run. */
function absent(name: string, owner: string): AnyWorkflow {
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
