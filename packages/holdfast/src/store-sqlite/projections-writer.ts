/**
 * Writes the changes that `project` derived. Used by a flush inside its transaction, and by verify
 * to build the same rows again from the journal.
 */
import { assertNever } from "../core/assert.ts";
import type { Change } from "../store/change.ts";
import type { ReceivedRow, ReviewRow } from "../store/rows.ts";
import { ArchiveWriter } from "./archive-writer.ts";
import { CellWriter } from "./cell-rows.ts";
import { EffectWriter } from "./effect-writer.ts";
import { ExceptionWriter } from "./exception-writer.ts";
import { COUNTERS, prepareProjections } from "./projection-statements.ts";
import type { ProjectionStatements } from "./projection-statements.ts";
import { RowBatch } from "./row-batch.ts";
import { RunWriter, type RunChange } from "./run-writer.ts";
import type { Database } from "./runtime.ts";

export class ProjectionsWriter {
  readonly #sql: ProjectionStatements;
  readonly #runs: RunWriter;
  readonly #effects: EffectWriter;
  readonly #exceptions: ExceptionWriter;
  readonly #archives: ArchiveWriter;
  readonly #cells: CellWriter;
  readonly #counters: RowBatch;
  /** Sums of this flush, so that a counter is written once however often it moved. */
  readonly #counted = new Map<string, number>();
  /** False while no operation waits for a late answer, which spares each effect's end a look-up. */
  #mayHavePending: boolean;
  /** The same for open reviews and awaited events, which end with their run. */
  #mayHaveReviews: boolean;
  #mayHaveAwaiting: boolean;

  constructor(database: Database) {
    this.#sql = prepareProjections(database);
    this.#runs = new RunWriter(database);
    this.#effects = new EffectWriter(database);
    this.#exceptions = new ExceptionWriter(database);
    this.#archives = new ArchiveWriter(database);
    this.#cells = new CellWriter(database);
    this.#counters = new RowBatch(database, COUNTERS.sql, {
      columns: 2,
      rowsMax: 4,
      after: COUNTERS.after,
    });
    this.#mayHavePending = this.#sql.pendingExists.get() !== undefined;
    this.#mayHaveReviews = this.#sql.reviewsExist.get() !== undefined;
    this.#mayHaveAwaiting = this.#sql.awaitingExists.get() !== undefined;
  }

  /** Writes what is left to write at the end of a flush. */
  finishFlush(): void {
    this.#runs.finishFlush();
    this.#effects.finishFlush();
    // In key order, so that drivers that share counters between writers cannot lock crosswise.
    for (const [name, delta] of [...this.#counted].toSorted(byName)) {
      if (delta !== 0) this.#counters.add(name, delta);
    }
    this.#counters.finish();
    this.#counted.clear();
  }

  /** `pos` is the position of the record that the change comes from. */
  apply(change: Change, pos: number): void {
    if (isOfRun(change)) {
      this.#runs.apply(change);
      if (change.kind === "run-finished") this.#finished(change.run);
      return;
    }
    switch (change.kind) {
      case "counted":
        this.#counted.set(change.name, (this.#counted.get(change.name) ?? 0) + change.delta);
        return;
      case "effect-sent":
      case "effect-sent-again":
      case "effect-learnt":
        this.#effects.apply(change, pos);
        return;
      case "exception-opened":
      case "exception-closed":
      case "exception-handled":
      case "issue-seen":
      case "issue-eased":
      case "issue-overlaid":
      case "routing-set":
      case "rule-set":
        this.#exceptions.apply(change);
        return;
      case "review-asked":
      case "review-answered":
      case "review-escalated":
      case "review-withdrawn":
        this.#applyReview(change);
        return;
      case "awaiting-added":
      case "awaiting-removed":
      case "event-accepted":
      case "event-kept":
      case "event-taken":
      case "pending-added":
      case "pending-removed":
        this.#applyWaiting(change);
        return;
      case "early-kept":
      case "early-over":
        this.#applyEarly(change);
        return;
      case "message-received":
        this.#applyReceived(change.row);
        return;
      case "dependency-moved":
      case "group-started":
      case "group-passed":
      case "chain-closed":
      case "definition-declared":
        this.#applySystem(change);
        return;
      case "runs-archived":
      case "archive-imported":
        this.#archives.apply(change);
        return;
      case "cells-listed":
      case "cells-carried":
      case "cells-placed":
        this.#cells.apply(change);
        return;
      default:
        assertNever(change);
    }
  }

  #finished(run: number): void {
    if (this.#mayHaveReviews) this.#sql.reviewsWithdraw.run(run);
    if (this.#mayHaveAwaiting) this.#sql.awaitingClear.run(run);
    if (this.#mayHavePending) this.#sql.pendingClear.run(run);
  }

  #applyReview(change: Extract<Change, { kind: `review-${string}` }>): void {
    const sql = this.#sql;
    switch (change.kind) {
      case "review-asked":
        sql.reviewInsert.run(...reviewValues(change.row));
        this.#mayHaveReviews = true;
        return;
      case "review-answered":
        sql.reviewAnswer.run(change.by, change.atMs, change.run, change.seq);
        return;
      case "review-escalated":
        sql.reviewEscalate.run(change.to, change.run, change.seq);
        return;
      case "review-withdrawn":
        sql.reviewWithdraw.run(change.run, change.seq);
        return;
      default:
        assertNever(change);
    }
  }

  #applyWaiting(
    change: Extract<
      Change,
      { kind: `awaiting-${string}` | `event-${string}` | `pending-${string}` }
    >,
  ): void {
    const sql = this.#sql;
    switch (change.kind) {
      case "awaiting-added": {
        const { event, key, run, seq, step, dueAtMs } = change;
        sql.awaitingInsert.run(event, key, run, seq, step, dueAtMs);
        this.#mayHaveAwaiting = true;
        return;
      }
      case "awaiting-removed":
        sql.awaitingRemove.run(change.run, change.step);
        return;
      case "event-accepted": {
        const { namespace, event, id, key, digest, untilMs, run, kept } = change.row;
        sql.acceptedForget.run(change.atMs);
        sql.acceptedInsert.run(namespace, event, id, key, digest, untilMs, run, kept);
        return;
      }
      case "event-kept": {
        const { seq, namespace, event, key, id, atMs, data } = change.row;
        sql.keptInsert.run(seq, namespace, event, key, id, atMs, data);
        return;
      }
      case "event-taken":
        sql.acceptedTake.run(change.run, change.seq);
        sql.keptTake.run(change.seq);
        return;
      case "pending-added": {
        const { integration, ref, run, operation, dueAtMs } = change;
        sql.pendingInsert.run(integration, ref, run, operation, dueAtMs);
        this.#mayHavePending = true;
        return;
      }
      case "pending-removed":
        if (this.#mayHavePending) sql.pendingRemove.run(change.run, change.operation);
        return;
      default:
        assertNever(change);
    }
  }

  #applyEarly(change: Extract<Change, { kind: `early-${string}` }>): void {
    const sql = this.#sql;
    switch (change.kind) {
      case "early-kept": {
        const { seq, integration, ref, state, owner, atMs, dueAtMs, data } = change.row;
        sql.earlyInsert.run(seq, integration, ref, state, owner, atMs, dueAtMs, data);
        return;
      }
      case "early-over":
        sql.earlyRemove.run(change.seq);
        return;
      default:
        assertNever(change);
    }
  }

  #applyReceived(row: ReceivedRow): void {
    this.#sql.receivedForget.run(row.atMs);
    this.#sql.receivedInsert.run(
      row.name,
      row.namespace,
      row.workflow,
      row.ingress,
      row.source,
      row.id,
      row.digest,
      row.state,
      row.run,
      row.duplicateOf,
      row.orderKey,
      row.orderName,
      row.orderNumber,
      row.seq,
      row.atMs,
      row.untilMs,
      row.held,
      row.data,
    );
  }

  #applySystem(
    change: Extract<
      Change,
      { kind: "dependency-moved" | `group-${string}` | "chain-closed" | "definition-declared" }
    >,
  ): void {
    const sql = this.#sql;
    switch (change.kind) {
      case "dependency-moved": {
        const row = change.row;
        sql.dependency.run(
          row.integration,
          row.state,
          row.reason,
          row.class,
          row.sinceMs,
          row.probeAtMs,
          row.incident?.startedAtMs ?? null,
          row.incident?.endedAtMs ?? null,
          row.incident?.parkedCount ?? null,
          row.incident?.drainedAtMs ?? null,
          row.retryTokens,
          row.byHand,
        );
        return;
      }
      case "group-started":
        sql.groupStart.run(change.group, JSON.stringify(change.runs), change.crashes);
        return;
      case "group-passed":
        sql.groupPass.run(change.group);
        return;
      case "chain-closed":
        sql.chainClose.run(
          change.by,
          change.flush,
          change.seal,
          change.clean ? 1 : 0,
          change.incarnation,
        );
        return;
      case "definition-declared": {
        const { definition, name, sensitive, decision, atMs } = change.row;
        const fields = decision === null ? null : JSON.stringify(decision);
        sql.declare.run(definition, name, JSON.stringify(sensitive), fields, atMs);
        return;
      }
      default:
        assertNever(change);
    }
  }
}

function isOfRun(change: Change): change is RunChange {
  return change.kind.startsWith("run-");
}

function byName([left]: readonly [string, number], [right]: readonly [string, number]): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function reviewValues(row: ReviewRow) {
  return [
    row.run,
    row.seq,
    row.step,
    row.review,
    row.by,
    row.notBy,
    row.state,
    row.askedAtMs,
    row.dueAtMs,
    row.escalatedTo,
    row.answeredBy,
    row.answeredAtMs,
    row.digest,
    row.amount,
    row.currency,
  ];
}
