/** When it takes two people to say what has happened outside. Source: failure model 4.5. */
import type { IntentHead } from "./journal.ts";

/**
 * Why a second person has to approve it, as a sentence; null if one person says it alone. Whoever is
 * wrong about what is done only once, or about money, has it done twice or not at all.
 */
export function settlingNeeds({
  contract,
  amount,
  currency,
}: Pick<IntentHead, "contract" | "amount" | "currency">): string | null {
  if (contract === "once")
    return "it may be done only once, and two people say together whether it was";
  if (amount === undefined) return null;
  const money = [amount, currency ?? ""].join(" ").trim();
  return `it is about ${money}, and two people say together what happened to money`;
}
