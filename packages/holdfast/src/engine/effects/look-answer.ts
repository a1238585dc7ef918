/** What a look-up has answered, as it is decided on and recorded: untyped callers may answer anything. */
import type { ProbeAnswer } from "../../core/after-probe.ts";
import type { Seen } from "../../workflow/seen.ts";
import { requireText } from "../journal/checked-values.ts";
import { toJson } from "../journal/payload.ts";
import { textOf, thrownText } from "../exceptions/thrown-text.ts";

/** Characters of the reason why a look-up could not tell. */
const WHY_CHARS_MAX = 500;

/**
 * Of an answer that is not `done`, whose value has to be parsed first.
 *
 * @param mask - covers what is sensitive, before anything is cut off.
 * @throws {TypeError} for what is no answer at all.
 */
export function answerOf(
  seen: Exclude<Seen<unknown>, { readonly seen: "done" }>,
  askedAtMs: number,
  mask: (text: string) => string,
): ProbeAnswer {
  switch (seen.seen) {
    case "conflict":
      return { says: "conflict", askedAtMs };
    case "notDone":
      // Only a clear yes is one: what cannot happen any more may be sent again.
      return { says: "notDone", askedAtMs, fenced: (seen.final as unknown) === true };
    case "cannotTell":
      return { says: "cannotTell", askedAtMs, why: textOf(seen.why, WHY_CHARS_MAX, mask) };
    default:
      throw new TypeError(
        `the look-up answered nothing that is known: ${textOf(seen, WHY_CHARS_MAX, mask)}`,
      );
  }
}

/** The reference under which it was found, if the look-up says one. */
export function foundRef(ref: unknown, what: string): string | null {
  return ref === undefined ? null : requireText(ref, `reference that the look-up of ${what} found`);
}

/**
 * What is there in the place of ours; null where the look-up says no such thing. It need not fit any
 * schema: it is only looked at.
 */
export function foundInstead(
  seen: Seen<unknown>,
  limits: Parameters<typeof toJson>[1],
  path: string,
): { readonly value: string; readonly ref: null } | null {
  if (seen.seen !== "conflict") return null;
  try {
    return { value: toJson(seen.value, limits, `what is there for ${path}`), ref: null };
  } catch (error) {
    // Decided here: that something else is there is worth more than what it is.
    return { value: JSON.stringify(thrownText(error).message), ref: null };
  }
}
