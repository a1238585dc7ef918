import type { Duration } from "../core/duration.ts";

/** What a look at the other system can prove about one operation (failure model R27). */
export type Seen<T> =
  | { readonly seen: "done"; readonly value: T; readonly ref?: string }
  /** Found, but not what was asked for: a person decides. */
  | { readonly seen: "conflict"; readonly value: unknown }
  /** `final`: it can no longer happen either, because the other system has fenced it. */
  | { readonly seen: "notDone"; readonly final: boolean }
  | { readonly seen: "cannotTell"; readonly why: string };

/** It happened; `value` is what the call would have answered. */
export function done<T>(value: T, options: { readonly ref?: string } = {}): Seen<T> {
  return options.ref === undefined
    ? { seen: "done", value }
    : { seen: "done", value, ref: options.ref };
}

/** Something with our reference is there, but it differs from what was asked for. */
export function conflict(value: unknown): Seen<never> {
  return { seen: "conflict", value };
}

/** Nothing found. Counts as proof only after the settle time, unless `final`. */
export function notDone(options: { readonly final?: boolean } = {}): Seen<never> {
  return { seen: "notDone", final: options.final ?? false };
}

export function cannotTell(why: string): Seen<never> {
  return { seen: "cannotTell", why };
}

const PENDING = Symbol("holdfast.pending");

/** Accepted now, done later: the answer comes by `app.complete` or an event (settled point 16). */
export interface Pending {
  readonly [PENDING]: true;
  readonly ref: string;
  readonly within: Duration;
}

/**
 * Says that the other system has accepted the work and will answer later under `ref`. If nothing
 * comes `within` that time the outcome is unknown and is settled like any other.
 */
export function pending(options: { readonly ref: string; readonly within: Duration }): Pending {
  return { [PENDING]: true, ref: options.ref, within: options.within };
}

export function isPending(value: unknown): value is Pending {
  return typeof value === "object" && value !== null && PENDING in value;
}
