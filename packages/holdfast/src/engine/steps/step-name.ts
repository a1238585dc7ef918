/** A run finds its past by the names of its steps: each is used once. */
import { HoldfastError } from "../../core/error.ts";
import type { LiveRun } from "../run/live-run.ts";

/** @throws {HoldfastError} HF1203 if the name is taken, HF4104 beyond the limit of steps. */
export function requireFreeName(run: LiveRun, path: string): void {
  const { stepsMax } = run.host.limits;
  if (run.slots.has(path)) {
    throw new HoldfastError(
      "HF1203",
      `Two steps in one run have the name "${path}".`,
      "A run finds its past by name, so names must differ: give this use a name of its own with { as: ... }.",
      { where: `workflow ${run.workflow.name}, run ${run.id}` },
    );
  }
  if (run.slots.size < stepsMax) return;
  throw new HoldfastError(
    "HF4104",
    `The run has ${String(run.slots.size)} steps, the limit stepsMax.`,
    "Split the work into child workflows, or raise the limit.",
  );
}
