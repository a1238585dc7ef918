import { type Finding, warned, well } from "./finding.ts";

/** @param known - that this build brings a store to. */
export function schema(found: number, known: number): Finding {
  if (found === known) return well("store", `schema ${String(found)}`);
  return warned(
    "store",
    `the store has schema ${String(found)}, this build brings it to ${String(known)}`,
    {
      fix: "The next start does so. Make a backup first: older builds are refused from then on (HF5010).",
    },
  );
}
