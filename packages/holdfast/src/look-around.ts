/** What `holdfast doctor` sees beside a store: this Node.js, and the definitions of a build. Part of command-line.ts. */
import { buildFindings } from "./core/doctor/build.ts";
import { checking } from "./core/doctor/checking.ts";
import { refused, well, type Tell } from "./core/doctor/finding.ts";
import { HoldfastError } from "./core/error.ts";
import { sqliteOfNode } from "./store-sqlite/of-node.ts";
import { definitionIn, type WorkerDefinition } from "./worker.ts";

export async function lookAround(module: string | null, tell: Tell): Promise<void> {
  tell(checking("node", sqliteOfNode));
  if (module !== null) await lookAtBuild(module, tell);
}

/** Imports the module, as a worker does, and calls nothing of it. */
async function lookAtBuild(module: string, tell: Tell): Promise<void> {
  let definition: WorkerDefinition;
  try {
    definition = await definitionIn(module);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    // A definition that is refused says more than the import that it ended.
    const { cause } = error;
    tell(refused("module", cause instanceof HoldfastError ? cause : error));
    return;
  }
  const { workflows, effects = [], version, owner, retention } = definition;
  tell(well("module", `${module}: ${workflows.map(({ name }) => name).join(", ")}`));
  const build = {
    workflows: workflows.map(({ name, definition: { retention: own } }) => ({
      name,
      hasRetention: own !== undefined,
    })),
    effects: effects.map(({ name, plan }) => ({ name, repeat: plan.contract.kind })),
    version: version ?? null,
    owner: owner ?? null,
    hasRetention: retention !== undefined,
  };
  for (const finding of buildFindings(build)) tell(finding);
}
