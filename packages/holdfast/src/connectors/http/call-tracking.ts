/**
 * Watches every outgoing HTTP request of the process, so that an attempt knows how many calls it has
 * made and how far each one got.
 *
 * undici, whether built into Node as `fetch` or from npm, publishes each step of a request; the steps
 * belong to the attempt in whose asynchronous context the request was created. Requests of
 * `node:http` publish their creation only, which is enough to count them. Calls that use neither (a
 * database driver, a raw socket) are not seen; their connectors mark for themselves.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import type { Phase } from "../../core/failure.ts";
import { currentAttempt, type Attempt } from "../../workflow/attempt.ts";

/** A request of a Holdfast connector, which keeps marks of its own beside the attempt's. */
export interface TrackedRequest {
  mark(phase: Phase): void;
}

/** The connector's request that is being handed to undici in this asynchronous context. */
export const requestBeingSent = new AsyncLocalStorage<TrackedRequest>();

interface Owner {
  readonly attempt: Attempt | undefined;
  readonly request: TrackedRequest | undefined;
}

const owners = new WeakMap<object, Owner>();
let isTracking = false;

/** Starts watching, once per process; more calls do nothing. */
export function trackCalls(): void {
  if (isTracking) return;
  isTracking = true;
  subscribe("undici:request:create", (message) => {
    const request = requestIn(message);
    if (request === null) return;
    const attempt = currentAttempt.getStore();
    if (attempt !== undefined) attempt.calls.count += 1;
    owners.set(request, { attempt, request: requestBeingSent.getStore() });
    mark(message, "created");
  });
  subscribe("undici:client:sendHeaders", (message) => {
    mark(message, "sent");
  });
  subscribe("undici:request:bodySent", (message) => {
    mark(message, "bodySent");
  });
  subscribe("undici:request:headers", (message) => {
    // 1xx answers (early hints) promise nothing: the server may not even have read the body.
    if (statusIn(message) >= 200) mark(message, "answered");
  });
  subscribe("http.client.request.created", () => {
    const attempt = currentAttempt.getStore();
    if (attempt === undefined) return;
    attempt.calls.count += 1;
    // node:http does not say when the head leaves, so from here on nothing is proved.
    attempt.mark("sent");
  });
}

function mark(message: unknown, phase: Phase): void {
  const request = requestIn(message);
  const owner = request === null ? undefined : owners.get(request);
  owner?.attempt?.mark(phase);
  owner?.request?.mark(phase);
}

function requestIn(message: unknown): object | null {
  const request: unknown =
    typeof message === "object" && message !== null ? Reflect.get(message, "request") : null;
  return typeof request === "object" ? request : null;
}

function statusIn(message: unknown): number {
  const response: unknown =
    typeof message === "object" && message !== null ? Reflect.get(message, "response") : null;
  const status: unknown =
    typeof response === "object" && response !== null ? Reflect.get(response, "statusCode") : null;
  return typeof status === "number" ? status : 0;
}
