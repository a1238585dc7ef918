/**
 * A database of the user's own, in which a step's write and its record commit together (`run.transact`).
 * The record is a row in that database, under the operation key: whether the write happened is read
 * there and never guessed. Source: failure model 2.7, P4 of reliability.md.
 */
import type { Duration } from "../core/duration.ts";
import type { Attempt } from "./attempt.ts";
import type { RetryOptions } from "./effect.ts";
import type { Integration } from "./integration.ts";

/** What work does inside its transaction on PostgreSQL. Refuses everything once that has ended. */
export interface PostgresTx {
  /**
   * One statement. Savepoints are allowed; what would begin or end the transaction is refused (HF1205).
   * What the client throws is thrown as it is.
   */
  query<Row extends object = Readonly<Record<string, unknown>>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: readonly Row[]; readonly rowCount: number | null }>;
}

/** A value that SQLite keeps. */
export type SqliteValue = null | number | bigint | string | Uint8Array;

export interface SqliteTxStatement {
  run(...values: readonly SqliteValue[]): {
    readonly changes: number | bigint;
    readonly lastInsertRowid: number | bigint;
  };
  get(...values: readonly SqliteValue[]): Readonly<Record<string, unknown>> | undefined;
  all(...values: readonly SqliteValue[]): readonly Readonly<Record<string, unknown>>[];
}

/** What work does inside its transaction on SQLite. Refuses everything once that has ended. */
export interface SqliteTx {
  /** What would begin or end the transaction is refused (HF1205). */
  prepare(sql: string): SqliteTxStatement;
}

/** Which operation a row is of. */
export interface LocalOperation {
  /** The operation key: the same on every attempt, and on no other operation. */
  readonly key: string;
  /** Ordinal of the attempt. */
  readonly attempt: number;
  /** Id of the store whose run it is. */
  readonly store: string;
  /** Public id of the run. */
  readonly run: string;
  /** Path of the step. */
  readonly step: string;
  /** Digest of the input. */
  readonly digest: string;
  /** No transaction of it stays open for longer, milliseconds. */
  readonly timeoutMs: number;
}

/** One attempt at doing the work and recording it. */
export interface LocalWork<Tx> extends LocalOperation {
  readonly call: Attempt;
  readonly work: (tx: Tx) => unknown;
  /** JSON of what the work gave; throws for what cannot be kept. Asked before the commit. */
  readonly textOf: (value: unknown) => string;
}

/** What the row of an operation says. */
export type LocalSeen =
  | { readonly kind: "done"; readonly text: string }
  /** It was not done, and no attempt up to the one that was asked about can do it any more. */
  | { readonly kind: "fenced" }
  /** There is a row, but not of this request, or one that Holdfast did not finish. */
  | { readonly kind: "conflict"; readonly why: string };

/** Where in the order of age a page goes on. */
export interface LocalPage {
  readonly store: string;
  readonly olderThanMs: number;
  readonly limit: number;
  readonly after: LocalPlace;
}

export interface LocalPlace {
  readonly atMs: number;
  readonly key: string;
}

/** The verbs of the table `holdfast_local_tx`. Each is one transaction. */
export interface LocalTransactions<Tx> {
  /**
   * Does the work and records its result, both or neither; or, if an attempt before has done it,
   * answers what that recorded and does nothing. The answer is JSON.
   *
   * @throws {CallFailed} for what the database said; what the work throws is thrown as it is, and
   *   nothing was done then.
   */
  commit(work: LocalWork<Tx>): Promise<string>;
  /** Looks it up, and lets no attempt up to this one do it any more if it was not done. */
  fence(operation: LocalOperation): Promise<LocalSeen>;
  /** Rows of one store, oldest first. */
  page(page: LocalPage): Promise<readonly (LocalPlace & { readonly run: string })[]>;
  /** Answers how many were there. */
  remove(keys: readonly string[]): Promise<number>;
}

export interface LocalDatabase<Tx = never> {
  readonly kind: "local-database";
  readonly name: string;
  /** Its owner, limits and breaker, as every other system has them. */
  readonly integration: Integration;
  /** SQL that makes the table, for a migration of yours. */
  readonly schemaSql: string;
  /** Makes the table if it is not there. Needs the right to create one. */
  prepare(): Promise<void>;
  /** For the engine. */
  readonly transactions: LocalTransactions<Tx>;
}

export interface PostgresDatabase extends LocalDatabase<PostgresTx> {
  readonly dialect: "postgres";
}

export interface SqliteDatabase extends LocalDatabase<SqliteTx> {
  readonly dialect: "sqlite";
}

export interface TransactOptions<Tx, I, T> {
  /** Tells two uses of the same name in one run apart. */
  readonly as?: string;
  /**
   * What the work is done with, as plain JSON: it is on record, work and undoing get it, and a run
   * whose code asks for the same step with another one does not fit (HF2104).
   */
  readonly input?: I;
  /**
   * Undoes it when the run is taken back, in a transaction of its own, once. "none": nothing need be
   * undone. Without it, what stays is given to the owner (HF3004).
   */
  readonly compensate?: ((tx: Tx, input: I, result: T) => unknown) | "none";
  /** JSON pointers of what is masked in input and result. Without it both are masked whole. */
  readonly sensitive?: readonly string[];
  /** How long one attempt may take. Default 30 s. */
  readonly timeout?: Duration;
  readonly retry?: RetryOptions;
}

/** No promise: SQLite's work ends before anybody else can use the same handle. */
export type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;
