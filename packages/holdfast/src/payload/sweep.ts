/**
 * Takes away files that no record refers to: what a crash between a file and its flush has left.
 * The name of a file says which record that is, so each takes one look by primary key. Files of the
 * last hour are left alone: their flush may be on its way.
 */
import type { StoreReader } from "../store/store.ts";
import type { FilePlace, ListedFile } from "./file-place.ts";
import { filePlace } from "./open-place.ts";
import { fileName, isReference, referenceIn } from "./payload-files.ts";

/** Files looked at in one call. */
const SWEEP_FILES_MAX = 10_000;
/** A flush takes seconds at most; an hour also covers clocks that differ. */
const YOUNG_MS = 3_600_000;

const NAME =
  /^[0-9a-f]{2}\/(?<digest>[0-9a-f]{64})-(?<run>\d{1,16})-(?<seq>\d{1,16})(?<beside>\.tmp)?$/u;

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
  const place = filePlace(directory);
  let looked = 0;
  let removed = 0;
  let before = after;
  for await (const file of place.list(after)) {
    if (!NAME.test(file.name)) continue;
    if (looked === filesMax) return { looked, removed, next: before };
    looked += 1;
    before = file.name;
    if (!(await isOrphan(file, reader, nowMs))) continue;
    await remove(place, file.name);
    removed += 1;
  }
  return { looked, removed, next: null };
}

/** Gone already: another sweep was faster. */
async function remove(place: FilePlace, name: string): Promise<void> {
  try {
    await place.remove(name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

async function isOrphan(
  { name, modifiedAtMs }: ListedFile,
  reader: Pick<StoreReader, "records">,
  nowMs: number,
): Promise<boolean> {
  if (nowMs - modifiedAtMs < YOUNG_MS) return false;
  const { run, seq, beside } = NAME.exec(name)?.groups ?? {};
  // Half a file under a name of its own: whoever wrote it is gone.
  if (beside !== undefined) return true;
  const place = { run: Number(run), seq: Number(seq) };
  const [record] = await reader.records(place.run, place.seq - 1, 1);
  if (record?.seq !== place.seq || record.data === null || !isReference(record.data)) return true;
  return fileName(referenceIn(record.data, place), place) !== name;
}
