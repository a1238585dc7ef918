/** What repairs by hand say on a timeline: what was done by hand is marked as that. */
import type { SettledHead, StartedHead } from "../core/journal.ts";
import { isoText } from "./views.ts";
import type {
  AgainHead,
  ByHand,
  DecidedHead,
  EditedHead,
  ProposedHead,
  SuppliedHead,
} from "../core/repaired.ts";

interface Said {
  readonly what: string;
  readonly by: string;
}

export const REPAIR_SAYINGS = {
  supplied: (head: SuppliedHead): Said & Pick<SuppliedHead, "proof"> => ({
    what: suppliedText(head),
    proof: head.proof,
    by: head.by,
  }),
  edited: (head: EditedHead): Said => ({
    what:
      head.original === true
        ? "the input as the code asks with it"
        : `manual: input corrected at ${head.changed.join(", ")}${head.generation === undefined ? "" : `, under a new key (generation ${String(head.generation)})`}${checked(head)}; ${head.reason}`,
    by: head.by,
  }),
  again: (head: AgainHead): Said => ({
    what: `manual: ${head.changed === undefined ? "" : `input corrected at ${head.changed.join(", ")}; `}done again from ${head.step === null ? "the beginning" : `"${head.step}"`}${checked(head)}; ${head.reason}`,
    by: head.by,
  }),
  proposed: (head: ProposedHead): Said => ({
    what: `proposed: ${head.act}${outcomeWord(head)}${head.step === null ? "" : ` "${head.step}"`}, to be approved by another person until ${isoText(head.expiresAtMs)}: ${head.needs}; ${head.reason}`,
    by: head.by,
  }),
  decided: (head: DecidedHead): Said => ({
    what: `proposal ${String(head.proposed)} ${head.verdict}: ${head.reason}`,
    by: head.by,
  }),
};

function outcomeWord({ said }: ProposedHead): string {
  if (said === undefined) return "";
  if (said.parts !== undefined) return " as happened in part";
  return said.happened ? " as happened" : " as not happened";
}

function suppliedText(head: SuppliedHead): string {
  const { kept, skipped, ref, reason } = head;
  if (kept !== undefined) return `the result of record ${String(kept)} is kept: ${reason}`;
  const what = skipped === true ? "skipped" : "result supplied";
  const there = ref === undefined ? "" : `, their reference ${ref}`;
  return `manual: ${what}${there}${checked(head)}; ${reason}`;
}

export function checked({ approvedBy }: Pick<ByHand, "approvedBy">): string {
  return approvedBy === undefined ? "" : `, approved by ${approvedBy}`;
}

export function settledText({ happened, partsDone }: SettledHead): string {
  if (partsDone === undefined) return happened ? "happened" : "did not happen";
  const named = partsDone.slice(0, PARTS_NAMED_MAX).join(", ");
  const more = partsDone.length - PARTS_NAMED_MAX;
  return `happened in part, and no more than: ${named}${more > 0 ? ` and ${String(more)} more` : ""}`;
}

/** Parts that a line names. */
const PARTS_NAMED_MAX = 5;

/** With what somebody gave in the place of a message that did not fit. */
export function admittedText({ admitted }: StartedHead): string {
  if (admitted === undefined) return "";
  return `for a message that did not fit (${admitted.exception}, admitted: ${admitted.reason}) `;
}
