/**
 * What a replay is asked for: terms `field:value` over open exceptions and their runs, all of which
 * have to fit. A part of the search language of the console (design page console, 2.4).
 */
import { durationMs } from "../../core/duration.ts";
import { HoldfastError } from "../../core/error.ts";
import { FAILURE_CLASSES } from "../../core/failure.ts";
import { groupsOf } from "../../core/fingerprint.ts";
import { didYouMean } from "../../core/nearest.ts";
import { formatRunId } from "../../core/run-number.ts";
import { RUN_STATES } from "../../core/run-state.ts";
import type { ExceptionRow, RunRow } from "../../store/rows.ts";
import { quoted } from "../find-run.ts";

const REPLAY_FIELDS = [
  "issue", // a group of any level
  "class",
  "code", // reason code
  "owner",
  "assignee",
  "tag",
  "workflow",
  "step",
  "integration",
  "state", // of the run
  "version", // with which the run was started
  "failedin", // version of the code that the exception was opened by
  "run",
  "key", // with a star at its end: a prefix
  "age", // >15m or <1d: since the exception was opened
] as const;
type ReplayField = (typeof REPLAY_FIELDS)[number];

interface Term {
  readonly field: ReplayField;
  readonly isNot: boolean;
  /** One of them has to fit. */
  readonly values: readonly string[];
}

export interface ReplayQuery {
  readonly text: string;
  readonly terms: readonly Term[];
}

/** Terms of one query. */
const TERMS_MAX = 20;

/** @throws {HoldfastError} HF4102 for what is no term, a field that there is not, a value it cannot have. */
export function parseReplayQuery(text: string): ReplayQuery {
  const words = text.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  if (words.length === 0 || words.length > TERMS_MAX)
    throw misuse(
      `a query has 1 to ${String(TERMS_MAX)} terms, got ${String(words.length)}`,
      `Write for example: 'issue:f2.1.0abc age:>15m'. Fields: ${REPLAY_FIELDS.join(", ")}`,
    );
  return { text, terms: words.map(parseTerm) };
}

function parseTerm(word: string): Term {
  const match = /^(-?)([a-z]+):(.+)$/s.exec(word);
  const name = match?.[2] ?? word;
  const field = REPLAY_FIELDS.find((known) => known === name);
  if (match === null || field === undefined)
    throw misuse(
      match === null
        ? `${quoted(word)} is no term field:value`
        : `there is no field ${quoted(name)}`,
      `${didYouMean(name, REPLAY_FIELDS)}Fields: ${REPLAY_FIELDS.join(", ")}`,
    );
  const given = match[3] ?? "";
  const list = /^\[(.*)\]$/s.exec(given)?.[1]?.split(",") ?? [given];
  const values = list.map((value) => value.trim().replaceAll('"', ""));
  for (const value of values) checkValue(field, value);
  return { field, isNot: match[1] === "-", values };
}

function checkValue(field: ReplayField, value: string): void {
  if (value === "") throw misuse(`${field} has no value`, `Write ${field}:VALUE.`);
  if (field === "age") {
    ageOf(value);
    return;
  }
  const known: readonly string[] | null =
    field === "class" ? FAILURE_CLASSES : field === "state" ? RUN_STATES : null;
  if (known === null || known.includes(value)) return;
  throw misuse(
    `there is no ${field} ${quoted(value)}`,
    `${didYouMean(value, known)}It is one of: ${known.join(", ")}`,
  );
}

function ageOf(value: string): { readonly isOver: boolean; readonly ms: number } {
  const match = /^([<>])(.+)$/.exec(value);
  if (match === null)
    throw misuse(
      `age is > or < and a duration, got ${quoted(value)}`,
      "Write age:>15m or age:<1d.",
    );
  return { isOver: match[1] === ">", ms: durationMs(match[2] ?? "", "age") };
}

/** Whether an exception and its run are meant. */
export function isMeant(
  { terms }: ReplayQuery,
  exception: ExceptionRow,
  run: RunRow,
  nowMs: number,
): boolean {
  return terms.every(({ field, isNot, values }) => {
    const fits = values.some((value) => fitsOne(field, value, exception, run, nowMs));
    return fits !== isNot;
  });
}

function fitsOne(
  field: ReplayField,
  value: string,
  exception: ExceptionRow,
  run: RunRow,
  nowMs: number,
): boolean {
  switch (field) {
    case "issue":
      return groupsOf(exception.record.fingerprints).some((one) => one.fingerprint === value);
    case "class":
      return exception.class === value;
    case "code":
      return exception.reasonCode === value;
    case "owner":
      return exception.owner === value;
    case "assignee":
      return exception.handling.assignee === value;
    case "tag":
      return exception.handling.tags.includes(value);
    case "workflow":
      return exception.workflow === value;
    case "step":
      return exception.step === value || exception.step.startsWith(`${value}#`);
    case "integration":
      return exception.integration === value;
    case "state":
      return run.state === value;
    case "version":
      return run.version === value;
    case "failedin":
      return exception.record.codeVersion === value;
    case "run":
      return formatRunId(run.run) === value;
    case "key":
      return value.endsWith("*") ? run.key.startsWith(value.slice(0, -1)) : run.key === value;
    case "age": {
      const { isOver, ms } = ageOf(value);
      return nowMs - exception.openedAtMs > ms === isOver;
    }
  }
}

/** What the store itself can look for; the rest is looked at row by row. */
export function storeFilter({ terms }: ReplayQuery): {
  readonly class?: string;
  readonly owner?: string;
  readonly workflow?: string;
} {
  const only = (field: ReplayField) => {
    const term = terms.find((one) => one.field === field && !one.isNot && one.values.length === 1);
    return term === undefined ? {} : { [field]: term.values[0] };
  };
  return { ...only("class"), ...only("owner"), ...only("workflow") };
}

function misuse(what: string, remedy: string): HoldfastError {
  return new HoldfastError("HF4102", `The query is not valid: ${what}.`, remedy);
}
