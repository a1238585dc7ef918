/** Effects of each contract on a fake system, for tests of the engine. */
import { z } from "zod";
import type { KeyReplays, RepeatKind } from "../core/contract.ts";
import type { Duration } from "../core/duration.ts";
import type { Classified } from "../core/failure.ts";
import { effect, type RetryOptions, type UndoEffect } from "../workflow/effect.ts";
import { integration, type Integration, type IntegrationOptions } from "../workflow/integration.ts";
import { workflow, type WorkflowOptions } from "../workflow/workflow.ts";
import type { Run } from "../workflow/run.ts";
import type { Counterpart, Memory } from "./counterpart.test-support.ts";

export const REFERENCE = z.object({ id: z.string() });
export const ANSWER = z.object({ ref: z.string() });

export type TestEffect = ReturnType<typeof testEffect>;

/** What a system does that keeps the contract which an effect on it declares. */
export const MEMORY_OF: Readonly<Record<RepeatKind, Memory>> = {
  read: "none",
  idempotent: "upsert",
  keyed: "keys",
  probeable: "none",
  once: "none",
};

export interface TestEffectOptions {
  readonly on?: Integration;
  readonly retry?: RetryOptions;
  readonly timeout?: Duration;
  readonly settle?: Duration;
  readonly keyWindow?: Duration;
  readonly replays?: KeyReplays;
  readonly undo?: "call" | "none" | UndoEffect<typeof REFERENCE, typeof ANSWER>;
  readonly leaves?: string;
  readonly canProbe?: boolean;
  readonly owner?: string;
  readonly editable?: readonly string[];
  readonly group?: string;
  readonly classify?: (error: unknown) => Classified | undefined;
}

export function testIntegration(name: string, options: Partial<IntegrationOptions> = {}) {
  return integration(name, { owner: `team-${name}`, ...options });
}

const integrations = new WeakMap<Counterpart, Integration>();

/** One integration per counterpart: an app may know each name once. */
export function integrationOf(counterpart: Counterpart): Integration {
  const known = integrations.get(counterpart) ?? testIntegration(counterpart.name);
  integrations.set(counterpart, known);
  return known;
}

/**
 * An effect called `action` on `counterpart`. Its input is `{ id }`, the business reference, and its
 * answer `{ ref }`. Settles 20 s after the last attempt, of 5 s each.
 */
export function testEffect(
  kind: RepeatKind,
  counterpart: Counterpart,
  action: string,
  options: TestEffectOptions = {},
) {
  const { retry, undo, keyWindow, replays, on, settle, timeout, canProbe, ...rest } = options;
  const base = {
    on: on ?? integrationOf(counterpart),
    timeout: timeout ?? "5s",
    input: REFERENCE,
    output: ANSWER,
    ...rest,
    run: (input: z.output<typeof REFERENCE>, attempt: Parameters<Counterpart["call"]>[2]) =>
      counterpart.call(action, input.id, attempt),
  } as const;
  const retrying = retry === undefined ? {} : { retry };
  const probe = (input: z.output<typeof REFERENCE>, attempt: Parameters<Counterpart["find"]>[2]) =>
    Promise.resolve(counterpart.find(action, input.id, attempt));
  const probing = canProbe === true ? { probe } : {};
  const settling = { settle: settle ?? "20s" } as const;
  const called = undo === "call" ? { compensate: undoCall(counterpart, action) } : {};
  const undone = undo === undefined || undo === "call" ? {} : { compensate: undo };
  switch (kind) {
    case "read":
      return effect(action, { ...base, ...retrying, repeat: "read" });
    case "idempotent":
      return effect(action, {
        ...base,
        ...retrying,
        ...settling,
        ...probing,
        ...called,
        ...undone,
        repeat: "idempotent",
        why: "upsert",
      });
    case "keyed":
      return effect(action, {
        ...base,
        ...retrying,
        ...settling,
        ...probing,
        ...called,
        ...undone,
        repeat: "keyed",
        keyWindow: keyWindow ?? "24h",
        ...(replays === undefined ? {} : { replays }),
      });
    case "probeable":
      return effect(action, {
        ...base,
        ...retrying,
        ...settling,
        ...undone,
        repeat: "probeable",
        probe,
      });
    case "once":
      return effect(action, { ...base, ...settling, ...probing, ...undone, repeat: "once" });
  }
}

function undoCall(counterpart: Counterpart, action: string) {
  return async (
    input: z.output<typeof REFERENCE>,
    _output: z.output<typeof ANSWER>,
    attempt: Parameters<Counterpart["call"]>[2],
  ): Promise<void> => {
    await counterpart.call(`undo-${action}`, input.id, attempt);
  };
}

/** A workflow over `{ id }` whose key is that id. */
export function testWorkflow<N extends string>(
  name: N,
  body: (input: { id: string }, run: Run) => Promise<unknown>,
  options: Partial<WorkflowOptions<typeof REFERENCE, z.ZodType>> = {},
) {
  return workflow(
    name,
    {
      input: REFERENCE,
      output: z.unknown(),
      key: (input) => input.id,
      owner: "team-flow",
      ...options,
    },
    body,
  );
}
