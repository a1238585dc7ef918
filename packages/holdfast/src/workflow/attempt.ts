/**
 * One try of an effect, as the code that makes the outside call sees it, and the error that a
 * connector throws when the call ends badly.
 *
 * A connector marks how far it got. The marks are the only proof that nothing can have happened:
 * the same error code is seen whether the other system did the work or not (failure model 1.3).
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Classified, Evidence, Phase, RuleReference } from "../core/failure.ts";

/** What is known of the outside calls of one attempt. Connectors write it, the engine reads it. */
export interface CallLog {
  /** Outside calls made so far. More than one forbids the proof `never`. */
  count: number;
  /** The furthest phase that any of them reached. */
  phase: Phase;
}

export interface Attempt {
  /**
   * The operation key: the same on every attempt of this operation, also after a restart. Where only the
   * rest of a batch is sent (`byParts`), that is another request with a key of its own.
   */
  readonly key: string;
  /** 1 for the first attempt. */
  readonly number: number;
  /**
   * Aborts at the attempt's deadline; `reason` is a `DeadlinePassed`. A cancelled run and an engine
   * that shuts down let an attempt end by itself: cutting it off would only make it unknown.
   */
  readonly signal: AbortSignal;
  readonly correlationId: string;
  /** When this operation was first sent; null on its first attempt. */
  readonly sentAt: Date | null;
  /**
   * Names of the parts that earlier attempts have done, as `classify` has named them. An effect with
   * `byParts` leaves them out.
   */
  readonly partsDone: readonly string[];
  /**
   * The key of one part of a batch, for a system that drops repeats of each by itself: the same on every
   * attempt, also where `key` is another because the rest alone is sent.
   */
  keyOf(part: string): string;
  /** No answer is awaited beyond this, Unix milliseconds. */
  readonly deadlineAtMs: number;
  /** Says how far the call got. Never moves back. */
  mark(phase: Phase): void;
  readonly calls: CallLog;
}

/** Why an attempt's signal was aborted when its own time was up. */
export class DeadlinePassed extends Error {
  override readonly name = "DeadlinePassed";
}

/** The attempt in whose asynchronous context the code runs, if any. */
export const currentAttempt = new AsyncLocalStorage<Attempt>();

export interface CallFailedOptions {
  readonly message: string;
  readonly evidence: Evidence;
  /** What the other side said in so many words: Retry-After, a problem type, a should-retry. */
  readonly signal?: { readonly says: Classified; readonly rule: RuleReference };
  /** What the protocol's table says; left out: what that of HTTP says of `evidence.status`, if it is given. */
  readonly table?: { readonly says: Classified; readonly rule: RuleReference };
  /** True if the answer reads "already done": on a later attempt it is our own earlier success. */
  readonly echo?: boolean;
  readonly cause?: unknown;
}

/**
 * What a connector throws when a call has ended badly: evidence and what its tables say. Whether
 * it is repeated is not its business; the engine decides that.
 */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  readonly evidence: Evidence;
  readonly signal: CallFailedOptions["signal"];
  readonly table: CallFailedOptions["table"];
  readonly echo: boolean;

  constructor(options: CallFailedOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.evidence = options.evidence;
    this.signal = options.signal;
    this.table = options.table;
    this.echo = options.echo ?? false;
  }
}
