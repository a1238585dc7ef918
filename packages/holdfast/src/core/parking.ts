/** Bounds of what a person may say of an integration as a whole. */
import { didYouMean } from "./nearest.ts";

/** An integration is parked by hand for no longer, milliseconds: nobody remembers it after a week. */
export const PARK_MS_MAX = 7 * 86_400_000;
/** What goes on record of it, in characters. */
export const PARK_TEXT_MAX = 2_200;

/** The integration that a gate is of: a part or a tenant of it may have one of its own. */
export function integrationOfGate(gate: string): string {
  return gate.split(/[/@]/u, 1)[0] ?? gate;
}

/**
 * An error's text and remedy for a name that no effect is on record under.
 *
 * @param known - integrations and gates that are.
 */
export function unknownIntegration(
  name: string,
  known: readonly string[],
): { readonly message: string; readonly remedy: string } {
  const some = [...new Set(known)].toSorted().slice(0, NAMED_MAX);
  const list =
    some.length === 0 ? "No integration was called yet." : `Known are: ${some.join(", ")}.`;
  return {
    message: `No effect of an integration ${JSON.stringify(name.slice(0, 60))} is on record. Nothing was parked.`,
    remedy: `${didYouMean(name, some)}${list}`,
  };
}

/** Names that an error lists. */
const NAMED_MAX = 20;
