/** Makes one outside call of an effect: under its deadline, in a context that records its phases. */
import { PHASES, type Phase } from "../../core/failure.ts";
import {
  currentAttempt,
  DeadlinePassed,
  type Attempt,
  type CallLog,
} from "../../workflow/attempt.ts";
import { dateOf, type Clock } from "../clock.ts";

/** After the deadline a call that heeds its signal may still say what it knows, milliseconds. */
const GRACE_MS = 500;

export interface CallOptions {
  readonly host: {
    readonly clock: Clock;
    /** Null while this engine knows that it lives; else resolves when it knows so again. */
    confirmed(): Promise<void> | null;
  };
  /** Calls of the step that have left and not come back. */
  readonly outside: { count: number };
  readonly key: string;
  /** Of the operation, whatever part of it is sent; asked for by few calls. */
  readonly wholeKey: () => string;
  readonly number: number;
  readonly correlationId: string;
  readonly firstSentAtMs: number | null;
  readonly partsDone: readonly string[];
  readonly timeoutMs: number;
}

export type CallEnd =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown; readonly attempt: Attempt };

/** An effect's own function: the call itself, or the look-up. */
export type OutsideCall = (input: unknown, attempt: Attempt) => Promise<unknown>;

/** Never rejects. After the deadline and a grace it answers `DeadlinePassed`, whatever the call does. */
export function makeCall(
  options: CallOptions,
  call: OutsideCall,
  input: unknown,
): Promise<CallEnd> {
  const { host, outside, timeoutMs } = options;
  const { clock } = host;
  // Who may have been replaced acts for nobody: not before it knows better.
  const unsure = host.confirmed();
  if (unsure !== null) return unsure.then(() => makeCall(options, call, input));
  const attempt = new CallContext(options);
  outside.count += 1;
  return new Promise<CallEnd>((done) => {
    let isBack = false;
    const resolve = (end: CallEnd) => {
      if (!isBack) outside.count -= 1;
      isBack = true;
      done(end);
    };
    let cancel = clock.after(timeoutMs, () => {
      const late = new DeadlinePassed(`no answer within ${String(timeoutMs)} ms`);
      cancel = clock.after(GRACE_MS, () => {
        resolve({ ok: false, error: late, attempt });
      });
      attempt.abort(late);
    });
    currentAttempt.run(attempt, settled, call, input, attempt).then(
      (value) => {
        cancel();
        resolve({ ok: true, value });
      },
      (error: unknown) => {
        cancel();
        resolve({ ok: false, error, attempt });
      },
    );
  });
}

/** A call that throws before its first `await` fails like one that throws after. */
async function settled(call: OutsideCall, input: unknown, attempt: Attempt): Promise<unknown> {
  return await call(input, attempt);
}

class CallContext implements Attempt {
  readonly key: string;
  readonly number: number;
  readonly correlationId: string;
  readonly partsDone: readonly string[];
  readonly deadlineAtMs: number;
  readonly calls: CallLog = { count: 0, phase: "none" };
  readonly #wholeKey: () => string;
  readonly #firstSentAtMs: number | null;
  /** Made when somebody asks for the signal: not every call does, and it is costly to make. */
  #controller: AbortController | null = null;
  #late: DeadlinePassed | null = null;

  constructor({
    host: { clock },
    key,
    wholeKey,
    number,
    correlationId,
    firstSentAtMs,
    partsDone,
    timeoutMs,
  }: CallOptions) {
    this.key = key;
    this.#wholeKey = wholeKey;
    this.number = number;
    this.correlationId = correlationId;
    this.partsDone = partsDone;
    this.deadlineAtMs = clock.nowMs() + timeoutMs;
    this.#firstSentAtMs = firstSentAtMs;
  }

  keyOf(part: string): string {
    return `${this.#wholeKey()}/${part}`;
  }

  get sentAt(): Date | null {
    return this.#firstSentAtMs === null ? null : dateOf(this.#firstSentAtMs);
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#late !== null) this.#controller.abort(this.#late);
    }
    return this.#controller.signal;
  }

  abort(late: DeadlinePassed): void {
    this.#late = late;
    this.#controller?.abort(late);
  }

  mark(phase: Phase): void {
    if (PHASES.indexOf(phase) > PHASES.indexOf(this.calls.phase)) this.calls.phase = phase;
  }
}
