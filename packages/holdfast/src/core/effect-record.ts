/** Records of an effect step, each with its head parsed: what the fold of its state is made of. */
import type {
  ClosedHead,
  IntentHead,
  JournalRecord,
  OpenedHead,
  OutcomeHead,
  PendingHead,
  ProbeHead,
  ResumedHead,
  SettledHead,
} from "./journal.ts";
import { parseJson } from "./json-text.ts";
import type { RecordKind } from "./record-kinds.ts";
import type { AgainHead, EditedHead, SuppliedHead } from "./repaired.ts";

export interface Placed {
  readonly seq: number;
  readonly attempt: number;
  readonly atMs: number;
  /** JSON payload, or null. */
  readonly data: string | null;
}

/** A record of an effect step with its head parsed. */
export type EffectRecord = Placed &
  (
    | { readonly kind: "intent"; readonly head: IntentHead }
    | { readonly kind: "outcome"; readonly head: OutcomeHead }
    | { readonly kind: "probe"; readonly head: ProbeHead }
    | { readonly kind: "settled"; readonly head: SettledHead }
    | { readonly kind: "pending"; readonly head: PendingHead }
    | { readonly kind: "opened"; readonly head: OpenedHead }
    | { readonly kind: "closed"; readonly head: ClosedHead }
    | { readonly kind: "resumed"; readonly head: ResumedHead }
    | { readonly kind: "supplied"; readonly head: SuppliedHead }
    | { readonly kind: "edited"; readonly head: EditedHead }
    | { readonly kind: "again"; readonly head: AgainHead }
  );

const EFFECT_RECORD_KINDS = [
  "intent",
  "outcome",
  "probe",
  "settled",
  "pending",
  "opened",
  "closed",
  "resumed",
  "supplied",
  "edited",
  "again",
] as const satisfies readonly RecordKind[];

/**
 * The record with its head parsed, or null if it is of a kind that effects do not have.
 *
 * @param written - the head as it was just written: spares parsing it. Plain JSON only, or the
 *   state would differ from what recovery folds from the text.
 */
export function effectRecordOf(record: JournalRecord, written?: object): EffectRecord | null {
  const { kind, head: text, seq, attempt, atMs, data } = record;
  if (!(EFFECT_RECORD_KINDS as readonly RecordKind[]).includes(kind) || text === null) return null;
  const head = written ?? parseJson(text);
  // The head was written by us for this kind, and the store's seals guard it since.
  return { kind, seq, attempt, atMs, data, head } as EffectRecord;
}
