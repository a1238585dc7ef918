/** A run finds its past by the names of its steps, and has a bounded number of them. */
import { HoldfastError } from "../core/error.ts";
import type { LiveRun } from "./live-run.ts";

/** @throws {HoldfastError} HF1203 if the name is taken, HF4104 beyond the limit of steps. */
export function checkStepName({ slots, host, workflow, id }: LiveRun, path: string): void {
  if (slots.has(path)) {
    throw new HoldfastError(
      "HF1203",
      `Two steps in one run have the name "${path}".`,
      "A run finds its past by name, so names must differ: give this use a name of its own with { as: ... }.",
      { where: `workflow ${workflow.name}, run ${id}` },
    );
  }
  if (slots.size < host.limits.stepsMax) return;
  throw new HoldfastError(
    "HF4104",
    `The run has ${String(slots.size)} steps, the limit stepsMax.`,
    "Split the work into child workflows, or raise the limit.",
  );
}
