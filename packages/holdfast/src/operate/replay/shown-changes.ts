/**
 * What a plan changes in the inputs of its items, as it may be shown: whoever starts or approves it has
 * to see what would be sent in the place of what, and nobody what definitions have declared sensitive.
 */
import { touches } from "../../core/json-edit.ts";
import type { PayloadOwner } from "../../core/payload-owner.ts";
import type { ChangedField } from "../../core/replay/changed-fields.ts";
import type { ReplayMode, ReplayPlan } from "../../core/replay/replay-plan.ts";
import { masked, maskOf } from "../../core/sensitive.ts";
import type { Masking } from "../masking.ts";

/** Whose input it is in which a plan changes a field. */
export function changedOwner(act: ReplayMode["act"], name: string): PayloadOwner {
  return { definition: act === "correct" ? "workflow" : "effect", name };
}

/** The plan with masks in the place of values that touch what the definitions of any of its items have declared. */
export function withShownChanges(plan: ReplayPlan, masking: Masking): ReplayPlan {
  const { how, shown } = plan;
  // Sealed, and read without its key: then a mark stands in its place already.
  if (how === undefined || how.act === "again") return plan;
  if (how.act === "supply" || how.act === "skip")
    return { ...plan, how: { ...how, value: shownResult(plan, how.value, masking) } };
  if (!Array.isArray(how.changes)) return plan;
  const isOpenIn = (name: string, at: string) => {
    const sensitive = masking.pointersOf(changedOwner(how.act, name));
    return sensitive !== null && !touches(at, sensitive);
  };
  const fields = shown.changes ?? [];
  const changes = how.changes.map(({ at, value }) => {
    const own = fields.filter((field) => field.at === at);
    const isOpen = own.length > 0 && own.every(({ of }) => isOpenIn(of, at));
    return { at, value: isOpen ? value : maskOf(value) };
  });
  // What was not declared when the plan was made may be by now.
  const before = fields.map((field) => (isOpenIn(field.of, field.at) ? field : covered(field)));
  const changed = shown.changes === undefined ? shown : { ...shown, changes: before };
  return { ...plan, how: { ...how, changes }, shown: changed };
}

/** What every effect that gets it has declared sensitive is covered. */
function shownResult({ shown }: ReplayPlan, value: unknown, masking: Masking): unknown {
  const effects = shown.again.map(([name]) => name.replace(/ \([a-z]+\)$/u, ""));
  if (effects.length === 0) return maskOf(value);
  return effects.reduce((result: unknown, name) => {
    const sensitive = masking.pointersOf({ definition: "effect", name });
    return sensitive === null ? maskOf(value) : masked(result, sensitive);
  }, value);
}

function covered(field: ChangedField): ChangedField {
  return { ...field, from: field.from.map(([text, count]) => [coveredText(text), count]) };
}

/** What says nothing of the value stays; of the rest only that something is there. */
function coveredText(text: string): string {
  return /^(?:"\[masked [a-z]+\]"|nothing|cannot be read here)$/u.test(text)
    ? text
    : JSON.stringify("[masked]");
}
