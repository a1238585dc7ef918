/** Lengths of time as people write them in definitions, and as they read them in sentences. */
import { HoldfastError } from "./error.ts";

export type Duration = `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Longest duration that a definition may name: 10 years. Longer is a slip of the keyboard. */
const DURATION_MS_MAX = 3_650 * 86_400_000;

/**
 * Milliseconds of a duration such as "250ms", "1.5s", "10m", "24h" or "30d".
 *
 * @param what - names the option in the error, for example `timeout of effect charge-card`.
 * @throws {HoldfastError} HF1001 for anything else, for parts of a millisecond, above 10 years.
 */
export function durationMs(text: string, what: string): number {
  const match =
    typeof text === "string" ? /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(text) : null;
  const number = match?.[1];
  const unitMs = UNIT_MS[match?.[2] ?? ""];
  if (number === undefined || unitMs === undefined) {
    throw refused(text, what, 'a number and a unit, such as "250ms", "30s", "10m", "24h" or "7d"');
  }
  // Rounded because 1.1 * 1000 is not whole in binary; anything that far off was not whole ms.
  const exactMs = Number(number) * unitMs;
  const ms = Math.round(exactMs);
  if (Math.abs(exactMs - ms) > 1e-3) throw refused(text, what, "whole milliseconds");
  if (ms > DURATION_MS_MAX) throw refused(text, what, "at most 3650d");
  return ms;
}

function refused(text: unknown, what: string, expected: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `${what} is not a duration: expected ${expected}, got ${show(text)}.`,
    "Write a number followed by ms, s, m, h or d, without spaces.",
  );
}

function show(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  }
  return typeof value === "number" ? String(value) : typeof value;
}

/** A length of time for a sentence: "340 ms", "1.4 s", "46 m", "3.5 h", "12 d". */
export function durationText(ms: number): string {
  const size = Math.max(0, Math.round(ms));
  if (size < 1_000) return `${String(size)} ms`;
  if (size < 99_500) return `${short(size / 1_000)} s`;
  if (size < 99.5 * 60_000) return `${short(size / 60_000)} m`;
  if (size < 72 * 3_600_000) return `${short(size / 3_600_000)} h`;
  return `${short(size / 86_400_000)} d`;
}

/** One decimal below ten, where it tells something; none above. */
function short(number: number): string {
  const rounded = number < 9.95 ? Math.round(number * 10) / 10 : Math.round(number);
  return String(rounded);
}
