/** One call of a connector, made as the engine makes it, and what the engine would make of its end. */
import { AssertionError } from "node:assert";
import { classify } from "../../core/classify.ts";
import type { Failure } from "../../core/failure.ts";
import { systemClock } from "../../engine/clock.ts";
import { connectorInputs, ownDeadline } from "../../engine/effects/classification.ts";
import { makeCall, type CallEnd } from "../../engine/effects/effect-attempt.ts";
import { CallFailed, DeadlinePassed, type Attempt } from "../../workflow/attempt.ts";
import { ManualClock } from "../bed/manual-clock.ts";

/** By the clock of the test, which only the test moves. */
const TIMEOUT_MS = 1_000;
const KEY = "hf1_conformance";

export interface TrialOptions {
  readonly call: (attempt: Attempt) => Promise<unknown>;
  readonly patienceMs: number;
  /** The first attempt is 1. */
  readonly number?: number;
  /** The time of the attempt is up before the connector has begun. */
  readonly isLate?: boolean;
}

export class Trial {
  readonly key = KEY;
  readonly #clock = new ManualClock();
  readonly #end: Promise<CallEnd>;
  readonly #patienceMs: number;
  #attempt: Attempt | null = null;

  constructor({ call, patienceMs, number = 1, isLate = false }: TrialOptions) {
    this.#patienceMs = patienceMs;
    const options = {
      host: { clock: this.#clock.ofLife(1), confirmed: () => null },
      outside: { count: 0 },
      key: KEY,
      wholeKey: () => KEY,
      number,
      correlationId: "conformance",
      firstSentAtMs: number === 1 ? null : this.#clock.nowMs(),
      partsDone: [],
      timeoutMs: TIMEOUT_MS,
    };
    const begin = (_input: unknown, attempt: Attempt) => {
      this.#attempt = attempt;
      if (isLate) this.passDeadline();
      return call(attempt);
    };
    this.#end = makeCall(options, begin, null);
  }

  /** What the connector has marked so far. */
  get calls(): Attempt["calls"] {
    return this.#attempt?.calls ?? { count: 0, phase: "none" };
  }

  passDeadline(): void {
    this.#clock.fireNext(this.#clock.nowMs() + TIMEOUT_MS);
  }

  /** The value, or the failure as the engine classifies it. */
  async end(): Promise<Ended> {
    const end = await within(this.#patienceMs, this.#end, "the call to come back", GIVE_UP);
    if (end.ok) return { kind: "value" };
    return { kind: "failed", failure: failureOf(end.error), error: end.error };
  }

  /** @throws {AssertionError} if it has come back with a value. */
  async failure(why: string): Promise<Failure> {
    const end = await this.end();
    if (end.kind === "failed") return end.failure;
    throw problem(`the call has come back with a value although ${why}`, "Throw CallFailed there.");
  }
}

export type Ended =
  | { readonly kind: "value" }
  | { readonly kind: "failed"; readonly failure: Failure; readonly error: unknown };

const GIVE_UP =
  "Heed attempt.signal, and end each call with a value or CallFailed: what does not come back holds its place for ever.";

function failureOf(error: unknown): Failure {
  const isLate = error instanceof DeadlinePassed;
  if (!(error instanceof CallFailed) && !isLate) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw problem(
      `the connector has thrown something that is no CallFailed (${text})`,
      "Throw CallFailed with the evidence and what your tables say; of anything else the engine knows neither class nor effect.",
    );
  }
  const { message } = error;
  const evidence = isLate ? { message } : error.evidence;
  const inputs = isLate ? [ownDeadline()] : connectorInputs(error);
  return classify(inputs, { evidence, maybeBefore: false, thrownBy: "connector", message });
}

/** The answer, or an error that says what never came. */
export function within<T>(
  patienceMs: number,
  promise: Promise<T>,
  what: string,
  remedy: string,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = systemClock.after(patienceMs, () => {
      reject(problem(`waited ${String(patienceMs)} ms for ${what}`, remedy));
    });
    promise.finally(cancel).then(resolve, reject);
  });
}

/** What is wrong with a connector, and how to mend it. */
export function problem(what: string, remedy: string): AssertionError {
  return new AssertionError({ message: `${what}. ${remedy}` });
}
