/** `app.ingress`: handlers of requests, wired to the engine that takes their messages. */
import { HoldfastError } from "./core/error.ts";
import type { Engines } from "./engines.ts";
import type { HoldfastOptions } from "./app-settings.ts";
import { DEFAULT_LIMITS, type EngineLimits } from "./engine/limits.ts";
import { KnownWorkflows } from "./engine/starts/known-workflows.ts";
import { ingressFor, type Ingress, type IngressOptions } from "./ingress/index.ts";
import type { Schema } from "./workflow/schema.ts";
import type { AnyWorkflow } from "./workflow/workflow.ts";

interface IngressNeeds {
  readonly workflows: readonly AnyWorkflow[];
  readonly limits?: Partial<EngineLimits>;
  readonly nowMs: () => number;
  readonly log: (line: string) => void;
  readonly store: HoldfastOptions["store"];
}

/** Each would have the run in a cell of its own. */
function laneAndOrder(name: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `The ingress of workflow "${name}" has an order, and the workflow has lanes: over cells, the order of its messages and its lane may belong to two of them.`,
    "Take one of them out: an order keeps what is older from beginning after what is newer, a lane does one run at a time.",
  );
}

/** @param engines - are opened by the first message. */
export function ingressOf(
  { workflows, limits, nowMs, log, store }: IngressNeeds,
  engines: () => Promise<Engines>,
) {
  const { ingressOpenMax: openMax } = { ...DEFAULT_LIMITS, ...limits };
  return <I extends Schema>(workflow: AnyWorkflow, options: IngressOptions<I>): Ingress => {
    new KnownWorkflows(workflows).require(workflow);
    const isOrdered = options.order !== undefined && workflow.definition.lane !== undefined;
    if (isOrdered && typeof store !== "string") throw laneAndOrder(workflow.name);
    // What `order` is given has been parsed by the workflow's own schema.
    return ingressFor(workflow, options as IngressOptions<Schema>, {
      nowMs,
      openMax,
      receive: async (message) => await (await engines()).receive(message),
      receiveUnfit: async (message) => await (await engines()).receiveUnfit(message),
      tellFault: async (name, fault) => {
        await (await engines()).tellFault(workflow, name, fault);
      },
      report: log,
    });
  };
}
