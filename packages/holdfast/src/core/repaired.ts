/**
 * Heads of the records by which people repair one run. A repair adds to the journal and takes nothing
 * away: the code runs anew from it, and recovery comes to the same state. Source: decision 0023.
 */
import type { EffectProof } from "./failure.ts";
import type { SaidParts } from "./said-parts.ts";

/** Who did it, and who else has approved it. */
export interface ByHand {
  readonly by: string;
  /** Absent where no second person was needed. */
  readonly approvedBy?: string;
  readonly reason: string;
  /** Id of the command in the inbox that said so: taken again after a crash, it is recognised. */
  readonly command?: string;
}

/** Ends the step with the record's data. Holdfast has sent nothing for it. */
export interface SuppliedHead extends ByHand {
  /** Sequence number of the operation's first intent; 0 if there was none. */
  readonly operation: number;
  readonly effect: string;
  /** As it was known before: a supplied result says nothing about the other system. */
  readonly proof: EffectProof;
  readonly end: "value";
  /** The step was skipped: the value only stands in for it. */
  readonly skipped?: true;
  /** The other system's reference, of what was done there by hand. */
  readonly ref?: string;
  /** The record that held this value before the run was done again: the engine keeps it. */
  readonly kept?: number;
}

/** The record's data is the corrected input; the next attempt sends that. */
export interface EditedHead extends ByHand {
  readonly effect: string;
  /** Hex HMAC of the input that the code asks with. */
  readonly asked: string;
  /** Hex HMAC of the corrected input. */
  readonly digest: string;
  /** JSON pointers of what was changed. */
  readonly changed: readonly string[];
  /** Set if the intent is another one: the operation gets a new key. One more than before. */
  readonly generation?: number;
  /** Data is the input as the code asks with it, which no intent holds: kept, and nothing is sent. */
  readonly original?: true;
}

/**
 * What was recorded from a step on is superseded: the code asks for it again. What was done outside
 * stays in the ledger, and its contract decides whether it is sent again (repeat.ts).
 */
export interface AgainHead extends ByHand {
  /** Steps whose first record has this number or a later one are superseded. */
  readonly fromSeq: number;
  /** The step from which the run is done again; null if from its beginning. */
  readonly step: string | null;
  /** Numbers of open questions that are withdrawn. */
  readonly reviews: readonly number[];
  /** Steps that wait for events, which they do no more. */
  readonly awaits: readonly string[];
  /** Set if the record's data is another input of the run: JSON pointers of what was changed. */
  readonly changed?: readonly string[];
}

/** What a person may do to one run. */
export const REPAIR_ACTS = ["supply", "skip", "edit", "again", "correct", "anew"] as const;
export type RepairAct = (typeof REPAIR_ACTS)[number];

/** What a proposal is about: a repair, or what has happened outside. */
export type ProposalAct = RepairAct | "settle";

/** What somebody says of an operation whose outcome is unknown. */
export interface SaidOutcome {
  /** Sequence number of its first intent. */
  readonly operation: number;
  /** Attempts that the ledger showed to who says it: nothing is said of a later one. */
  readonly attempts: number;
  readonly happened: boolean;
  /** Of what happened in part. */
  readonly parts?: SaidParts;
  /** Number of the exception that was seen; null for whichever was open. */
  readonly exception: number | null;
}

/**
 * A repair that waits for a second person: what would be done, frozen. Its data is what would be on
 * record then: a result, or a whole input.
 */
export interface ProposedHead extends Omit<ByHand, "approvedBy"> {
  readonly act: ProposalAct;
  readonly step: string | null;
  readonly workflow: string;
  /** Effect of the step; absent where the data is an input of the workflow, or none. */
  readonly effect?: string;
  /** Whose second person is asked: the owner of the run. */
  readonly owner: string;
  /** Why a second person is needed, as a sentence. */
  readonly needs: string;
  /** Where the run stood: see run-version.ts. */
  readonly version: number;
  /** Hex HMAC of all that is frozen: an approval is bound to it. */
  readonly digest: string;
  readonly expiresAtMs: number;
  readonly ref?: string;
  readonly newKey?: true;
  /** Of `settle`; its data is what the effect would have answered. */
  readonly said?: SaidOutcome;
}

/** What became of a proposal; `void`: its run has moved since. */
export type Verdict = "approved" | "rejected" | "expired" | "void";

export interface DecidedHead extends ByHand {
  /** Sequence number of the `proposed` record. */
  readonly proposed: number;
  readonly verdict: Verdict;
  /** The run that it has started, for a command that is taken again. */
  readonly started?: number;
}

/** A proposal is listed among the reviews under this name; no review of a workflow may begin so. */
export const PROPOSAL_PREFIX = "holdfast/";

/** How long a proposal may be approved, milliseconds. Source: failure model 4.5. */
export const PROPOSAL_MS = 86_400_000;
