/**
 * Explains one bad end: what the tables make of it, by which rule and where that is written, and the
 * move that follows under each repeat contract. Reads nothing and remembers nothing.
 */
import type { RepeatKind } from "../core/contract.ts";
import { REPEAT_KINDS } from "../core/contract.ts";
import { durationText } from "../core/duration.ts";
import type { Failure } from "../core/failure.ts";
import type { MoveKind } from "../core/move.ts";
import type { RowVerdict } from "../core/protocol-table.ts";
import type { Protocol } from "../core/protocols/protocols.ts";
import { failureByTable, PLAIN_CONTRACTS, plainMove } from "../core/table-failure.ts";

/** One bad end, in the words of its protocol's table. */
export interface Given {
  readonly protocol: Protocol;
  readonly code: string | null;
  readonly status: number | null;
  /** One of the table's, or null where it is not known. */
  readonly phase: string | null;
  /** Names of the table's conditions that hold. */
  readonly conditions: readonly string[];
  readonly attempt: number;
  /** An earlier attempt of the same operation may have happened. */
  readonly isOpen: boolean;
  readonly retryAfterMs: number | null;
  readonly message: string;
  /** Null: all of them. */
  readonly contract: RepeatKind | null;
}

export interface ExplainedRule {
  readonly id: string;
  readonly version: number;
  readonly from: "signal" | "table";
  /** Where it is written, or how it was measured. */
  readonly source: string;
  readonly note: string | null;
}

interface ExplainedMove {
  readonly contract: RepeatKind;
  readonly move: MoveKind;
  readonly because: string;
}

export interface Explanation {
  readonly protocol: string;
  readonly code: string | null;
  readonly status: number | null;
  readonly phase: string;
  /** Nobody said how far it had got, so the phase that proves least was taken. */
  readonly isPhaseAssumed: boolean;
  readonly conditions: readonly string[];
  readonly attempt: number;
  /** False: no rule of the protocol knows it, and what follows is the fallback. */
  readonly isKnown: boolean;
  /** Null: it is no failure. */
  readonly failure: Failure | null;
  /** The strongest first; empty if none knows it. */
  readonly rules: readonly ExplainedRule[];
  /** Empty if it is no failure. */
  readonly moves: readonly ExplainedMove[];
}

export function explain(given: Given): Explanation {
  const { protocol, code, status, conditions, attempt, isOpen, retryAfterMs } = given;
  const { failure, verdict, signal } = failureByTable(
    protocol,
    {
      code,
      status,
      phase: given.phase,
      attempt,
      holds: (condition) => conditions.includes(condition),
    },
    {
      message: given.message,
      openMaybe: isOpen,
      ...(retryAfterMs === null ? {} : { retryAfterMs }),
    },
  );
  const contracts =
    given.contract === null ? (protocol.table.contracts ?? REPEAT_KINDS) : [given.contract];
  return {
    protocol: protocol.table.id,
    code,
    status,
    phase: given.phase ?? protocol.table.phaseAssumed,
    isPhaseAssumed: given.phase === null && Object.keys(protocol.table.phases).length > 1,
    conditions,
    attempt,
    isKnown: verdict !== null || signal !== null,
    failure,
    rules: [...ruleOf("signal", signal), ...ruleOf("table", verdict)],
    moves: failure === null ? [] : contracts.map((kind) => moveUnder(kind, failure, given)),
  };
}

function ruleOf(from: "signal" | "table", verdict: RowVerdict | null): ExplainedRule[] {
  if (verdict === null) return [];
  const { row, rule } = verdict;
  const { source, note = null } = row;
  return [{ id: rule.id, version: rule.version, from, source, note }];
}

function moveUnder(kind: RepeatKind, failure: Failure, given: Given): ExplainedMove {
  const { attempt, isOpen, retryAfterMs: hintMs } = given;
  const plain = { attempt, openMaybe: isOpen, hintMs };
  const move = plainMove(failure, PLAIN_CONTRACTS[kind], plain);
  const next = "delayMs" in move ? ` Next in ${durationText(move.delayMs)}.` : "";
  return { contract: kind, move: move.kind, because: `${move.because}${next}` };
}
