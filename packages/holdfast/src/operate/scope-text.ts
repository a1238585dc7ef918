/** The end of a scope that has failed, in words. */
import type { ResultHead } from "../core/journal.ts";
import type { Compensated } from "../core/run-state.ts";

const UNDONE: Readonly<Record<Compensated, string>> = {
  no: "; nothing of it was undone",
  partially: " and was undone in part",
  fully: " and was undone",
};

export function scopeText({ threw, scope }: ResultHead): string {
  const { compensated = "no", words = "" } = scope ?? {};
  return `scope failed (${threw?.message ?? ""})${UNDONE[compensated]}${words}`;
}
