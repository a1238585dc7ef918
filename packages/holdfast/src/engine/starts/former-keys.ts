/** Keys of cells that are no more: a start with one of them joins the run that had it there. */
import { parseJson } from "../../core/json-text.ts";
import { inputDigest, runKeyHash } from "../../core/operation-key.ts";
import type { FoundRun } from "../../store/store.ts";
import type { Start, StartsNeeds } from "./starts.ts";

/** Null if no former cell had the key, or its time is over. */
export async function findFormer(
  { neighbours, store, clock, namespace }: StartsNeeds,
  { workflow, key, text, digest }: Start,
): Promise<FoundRun | null> {
  const former = neighbours?.former ?? [];
  if (former.length === 0) return null;
  const names = former.map(({ storeId, digests }) => {
    const keyHash = runKeyHash(namespace, workflow.name, key, (t) => digests.hex(t));
    return { store: storeId, keyHash };
  });
  const found = await store.cells.carried(names);
  for (const [index, carried] of found.entries()) {
    // One that leads to another cell was followed when the start was placed.
    if (carried === null || carried.cell !== null) continue;
    if (carried.untilMs !== null && carried.untilMs <= clock.nowMs()) continue;
    const digests = former[index]?.digests;
    const own = inputDigest(parseJson(text), (t) => digests?.hex(t) ?? "");
    // As long as a store keeps it: the same input has the same beginning.
    const isSame = own.startsWith(carried.inputDigest);
    const { run, generation } = carried;
    const first = isSame ? digest : carried.inputDigest;
    return { run, generation, inputDigest: first, row: null };
  }
  return null;
}
