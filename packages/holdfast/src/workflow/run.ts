/**
 * What a workflow's code may do: everything that must be remembered goes through `run`.
 *
 * Every verb takes `as`; a second use of the same name in one run needs it (HF1203), because a run
 * finds its past by name.
 */
import type { Duration } from "../core/duration.ts";
import type { EffectProof, FailureClass, FailureFamily } from "../core/failure.ts";
import type { Effect } from "./effect.ts";
import type {
  PostgresDatabase,
  PostgresTx,
  SqliteDatabase,
  SqliteTx,
  Synchronous,
  TransactOptions,
} from "./local-database.ts";
import type { Review } from "./review.ts";
import type { In, Out, Schema } from "./schema.ts";
import type { Workflow } from "./workflow.ts";

/** A failure as workflow code sees it. Switch over `family`. */
export interface FailureView {
  readonly family: FailureFamily;
  readonly class: FailureClass;
  readonly effect: EffectProof;
  readonly effectName: string;
  /** Stable reason code, for example `HTTP:STATUS_422`. */
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
  /** The sentence that the console shows too. */
  readonly because: string;
}

/** Thrown by `run.do` once giving up has been decided; never while anything is still open. */
export class EffectFailed extends Error {
  override readonly name = "EffectFailed";
  readonly failure: FailureView;

  constructor(failure: FailureView) {
    super(`${failure.effectName}: ${failure.message}`);
    this.failure = failure;
  }
}

/** Thrown by `run.step` when the local work threw; the same again on recovery. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  readonly step: string;
  /** `name` of the error that the work threw. */
  readonly errorName: string;

  constructor(step: string, errorName: string, message: string) {
    super(message);
    this.step = step;
    this.errorName = errorName;
  }
}

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: FailureView };

export interface Named {
  /** Tells two uses of the same name in one run apart. */
  readonly as?: string;
}

/** An event that a run may wait for. */
export interface EventType<S extends Schema> {
  readonly name: string;
  readonly schema: S;
  /** JSON pointers of fields that are masked wherever they are shown. */
  readonly sensitive?: readonly string[];
}

export interface Run {
  readonly id: string;
  readonly key: string;
  readonly correlationId: string;
  /**
   * Makes an effect. Suspends the run while a retry, wait, park, probe, repair, approval or hold
   * is open.
   *
   * @throws {EffectFailed} once giving up has been decided.
   */
  do<I extends Schema, O extends Schema>(
    effect: Effect<I, O>,
    input: In<I>,
    options?: Named,
  ): Promise<Out<O>>;
  /**
   * Like `do`, but answers instead of throwing; with `handOver` also at repair, approval and hold.
   * The answer given is final; a later settlement changes the ledger and the exception only.
   */
  try<I extends Schema, O extends Schema>(
    effect: Effect<I, O>,
    input: In<I>,
    options?: Named & { readonly handOver?: boolean },
  ): Promise<Outcome<Out<O>>>;
  /**
   * Local work, recorded. Its result (plain JSON) may be used before it is durable; `durable`
   * waits. Calls to other systems belong in effects.
   *
   * @param options - `sensitive`: JSON pointers of fields of the result that are masked wherever they
   *   are shown; [] for none. Without it the whole result is masked: nobody has said what it holds.
   * @throws {StepFailed} if `work` throws, now and on recovery.
   */
  step<T>(
    name: string,
    work: () => T | Promise<T>,
    options?: Named & { readonly durable?: boolean; readonly sensitive?: readonly string[] },
  ): Promise<T>;
  /**
   * Writes to a database of your own: what `work` does in `tx` and the record that it was done commit
   * together, or neither does. Its result (plain JSON) is kept with it, so that no repeat, after a
   * crash, a lost answer or by a worker that was thought dead, does it again. An effect like others:
   * `idempotent`, because `local-tx`.
   *
   * @throws {EffectFailed} once giving up has been decided.
   */
  transact<T, I = null>(
    name: string,
    database: PostgresDatabase,
    work: (tx: PostgresTx, input: I) => Promise<T>,
    options?: TransactOptions<PostgresTx, I, T>,
  ): Promise<T>;
  /** The same on SQLite, whose work must not wait: others use the same handle. */
  transact<T, I = null>(
    name: string,
    database: SqliteDatabase,
    work: (tx: SqliteTx, input: I) => Synchronous<T>,
    options?: TransactOptions<SqliteTx, I, T>,
  ): Promise<T>;
  /** Asks a person. */
  ask<S extends Schema, D extends Schema>(
    review: Review<S, D>,
    subject: In<S>,
    options?: Named,
  ): Promise<Out<D>>;
  /** Waits for an event with this key; one that came earlier is taken. */
  wait<S extends Schema>(
    event: EventType<S>,
    options: Named & { readonly key: string; readonly within?: Duration },
  ): Promise<Out<S> | "timeout">;
  /** Starts another workflow and waits for its result. */
  call<N extends string, I extends Schema, O extends Schema>(
    workflow: Workflow<N, I, O>,
    input: In<I>,
    options?: Named,
  ): Promise<Out<O>>;
  /**
   * True if this run takes the path that this version of your code has brought. A run that began before
   * it, or whose history has come past here without asking, takes the old path for ever; so does a run
   * that was told so at another place. On record: it is asked once.
   *
   * @param version - with which the change is deployed: `version` of the app, or one before it.
   * @throws {HoldfastError} HF1111 if nobody can say what comes before that version; the run is held.
   */
  since(version: string, options?: Named): Promise<boolean>;
  /** Costs nothing while it lasts, however long. */
  sleep(until: Duration | Date, options?: Named): Promise<void>;
  /**
   * Steps that belong together: their names lie under `name`, so that another scope may use the same.
   * With `onFailure: "compensate"` they are undone by themselves if `work` fails: what is open is
   * settled, what is unknown is found out, then what was done is undone, newest first, and only then
   * the promise rejects with what `work` threw. The run goes on from there. An error of the language
   * itself (a TypeError) undoes nothing: the code is mended first.
   *
   * @throws whatever `work` throws.
   */
  scope<T>(
    name: string,
    work: (unit: Run) => Promise<T>,
    options?: Named & { readonly onFailure?: "compensate" },
  ): Promise<T>;
  /** The time when this was first asked; recorded. */
  now(name: string): Date;
  /** In [0, 1); the same on recovery. */
  random(name: string): number;
  /** Version 4 form; the same on recovery. */
  uuid(name: string): string;
  /** Ends the run by its own logic. */
  stop(reason: string, options?: { readonly compensate?: boolean }): never;
}
