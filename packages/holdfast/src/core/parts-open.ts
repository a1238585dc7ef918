/**
 * Of an operation that was done in part: whether it is open what became of the rest, so that nothing
 * is sent before a person or a look-up has said.
 */
import type { OutcomeHead } from "./journal.ts";
import type { Move } from "./move.ts";

/** @param wasOpen - before the attempt that ended so. */
export function isRestOpen(
  wasOpen: boolean,
  { failure, move }: Pick<OutcomeHead, "failure" | "move">,
): boolean {
  const isKnown = failure?.effect === "never" || failure?.restAlone === true;
  return wasOpen || !isKnown || move?.kind === "split";
}

const LEFT_OPEN: readonly Move["kind"][] = ["resolve", "askOutcome", "repair", "split"];

/** @param move - that a look-up has led to; undefined if to none. */
export function isOpenAfterLook(move: Move | undefined): boolean {
  return move === undefined || LEFT_OPEN.includes(move.kind);
}
