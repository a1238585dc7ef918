/**
 * The question "Did it happen?" with its evidence: what was sent and when, how far it got, what the
 * look-ups said, what was found instead, and what each answer would do. Source: failure model R28.
 */
import { isOutcomeOpen, settleOf } from "../core/acts.ts";
import { assertNever } from "../core/assert.ts";
import type { RepeatKind } from "../core/contract.ts";
import { parseJson } from "../core/json-text.ts";
import type {
  IntentHead,
  JournalRecord,
  OutcomeHead,
  ProbeHead,
  ProbeSaying,
} from "../core/journal.ts";
import { payloadOwner } from "../core/payload-owner.ts";
import { settlingNeeds } from "../core/settling-needs.ts";
import { isUndoPath } from "../core/step-path.ts";
import { formatItemId } from "../core/run-number.ts";
import type { ExceptionRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { isFinal } from "../core/run-state.ts";
import type { Masking, Payload } from "./masking.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";
import { partsBy, partsCommand, type PartsView } from "./parts-view.ts";

/** Records of a run that are looked through for one question, from the first attempt on. */
const RECORDS_MAX = 500;
/** Characters of each payload that are shown. */
const PAYLOAD_CHARS_MAX = 1_000;

interface LookView {
  readonly at: string;
  readonly says: ProbeSaying;
  /** Its own words where it could not tell; null for none. */
  readonly why: string | null;
}

interface OutcomeAnswer {
  readonly answer: "happened" | "not" | "in-part" | "cannot-tell";
  /** What follows from it. */
  readonly does: string;
  readonly command: string;
}

export interface OutcomeQuestion {
  readonly question: "did-it-happen";
  /** Keyed digest of the request: the same in two places means the same request. */
  readonly digest: string;
  readonly contract: string;
  /** What was sent, masked; null if its record is gone. */
  readonly sent: Payload | null;
  readonly attempts: readonly string[];
  /** How far the last attempt is known to have got; null if nothing marked that. */
  readonly lastPhase: string | null;
  readonly looks: readonly LookView[];
  /** What a look-up found in its place, masked. */
  readonly found: Payload | null;
  /** Why a second person has to approve what is said; null if one person says it alone. */
  readonly secondPerson: string | null;
  readonly answers: readonly OutcomeAnswer[];
}

/** Null where nobody is asked what happened. */
export async function outcomeQuestion(
  reader: StoreReader,
  masking: Masking,
  row: ExceptionRow,
): Promise<OutcomeQuestion | null> {
  const { run, operation, step, closedAtMs } = row;
  const isAsked = isOutcomeOpen(row) && row.subject === null && closedAtMs === null;
  if (!isAsked || operation === null) return null;
  const all = await reader.records(run, operation - 1, RECORDS_MAX);
  const own = all.filter(({ name }) => name === step);
  const [first] = own;
  if (first?.kind !== "intent") return null;
  const intent = headOf<IntentHead>(first);
  const { digest, contract } = intent;
  const looks = own.filter(({ kind }) => kind === "probe");
  const instead = looks.findLast((look) => headOf<ProbeHead>(look).says === "conflict");
  const shown = (record: JournalRecord | undefined) =>
    record === undefined || record.data === null
      ? null
      : masking.payload(record.data, payloadOwner(record, row.workflow), PAYLOAD_CHARS_MAX);
  return {
    question: "did-it-happen",
    digest,
    contract,
    sent: shown(first),
    attempts: own.filter(({ kind }) => kind === "intent").map(({ atMs }) => isoOf(atMs)),
    lastPhase: phaseOf(own),
    looks: looks.map(lookView),
    found: shown(instead),
    secondPerson: settlingNeeds(intent),
    answers: answersTo(row, contract, await needsValue(reader, row), partsBy(own)),
  };
}

/** The journal of one operation never marks an attempt that has not failed. */
function phaseOf(own: readonly JournalRecord[]): string | null {
  const ends = own.filter(({ kind }) => kind === "outcome");
  return ends
    .map((record) => headOf<OutcomeHead>(record).failure?.evidence.phase ?? null)
    .reduce((last, phase) => phase ?? last, null as string | null);
}

function lookView(record: JournalRecord): LookView {
  const { askedAtMs, says, why = null } = headOf<ProbeHead>(record);
  return { at: isoOf(askedAtMs), says, why };
}

/** Whether the code waits for what it answered. */
async function needsValue(reader: StoreReader, { run, operation }: ExceptionRow): Promise<boolean> {
  const [row, effects] = await Promise.all([
    reader.run(run),
    reader.effects({ afterRun: run - 1, limit: PAGE_LIMIT_MAX, run }),
  ]);
  const isEnded = effects.find((one) => one.operation === operation)?.ended ?? true;
  return row !== null && !isFinal(row.state) && !isEnded;
}

function answersTo(
  row: ExceptionRow,
  contract: RepeatKind,
  isAwaited: boolean,
  parts: PartsView | null,
): readonly OutcomeAnswer[] {
  const takes = settleOf(row);
  const effect = formatItemId("eff", { run: row.run, seq: row.operation ?? 0 });
  const about = `--exception ${formatItemId("exc", row)} --reason "..."`;
  const isUndoing = isUndoPath(row.step);
  const happened: OutcomeAnswer = {
    answer: "happened",
    does: isUndoing
      ? "it counts as undone, and the run goes on being taken back"
      : "it is not sent again; the run goes on with the value that you give",
    command: `holdfast settle ${effect} happened ${isUndoing ? "" : isAwaited ? "--value JSON " : "[--value JSON] "}[--ref TEXT] ${about}`,
  };
  const not: OutcomeAnswer = {
    answer: "not",
    does: `it is sent again at once; if it did happen, ${repeated(contract, row)}`,
    command: `holdfast settle ${effect} not ${about}`,
  };
  const cannotTell: OutcomeAnswer = {
    answer: "cannot-tell",
    does: "whoever is above the owner is asked; nothing is sent and nothing undone meanwhile",
    command: `holdfast settle ${effect} cannot-tell ${about}`,
  };
  const byPart = isAwaited ? partsCommand(effect, about, parts) : null;
  const inPart: readonly OutcomeAnswer[] =
    byPart === null
      ? []
      : [
          {
            answer: "in-part",
            does: "the rest is sent at once, and nothing else",
            command: byPart,
          },
        ];
  return takes === "either"
    ? [happened, not, ...inPart, cannotTell]
    : [happened, ...inPart, cannotTell];
}

/** What comes of it where it is sent a second time, by its contract. */
function repeated(contract: RepeatKind, { record }: ExceptionRow): string {
  switch (contract) {
    case "read":
    case "idempotent":
      return "the same again changes nothing over there";
    case "keyed": {
      const { keyWindowEndsAtMs: endsAtMs } = record;
      if (endsAtMs === null) return TWICE;
      return `the other system knows its key until ${isoOf(endsAtMs)} and does it once; after that ${TWICE}`;
    }
    case "probeable":
    case "once":
      return TWICE;
    default:
      return assertNever(contract);
  }
}

const TWICE = "it happens twice";

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** The engine wrote it with the shape of its kind. */
function headOf<Head>(record: JournalRecord): Head {
  return parseJson(record.head ?? "{}") as Head;
}
