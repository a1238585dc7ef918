/**
 * A line of a protocol's classification table, as data: tables can be listed, dry-run and compared
 * with the failure model line by line. Sources: failure model 2.4 to 2.10.
 */
import type { ClassifierInput } from "./classify.ts";
import type {
  Classified,
  EffectProof,
  FailureClass,
  FailureOrigin,
  FailureScope,
  Phase,
} from "./failure.ts";

export interface ClassificationRow {
  /** For example `node`, `http`, `smtp`, `grpc`, `sqlstate`. */
  readonly protocol: string;
  /** What the row is for: all that are given must match. */
  readonly match: {
    /** Error code, SQLSTATE or reason, compared exactly. */
    readonly codes?: readonly string[];
    /** Protocol status, compared exactly. */
    readonly statuses?: readonly number[];
    /** First and last status, both included. */
    readonly statusRange?: readonly [number, number];
    /** Regular expression without flags, for what only the message tells. */
    readonly message?: RegExp;
  };
  /** Phases in which the row applies; left out, all of them. */
  readonly phases?: readonly Phase[];
  readonly effect: EffectProof;
  readonly class: FailureClass;
  readonly scope?: FailureScope;
  readonly origin?: FailureOrigin;
  readonly reasonCode: string;
  /** "It is there already": on a repeat presumed to be our own success (echo rule, 2.3). */
  readonly echo?: boolean;
  /** See `ClassifierInput.neverNeeds`. */
  readonly neverNeeds?: "unsent" | "answered";
  readonly note?: string;
  /** Where the row comes from, for example `failure-model 2.4` or `RFC 9113 8.7`. */
  readonly source: string;
}

/** What is known of a failure that is looked up in a table. */
export interface Symptom {
  readonly code?: string;
  readonly status?: number;
  readonly message?: string;
  readonly phase?: Phase;
}

/** The first row that fits, or null. Order in the table is precedence. */
export function findRow(
  rows: readonly ClassificationRow[],
  symptom: Symptom,
): ClassificationRow | null {
  return rows.find((row) => matches(row, symptom)) ?? null;
}

function matches({ match, phases }: ClassificationRow, symptom: Symptom): boolean {
  const { code, status, message, phase } = symptom;
  if (phases !== undefined && (phase === undefined || !phases.includes(phase))) return false;
  if (match.codes !== undefined && (code === undefined || !match.codes.includes(code)))
    return false;
  if (match.statuses !== undefined && (status === undefined || !match.statuses.includes(status))) {
    return false;
  }
  if (match.statusRange !== undefined) {
    const [first, last] = match.statusRange;
    if (status === undefined || status < first || status > last) return false;
  }
  return match.message === undefined || match.message.test(message ?? "");
}

/** What a table's row says, as an input of `classify`. */
export function rowInput(row: ClassificationRow, version: number): ClassifierInput {
  const says: Classified = {
    class: row.class,
    effect: row.effect,
    reasonCode: row.reasonCode,
    ...(row.scope === undefined ? {} : { scope: row.scope }),
    ...(row.origin === undefined ? {} : { origin: row.origin }),
  };
  return {
    source: "table",
    says,
    id: `${row.protocol}/${row.reasonCode}`,
    version,
    ...(row.echo === undefined ? {} : { echo: row.echo }),
    ...(row.neverNeeds === undefined ? {} : { neverNeeds: row.neverNeeds }),
  };
}
