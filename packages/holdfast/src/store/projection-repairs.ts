/**
 * What repairs by hand change in the rows that are looked up: a proposal is a question to a second
 * person, listed among the reviews. Part of projection.ts.
 */
import { assertNever } from "../core/assert.ts";
import type { JournalRecord } from "../core/journal.ts";
import {
  PROPOSAL_PREFIX,
  type AgainHead,
  type DecidedHead,
  type ProposedHead,
} from "../core/repaired.ts";
import type { Change } from "./change.ts";
import type { ReviewRow } from "./rows.ts";

/** @param headOf - reads the record's head. */
export function repaired(
  record: JournalRecord,
  kind: "again" | "proposed" | "decided",
  headOf: <Head>(record: JournalRecord) => Head,
): readonly Change[] {
  switch (kind) {
    case "again":
      return again(record, headOf<AgainHead>(record));
    case "proposed":
      return proposed(record, headOf<ProposedHead>(record));
    case "decided":
      return decided(record, headOf<DecidedHead>(record));
    default:
      return assertNever(kind);
  }
}

/** What the superseded steps still waited for is over. */
function again({ run, atMs }: JournalRecord, head: AgainHead): readonly Change[] {
  return [
    { kind: "run-touched", run, atMs },
    ...head.reviews.map((seq) => ({ kind: "review-withdrawn", run, seq }) as const),
    ...head.awaits.map((step) => ({ kind: "awaiting-removed", run, step }) as const),
  ];
}

function proposed(record: JournalRecord, head: ProposedHead): readonly Change[] {
  const row: ReviewRow = {
    run: record.run,
    seq: record.seq,
    step: head.step ?? "",
    review: `${PROPOSAL_PREFIX}${head.act}`,
    by: head.owner,
    notBy: head.by,
    state: "open",
    askedAtMs: record.atMs,
    dueAtMs: head.expiresAtMs,
    escalatedTo: null,
    answeredBy: null,
    answeredAtMs: null,
    digest: head.digest,
    amount: null,
    currency: null,
  };
  return [{ kind: "review-asked", row }];
}

function decided({ run, atMs }: JournalRecord, head: DecidedHead): readonly Change[] {
  const { proposed: seq, by } = head;
  switch (head.verdict) {
    case "approved":
    case "rejected":
      return [{ kind: "review-answered", run, seq, by, atMs }];
    case "expired":
    case "void":
      return [{ kind: "review-withdrawn", run, seq }];
    default:
      return assertNever(head.verdict);
  }
}
