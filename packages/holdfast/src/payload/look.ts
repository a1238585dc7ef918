/** Looks at what is needed to read a store's payloads, and at a sample of them. For `holdfast doctor`. */
import { checking } from "../core/doctor/checking.ts";
import type { Tell } from "../core/doctor/finding.ts";
import { payloads } from "../core/doctor/work.ts";
import { RUN_STATES, isFinal } from "../core/run-state.ts";
import { formatRunId } from "../core/run-number.ts";
import { UNREADABLE_MARK } from "../core/sensitive.ts";
import type { StoreReader } from "../store/store.ts";
import type { KeyRing } from "./key-ring.ts";
import { requireDirectory, requireRing } from "./requirements.ts";

/** Open runs that are looked at, those that began first; and records of each. */
const RUNS_MAX = 20;
const RECORDS_MAX = 50;
const OPEN = RUN_STATES.filter((state) => !isFinal(state));
const UNREADABLE = JSON.stringify(UNREADABLE_MARK);

/** @param reader - that opens what is given. */
export async function lookAtPayloads(
  reader: StoreReader,
  given: { readonly ring: () => KeyRing | null; readonly directory: string | null },
  tell: Tell,
): Promise<void> {
  const declared = await reader.declarations();
  const needs = checking("payloads", () => {
    requireRing(declared, given.ring(), reader.storeId);
    requireDirectory(declared, given.directory ?? undefined);
    return "what the store needs is given";
  });
  // Nothing could be read of what was not given.
  if (needs.level !== "ok") {
    tell(needs);
    return;
  }
  let looked = 0;
  const unreadable: string[] = [];
  for (const { run } of await reader.runs({ states: OPEN, afterRun: 0, limit: RUNS_MAX })) {
    for (const { seq, data } of await reader.records(run, 0, RECORDS_MAX)) {
      if (data === null) continue;
      looked += 1;
      if (data === UNREADABLE) unreadable.push(`${formatRunId(run)} record ${String(seq)}`);
    }
  }
  tell(payloads({ looked, unreadable }));
}
