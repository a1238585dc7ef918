/** What is held of every record, in the moment in which it is committed. */
import type {
  AnsweredHead,
  ClosedHead,
  EventHead,
  IntentHead,
  JournalRecord,
  OutcomeHead,
  SettledHead,
  TimerHead,
} from "#src/core/journal.ts";
import type { RecordKind } from "#src/core/record-kinds.ts";
import type { FailureClass } from "#src/core/failure.ts";
import type { ReceivedHead } from "#src/core/received.ts";
import type { DecidedHead, ProposedHead } from "#src/core/repaired.ts";
import { isFinal } from "#src/core/run-state.ts";
import { endsStep } from "#src/engine/run/recovery.ts";
import type { Disk } from "../store/disk.ts";
import type { Sent } from "./sent.ts";
import { standingProblem } from "./standing.ts";
import type { Report } from "./violation.ts";

/** Records after which a step may end once more. */
const VOIDING: ReadonlySet<RecordKind> = new Set(["resumed", "edited", "supplied", "again"]);
/** What may still be written of a run that has ended. */
const AFTER_END: ReadonlySet<RecordKind> = new Set([
  "opened",
  "closed",
  "handled",
  "settled",
  "applied",
  "proposed",
  "decided",
]);

/** Records that change nothing an approval depends on. */
const STANDS: ReadonlySet<RecordKind> = new Set([
  "state",
  "applied",
  "handled",
  "suspected",
  "proposed",
  "decided",
  "lane",
  "code",
]);

/** Failures that use up no attempt: it waits for the other system. */
const FREE: ReadonlySet<FailureClass> = new Set([
  "throttled",
  "unavailable",
  "misconfigured",
  "exhausted",
  "contention",
]);

/** What a person had seen when a command was given. */
export interface SeenBy {
  readonly attempts: number | null;
  readonly exception: number | null;
}

export class RecordRules {
  readonly #disk: Disk;
  readonly #sent: Sent;
  readonly #report: Report;
  readonly #ended = new Map<string, number>();
  readonly #timers = new Map<string, number>();
  /** By operation: attempts that were counted last. */
  readonly #attempts = new Map<string, number>();
  readonly #finished = new Set<number>();
  readonly #events = new Map<string, string>();
  /** By the name of an order: the number that was taken last. */
  readonly #newest = new Map<string, number>();
  /** Runs that need to stand well once the commit is complete. */
  readonly #touched = new Set<number>();
  readonly #seenBy: (command: string) => SeenBy | null;

  constructor(options: {
    readonly disk: Disk;
    readonly sent: Sent;
    readonly report: Report;
    readonly seenBy: (command: string) => SeenBy | null;
  }) {
    this.#disk = options.disk;
    this.#sent = options.sent;
    this.#report = options.report;
    this.#seenBy = options.seenBy;
  }

  committed(records: readonly JournalRecord[]): void {
    for (const record of records) {
      if (record.run !== 0) this.#record(record);
      else if (record.kind === "received") this.#received(headOf<ReceivedHead>(record));
    }
    for (const run of this.#touched) {
      const problem = standingProblem(this.#disk, run);
      if (problem !== null) this.#report("P2", run, problem);
    }
    this.#touched.clear();
  }

  #record(record: JournalRecord): void {
    const { run, kind, name, seq } = record;
    if (this.#finished.has(run) && !AFTER_END.has(kind))
      this.#report("P3", run, `"${kind}" (${String(seq)}) was written after the run had ended`);
    if (VOIDING.has(kind)) this.#ended.delete(`${String(run)} ${name}`);
    if (endsStep(record)) this.#end(record);
    if (kind === "finished") this.#finished.add(run);
    if (kind === "timer")
      this.#timers.set(`${String(run)} ${name}`, headOf<TimerHead>(record).dueAtMs);
    if (kind === "intent") this.#sent.declared(record, headOf<IntentHead>(record));
    if (kind === "outcome") this.#outcome(record, headOf<OutcomeHead>(record));
    if (kind === "fired") this.#fired(record);
    if (kind === "event") this.#event(record, headOf<EventHead>(record));
    if (kind === "settled") this.#settled(record, headOf<SettledHead>(record));
    if (kind === "closed") this.#closed(record, headOf<ClosedHead>(record));
    if (kind === "answered") this.#answered(record, headOf<AnsweredHead>(record));
    if (kind === "decided") this.#decided(record, headOf<DecidedHead>(record));
    if (kind === "state" || kind === "started" || kind === "closed") this.#touched.add(run);
  }

  #end({ run, name, seq, kind }: JournalRecord): void {
    const step = `${String(run)} ${name}`;
    const before = this.#ended.get(step);
    if (before !== undefined) {
      const again = `step "${name}" has ended twice: ${String(before)} and ${String(seq)} (${kind})`;
      this.#report(kind === "fired" ? "P12" : "P3", run, again);
    }
    this.#ended.set(step, seq);
  }

  #outcome({ run, name }: JournalRecord, { meters, operation, failure }: OutcomeHead): void {
    const counted = `${String(run)}/${name}/${String(operation)}`;
    const before = this.#attempts.get(counted) ?? 0;
    this.#attempts.set(counted, meters?.attempts ?? before);
    if (failure !== undefined && FREE.has(failure.class) && (meters?.attempts ?? 0) > before)
      this.#report(
        "P8",
        run,
        `a failure of class ${failure.class} has used up an attempt of "${name}"`,
      );
    const left = this.#sent.leftCount(run, operation);
    if (operation === 0 || meters === undefined || meters.attempts <= left) return;
    const sentence = `${String(meters.attempts)} attempts were counted, and ${String(left)} have left`;
    this.#report("P8", run, `of "${name}" ${sentence}`);
  }

  #fired({ run, name, atMs }: JournalRecord): void {
    const dueAtMs = this.#timers.get(`${String(run)} ${name}`);
    if (dueAtMs === undefined) this.#report("P12", run, `"${name}" fired, and was never set`);
    else if (atMs < dueAtMs)
      this.#report("P12", run, `"${name}" fired ${String(dueAtMs - atMs)} ms too early`);
  }

  #event({ run, name }: JournalRecord, { kept, accepted }: EventHead): void {
    const id = accepted === undefined ? null : `${accepted.event} ${accepted.id}`;
    for (const one of [kept === undefined ? null : `kept ${String(kept)}`, id]) {
      if (one === null) continue;
      const before = this.#events.get(one);
      if (before !== undefined)
        this.#report("P6", run, `event ${one} went to ${before} and "${name}"`);
      this.#events.set(one, `"${name}" of run ${String(run)}`);
    }
  }

  /** What was said is about what had been seen. */
  #settled(record: JournalRecord, { command, operation }: SettledHead): void {
    const seen = command === undefined ? null : this.#seenBy(command);
    if (seen === null || seen.attempts === null) return;
    const sent = this.#sent.declaredCount(record.run, operation);
    if (sent !== seen.attempts)
      this.#report(
        "P8",
        record.run,
        `"${record.name}" was settled by who had seen ${String(seen.attempts)} attempts; there are ${String(sent)}`,
      );
  }

  #closed({ run, name }: JournalRecord, { command, opened }: ClosedHead): void {
    const seen = command === undefined ? null : this.#seenBy(command);
    if (seen?.exception === undefined || seen.exception === null || seen.exception === opened)
      return;
    const other = `exception ${String(opened)} of "${name}" was closed`;
    this.#report("P2", run, `${other} by who had seen ${String(seen.exception)}`);
  }

  #answered({ run, name }: JournalRecord, { asked }: AnsweredHead): void {
    const record = this.#disk.journal.get(run)?.[asked - 1]?.record;
    if (record?.kind !== "asked" || record.name !== name)
      this.#report("P3", run, `"${name}" was answered, and ${String(asked)} asks nothing of it`);
  }

  /** What was approved is what was proposed, of a run that has not moved since. */
  #decided(record: JournalRecord, { proposed, verdict, by }: DecidedHead): void {
    if (verdict !== "approved") return;
    const { run, name, seq } = record;
    const records = (this.#disk.journal.get(run) ?? []).map((kept) => kept.record);
    const proposal = records[proposed - 1];
    // By a list of its own: what is looked at may not be what looks.
    const version = records.slice(0, seq - 1).findLast((one) => !STANDS.has(one.kind))?.seq ?? 0;
    if (proposal?.kind !== "proposed") {
      this.#report("P10", run, `"${name}": ${String(proposed)} is approved, and proposes nothing`);
      return;
    }
    const head = headOf<ProposedHead>(proposal);
    if (head.by === by) this.#report("P10", run, `"${name}" was approved by who has proposed it`);
    if (head.version !== version)
      this.#report("P10", run, `"${name}" was approved although the run has moved since`);
  }

  /** Messages of one order are taken in its sequence. */
  #received({ state, order }: ReceivedHead): void {
    if (order === null || state === "held" || state === "superseded") return;
    const newest = this.#newest.get(order.name) ?? 0;
    this.#newest.set(order.name, Math.max(newest, order.number));
    if (order.number === newest + 1) return;
    const which = `message ${String(order.number)} of "${order.key}" was taken`;
    this.#report("P7", null, `${which} after message ${String(newest)}`);
  }

  isOver(run: number): boolean {
    const state = this.#disk.tables.runs.get(run)?.row.state;
    return state !== undefined && isFinal(state);
  }
}

/** The engine wrote it with the shape of its kind. */
function headOf<T>({ head }: JournalRecord): T {
  return JSON.parse(head ?? "null") as T;
}
