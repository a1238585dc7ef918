/**
 * What became of an item, read from the journal of its run. "Sent" is no result: an item is judged
 * once its run has ended, stands before a person again, or is past the step that had failed.
 */
import { parseJson } from "../json-text.ts";
import type { ClosedHead, JournalRecord, OpenedHead } from "../journal.ts";
import { isFinal, type RunState } from "../run-state.ts";
import type { ReplayResult } from "./replay-tally.ts";

export interface JudgedItem {
  /** Id of the command by which it went on. */
  readonly command: string;
  /** The step that had failed; "" for the run as a whole. */
  readonly step: string;
  readonly fingerprint: string;
}

/**
 * Number of the record by which the command let the run go on; null if it was not taken. A worker that
 * has sent it on has added `~` to its id.
 */
export function takenBy(records: readonly JournalRecord[], command: string): number | null {
  const mark = `"command":${JSON.stringify(command).slice(0, -1)}`;
  const taken = records.find(({ head }) => head !== null && isMarked(head, mark));
  return taken?.seq ?? null;
}

function isMarked(head: string, mark: string): boolean {
  const at = head.indexOf(mark);
  return at !== -1 && /^~*"/.test(head.slice(at + mark.length));
}

/** Null while nothing can be said yet. */
export function judge(
  records: readonly JournalRecord[],
  state: RunState,
  item: JudgedItem,
): ReplayResult | null {
  const taken = takenBy(records, item.command);
  if (taken === null) return null;
  const since = records.filter(({ seq }) => seq > taken);
  const opened = since.map(openedOf).find((head) => head !== null && head.beside === undefined);
  if (opened != null) {
    const { because, record } = opened;
    const fingerprint = record.fingerprints.place;
    const end = fingerprint === item.fingerprint ? "failed-same" : "failed-anew";
    return { end, because, fingerprint };
  }
  // What was supplied is the end of its step.
  const isEnd = (record: JournalRecord) => record.seq >= taken && isEndOf(record, item.step);
  const isPast = item.step === "" || records.some(isEnd);
  if (isFinal(state)) {
    if (state === "completed") return { end: "succeeded", because: "its run is completed" };
    if (isPast && item.step !== "")
      return { end: "succeeded", because: `"${item.step}" is done; its run is ${state}` };
    return { end: "failed-anew", because: `its run is ${state}` };
  }
  if (!isPast) return null;
  const what = item.step === "" ? "its run goes on" : `"${item.step}" is done`;
  if (AT_REST.includes(state)) return { end: "succeeded", because: `${what}; its run is ${state}` };
  const other = STANDS.includes(state) ? openBefore(records, taken) : null;
  if (other === null) return null;
  const where = other.name === "" ? "its code" : `"${other.name}"`;
  return { end: "passed", because: `${what}; its run still stands because of ${where}` };
}

/** What was open before the item went on and still is: nobody has said anything about that. */
function openBefore(records: readonly JournalRecord[], taken: number): JournalRecord | null {
  const closed = new Set(records.map(closedOf));
  const isOpen = (record: JournalRecord) => {
    const head = record.seq < taken ? openedOf(record) : null;
    return head !== null && head.beside === undefined && !closed.has(record.seq);
  };
  return records.find(isOpen) ?? null;
}

/** States of a run that stands before a person. */
const STANDS: readonly RunState[] = ["exception", "held"];

/** A run that is past the step may still come to grief in this turn: it is judged where it rests. */
const AT_REST: readonly RunState[] = ["waiting", "parked", "review", "paused"];

function openedOf({ kind, head }: JournalRecord): OpenedHead | null {
  // Written by the engine with this shape.
  return kind === "opened" && head !== null ? (parseJson(head) as OpenedHead) : null;
}

function closedOf({ kind, head }: JournalRecord): number | null {
  return kind === "closed" && head !== null ? (parseJson(head) as ClosedHead).opened : null;
}

/** True for the record that gave the step's value to the code. */
function isEndOf({ kind, name, head }: JournalRecord, step: string): boolean {
  if (name !== step) return false;
  const said = head === null ? {} : (parseJson(head) as { end?: unknown; threw?: unknown });
  if (kind === "result") return said.threw === undefined;
  return said.end === "value";
}
