/** Makes one outside call of an effect: under its deadline, in a context that records its phases. */
import { PHASES, type Phase } from "../core/failure.ts";
import { currentAttempt, DeadlinePassed, type Attempt } from "../workflow/attempt.ts";
import { dateOf, type Clock } from "./clock.ts";

/** After the deadline a call that heeds its signal may still say what it knows, milliseconds. */
const GRACE_MS = 500;

export interface CallOptions {
  readonly clock: Clock;
  readonly key: string;
  readonly number: number;
  readonly correlationId: string;
  readonly firstSentAtMs: number | null;
  readonly timeoutMs: number;
}

export type CallEnd =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown; readonly attempt: Attempt };

/** Never rejects. After the deadline and a grace it answers `DeadlinePassed`, whatever the call does. */
export function makeCall(
  options: CallOptions,
  call: (attempt: Attempt) => Promise<unknown>,
): Promise<CallEnd> {
  const { clock, timeoutMs } = options;
  const abort = new AbortController();
  const attempt = newAttempt(options, abort.signal);
  return new Promise<CallEnd>((resolve) => {
    let cancel = clock.after(timeoutMs, () => {
      const late = new DeadlinePassed(`no answer within ${String(timeoutMs)} ms`);
      cancel = clock.after(GRACE_MS, () => {
        resolve({ ok: false, error: late, attempt });
      });
      abort.abort(late);
    });
    const ended = (end: CallEnd) => {
      cancel();
      resolve(end);
    };
    currentAttempt
      .run(attempt, () => settled(call, attempt))
      .then(
        (value) => {
          ended({ ok: true, value });
        },
        (error: unknown) => {
          ended({ ok: false, error, attempt });
        },
      );
  });
}

/** A call that throws before its first `await` fails like one that throws after. */
async function settled(
  call: (attempt: Attempt) => Promise<unknown>,
  attempt: Attempt,
): Promise<unknown> {
  return await call(attempt);
}

function newAttempt(options: CallOptions, signal: AbortSignal): Attempt {
  const { clock, key, number, correlationId, firstSentAtMs, timeoutMs } = options;
  return {
    key,
    number,
    signal,
    correlationId,
    sentAt: firstSentAtMs === null ? null : dateOf(firstSentAtMs),
    deadlineAtMs: clock.nowMs() + timeoutMs,
    calls: { count: 0, phase: "none" },
    mark(phase: Phase) {
      if (PHASES.indexOf(phase) > PHASES.indexOf(this.calls.phase)) this.calls.phase = phase;
    },
  };
}
