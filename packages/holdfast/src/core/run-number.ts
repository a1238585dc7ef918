/**
 * Numbers of runs: unique without asking anybody, growing, and below 2^53 so that they are plain
 * JavaScript numbers. From the top: 30 bits of seconds since 2025-01-01, 8 bits of slot, 15 bits of
 * counter. Source: settled point 4. Everything here is ordinary arithmetic: JavaScript's bit
 * operators work on 32 bits only.
 */
import { base32OfNumber, numberOfBase32 } from "./base32.ts";
import { HoldfastError } from "./error.ts";

/** 2025-01-01T00:00:00Z in Unix milliseconds. */
export const RUN_EPOCH_MS = 1_735_689_600_000;
export const SLOT_COUNT = 256;
const COUNTER_SIZE = 2 ** 15;
const SECOND_SIZE = SLOT_COUNT * COUNTER_SIZE;
const SECONDS_MAX = 2 ** 30 - 1;

/** Cells that number runs side by side: each has a part of every slot's counters. */
export const CELL_PARTS = 16;
const PART_SIZE = COUNTER_SIZE / CELL_PARTS;

/**
 * The next number of a slot: max(last + 1, clock), so it runs ahead of the clock when more than
 * 32,768 runs start in a second (2,048 in a cell), and never goes back when the clock does.
 *
 * @param last - the last number given out, by this slot or (in an embedded store) at all; 0 if none.
 * @param part - of the counters, 0 to 15, where the store is one of several cells; null: all of them.
 * @throws {RangeError} if the slot is not one of 256, the part not one of 16, or after the year 2058.
 */
export function nextRunNumber(
  last: number,
  slot: number,
  nowMs: number,
  part: number | null = null,
): number {
  requireBelow("slot", slot, SLOT_COUNT);
  requireBelow("part", part ?? 0, CELL_PARTS);
  const size = part === null ? COUNTER_SIZE : PART_SIZE;
  const offset = slot * COUNTER_SIZE + (part ?? 0) * PART_SIZE;
  const second = Math.max(0, Math.floor((nowMs - RUN_EPOCH_MS) / 1_000));
  const byClock = second * SECOND_SIZE + offset;
  if (byClock > last) return checked(byClock);
  const lastSecond = Math.floor(last / SECOND_SIZE);
  const bySlot = lastSecond * SECOND_SIZE + offset;
  // Within this slot's part of the last second, the counter moves on; past it, the next second is
  // used ahead of time, because the number after it belongs to the next slot.
  if (last < bySlot) return checked(bySlot);
  const next = last + 1;
  return checked(next < bySlot + size ? next : bySlot + SECOND_SIZE);
}

/** When a run was accepted, to the second; later if more than fit into one were. Unix milliseconds. */
export function acceptedAtMs(run: number): number {
  return RUN_EPOCH_MS + Math.floor(run / SECOND_SIZE) * 1_000;
}

/** Which part a number is of, if a cell has given it out. */
export function partOfRun(run: number): number {
  return Math.floor(run / PART_SIZE) % CELL_PARTS;
}

function requireBelow(what: string, value: number, count: number): void {
  if (Number.isInteger(value) && value >= 0 && value < count) return;
  throw new RangeError(`${what} must be 0 to ${String(count - 1)}, got ${String(value)}`);
}

function checked(number: number): number {
  if (number >= (SECONDS_MAX + 1) * SECOND_SIZE) {
    throw new RangeError(`run numbers are used up: ${String(number)}`);
  }
  return number;
}

/** When a run with this number was started at the earliest, to the second. */
export function runNumberAtMs(number: number): number {
  return RUN_EPOCH_MS + Math.floor(number / SECOND_SIZE) * 1_000;
}

/** 53 bits are 11 characters. */
const RUN_ID_LENGTH = 11;

/** Public form: `run_` and 11 characters that sort like the number. */
export function formatRunId(run: number): string {
  return `run_${base32OfNumber(run, RUN_ID_LENGTH)}`;
}

/** @throws {HoldfastError} HF6001 if the text is not a run's id. */
export function parseRunId(text: string): number {
  const match = /^run_([0-9a-z]{11})$/i.exec(text);
  const run = match?.[1] === undefined ? null : numberOfBase32(match[1]);
  if (run === null) throw unknownId(text, "a run", "run_ and 11 letters and digits", "runs");
  return run;
}

/** What has an identity within a run: exceptions, effects (operations) and reviews. */
export const ITEM_PREFIXES = ["exc", "eff", "rev", "prp"] as const;
export type ItemPrefix = (typeof ITEM_PREFIXES)[number];

export interface ItemId {
  readonly run: number;
  /** Sequence number of the record that made it. */
  readonly seq: number;
}

/** For example `exc_0abcdefghjk_12`. */
export function formatItemId(prefix: ItemPrefix, id: ItemId): string {
  return `${prefix}_${base32OfNumber(id.run, RUN_ID_LENGTH)}_${String(id.seq)}`;
}

/** @throws {HoldfastError} HF6001 if the text is not an id with this prefix. */
export function parseItemId(prefix: ItemPrefix, text: string): ItemId {
  const match = /^([a-z]{3})_([0-9a-z]{11})_([1-9]\d{0,14})$/i.exec(text);
  const run = match?.[2] === undefined ? null : numberOfBase32(match[2]);
  if (run === null || match?.[1]?.toLowerCase() !== prefix) {
    const form = `${prefix}_, 11 letters and digits, _ and a number`;
    throw unknownId(text, ITEM_NAME[prefix], form, LISTED_BY[prefix]);
  }
  return { run, seq: Number(match[3]) };
}

const ITEM_NAME: Readonly<Record<ItemPrefix, string>> = {
  exc: "an exception",
  eff: "an effect",
  rev: "a review",
  prp: "a proposal",
};

/** Command that lists what has such an id. */
const LISTED_BY: Readonly<Record<ItemPrefix, string>> = {
  exc: "exceptions",
  eff: "effects",
  rev: "reviews",
  prp: "proposals",
};

function unknownId(text: string, what: string, form: string, list: string): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `${JSON.stringify(text.slice(0, 60))} does not name ${what}.`,
    `Give the id of ${what}: ${form}. List them with: holdfast ${list}`,
  );
}
