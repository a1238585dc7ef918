/** The workflows of this app: a run finds its code by name. */
import { HoldfastError } from "../../core/error.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";

export class KnownWorkflows {
  readonly #byName = new Map<string, AnyWorkflow>();
  readonly #ofApp: readonly AnyWorkflow[];

  /**
   * @param own - the engine's.
   * @throws {HoldfastError} HF1002 if two have the same name.
   */
  constructor(ofApp: readonly AnyWorkflow[], own: readonly AnyWorkflow[] = []) {
    this.#ofApp = ofApp;
    for (const workflow of [...own, ...ofApp]) {
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

  /** Those of the app: the engine's own has nobody's payloads, and nothing to declare of them. */
  ofApp(): Iterable<AnyWorkflow> {
    return this.#ofApp;
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
