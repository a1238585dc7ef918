/** What the code declares of an effect now, as far as it decides whether its history may be gone on with. */
import type { DeclaredEffect } from "../../core/contract-drift.ts";
import type { AnyEffect } from "../../workflow/effect.ts";

export function declaredNow({ plan, definition }: AnyEffect): DeclaredEffect {
  return {
    contract: plan.contract.kind,
    integration: definition.on.name,
    byParts: definition.byParts === true,
  };
}
