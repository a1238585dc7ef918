/**
 * What a change does to a row that is at hand, for drivers that read a row before they write it:
 * the row before in, the row after out. Pure. The embedded store says the same in SQL.
 */
import type { EffectProof } from "../core/failure.ts";
import {
  handlingAfter,
  handlingClosed,
  nextCrossingAtMs,
  type Handling,
} from "../core/exception-handling.ts";
import type { Change } from "./change.ts";
import type { DependencyRow, EffectRow, ExceptionRow, ReviewRow, RunRow } from "./rows.ts";

type ChangeOf<Kind extends Change["kind"]> = Extract<Change, { readonly kind: Kind }>;

export function runAfter<Row extends RunRow>(
  row: Row,
  change: Exclude<
    Extract<Change, { readonly kind: `run-${string}` }>,
    { readonly kind: "run-started" }
  >,
): Row {
  const { atMs } = change;
  if (change.kind === "run-touched") return { ...row, updatedAtMs: atMs };
  if (change.kind === "run-left-lane") return { ...row, lane: null, updatedAtMs: atMs };
  if (change.kind === "run-on-version")
    return { ...row, codeVersion: change.version, updatedAtMs: atMs };
  const { state, reason } = change;
  if (change.kind === "run-moved") {
    const { wakeAtMs, dependency } = change;
    return { ...row, state, reason, wakeAtMs, dependency, updatedAtMs: atMs };
  }
  const ended = { wakeAtMs: null, dependency: null, updatedAtMs: atMs, endedAtMs: atMs };
  return { ...row, state, reason, compensated: change.compensated, ...ended };
}

/** The part of an effect's row that changes; the rest is in the record of its first intent. */
export interface EffectState {
  readonly run: number;
  readonly operation: number;
  readonly effect: string;
  readonly integration: string;
  readonly proof: EffectProof;
  readonly attempts: number;
  readonly lastSentAtMs: number;
  /** Null while it is not known to have ended. */
  readonly endedAtMs: number | null;
  readonly ref: string | null;
  readonly settledBy: string | null;
}

export function effectStateOf(row: EffectRow): EffectState {
  const { run, operation, effect, integration, proof, attempts } = row;
  const { lastSentAtMs, endedAtMs, ref, settledBy } = row;
  const sent = { run, operation, effect, integration, proof, attempts };
  return { ...sent, lastSentAtMs, endedAtMs, ref, settledBy };
}

export function effectAfter<Row extends EffectState>(
  row: Row,
  change: ChangeOf<"effect-sent-again" | "effect-learnt">,
): Row {
  if (change.kind === "effect-sent-again") {
    // Whatever was proved of the attempts before, this one may have happened.
    const proof = row.proof === "never" ? "maybe" : row.proof;
    const attempts = row.attempts + 1;
    return { ...row, proof, attempts, lastSentAtMs: change.atMs, endedAtMs: null };
  }
  return {
    ...row,
    proof: change.proof,
    endedAtMs: row.endedAtMs ?? (change.ended ? change.atMs : null),
    ref: change.ref ?? row.ref,
    settledBy: settledByAfter(row.settledBy, change),
  };
}

/**
 * Whose word it is what happened. Evidence that it happened, or may have, stands by itself; that a later
 * attempt did nothing rests on what was said of those before it.
 */
export function settledByAfter(
  before: string | null,
  { proof, settledBy }: Pick<ChangeOf<"effect-learnt">, "proof" | "settledBy">,
): string | null {
  return settledBy ?? (proof === "never" ? before : null);
}

export function exceptionAfter<Row extends ExceptionRow>(
  row: Row,
  change: ChangeOf<"exception-closed" | "exception-handled">,
): Row {
  const { by, reason, atMs } = change;
  if (change.kind === "exception-closed") {
    const { resolution } = change;
    const closed = { ...row, resolution, closedBy: by, closedAtMs: atMs };
    return withHandling(closed, handlingClosed(row.handling, reason));
  }
  const { act, command } = change;
  const owner = act.kind === "handed-over" ? act.owner : row.owner;
  const dueAtMs = act.kind === "goes-on" ? act.dueAtMs : row.dueAtMs;
  const handling = handlingAfter(row.handling, act, { by, reason, atMs, command });
  return withHandling({ ...row, owner, dueAtMs }, handling);
}

function withHandling<Row extends ExceptionRow>(row: Row, handling: Handling): Row {
  return { ...row, handling, nextAtMs: nextCrossingAtMs(handling) };
}

export function reviewAfter<Row extends ReviewRow>(
  row: Row,
  change: ChangeOf<"review-answered" | "review-escalated" | "review-withdrawn" | "run-finished">,
): Row {
  switch (change.kind) {
    case "review-answered":
      return { ...row, state: "answered", answeredBy: change.by, answeredAtMs: change.atMs };
    case "review-escalated":
      return { ...row, escalatedTo: change.to };
    case "review-withdrawn":
    case "run-finished":
      return row.state === "open" ? { ...row, state: "withdrawn" } : row;
  }
}

/** A state that stays keeps the time since when it is so. */
export function dependencyAfter(
  before: DependencyRow | undefined,
  row: DependencyRow,
): DependencyRow {
  return before?.state === row.state ? { ...row, sinceMs: before.sinceMs } : row;
}
