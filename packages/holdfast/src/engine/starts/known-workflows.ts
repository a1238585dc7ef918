/** The workflows of this app: a run finds its code by name. */
import { HoldfastError } from "../../core/error.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";

export class KnownWorkflows {
  readonly #byName = new Map<string, AnyWorkflow>();

  /** @throws {HoldfastError} HF1002 if two have the same name. */
  constructor(workflows: readonly AnyWorkflow[]) {
    for (const workflow of workflows) {
      if (this.#byName.has(workflow.name)) {
        throw new HoldfastError(
          "HF1002",
          `Two workflows have the name "${workflow.name}".`,
          "Give each workflow a name of its own: a run finds its code by it.",
        );
      }
      this.#byName.set(workflow.name, workflow);
    }
  }

  get(name: string): AnyWorkflow | null {
    return this.#byName.get(name) ?? null;
  }

  all(): Iterable<AnyWorkflow> {
    return this.#byName.values();
  }

  /** @throws {HoldfastError} HF1003 for one that is not listed, or another one of that name. */
  require(workflow: AnyWorkflow): void {
    if (this.#byName.get(workflow.name) === workflow) return;
    throw new HoldfastError(
      "HF1003",
      `This app does not know workflow "${workflow.name}".`,
      "List it in holdfast({ workflows: [...] }).",
    );
  }
}
