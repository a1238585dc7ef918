/**
 * Stands in for a recorded effect that the deployed code does not have, or has in a form that does not
 * take what is on record. It is never called: what became of it is asked of a person, and what was
 * done stays, with its owner.
 */
import type { AnyEffect, EffectDefinition } from "../../workflow/effect.ts";
import { effectPlan } from "../../workflow/effect-plan.ts";
import type { Schema } from "../../workflow/schema.ts";

/** A schema that takes every value. */
export const ANYTHING: Schema = {
  "~standard": { version: 1, vendor: "holdfast", validate: (value) => ({ value }) },
};

export interface StandInEffect extends AnyEffect {
  /** Why the deployed code cannot undo it: the end of a sentence that begins with the effect. */
  readonly missing: string;
}

export function standInEffect(
  recorded: { readonly effect: string; readonly integration: string },
  owner: string,
  missing: string,
): StandInEffect {
  const { effect: name, integration } = recorded;
  const definition: EffectDefinition = {
    on: { kind: "integration", name: integration, options: { owner } },
    // Whatever it was: nobody here knows how it may be repeated, or looked up.
    repeat: "once",
    input: ANYTHING,
    output: ANYTHING,
    run: () => Promise.reject(new Error(`effect ${name} is not here`)),
  };
  return { kind: "effect", name, definition, plan: effectPlan(name, definition), missing };
}

export function isStandIn(effect: AnyEffect): effect is StandInEffect {
  return "missing" in effect;
}
