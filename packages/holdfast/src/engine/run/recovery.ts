/**
 * The journal of one run as recovery hands it out: what each step recorded, and the answers in the
 * order in which the code got them.
 */
import { parseJson } from "../../core/json-text.ts";
import { recordedText } from "../../core/drift.ts";
import type {
  ClosedHead,
  EventHead,
  JournalRecord,
  OpenedHead,
  ResultHead,
} from "../../core/journal.ts";
import type { RecordKind } from "../../core/record-kinds.ts";
import { lifeOf } from "../../core/run-life.ts";
import { isUndoPath } from "../../core/step-path.ts";
import type { StepSlot } from "../steps/step-slot.ts";

/** Turns of the event loop that recovery waits for code that awaits something unrecorded. */
const TURNS_MAX = 20;

/** Steps that are named in a message about code that took another way. */
const ASKED_NAMED_MAX = 3;

export type RecoveryStep =
  | { readonly kind: "answer"; readonly slot: StepSlot; readonly record: JournalRecord }
  | { readonly kind: "later" }
  | { readonly kind: "misfit"; readonly sentence: string }
  | { readonly kind: "over" };

export class Recovery {
  /** Records about the run itself, in order. */
  readonly ofRun: readonly JournalRecord[];
  /** Those of them that open or close an exception. */
  readonly exceptions: readonly JournalRecord[];
  /** True if nothing has happened yet: no step, and nobody has decided anything about the run. */
  readonly isFresh: boolean;
  /** What was recorded of steps before the run was done again from there, or from before them. */
  readonly superseded: ReadonlyMap<string, readonly JournalRecord[]>;
  readonly #steps = new Map<string, JournalRecord[]>();
  readonly #answers: JournalRecord[] = [];
  #index = 0;
  #turns = 0;

  constructor(records: readonly JournalRecord[]) {
    const { ofRun, exceptions, steps, superseded, again } = lifeOf(records);
    const voidBefore = lastVoids(records);
    for (const [path, list] of steps) {
      const first = list.find((record) => record.seq < (voidBefore.get(path) ?? 0));
      const held =
        first === undefined ? list : list.filter((one) => !isVoidResult(one, voidBefore));
      if (held.length > 0) this.#steps.set(path, held);
    }
    for (const record of records) {
      if (record.name === "" || !endsStep(record)) continue;
      if (record.seq < (voidBefore.get(record.name) ?? 0)) continue;
      if (again !== null && !isOf(steps.get(record.name), record)) continue;
      this.#answers.push(record);
    }
    this.ofRun = ofRun;
    this.exceptions = exceptions;
    this.superseded = superseded;
    this.isFresh = this.#steps.size === 0 && ofRun.every(decidesNothing);
  }

  /** Also what is superseded: an operation keeps the number of its first intent. */
  find(matches: (record: JournalRecord) => boolean): JournalRecord | undefined {
    for (const lists of [this.#steps, this.superseded]) {
      for (const list of lists.values()) {
        const found = list.find(matches);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** Of all steps, in the order in which they began. */
  get paths(): Iterable<string> {
    return this.#steps.keys();
  }

  /** True if the journal holds more than the code has had, or asked for, so far. */
  hasMore(slots: ReadonlyMap<string, StepSlot>): boolean {
    for (let at = this.#index; at < this.#answers.length; at += 1)
      if (!isUndoPath(this.#answers[at]?.name ?? "")) return true;
    for (const path of this.#steps.keys())
      if (!slots.has(path) && !isUndoPath(path) && this.#matters(path)) return true;
    return false;
  }

  recordsOf(path: string): readonly JournalRecord[] {
    return this.#steps.get(path) ?? [];
  }

  /** The step is over. Of local work nothing is asked any more, and its result may be large. */
  forget(path: string): void {
    if (this.#steps.get(path)?.[0]?.kind === "result") this.#steps.delete(path);
  }

  /** What comes next, given the steps that the code has asked for so far. */
  next(slots: ReadonlyMap<string, StepSlot>): RecoveryStep {
    const record = this.#answers[this.#index];
    if (record === undefined) {
      this.#answers.length = 0;
      this.#index = 0;
      return this.#end(slots);
    }
    // Compensations are asked for by the engine, after recovery.
    if (isUndoPath(record.name)) {
      this.#index += 1;
      return this.next(slots);
    }
    const slot = slots.get(record.name);
    if (slot === undefined) return this.#missing(record.name, slots);
    this.#index += 1;
    this.#turns = 0;
    return { kind: "answer", slot, record };
  }

  #end(slots: ReadonlyMap<string, StepSlot>): RecoveryStep {
    for (const path of this.#steps.keys()) {
      if (!slots.has(path) && !isUndoPath(path) && this.#matters(path))
        return this.#missing(path, slots);
    }
    return { kind: "over" };
  }

  /**
   * `run.now` may be skipped without harm: it left nothing behind. So may what only has the exception
   * of an effect that was done before the run was done again. Of `run.since`, see RunVersions.unasked.
   */
  #matters(path: string): boolean {
    const first = this.recordsOf(path)[0]?.kind;
    return first !== "result" && first !== "opened";
  }

  /** What the code asks for that the journal does not hold: that is where it took another way. */
  #asks(slots: ReadonlyMap<string, StepSlot>): string {
    const fresh = [...slots.values()].filter((slot) => !slot.ended && slot.records.length === 0);
    const others = [...slots.values()].filter((one) => !one.ended && one.records.some(endsStep));
    if (fresh.length === 0 && others.length > 0)
      return `asks for ${others[0]?.verb.what ?? ""} first`;
    if (fresh.length === 0) return "no longer asks for it";
    const named = fresh.slice(0, ASKED_NAMED_MAX).map((slot) => slot.verb.what);
    const rest = fresh.length - named.length;
    return `asks for ${named.join(", ")}${rest > 0 ? ` and ${String(rest)} more` : ""}`;
  }

  #missing(path: string, slots: ReadonlyMap<string, StepSlot>): RecoveryStep {
    this.#turns += 1;
    if (this.#turns <= TURNS_MAX) return { kind: "later" };
    return {
      kind: "misfit",
      sentence: `The journal says step ${JSON.stringify(path)} was ${recordedText(this.recordsOf(path))}; your code ${this.#asks(slots)} here.`,
    };
  }
}

/**
 * False if the journal holds no step of the run. It may have been late all the same before its turn
 * in a lane, and be let go on by its owner.
 */
export function hasBegun(records: readonly JournalRecord[]): boolean {
  return records.some((record) => record.name !== "" && !standsBeside(record));
}

/** True if the record is about an exception that the run does not wait for. */
export function standsBeside(record: JournalRecord): boolean {
  if (record.kind !== "opened" && record.kind !== "closed") return false;
  return headOf<Pick<OpenedHead | ClosedHead, "beside">>(record).beside !== undefined;
}

const DECIDES_NOTHING: ReadonlySet<RecordKind> = new Set<RecordKind>([
  "started",
  "state",
  "restored",
  "applied",
  "proposed",
  "decided",
  "handled",
  "lane",
  "code",
  "suspected",
]);

function decidesNothing(record: JournalRecord): boolean {
  return DECIDES_NOTHING.has(record.kind);
}

/** Records that do not mean that the run goes on. */
export const QUIET_KINDS: ReadonlySet<RecordKind> = new Set<RecordKind>([
  "state",
  "finished",
  "cancel",
  "late",
  "opened",
  "closed",
  "applied",
  "again", // says itself that the run goes on
  "proposed",
  "decided",
  "handled",
  "lane",
  "code",
  "suspected",
]);

/** True if this record is the one that gave the code its answer. */
export function endsStep(record: JournalRecord): boolean {
  if (record.kind === "fired") return true;
  if (record.kind === "result") {
    if (record.head === null) return true;
    const { now, since } = headOf<ResultHead>(record);
    return now !== true && since === undefined;
  }
  return ENDING_KINDS.has(record.kind) && headOf<Partial<EventHead>>(record).end !== undefined;
}

/** Kinds whose head says whether the record ends its step. */
const ENDING_KINDS: ReadonlySet<RecordKind> = new Set<RecordKind>([
  "outcome",
  "probe",
  "settled",
  "supplied",
  "answered",
  "event",
  "returned",
]);

/**
 * For each step that an operator let go on, or whose input or result an operator gave: where that was
 * said last. How the step had ended before is void.
 */
function lastVoids(records: readonly JournalRecord[]): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const { kind, name, seq } of records) {
    if (name !== "" && VOIDING_KINDS.has(kind)) last.set(name, seq);
  }
  return last;
}

const VOIDING_KINDS: ReadonlySet<RecordKind> = new Set<RecordKind>([
  "resumed",
  "edited",
  "supplied",
]);

/** Where a step's end was voided last; 0 if it never was. A supplied result is an end of its own. */
export function voidedAt(records: readonly JournalRecord[]): number {
  return records.findLast(({ kind }) => VOIDING_KINDS.has(kind))?.seq ?? 0;
}

function isVoidResult(record: JournalRecord, voidBefore: ReadonlyMap<string, number>): boolean {
  return record.kind === "result" && record.seq < (voidBefore.get(record.name) ?? 0);
}

/** True if the record is one of what holds of its step: those are the last of it. */
function isOf(list: readonly JournalRecord[] | undefined, { seq }: JournalRecord): boolean {
  return list !== undefined && seq >= (list[0]?.seq ?? Number.POSITIVE_INFINITY);
}

/** The head of a record whose kind the caller knows; the journal's own shapes are trusted. */
export function headOf<T>(record: JournalRecord): T {
  return parseJson(record.head ?? "null") as T;
}
