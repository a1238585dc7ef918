/** The public door: what workflows are written with, and the app that runs them. */
export { HoldfastError, formatError } from "./core/error.ts";
export type { ErrorCode } from "./core/error.ts";
export type { Duration } from "./core/duration.ts";
export type {
  Classified,
  EffectProof,
  Evidence,
  Failure,
  FailureClass,
  FailureFamily,
  FailureOrigin,
  FailureScope,
  Phase,
  RuleReference,
} from "./core/failure.ts";
export { PHASES } from "./core/failure.ts";
export type { IdempotentReason, KeyReplays, RepeatKind } from "./core/contract.ts";
export type { Described } from "./core/journal.ts";
export type { AppRetention, Kept, RetentionOptions } from "./core/retention.ts";
export type { Move } from "./core/move.ts";
export type { FinalRunState, RunState } from "./core/run-state.ts";
export type { EngineEvent, EngineListener } from "./engine/events.ts";
export type { EngineLimits } from "./engine/limits.ts";
export type { AboutMessage, Ingress, IngressOptions, Principal, Sender } from "./ingress/index.ts";
export type { LateOutcome } from "./engine/steps/step-slot.ts";
export { localDatabase } from "./connectors/sql/local-database.ts";
export type {
  PostgresDatabaseOptions,
  SqliteDatabaseOptions,
} from "./connectors/sql/local-database.ts";
export type { CalendarOptions } from "./core/business-calendar.ts";
export type { Severity } from "./core/exception-record.ts";
export type { DueOptions, ExceptionOptions } from "./exception-options.ts";
export type { ClassOwners } from "./workflow/class-owners.ts";
export { versionOf } from "./code-version.ts";
export { holdfast, RunEnded } from "./holdfast.ts";
export type {
  Cells,
  HoldfastOptions,
  PayloadSettings,
  PostgresSettings,
  StoreAddress,
} from "./app-settings.ts";
export type { Actor, App, Handle, Proposed, Transaction } from "./holdfast.ts";
export type { PrunedLocal } from "./prune-local.ts";
export type { Posted } from "./start-in.ts";
export type { RunRow } from "./store/rows.ts";
export { CallFailed, DeadlinePassed } from "./workflow/attempt.ts";
export type { Attempt, CallFailedOptions, CallLog } from "./workflow/attempt.ts";
export { effect } from "./workflow/effect.ts";
export type { Effect, EffectOptions, Probe, RetryOptions, UndoEffect } from "./workflow/effect.ts";
export { integration } from "./workflow/integration.ts";
export type { Integration, IntegrationOptions } from "./workflow/integration.ts";
export type {
  LocalDatabase,
  PostgresDatabase,
  PostgresTx,
  SqliteDatabase,
  SqliteTx,
  SqliteTxStatement,
  SqliteValue,
  TransactOptions,
} from "./workflow/local-database.ts";
export type { SaidOrder } from "./workflow/message.ts";
export { review } from "./workflow/review.ts";
export type { Review, ReviewOptions } from "./workflow/review.ts";
export { EffectFailed, StepFailed } from "./workflow/run.ts";
export type { EventType, FailureView, Named, Outcome, Run } from "./workflow/run.ts";
export type { In, Out, Schema } from "./workflow/schema.ts";
export { cannotTell, conflict, done, notDone, pending } from "./workflow/seen.ts";
export type { Pending, Seen } from "./workflow/seen.ts";
export { workflow } from "./workflow/workflow.ts";
export type { LaneOf, LaneOptions, LanePolicy } from "./workflow/lane.ts";
export type { OnFailure, Workflow, WorkflowOptions } from "./workflow/workflow.ts";
