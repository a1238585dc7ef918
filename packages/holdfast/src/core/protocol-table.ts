/**
 * What the codes of one protocol mean, as a table of rules, and the one function that reads it.
 *
 * A row says what a code proves about the effect, the class and what has to be paused. It may leave
 * the effect to how far the call had got (`by-phase`): most codes are seen whether the other system
 * did the work or not. Source: failure model 2.3 to 2.10.
 */
import type {
  Classified,
  EffectProof,
  FailureClass,
  FailureOrigin,
  FailureScope,
  Phase,
  RuleReference,
} from "./failure.ts";
import { codeFit, matches, type Facts, type When } from "./rule-match.ts";
import type { RepeatKind } from "./contract.ts";

/** How far something had got, in a protocol's own word. */
interface PhaseMeaning {
  /** As the words of evidence have it: only `none` and `created` prove that nothing left. */
  readonly evidence: Phase;
  readonly means: string;
}

export interface ProtocolRow<PhaseWord extends string = string, Condition extends string = string> {
  /** The rule's id is the table's `prefix`, a slash and this; `$status` stands for the status. */
  readonly id: string;
  readonly when: When<PhaseWord, Condition>;
  /**
   * `by-phase`: never if nothing had left, surely if an answer has said so (`DONE`), maybe
   * otherwise. Left out by a row that says nothing about the effect.
   */
  readonly effect?: EffectProof | "by-phase";
  /** Null: this is no failure. */
  readonly class: FailureClass | null;
  /** Left out: what the class says. */
  readonly scope?: FailureScope;
  /** Left out: the table's. */
  readonly origin?: FailureOrigin;
  /** Left out: made from the table's domain and the code or the row's id. */
  readonly reasonCode?: string;
  /** "Already done": on a later attempt it is presumed to be our own earlier success. */
  readonly echo?: true;
  /** A signal that counts only beside a class in which nobody has to act first. */
  readonly isWeak?: true;
  /** Of class `data`: what it names may come later, by another way, and is waited for so long. */
  readonly mayComeWithinMs?: number;
  /** The sender should stay away for minutes. */
  readonly isSlow?: true;
  /** Where it is written, or how it was measured. */
  readonly source: string;
  readonly note?: string;
}

/**
 * For how long what is missing is waited for where only its code says so, milliseconds: longer than a
 * neighbouring run or a copied file takes, shorter than people would want to hear of it. Who knows better
 * says so in `classify`.
 */
export const MISSING_WAIT_MS = 300_000;

export interface ProtocolTable<
  PhaseWord extends string = string,
  Condition extends string = string,
> {
  /** As the command line and the vectors name it. */
  readonly id: string;
  readonly title: string;
  /** First part of the ids of its rules. */
  readonly prefix: string;
  /** Stamped on every classification; raised when a row changes its meaning. */
  readonly version: number;
  /** `most-exact`: the row that names most of the code, then the first. `first`: the first. */
  readonly pick: "first" | "most-exact";
  /** Domain of its reason codes, and what stands behind it: by `status`, the code if there is one. */
  readonly reason: { readonly domain: string; readonly by: "code" | "id" | "status" };
  readonly origin: FailureOrigin;
  readonly phases: Readonly<Record<PhaseWord, PhaseMeaning>>;
  /** What is taken where nobody says how far it had got: the phase that proves least. */
  readonly phaseAssumed: NoInfer<PhaseWord>;
  readonly conditions?: Readonly<Record<Condition, string>>;
  /** Contracts that effects over this protocol can have; all if left out. */
  readonly contracts?: readonly RepeatKind[];
  /** Other spellings of codes: numbers of names, names of numbers. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** A code for each beginning that stands in a row, for vectors and tests. */
  readonly examples?: Readonly<Record<string, string>>;
  readonly rows: readonly ProtocolRow<NoInfer<PhaseWord>, NoInfer<Condition>>[];
}

/** Checks at compile time that rows use the table's own words, then forgets which those are. */
export function protocolTable<PhaseWord extends string, Condition extends string = never>(
  table: ProtocolTable<PhaseWord, Condition>,
): ProtocolTable {
  return table;
}

export interface RowVerdict {
  readonly row: ProtocolRow;
  /** Null: the row says that it is no failure. */
  readonly says: Classified | null;
  readonly rule: RuleReference;
}

/** What the table says of these facts; null if no row knows them. */
export function consult(table: ProtocolTable, given: Facts): RowVerdict | null {
  const facts = { ...given, code: canonicalCode(table, given.code) };
  const row = rowFor(table, facts);
  if (row === null) return null;
  return { row, says: saysOf(table, row, facts), rule: ruleOf(table, row, facts) };
}

export function canonicalCode(table: ProtocolTable, code: string | null): string | null {
  if (code === null || table.aliases === undefined) return code;
  return Object.hasOwn(table.aliases, code) ? (table.aliases[code] ?? code) : code;
}

export function rowFor(table: ProtocolTable, facts: Facts): ProtocolRow | null {
  if (table.pick === "first") return table.rows.find((row) => matches(row.when, facts)) ?? null;
  let best: ProtocolRow | null = null;
  let bestFit = -1;
  for (const row of table.rows) {
    if (!matches(row.when, facts)) continue;
    const fit = row.when.code === undefined ? 0 : (codeFit(row.when.code, facts.code) ?? 0);
    if (fit <= bestFit) continue;
    best = row;
    bestFit = fit;
  }
  return best;
}

/** Classes that "should retry" of the other side may overrule: the others need somebody to act. */
const OVERRULED: readonly (FailureClass | null | undefined)[] = [
  "transient",
  "throttled",
  "contention",
  "unavailable",
  "data",
  "permanent",
];

/** @param tableClass - what the table says beside the signal; undefined if it says nothing. */
export function isHeard(signal: RowVerdict, tableClass: FailureClass | null | undefined): boolean {
  return signal.row.isWeak !== true || OVERRULED.includes(tableClass);
}

/** Whether nothing had left in this phase. An unknown phase proves nothing. */
export function isUnsentIn(table: ProtocolTable, phase: string | null): boolean {
  const evidence = phase === null ? undefined : table.phases[phase]?.evidence;
  return evidence === "none" || evidence === "created";
}

function saysOf(table: ProtocolTable, row: ProtocolRow, facts: Facts): Classified | null {
  if (row.class === null) return null;
  const effect = row.effect === "by-phase" ? effectByPhase(table, facts) : row.effect;
  return {
    class: row.class,
    ...(effect === undefined ? {} : { effect }),
    ...(row.scope === undefined ? {} : { scope: row.scope }),
    origin: row.origin ?? table.origin,
    reasonCode: row.reasonCode ?? reasonCodeOf(table, row, facts),
    ...(row.mayComeWithinMs === undefined ? {} : { mayComeWithinMs: row.mayComeWithinMs }),
  };
}

/** Name of the condition that an answer has said that it was done, and broke off after its head. */
export const DONE = "done";

/** What is proved by how far it got, and by nothing else. */
export function effectByPhase(
  table: ProtocolTable,
  { phase, holds }: Pick<Facts, "phase" | "holds">,
): EffectProof {
  if (isUnsentIn(table, phase)) return "never";
  const isAnswered = phase !== null && table.phases[phase]?.evidence === "answered";
  return isAnswered && holds(DONE) ? "surely" : "maybe";
}

function reasonCodeOf({ reason }: ProtocolTable, row: ProtocolRow, facts: Facts): string {
  const last =
    (reason.by === "id" ? null : facts.code) ??
    (reason.by === "status" ? `STATUS_${String(facts.status)}` : row.id);
  return `${reason.domain}:${last.replaceAll("-", "_").toUpperCase()}`;
}

function ruleOf(table: ProtocolTable, row: ProtocolRow, facts: Facts): RuleReference {
  const id = row.id.replace("$status", String(facts.status));
  return { source: "table", id: `${table.prefix}/${id}`, version: table.version };
}
