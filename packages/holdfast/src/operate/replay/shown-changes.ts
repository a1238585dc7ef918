/**
 * What a plan changes in the input of each effect, as it may be shown: whoever starts or approves it has
 * to see what would be sent, and nobody what the effects have declared sensitive.
 */
import { touches } from "../../core/json-edit.ts";
import type { ReplayPlan } from "../../core/replay/replay-plan.ts";
import { maskOf } from "../../core/sensitive.ts";
import type { Masking } from "../masking.ts";

/** The plan with masks in the place of values that touch what any of its effects has declared. */
export function withShownChanges(plan: ReplayPlan, masking: Masking): ReplayPlan {
  const { how } = plan;
  // Sealed, and read without its key: then a mark stands in its place already.
  if (how === undefined || how.act === "again" || !Array.isArray(how.changes)) return plan;
  // Whose input it is differs from item to item, and so does what is sensitive in it.
  if (how.act === "correct") {
    const hidden = how.changes.map(({ at, value }) => ({ at, value: maskOf(value) }));
    return { ...plan, how: { ...how, changes: hidden } };
  }
  const sensitive = effectsOf(plan).map((name) =>
    masking.pointersOf({ definition: "effect", name }),
  );
  const isOpen = (at: string) =>
    sensitive.length > 0 && sensitive.every((all) => all !== null && !touches(at, all));
  const changes = how.changes.map(({ at, value }) => ({
    at,
    value: isOpen(at) ? value : maskOf(value),
  }));
  return { ...plan, how: { ...how, changes } };
}

/** Of what runs again; each with what becomes of it, as `RepairsOfAll` counts them. */
function effectsOf({ shown }: ReplayPlan): readonly string[] {
  return shown.again.map(([name]) => name.replace(/ \([a-z]+\)$/u, ""));
}
