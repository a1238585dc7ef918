/**
 * A late answer about something of which a person has said meanwhile what happened. What was said is
 * never overwritten, because the run has gone on by it: if both agree nothing has to be done, and else
 * somebody has to look. Source: failure model R30.
 */
import { parseJson } from "../../core/json-text.ts";
import type { IntentHead, JournalRecord, PendingHead, SettledHead } from "../../core/journal.ts";
import { differenceText } from "../../core/json-difference.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { BesideCase } from "../exceptions/beside.ts";
import { toJson } from "../journal/payload.ts";
import { headOf } from "../run/recovery.ts";
import type { LateOutcome } from "../steps/step-slot.ts";

/** A request that was accepted, and who has said since what it came to. */
export interface Assertion {
  readonly run: number;
  readonly step: string;
  readonly effect: string;
  readonly said: SettledHead;
  /** JSON of what it answered, says the person; null for nothing. */
  readonly value: string | null;
}

/** What a person has said about the request with this reference; null if nobody has. */
export function assertionOf(
  { row, records }: Pick<StoredRun, "row" | "records">,
  operation: number,
  ref: string,
): Assertion | null {
  const first = records.find(({ seq, kind }) => seq === operation && kind === "intent");
  if (first === undefined) return null;
  const own = records.filter(({ name }) => name === first.name);
  const accepted = own.findLast((one) => isAccepted(one, ref))?.seq ?? null;
  if (accepted === null) return null;
  const settled = own.find(({ seq, kind }) => kind === "settled" && seq > accepted);
  if (settled === undefined) return null;
  const { effect } = headOf<IntentHead>(first);
  return {
    run: row.run,
    step: first.name,
    effect,
    said: headOf<SettledHead>(settled),
    value: settled.data,
  };
}

function isAccepted(record: JournalRecord, ref: string): boolean {
  return record.kind === "pending" && headOf<PendingHead>(record).ref === ref;
}

/**
 * How the answer contradicts it, as the second half of a sentence; null if they agree.
 *
 * @param sensitive - pointers of the effect: where values differ is said, and never what they are.
 */
export function contradictionText(
  { said, value }: Assertion,
  outcome: LateOutcome,
  sensitive: readonly string[],
): string | null {
  if (!outcome.ok) return said.happened ? "it was refused" : null;
  if (!said.happened) return "it has happened";
  // Whoever gave no value has said nothing about it.
  if (value === null || value === "null") return null;
  const differs = differenceText(parseJson(value), outcome.value, sensitive);
  return differs === null ? null : `it has happened with another answer, which differs ${differs}`;
}

export interface LateAnswer {
  readonly integration: string;
  readonly ref: string;
  readonly outcome: LateOutcome;
  /** Of the integration. */
  readonly owner: string;
}

/** What somebody has to look at. */
export function breakCase(
  { run, step, effect, said }: Assertion,
  { integration, ref, outcome, owner }: LateAnswer,
  how: string,
  limits: Parameters<typeof toJson>[1],
): BesideCase {
  const claim = said.happened ? "it happened" : "it did not happen";
  return {
    run,
    subject: `late answer ${integration} ${ref}`,
    at: step,
    reasonCode: "HF3008",
    rule: "engine/late-answer-contradicts@1",
    message: `${integration} has answered late, and contradicts what was said about "${step}".`,
    because: () =>
      `${said.by} has said of "${step}" that ${claim} (${said.reason}); ${integration} now says under ${JSON.stringify(ref)} that ${how}. The run has gone on by what was said, and nothing was changed.`,
    owner,
    proof: "maybe",
    // As the effect's own answers are: its sensitive fields are covered, and sealed, in this one too.
    data: toJson(outcome.ok ? outcome.value : outcome.message, limits, `late answer under ${ref}`),
    effect,
  };
}
