/**
 * Who carries out what an effect asks of another system: its own code, or in a test bed the fake
 * world. The engine sees no difference: intents, deadlines and classification are the same.
 */
import type { AnyEffect } from "../../workflow/effect.ts";
import type { Integration } from "../../workflow/integration.ts";
import type { Attempt } from "../../workflow/attempt.ts";

export interface Outside {
  /** One attempt. Resolves with what the other system answers; rejects as the effect's code would. */
  run(effect: AnyEffect, input: unknown, attempt: Attempt): Promise<unknown>;
  /** One look-up of an effect that declares one. */
  probe(effect: AnyEffect, input: unknown, attempt: Attempt): Promise<unknown>;
  /** Whether the system is there, of an integration that declares how to ask. */
  health(integration: Integration): Promise<boolean>;
}

/** As in production: the code that the effect was declared with. */
export const REAL_OUTSIDE: Outside = {
  run: ({ definition }, input, attempt) => definition.run(input, attempt),
  probe: ({ definition }, input, attempt) =>
    // Asked only of an effect that has one.
    definition.probe?.(input, attempt) ?? Promise.resolve(null),
  health: ({ options }) => options.health?.() ?? Promise.resolve(true),
};
