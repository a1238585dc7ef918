/**
 * Whether a refusal of one item is the fault of all: where nearly every item of a step is answered 400,
 * what is wrong is what we send, and no item's data. Source: failure model 2.5, row 400.
 */
import type { Failure } from "./failure.ts";

/** The share of items from which on it is ours. Source: failure model 2.5. */
const SHARE_MIN = 0.9;
/** Fewer tell nothing: the same number as of a breaker's calls (R10). */
const ITEMS_MIN = 10;
/** Older ends are of another time, and perhaps of other code. */
const AGE_MS_MAX = 3_600_000;
/** Newest ends of items that are kept of one effect. */
export const ITEMS_MAX = 50;

/** How the newest call of one item ended. */
export interface ItemEnd {
  readonly isRefused: boolean;
  readonly atMs: number;
}

/** A refusal that says nothing but that the request is bad, and of which nobody has said more. */
export function isBareRefusal({ class: failureClass, evidence, rule }: Failure): boolean {
  return failureClass === "data" && evidence.status === 400 && rule.source === "table";
}

/** The failure as it is where nearly all items end so: a defect of ours; else as it was. */
export function ofNearlyAll(failure: Failure, ends: Iterable<ItemEnd>, nowMs: number): Failure {
  const recent = [...ends].filter(({ atMs }) => nowMs - atMs <= AGE_MS_MAX);
  const refused = recent.filter(({ isRefused }) => isRefused).length;
  if (recent.length < ITEMS_MIN || refused < SHARE_MIN * recent.length) return failure;
  const of = `${String(refused)} of ${String(recent.length)} items of this step`;
  const message = `${failure.message}; ${of} are answered alike, so what we send is wrong`;
  return { ...failure, class: "defect", origin: "code", message };
}
