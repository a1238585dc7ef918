/** `app.ingress`: handlers of requests, wired to the engine that takes their messages. */
import type { Engine } from "./engine/engine.ts";
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
}

/** @param engine - is opened by the first message. */
export function ingressOf(
  { workflows, limits, nowMs, log }: IngressNeeds,
  engine: () => Promise<Engine>,
) {
  const { ingressOpenMax: openMax } = { ...DEFAULT_LIMITS, ...limits };
  return <I extends Schema>(workflow: AnyWorkflow, options: IngressOptions<I>): Ingress => {
    new KnownWorkflows(workflows).require(workflow);
    // What `order` is given has been parsed by the workflow's own schema.
    return ingressFor(workflow, options as IngressOptions<Schema>, {
      nowMs,
      openMax,
      receive: async (message) => await (await engine()).commands.receiving.receive(message),
      report: log,
    });
  };
}
