/**
 * The tables as vectors, for those who read another language: what is given, and what has to come
 * out. Made from the tables and the engine's own decision; docs/reference/vectors.md is their format.
 */
import { REPEAT_KINDS, type RepeatKind } from "../core/contract.ts";
import type { EffectProof, FailureClass, FailureScope } from "../core/failure.ts";
import type { MoveKind } from "../core/move.ts";
import {
  canonicalCode,
  DONE,
  rowFor,
  type ProtocolRow,
  type ProtocolTable,
} from "../core/protocol-table.ts";
import type { Protocol } from "../core/protocols/protocols.ts";
import type { Facts, StatusRange } from "../core/rule-match.ts";
import { explain } from "./explain.ts";

/** Raised when the form of the files changes. */
const VECTORS_FORMAT = 2;

export interface Vector {
  readonly code: string | null;
  readonly status: number | null;
  readonly phase: string;
  readonly conditions: readonly string[];
  readonly attempt: number;
  /** An attempt before it may have happened. */
  readonly maybeBefore: boolean;
  readonly rule: string;
  /** Null, like the two after it, if it is no failure. */
  readonly effect: EffectProof | null;
  readonly class: FailureClass | null;
  readonly scope: FailureScope | null;
  readonly moves: Readonly<Partial<Record<RepeatKind, MoveKind>>>;
}

export interface VectorFile {
  readonly format: number;
  readonly protocol: string;
  readonly version: number;
  /** Phases, and what each proves: `unsent` that nothing left, `open` nothing, `answered`. */
  readonly phases: Readonly<Record<string, "unsent" | "open" | "answered">>;
  readonly phaseAssumed: string;
  readonly conditions: Readonly<Record<string, string>>;
  readonly contracts: readonly RepeatKind[];
  readonly aliases: Readonly<Record<string, string>>;
  readonly vectors: readonly Vector[];
}

export function vectorFile(protocol: Protocol): VectorFile {
  const { table, signals } = protocol;
  const own = table.rows.flatMap((row) => vectorsOf(protocol, table, row));
  const said = signals?.rows.flatMap((row) => vectorsOf(protocol, signals, row)) ?? [];
  return {
    format: VECTORS_FORMAT,
    protocol: table.id,
    version: table.version,
    phases: Object.fromEntries(
      Object.keys(table.phases).map((word) => [word, proofOf(table, word)]),
    ),
    phaseAssumed: table.phaseAssumed,
    conditions: table.conditions ?? {},
    contracts: table.contracts ?? REPEAT_KINDS,
    aliases: table.aliases ?? {},
    vectors: [...said, ...own],
  };
}

/** One vector a line, so that a change of the tables is seen line by line. */
export function vectorText({ vectors, ...head }: VectorFile): string {
  const lines = vectors.map((vector) => `    ${JSON.stringify(vector)}`);
  const rest = JSON.stringify(head, null, 2).slice(0, -2);
  return `${rest},\n  "vectors": [\n${lines.join(",\n")}\n  ]\n}\n`;
}

function proofOf(table: ProtocolTable, word: string): "unsent" | "open" | "answered" {
  const evidence = table.phases[word]?.evidence;
  if (evidence === "none" || evidence === "created") return "unsent";
  return evidence === "answered" ? "answered" : "open";
}

/** Every case of a row that no other row takes away from it. */
function vectorsOf(protocol: Protocol, table: ProtocolTable, row: ProtocolRow): readonly Vector[] {
  const places = phasesOf(table, row).flatMap((phase) =>
    conditionsOf(table, row, phase).map((conditions) => ({ phase, conditions })),
  );
  return codesOf(table, row).flatMap((code) =>
    statusesOf(row).flatMap((status) =>
      places.flatMap(({ phase, conditions }) =>
        attemptsOf(row).flatMap(({ attempt, maybeBefore }) => {
          const holds = (condition: string) => conditions.includes(condition);
          const facts: Facts = { code, status, phase, attempt, holds };
          return rowFor(table, facts) === row
            ? [vectorOf(protocol, facts, conditions, maybeBefore)]
            : [];
        }),
      ),
    ),
  );
}

/** The row's own; and once more with the answer's word that it was done, where that counts. */
function conditionsOf(
  table: ProtocolTable,
  { when, effect }: ProtocolRow,
  phase: string,
): readonly (readonly string[])[] {
  const own = when.is ?? [];
  const hasWord = table.conditions !== undefined && Object.hasOwn(table.conditions, DONE);
  const isAnswered = proofOf(table, phase) === "answered";
  return hasWord && isAnswered && effect === "by-phase" ? [own, [...own, DONE]] : [own];
}

function vectorOf(
  protocol: Protocol,
  facts: Facts,
  conditions: readonly string[],
  maybeBefore: boolean,
): Vector {
  const { code, status, phase, attempt } = facts;
  const { failure, rules, moves } = explain({
    protocol,
    code,
    status,
    phase,
    conditions,
    attempt,
    isOpen: maybeBefore,
    retryAfterMs: null,
    message: "",
    contract: null,
  });
  return {
    code,
    status,
    phase: phase ?? protocol.table.phaseAssumed,
    conditions,
    attempt,
    maybeBefore,
    rule: rules[0]?.id ?? "",
    effect: failure?.effect ?? null,
    class: failure?.class ?? null,
    scope: failure?.scope ?? null,
    moves: Object.fromEntries(moves.map(({ contract, move }) => [contract, move])),
  };
}

/** Codes that a row names, an example for each beginning; null alone if it names none. */
export function codesOf(table: ProtocolTable, { when }: ProtocolRow): readonly (string | null)[] {
  if (when.code === undefined) return [null];
  return when.code.map((code) => {
    if (!code.endsWith("*")) return canonicalCode(table, code);
    return table.examples?.[code] ?? code.slice(0, -1).padEnd(SQLSTATE_CHARS, "0");
  });
}

/** Every class of SQLSTATE has a state of zeros, which means "unspecified". */
const SQLSTATE_CHARS = 5;

export function statusesOf({ when }: ProtocolRow): readonly (number | null)[] {
  return when.status?.flatMap(endsOf) ?? [null];
}

/** Both ends of a range, and one between, which no row of its own is likely to take. */
function endsOf(range: StatusRange): readonly number[] {
  if (typeof range === "number") return [range];
  const [first, last] = range;
  return [first, first + Math.floor(((last - first) * 3) / 5), last];
}

/** Those of the row; else all where the effect depends on it, else the one that is assumed. */
function phasesOf(table: ProtocolTable, row: ProtocolRow): readonly string[] {
  if (row.when.phase !== undefined) return row.when.phase;
  return row.effect === "by-phase" ? Object.keys(table.phases) : [table.phaseAssumed];
}

/** Once more where "it is there already" may be about an attempt of ours. */
function attemptsOf({
  echo,
  when,
}: ProtocolRow): readonly Pick<Vector, "attempt" | "maybeBefore">[] {
  const attempt = when.attemptFrom ?? 1;
  const first = { attempt, maybeBefore: false };
  return echo === true ? [first, { attempt: attempt + 1, maybeBefore: true }] : [first];
}
