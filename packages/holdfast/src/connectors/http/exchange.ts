/**
 * One request on the wire and whatever came back: sent at most once, never repeated, with the phase
 * that it has surely not gone beyond.
 *
 * The proof that nothing was sent is `onRequestStart`: undici calls it right before it writes the
 * head to a connected socket and not earlier, whichever socket that is. The diagnostics channels
 * (call-tracking.ts) say the same a second time; whichever says more counts.
 */
import type { Dispatcher } from "undici";
import { PHASES, type Phase } from "../../core/failure.ts";
import { currentAttempt, DeadlinePassed, type Attempt } from "../../workflow/attempt.ts";
import { requestBeingSent, type TrackedRequest } from "./call-tracking.ts";
import type { HeaderFields } from "./retry-after.ts";

export interface ExchangeResult {
  readonly phase: Phase;
  /** The head of the final answer (200 or above), null if none came. */
  readonly head: { readonly status: number; readonly headers: HeaderFields } | null;
  /** The whole body, null if it did not arrive whole. */
  readonly body: Buffer | null;
  /** What went wrong, null if all of an answer arrived. */
  readonly error: unknown;
  readonly abortedBy?: "deadline" | "caller";
}

/**
 * Sends the request and waits for the whole answer, for the signal of the attempt or for an error.
 * Never rejects: an error is part of the result.
 */
export async function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  attempt: Attempt,
  responseBytesMax: number,
): Promise<ExchangeResult> {
  return new Promise((resolve) => {
    const running = new Exchange(attempt, responseBytesMax, resolve);
    if (running.isOver) return;
    // undici announces the request while dispatch() runs, so both contexts reach the tracker.
    currentAttempt.run(attempt, () => {
      requestBeingSent.run(running, () => {
        dispatcher.dispatch(request, running);
      });
    });
  });
}

class Exchange implements Dispatcher.DispatchHandler, TrackedRequest {
  isOver = false;
  readonly #attempt: Attempt;
  readonly #bytesMax: number;
  readonly #resolve: (result: ExchangeResult) => void;
  readonly #chunks: Buffer[] = [];
  readonly #onAbort = (): void => {
    this.#abort();
  };
  #phase: Phase = "none";
  #sizeBytes = 0;
  #head: ExchangeResult["head"] = null;
  #controller: Dispatcher.DispatchController | null = null;

  constructor(attempt: Attempt, bytesMax: number, resolve: (result: ExchangeResult) => void) {
    this.#attempt = attempt;
    this.#bytesMax = bytesMax;
    this.#resolve = resolve;
    attempt.signal.addEventListener("abort", this.#onAbort, { once: true });
    if (attempt.signal.aborted) this.#abort();
  }

  mark(phase: Phase): void {
    if (PHASES.indexOf(phase) > PHASES.indexOf(this.#phase)) this.#phase = phase;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.isOver) {
      // Given up while connecting: what the caller was told must stay true.
      controller.abort(new Error("given up before it was sent"));
      return;
    }
    if (this.#controller !== null) {
      // undici sends again what was lost behind another request of a pipeline. We pipeline nothing,
      // and repeating is the engine's decision alone.
      controller.abort(new Error("undici was about to send the request a second time"));
      return;
    }
    this.#controller = controller;
    this.mark("sent");
    this.#attempt.mark("sent");
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: HeaderFields,
  ): void {
    if (status < 200 || this.isOver) return;
    this.mark("answered");
    this.#attempt.mark("answered");
    this.#head = { status, headers };
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.isOver) return;
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes <= this.#bytesMax) {
      this.#chunks.push(chunk);
      return;
    }
    const limit = `${String(this.#bytesMax)} bytes`;
    const error = Object.assign(
      new Error(`the answer is larger than the client's limit of ${limit}`),
      {
        code: "UND_ERR_RES_EXCEEDED_MAX_SIZE",
      },
    );
    this.#end({ body: null, error });
    this.#controller?.abort(error);
  }

  onResponseEnd(): void {
    this.#end({ body: Buffer.concat(this.#chunks, this.#sizeBytes), error: null });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end({ body: null, error });
  }

  #abort(): void {
    const reason: unknown = this.#attempt.signal.reason;
    const error = reason instanceof Error ? reason : new Error("the call was aborted");
    this.#end({
      body: null,
      error,
      abortedBy: reason instanceof DeadlinePassed ? "deadline" : "caller",
    });
    this.#controller?.abort(error);
  }

  #end(result: Pick<ExchangeResult, "body" | "error" | "abortedBy">): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#attempt.signal.removeEventListener("abort", this.#onAbort);
    this.#resolve({ ...result, phase: this.#phase, head: this.#head });
  }
}
