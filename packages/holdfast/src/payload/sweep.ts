/**
 * Takes away files that no record refers to: what a crash between a file and its flush has left.
 * The name of a file says which record that is, so each takes one look by primary key. Files of the
 * last hour are left alone: their flush may be on its way.
 */
import { existsSync, readdirSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { StoreReader } from "../store/store.ts";
import { fileName, isReference, referenceIn } from "./payload-files.ts";

/** Files looked at in one call. */
const SWEEP_FILES_MAX = 10_000;
/** A flush takes seconds at most; an hour also covers clocks that differ. */
const YOUNG_MS = 3_600_000;

const NAME = /^(?<digest>[0-9a-f]{64})-(?<run>\d{1,16})-(?<seq>\d{1,16})(?<beside>\.tmp)?$/u;

export interface Swept {
  readonly looked: number;
  readonly removed: number;
  /** Where to go on, for the next call; null if that was all. */
  readonly next: string | null;
}

export interface SweepOptions {
  readonly nowMs: number;
  /** What the last call gave as `next`; "" to begin. */
  readonly after: string;
  /** Files looked at in this call. Default 10,000. */
  readonly filesMax?: number;
}

/**
 * @param reader - as the driver gives it: references are looked for, not payloads.
 */
export async function sweepFiles(
  directory: string,
  reader: Pick<StoreReader, "records">,
  { nowMs, after, filesMax = SWEEP_FILES_MAX }: SweepOptions,
): Promise<Swept> {
  let looked = 0;
  let removed = 0;
  for (const name of namesAfter(directory, after)) {
    if (looked === filesMax) return { looked, removed, next: name.before };
    looked += 1;
    if (!(await isOrphan(directory, name.path, reader, nowMs))) continue;
    unlinkSync(join(directory, name.path));
    removed += 1;
  }
  return { looked, removed, next: null };
}

/** In order of folder and name; one folder is read at a time. */
function* namesAfter(directory: string, after: string) {
  let before = after;
  for (const folder of sorted(directory)) {
    if (!/^[0-9a-f]{2}$/u.test(folder)) continue;
    for (const file of sorted(join(directory, folder))) {
      const path = join(folder, file);
      if (path <= after || !NAME.test(file)) continue;
      yield { path, before };
      before = path;
    }
  }
}

function sorted(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).toSorted() : [];
}

async function isOrphan(
  directory: string,
  path: string,
  reader: Pick<StoreReader, "records">,
  nowMs: number,
): Promise<boolean> {
  const state = statSync(join(directory, path), { throwIfNoEntry: false });
  if (state === undefined || nowMs - state.mtimeMs < YOUNG_MS) return false;
  const { run, seq, beside } = NAME.exec(path.slice(path.lastIndexOf("/") + 1))?.groups ?? {};
  // Half a file under a name of its own: whoever wrote it is gone.
  if (beside !== undefined) return true;
  const place = { run: Number(run), seq: Number(seq) };
  const [record] = await reader.records(place.run, place.seq - 1, 1);
  if (record?.seq !== place.seq || record.data === null || !isReference(record.data)) return true;
  return fileName(referenceIn(record.data, place), place) !== path;
}
