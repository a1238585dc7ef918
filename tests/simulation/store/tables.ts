/**
 * What a store looks up, in memory: the same fold of changes that the drivers write as SQL. Nothing
 * here decides; a row changes as `row-changes` says.
 */
import type { Change } from "#src/store/change.ts";
import type {
  AcceptedEventRow,
  DeclarationRow,
  DependencyRow,
  EarlyAnswerRow,
  EffectRow,
  ExceptionRow,
  KeptEventRow,
  ReceivedRow,
  ReviewRow,
  RunRow,
} from "#src/store/rows.ts";
import {
  dependencyAfter,
  effectAfter,
  exceptionAfter,
  reviewAfter,
  runAfter,
} from "#src/store/row-changes.ts";

export interface RunEntry {
  row: RunRow;
  readonly keyHash: string;
  readonly inputDigest: string;
  readonly shard: number;
}

export interface Awaiting {
  readonly event: string;
  readonly key: string;
  readonly run: number;
  readonly step: string;
}

export interface PendingAnswer {
  readonly integration: string;
  readonly ref: string;
  readonly run: number;
  readonly operation: number;
}

type ShardOf = (start: {
  readonly namespace: string;
  readonly lane: string | null;
  readonly keyHash: string;
}) => number;

interface RecoveryGroup {
  readonly group: number;
  readonly runs: readonly number[];
  readonly crashes: number;
}

/** Ids of events and messages that each new one forgets, once their time is over. */
const FORGOTTEN_AT_ONCE = 2;

export class Tables {
  readonly runs = new Map<number, RunEntry>();
  /** By hash of the key: the run of its newest generation. */
  readonly keys = new Map<string, number>();
  readonly effects = new Map<string, EffectRow>();
  readonly exceptions = new Map<string, ExceptionRow>();
  readonly reviews = new Map<string, ReviewRow>();
  readonly accepted = new Map<string, AcceptedEventRow>();
  readonly kept = new Map<number, KeptEventRow>();
  readonly early = new Map<number, EarlyAnswerRow>();
  readonly received = new Map<string, ReceivedRow>();
  readonly dependencies = new Map<string, DependencyRow>();
  readonly declarations = new Map<string, DeclarationRow>();
  readonly groups = new Map<number, RecoveryGroup>();
  readonly counters = new Map<string, number>();
  /** Chains that some record says have ended. */
  readonly closedChains = new Set<number>();
  awaiting: Awaiting[] = [];
  pending: PendingAnswer[] = [];
  readonly #shardOf: ShardOf;

  constructor(shardOf: ShardOf) {
    this.#shardOf = shardOf;
  }

  apply(change: Change): void {
    if (isOfRun(change)) this.#applyRun(change);
    else if (isOfEffect(change)) this.#applyEffect(change);
    else if (isOfPerson(change)) this.#applyPerson(change);
    else if (isOfWaiting(change)) this.#applyWaiting(change);
    else this.#applySystem(change);
  }

  #applyRun(change: RunChange): void {
    if (change.kind === "run-started") {
      const { row, keyHash, inputDigest } = change;
      const { namespace, lane } = row;
      const shard = this.#shardOf({ namespace, lane, keyHash });
      this.runs.set(row.run, { row, keyHash, inputDigest, shard });
      this.keys.set(keyHash, row.run);
      return;
    }
    const entry = this.runs.get(change.run);
    if (entry === undefined) throw new Error(`run ${String(change.run)} was never started`);
    entry.row = runAfter(entry.row, change);
    if (change.kind !== "run-finished") return;
    for (const [name, row] of this.reviews)
      if (row.run === change.run) this.reviews.set(name, reviewAfter(row, change));
    this.awaiting = this.awaiting.filter(({ run }) => run !== change.run);
    this.pending = this.pending.filter(({ run }) => run !== change.run);
  }

  #applyEffect(change: EffectChange): void {
    if (change.kind === "effect-sent") {
      this.effects.set(item(change.row.run, change.row.operation), change.row);
      return;
    }
    const name = item(change.run, change.operation);
    const row = this.effects.get(name);
    if (row === undefined) return;
    const after = effectAfter(row, change);
    const isEnded = change.kind === "effect-learnt" && (row.ended || change.ended);
    this.effects.set(name, { ...after, ended: isEnded });
  }

  #applyPerson(change: PersonChange): void {
    switch (change.kind) {
      case "exception-opened":
        this.exceptions.set(item(change.row.run, change.row.seq), change.row);
        return;
      case "exception-closed":
      case "exception-handled": {
        const name = item(change.run, change.seq);
        const row = this.exceptions.get(name);
        if (row !== undefined) this.exceptions.set(name, exceptionAfter(row, change));
        return;
      }
      case "review-asked":
        this.reviews.set(item(change.row.run, change.row.seq), change.row);
        return;
      case "review-answered":
      case "review-escalated":
      case "review-withdrawn": {
        const name = item(change.run, change.seq);
        const row = this.reviews.get(name);
        if (row !== undefined) this.reviews.set(name, reviewAfter(row, change));
      }
    }
  }

  #applyWaiting(change: WaitingChange): void {
    switch (change.kind) {
      case "awaiting-added":
        this.awaiting.push(change);
        return;
      case "awaiting-removed":
        this.awaiting = this.awaiting.filter(
          ({ run, step }) => run !== change.run || step !== change.step,
        );
        return;
      case "event-kept":
        this.kept.set(change.row.seq, change.row);
        return;
      case "event-taken":
        this.#take(change.seq, change.run);
        return;
      case "event-accepted":
        forget(this.accepted, change.atMs);
        this.accepted.set(eventKey(change.row), change.row);
        return;
      case "pending-added": {
        const { integration, ref, run, operation } = change;
        this.pending = this.pending.filter(
          (one) => one.run !== run || one.operation !== operation || one.ref !== ref,
        );
        this.pending.push({ integration, ref, run, operation });
        return;
      }
      case "pending-removed":
        this.pending = this.pending.filter(
          ({ run, operation }) => run !== change.run || operation !== change.operation,
        );
        return;
      case "early-kept":
        this.early.set(change.row.seq, change.row);
        return;
      case "early-over":
        this.early.delete(change.seq);
        return;
      case "message-received":
        this.#receive(change.row);
    }
  }

  #take(seq: number, run: number): void {
    const kept = this.kept.get(seq);
    this.kept.delete(seq);
    if (kept === undefined) return;
    const known = this.accepted.get(eventKey(kept));
    if (known?.kept === seq) this.accepted.set(eventKey(kept), { ...known, run });
  }

  #receive(row: ReceivedRow): void {
    forget(this.received, row.atMs);
    const known = this.received.get(row.name);
    const isOver = known?.untilMs !== undefined && (known.untilMs ?? Infinity) <= row.atMs;
    if (known === undefined || known.state === "held" || isOver) this.received.set(row.name, row);
  }

  #applySystem(change: SystemChange): void {
    switch (change.kind) {
      case "counted":
        this.counters.set(change.name, (this.counters.get(change.name) ?? 0) + change.delta);
        return;
      case "dependency-moved": {
        const { row } = change;
        const before = this.dependencies.get(row.integration);
        this.dependencies.set(row.integration, dependencyAfter(before, row));
        return;
      }
      case "group-started": {
        const { group, runs, crashes } = change;
        this.groups.set(group, { group, runs, crashes });
        return;
      }
      case "group-passed":
        this.groups.delete(change.group);
        return;
      case "chain-closed":
        this.closedChains.add(change.incarnation);
        return;
      case "definition-declared": {
        const { definition, name, sensitive } = change.row;
        this.declarations.set(JSON.stringify([definition, name, sensitive]), change.row);
        return;
      }
      // Of groups of exceptions nothing is looked up here that a run depends on.
      case "issue-seen":
      case "issue-eased":
        return;
      case "issue-overlaid":
      case "routing-set":
      case "rule-set":
      case "runs-archived":
      case "archive-imported":
      case "cells-listed":
      case "cells-placed":
      case "cells-carried":
        throw new Error(
          `the simulated store does not keep "${change.kind}": give it a table first`,
        );
    }
  }
}

type RunChange = Extract<Change, { readonly kind: `run-${string}` }>;
type EffectChange = Extract<Change, { readonly kind: `effect-${string}` }>;
type PersonChange = Extract<Change, { readonly kind: `exception-${string}` | `review-${string}` }>;
type WaitingChange = Extract<
  Change,
  {
    readonly kind:
      | `awaiting-${string}`
      | `event-${string}`
      | `pending-${string}`
      | `early-${string}`
      | "message-received";
  }
>;
type SystemChange = Exclude<Change, RunChange | EffectChange | PersonChange | WaitingChange>;

function isOfRun(change: Change): change is RunChange {
  return change.kind.startsWith("run-");
}

function isOfEffect(change: Change): change is EffectChange {
  return change.kind.startsWith("effect-");
}

function isOfPerson(change: Change): change is PersonChange {
  return change.kind.startsWith("exception-") || change.kind.startsWith("review-");
}

function isOfWaiting(change: Change): change is WaitingChange {
  return /^(?:awaiting|event|pending|early)-|^message-received$/u.test(change.kind);
}

/** Name of what (run, seq) identifies. */
export function item(run: number, seq: number): string {
  return `${String(run)}/${String(seq)}`;
}

export function eventKey(of: {
  readonly namespace: string;
  readonly event: string;
  readonly id: string;
}): string {
  return JSON.stringify([of.namespace, of.event, of.id]);
}

/** The oldest whose time is over, so that the list stays short without a clock. */
function forget(of: Map<string, { readonly untilMs: number | null }>, atMs: number): void {
  const over = [...of]
    .filter(([, { untilMs }]) => untilMs !== null && untilMs <= atMs)
    .toSorted(
      ([one, a], [other, b]) => (a.untilMs ?? 0) - (b.untilMs ?? 0) || (one < other ? -1 : 1),
    );
  for (const [name] of over.slice(0, FORGOTTEN_AT_ONCE)) of.delete(name);
}
