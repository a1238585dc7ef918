/**
 * Takes away files that no record refers to: what a crash between a file and its flush has left.
 * The name of a file says which record that is, so each takes one look by primary key. Files of the
 * last hour are left alone: their flush may be on its way. So is a file that this store's key has not
 * named: another store keeps its payloads in the same place.
 */
import { recordsOfNumber } from "../store/records-of-number.ts";
import type { StoreReader } from "../store/store.ts";
import type { FilePlace, ListedFile } from "./file-place.ts";
import { filePlace } from "./open-place.ts";
import {
  fileName,
  isNamedBy,
  isReference,
  referenceIn,
  type PayloadPlace,
} from "./payload-files.ts";

/** Files looked at in one call. */
const SWEEP_FILES_MAX = 10_000;
/** A flush takes seconds at most; an hour also covers clocks that differ. */
const YOUNG_MS = 3_600_000;

const NAME =
  /^[0-9a-f]{2}\/(?<digest>[0-9a-f]{64})-(?<run>\d{1,16})-(?<seq>\d{1,16})(?<beside>\.tmp)?$/u;

export interface Swept {
  readonly looked: number;
  readonly removed: number;
  /** Left, though no record refers to them: another store's, or not what this one wrote. */
  readonly foreign: number;
  /** Where to go on, for the next call; null if that was all. */
  readonly next: string | null;
}

export interface SweepOptions {
  /** The store's key, which the names of its files are made with. */
  readonly secret: Uint8Array;
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
  { secret, nowMs, after, filesMax = SWEEP_FILES_MAX }: SweepOptions,
): Promise<Swept> {
  const place = filePlace(directory);
  let [looked, removed, foreign] = [0, 0, 0];
  let before = after;
  for await (const file of place.list(after)) {
    const named = NAME.exec(file.name)?.groups;
    if (named === undefined) continue;
    if (looked === filesMax) return { looked, removed, foreign, next: before };
    looked += 1;
    before = file.name;
    if (nowMs - file.modifiedAtMs < YOUNG_MS) continue;
    // Half a file under a name of its own: whoever wrote it is gone.
    const isHalf = named["beside"] !== undefined;
    const of = { run: Number(named["run"]), seq: Number(named["seq"]) };
    if (!isHalf && (await isReferredTo(file, of, reader))) continue;
    if (await isRemoved(place, file.name, isHalf ? null : { of, secret })) removed += 1;
    else foreign += 1;
  }
  return { looked, removed, foreign, next: null };
}

interface Owner {
  readonly of: PayloadPlace;
  readonly secret: Uint8Array;
}

/** @param owner - whose it has to be; null: anybody's. False if it is another's, and was left. */
async function isRemoved(place: FilePlace, name: string, owner: Owner | null): Promise<boolean> {
  try {
    if (owner !== null) {
      const bytes = await place.read(name);
      if (!isNamedBy(owner.secret, { name, bytes }, owner.of)) return false;
    }
    await place.remove(name);
  } catch (error) {
    // Gone already: another sweep was faster.
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  return true;
}

async function isReferredTo(
  { name }: ListedFile,
  place: PayloadPlace,
  reader: Pick<StoreReader, "records">,
): Promise<boolean> {
  const records = await recordsOfNumber(reader, place.run, place.seq);
  return records.some(({ data }) => data !== null && isNameIn(data, name, place));
}

function isNameIn(data: string, name: string, place: PayloadPlace): boolean {
  return isReference(data) && fileName(referenceIn(data, place), place) === name;
}
