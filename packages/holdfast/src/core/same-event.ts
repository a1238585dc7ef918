/** Whether an event that comes under a known id is the same event again, or another one. */
import type { AcceptedEvent } from "./journal.ts";

export type Repeat =
  /** The id is not known, or its time is over: the event is a new one. */
  | { readonly kind: "new" }
  | { readonly kind: "same" }
  /** The id belongs to another event. `differs` names what, never a value of it. */
  | { readonly kind: "conflict"; readonly differs: "key" | "payload" | "key and payload" };

export function repeatOf(known: AcceptedEvent | null, sent: AcceptedEvent, nowMs: number): Repeat {
  if (known === null || known.untilMs <= nowMs) return { kind: "new" };
  const sameKey = known.key === sent.key;
  const samePayload = known.digest === sent.digest;
  if (sameKey && samePayload) return { kind: "same" };
  if (samePayload) return { kind: "conflict", differs: "key" };
  return { kind: "conflict", differs: sameKey ? "payload" : "key and payload" };
}
