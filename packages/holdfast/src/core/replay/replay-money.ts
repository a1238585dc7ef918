/** What is at stake in a replay, by currency. */
import { sumOf } from "../amount.ts";
import type { ReplayPlan } from "./replay-plan.ts";

interface Described {
  /** As `describe` has given it; null where it says nothing. */
  readonly amount: string | null;
  readonly currency: string | null;
}

export interface AtStake {
  readonly exception: Described;
  readonly run: Described & { readonly run: number };
}

/** What each exception is about, else its run: of each run once, though it may have several exceptions. */
export function moneyAtStake(items: readonly AtStake[]): ReplayPlan["money"] {
  const amounts = new Map<string, string[]>();
  const seen = new Set<number>();
  for (const { exception, run } of items) {
    const isFirst = !seen.has(run.run);
    seen.add(run.run);
    const of = exception.amount === null ? (isFirst ? run : null) : exception;
    if (of === null || of.amount === null || of.currency === null) continue;
    amounts.set(of.currency, [...(amounts.get(of.currency) ?? []), of.amount]);
  }
  return [...amounts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, some]) => ({ currency, amount: sumOf(some) }));
}
