/**
 * What a journal record does to the rows that are looked up: the closed list of changes. A change
 * says what to do to a row, not what the row will be, so that it needs no memory of earlier records
 * and two workers of a shared store can fold their own records without reading each other.
 */
import type { ClassificationRule } from "../core/classification-rule.ts";
import type { HandlingAct } from "../core/exception-handling.ts";
import type { EffectProof, FailureClass, FailureFamily } from "../core/failure.ts";
import type { IssueLevel } from "../core/fingerprint.ts";
import type { RoutingVersion } from "../core/routing.ts";
import type { Compensated, RunState } from "../core/run-state.ts";
import type { ArchivedRun } from "../core/archived.ts";
import type { CarriedHead, CellsHead, PlacedHead } from "../core/cells.ts";
import type {
  AcceptedEventRow,
  DeclarationRow,
  DependencyRow,
  EarlyAnswerRow,
  EffectRow,
  ExceptionRow,
  ImportedArchiveRow,
  IssueOverlayRow,
  KeptEventRow,
  ReceivedRow,
  ReviewRow,
  RunRow,
} from "./rows.ts";

export type Change =
  | {
      readonly kind: "run-started";
      readonly row: RunRow;
      readonly keyHash: string;
      readonly inputDigest: string;
    }
  | {
      readonly kind: "run-moved";
      readonly run: number;
      readonly state: RunState;
      readonly reason: string;
      readonly wakeAtMs: number | null;
      readonly dependency: string | null;
      readonly atMs: number;
    }
  | { readonly kind: "run-touched"; readonly run: number; readonly atMs: number }
  /** It is in no lane from now on. */
  | { readonly kind: "run-left-lane"; readonly run: number; readonly atMs: number }
  /** Code of this version goes on with it. */
  | {
      readonly kind: "run-on-version";
      readonly run: number;
      readonly version: string;
      readonly atMs: number;
    }
  /** Also ends what the run was still waiting for: events, late answers, open reviews. */
  | {
      readonly kind: "run-finished";
      readonly run: number;
      readonly state: RunState;
      readonly reason: string;
      readonly compensated: Compensated;
      readonly atMs: number;
    }
  | { readonly kind: "effect-sent"; readonly row: EffectRow }
  | {
      readonly kind: "effect-sent-again";
      readonly run: number;
      readonly operation: number;
      readonly atMs: number;
    }
  /**
   * `ended` only ever becomes true here; `ref` keeps the older value if null, and so does `settledBy`
   * where nothing has happened (see `settledByAfter`).
   */
  | {
      readonly kind: "effect-learnt";
      readonly run: number;
      readonly operation: number;
      readonly proof: EffectProof;
      readonly ended: boolean;
      readonly ref: string | null;
      readonly settledBy: string | null;
      readonly atMs: number;
    }
  | { readonly kind: "exception-opened"; readonly row: ExceptionRow }
  | {
      readonly kind: "exception-closed";
      readonly run: number;
      readonly seq: number;
      readonly resolution: string;
      readonly by: string;
      readonly reason: string;
      readonly atMs: number;
    }
  | {
      readonly kind: "exception-handled";
      readonly run: number;
      readonly seq: number;
      readonly act: HandlingAct;
      readonly by: string;
      readonly reason: string;
      readonly command: string | null;
      readonly atMs: number;
    }
  /** One more open item of this cause, at each level; the row is made with the first. */
  | {
      readonly kind: "issue-seen";
      readonly fingerprint: string;
      readonly level: IssueLevel;
      readonly title: string;
      readonly class: FailureClass;
      readonly family: FailureFamily;
      readonly workflow: string;
      readonly step: string;
      readonly owner: string;
      readonly atMs: number;
    }
  | { readonly kind: "issue-eased"; readonly fingerprint: string }
  /** In the place of an older revision. */
  | { readonly kind: "issue-overlaid"; readonly row: IssueOverlayRow }
  | { readonly kind: "routing-set"; readonly row: RoutingVersion }
  /** In the place of an older change of the same version. */
  | { readonly kind: "rule-set"; readonly row: ClassificationRule }
  | { readonly kind: "review-asked"; readonly row: ReviewRow }
  | {
      readonly kind: "review-answered";
      readonly run: number;
      readonly seq: number;
      readonly by: string;
      readonly atMs: number;
    }
  | {
      readonly kind: "review-escalated";
      readonly run: number;
      readonly seq: number;
      readonly to: string;
    }
  /** It is no longer asked; one that was answered stays so. */
  | { readonly kind: "review-withdrawn"; readonly run: number; readonly seq: number }
  | {
      readonly kind: "awaiting-added";
      readonly event: string;
      readonly key: string;
      readonly run: number;
      readonly seq: number;
      readonly step: string;
      readonly dueAtMs: number | null;
    }
  | { readonly kind: "awaiting-removed"; readonly run: number; readonly step: string }
  | { readonly kind: "event-kept"; readonly row: KeptEventRow }
  /** `run`: who has it now; 0: a run of another cell. */
  | { readonly kind: "event-taken"; readonly seq: number; readonly run: number }
  /**
   * The id is remembered, in the place of an older one with the same name. To keep the list short
   * without a clock, each forgets up to two ids (the oldest first) whose time was over at `atMs`.
   */
  | { readonly kind: "event-accepted"; readonly row: AcceptedEventRow; readonly atMs: number }
  | {
      readonly kind: "pending-added";
      readonly integration: string;
      readonly ref: string;
      readonly run: number;
      readonly operation: number;
      readonly dueAtMs: number;
    }
  | { readonly kind: "pending-removed"; readonly run: number; readonly operation: number }
  | { readonly kind: "early-kept"; readonly row: EarlyAnswerRow }
  /** Its request has it, or an exception tells its owner of it. */
  | { readonly kind: "early-over"; readonly seq: number }
  /**
   * In the place of a row of the same name only if that one is held, or over at `row.atMs`. Each
   * forgets up to two (the oldest first) whose time was over then.
   */
  | { readonly kind: "message-received"; readonly row: ReceivedRow }
  | {
      readonly kind: "dependency-moved";
      readonly row: DependencyRow;
      /**
       * When it was said, by the clock that workers share; then its record says since when, too. Null:
       * at the time of the record, and since when follows from what its writer said before.
       */
      readonly saidAtMs: number | null;
    }
  | {
      readonly kind: "group-started";
      readonly group: number;
      readonly runs: readonly number[];
      readonly crashes: number;
    }
  | { readonly kind: "group-passed"; readonly group: number }
  | {
      readonly kind: "chain-closed";
      readonly incarnation: number;
      readonly by: number;
      readonly flush: number;
      readonly seal: string;
      readonly clean: boolean;
    }
  /** One row for each list of pointers that a definition ever declared: they all stay masked. */
  | { readonly kind: "definition-declared"; readonly row: DeclarationRow }
  /**
   * Runs leave, with everything that is looked up of them; the digests of their records stay. Ids of
   * events whose time is over at `atMs` are forgotten, and so are keys of runs that have left.
   */
  | {
      readonly kind: "runs-archived";
      /** Of the record, in the store's own journal. */
      readonly seq: number;
      readonly atMs: number;
      readonly keysUntilMs: number | null;
      readonly runs: readonly ArchivedRun[];
    }
  | { readonly kind: "archive-imported"; readonly row: ImportedArchiveRow }
  /** The store is a cell of this list, in the place of an earlier one. */
  | { readonly kind: "cells-listed"; readonly row: CellsHead; readonly atMs: number }
  /** The first of a key holds. */
  | ({ readonly kind: "cells-placed" } & PlacedHead)
  /** Keys of another store are guarded here. One that is there stays, unless its run is an earlier one. */
  | ({ readonly kind: "cells-carried" } & CarriedHead)
  /** Adds to a named counter: `runs/<workflow>/<state>` and so on. */
  | { readonly kind: "counted"; readonly name: string; readonly delta: number };
