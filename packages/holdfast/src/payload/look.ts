/** Looks at what is needed to read a store's payloads, and at a sample of them. For `holdfast doctor`. */
import { statSync } from "node:fs";
import { checking } from "../core/doctor/checking.ts";
import { type Finding, type Tell, failed, notLookedAt } from "../core/doctor/finding.ts";
import { payloads } from "../core/doctor/work.ts";
import { RUN_STATES, isFinal } from "../core/run-state.ts";
import { formatRunId } from "../core/run-number.ts";
import { UNREADABLE_MARK } from "../core/sensitive.ts";
import type { DeclarationRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { isBucketAddress } from "./bucket-place.ts";
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
  const missing = whatIsMissing(await reader.declarations(), reader.storeId, given);
  // Nothing could be read of what was not given.
  if (missing !== null) {
    tell(missing);
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

function whatIsMissing(
  declared: readonly DeclarationRow[],
  storeId: string,
  given: { readonly ring: () => KeyRing | null; readonly directory: string | null },
): Finding | null {
  const ring = given.ring();
  const opens = checking("payloads", () => {
    requireRing(declared, ring, storeId);
    return "the key ring fits";
  });
  if (opens.level !== "ok") return ring === null ? notLookedAt(opens) : opens;
  const finds = checking("payloads", () => {
    requireDirectory(declared, given.directory ?? undefined);
    return "the directory is given";
  });
  if (finds.level !== "ok") return notLookedAt(finds);
  const { directory } = given;
  if (directory === null || isBucketAddress(directory) || isThere(directory)) return null;
  return failed("payloads", `there is no directory ${directory}`, {
    code: "HF5020",
    fix: "Name the one that the app has as payloads.directory, as seen from here: holdfast --payload-files DIRECTORY doctor",
  });
}

function isThere(directory: string): boolean {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
}
