/** Values of options, checked as they are read. */
import { durationMs } from "../core/duration.ts";
import { RUN_STATES, type RunState } from "../core/run-state.ts";
import { badUse, type Context } from "./context.ts";

/** A parser for a whole number from `min` to `max`. */
export function wholeNumber(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw badUse(
      `${option} must be a whole number from ${String(min)} to ${String(max)}, got ${JSON.stringify(text)}.`,
      `Give a whole number, for example: ${option} ${String(Math.max(min, Math.min(max, 50)))}`,
    );
  };
}

/** States of runs, separated by commas. */
export function runStates(text: string): readonly RunState[] {
  return text.split(",").map((word) => {
    const state = RUN_STATES.find((known) => known === word.trim());
    if (state !== undefined) return state;
    throw badUse(
      `--state ${JSON.stringify(word)} is not a state of a run.`,
      `Choose from: ${RUN_STATES.join(", ")}. Several are separated by commas.`,
    );
  });
}

/** A day or a moment, in UTC where no zone is named; milliseconds. */
export function momentMs(text: string): number {
  const isDate = /^\d{4}-\d{2}-\d{2}(T[0-9:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const ms = isDate ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  throw badUse(
    `--before must be a date, got ${JSON.stringify(text)}.`,
    "Write 2026-08-01, which is the beginning of that day in UTC, or 2026-08-01T12:00:00Z.",
  );
}

/** Longest that an answer is waited for, milliseconds. */
const WAIT_MS_MAX = 600_000;

export function waitMs(text: string): number {
  const ms = durationMs(text, "--wait");
  if (ms <= WAIT_MS_MAX) return ms;
  throw badUse(
    `--wait must be at most 10m, got ${JSON.stringify(text)}.`,
    "The command is kept in any case; look at the run later.",
  );
}

/** Longest name and reason that go on record, in characters. */
const NAME_CHARS_MAX = 200;
const REASON_CHARS_MAX = 2_000;

/** Who acts: what was given, else the system's name of the user. */
export function personOf(
  option: string | undefined,
  { terminal }: Pick<Context, "terminal">,
): string {
  const by = option ?? terminal.userName();
  if (by === null) {
    throw badUse(
      "The system does not know your name, and what you decide goes on record under it.",
      "Add --by NAME.",
    );
  }
  return filled(by, "--by", NAME_CHARS_MAX);
}

export function reasonOf(option: string): string {
  return filled(option, "--reason", REASON_CHARS_MAX);
}

function filled(text: string, option: string, charsMax: number): string {
  if (text.trim() !== "" && text.length <= charsMax) return text;
  throw badUse(
    `${option} must be a text of 1 to ${String(charsMax)} characters, got ${text.trim() === "" ? "none" : String(text.length)}.`,
    "It goes on record: write what somebody else will understand.",
  );
}
