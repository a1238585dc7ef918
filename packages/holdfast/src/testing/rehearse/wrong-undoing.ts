/** Whether each undoing is about what it undoes, and not about something else. */
import { stateOf } from "../../core/unknown-effects.ts";
import type { IntentHead, JournalRecord } from "../../core/journal.ts";
import { parseJson } from "../../core/json-text.ts";
import type { StoredRun } from "../../store/rows.ts";

/** An effect that was done and undone, with what it was asked and what it answered. */
interface Undone {
  readonly step: string;
  readonly effect: string;
  /** Texts and numbers of its input and its answer. */
  readonly about: ReadonlySet<string>;
  /** The same of the undoing's input. */
  readonly names: ReadonlySet<string>;
}

/** Steps whose undoing names another one, or nothing that they have asked or were answered. */
export function wronglyUndone({ records }: StoredRun): readonly Undone[] {
  const all = undoneIn(records);
  return all.filter((one) => {
    const others = all.filter(({ step, effect }) => effect === one.effect && step !== one.step);
    return namesNothing(one) || namesAnother(one, others);
  });
}

/** A part of a text counts: `refund of INV-1` names INV-1. */
function namesNothing({ about, names }: Undone): boolean {
  const isNamed = [...names].some((name) =>
    [...about].some((leaf) => leaf !== "" && name.includes(leaf)),
  );
  return about.size > 0 && names.size > 0 && !isNamed;
}

function namesAnother({ about, names }: Undone, others: readonly Undone[]): boolean {
  const foreign = new Set(others.flatMap((one) => [...one.about]));
  const namesOwn = [...names].some((name) => about.has(name) && !foreign.has(name));
  return !namesOwn && [...names].some((name) => foreign.has(name) && !about.has(name));
}

function undoneIn(records: readonly JournalRecord[]): readonly Undone[] {
  const undoings = records.filter(({ kind, data }) => kind === "intent" && data !== null);
  return undoings.flatMap((undoing) => {
    const { undoes, effect: undoneBy } = headOf<IntentHead>(undoing);
    const own = records.filter(({ name }) => name === undoes);
    const intent = own.find(({ kind }) => kind === "intent");
    if (undoes === undefined || intent === undefined || stateOf(own).proof !== "surely") return [];
    const { effect } = headOf<IntentHead>(intent);
    // A call that `compensate` makes itself is given what was asked and answered.
    if (undoneBy === `undo-${effect}`) return [];
    const about = new Set([...leavesOf(intent.data), ...leavesOf(answerOf(own))]);
    return [{ step: undoes, effect, about, names: new Set(leavesOf(undoing.data)) }];
  });
}

function answerOf(records: readonly JournalRecord[]): string | null {
  const end = records.findLast(
    ({ head, data }) => data !== null && headOf<{ end?: string } | null>({ head })?.end === "value",
  );
  return end?.data ?? null;
}

function leavesOf(json: string | null): readonly string[] {
  const found: string[] = [];
  collect(parseJson(json ?? "null"), found);
  return found;
}

function collect(value: unknown, into: string[]): void {
  if (typeof value === "string" || typeof value === "number") into.push(String(value));
  else if (typeof value === "object" && value !== null)
    for (const member of Object.values(value)) collect(member, into);
}

/** The engine wrote it with the shape of its kind. */
function headOf<Head>({ head }: Pick<JournalRecord, "head">): Head {
  return parseJson(head ?? "null") as Head;
}
