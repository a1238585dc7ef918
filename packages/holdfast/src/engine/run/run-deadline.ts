/**
 * The deadline of one run: when it is, whether it still counts, and what its workflow says for the
 * case that it passes. It is in the `started` record; that it has passed is a `late` record, so a
 * crash between the two finds the run late again and never late twice.
 *
 * A sleeping run costs nothing for it: the deadline is one of the times at which the store says
 * that the run is due.
 */
import { utcText } from "../../core/civil-time.ts";
import { durationMs } from "../../core/duration.ts";
import { HoldfastError } from "../../core/error.ts";
import type {
  ClosedHead,
  JournalRecord,
  LateHead,
  OpenedHead,
  StateHead,
} from "../../core/journal.ts";
import type { OnLate } from "../../core/run-late.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { msOfDate } from "../clock.ts";
import { NO_TIME_LEFT } from "../effects/effect-failures.ts";
import { exceptionHead } from "../exceptions/exceptions.ts";
import type { LiveRun } from "./live-run.ts";
import { headOf } from "./recovery.ts";

/** A run in memory looks at its deadline at least this often, milliseconds: clocks may jump. */
const WATCH_MS_MAX = 30_000;

export class RunDeadline {
  readonly #run: LiveRun;
  readonly #ofRun: readonly JournalRecord[];
  #atMs: number | null;
  #cancelWatch: (() => void) | null = null;

  constructor(run: LiveRun, ofRun: readonly JournalRecord[]) {
    this.#run = run;
    this.#ofRun = ofRun;
    const { deadlineAtMs } = run.row;
    this.#atMs = deadlineAtMs === null || isVoid(ofRun) ? null : deadlineAtMs;
  }

  /** Null if there is none, if it has passed and that is on record, or if the run is taken back. */
  get atMs(): number | null {
    return this.#atMs;
  }

  get isOver(): boolean {
    return this.#atMs !== null && this.#run.host.clock.nowMs() >= this.#atMs;
  }

  /** What happens when it passes. */
  get onLate(): OnLate {
    return this.#run.workflow.definition.onLate ?? "ask";
  }

  /** The owner was to be asked when the process died, and there is no trace of the question yet. */
  get isUnasked(): boolean {
    const at = this.#ofRun.findLastIndex((record) => record.kind === "late");
    const late = this.#ofRun[at];
    if (late === undefined || headOf<LateHead>(late).onLate !== "ask") return false;
    return this.#ofRun.slice(at).every(({ kind }) => kind !== "opened" && kind !== "closed");
  }

  get sentence(): string {
    const atMs = this.#run.row.deadlineAtMs ?? 0;
    return `Its deadline, ${utcText(atMs)}, passed before it was done.`;
  }

  /** It no longer counts. */
  disarm(): void {
    this.#atMs = null;
    this.close();
  }

  /** Calls back when the run, which stays in memory, should look at its deadline again. */
  watch(look: () => void): void {
    if (this.#atMs === null || this.#cancelWatch !== null) return;
    const { clock } = this.#run.host;
    const delayMs = Math.min(WATCH_MS_MAX, Math.max(0, this.#atMs - clock.nowMs()));
    this.#cancelWatch = clock.after(delayMs, () => {
      this.#cancelWatch = null;
      look();
    });
  }

  close(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = null;
  }

  lateHead(): LateHead {
    return { deadlineAtMs: this.#run.row.deadlineAtMs ?? 0, onLate: this.onLate };
  }

  exceptionHead(): OpenedHead {
    const because = `${this.sentence} Its owner says whether it goes on all the same, or is cancelled.`;
    return exceptionHead(this.#run, {
      class: "expired",
      effect: "never",
      scope: "item",
      origin: "rule",
      reasonCode: "RUN:DEADLINE_PASSED",
      rule: "run/DEADLINE_PASSED@1",
      message: this.sentence,
      because,
      owner: this.#run.row.owner,
      step: "",
    });
  }
}

/** Resolutions that say that the run goes on all the same. */
const GOES_ON: ReadonlySet<ClosedHead["resolution"]> = new Set<ClosedHead["resolution"]>([
  "resumed",
  "repaired",
]);

/** It has passed already, its owner has let the run go on all the same, or the run is taken back. */
function isVoid(ofRun: readonly JournalRecord[]): boolean {
  /** Where an effect that was given up for want of time has become a question to the owner. */
  const asked = new Set<number>();
  return ofRun.some((record) => {
    if (record.kind === "late" || record.kind === "cancel") return true;
    if (record.kind === "state") return headOf<StateHead>(record).to === "compensating";
    if (record.kind === "opened" && headOf<OpenedHead>(record).reasonCode === NO_TIME_LEFT)
      asked.add(record.seq);
    if (record.kind !== "closed") return false;
    const { resolution, opened } = headOf<ClosedHead>(record);
    // Of the same class is what another system found too late: that is no word about this deadline.
    return GOES_ON.has(resolution) && asked.has(opened);
  });
}

/**
 * When a run that starts now has to be done; a child never later than its parent (R7).
 *
 * @throws {HoldfastError} HF4102 if the workflow's own function names no time.
 */
export function deadlineOf(
  workflow: AnyWorkflow,
  input: unknown,
  nowMs: number,
  parentAtMs: number | null,
): number | null {
  const { deadline } = workflow.definition;
  if (deadline === undefined) return parentAtMs;
  const named: unknown = typeof deadline === "function" ? deadline(input) : deadline;
  const ownAtMs = timeOf(named, workflow.name, nowMs);
  return parentAtMs === null ? ownAtMs : Math.min(ownAtMs, parentAtMs);
}

function timeOf(named: unknown, workflow: string, nowMs: number): number {
  const what = `deadline of workflow "${workflow}"`;
  if (typeof named === "string") return nowMs + durationMs(named, what);
  const atMs = msOfDate(named);
  if (atMs !== null && Number.isSafeInteger(atMs) && atMs >= 0) return atMs;
  throw new HoldfastError(
    "HF4102",
    `The ${what} is not valid for this input: expected a Date or a duration such as "2d", got ${atMs === null ? typeof named : "an invalid Date"}. Nothing was started.`,
    "Mend the input, or the workflow's deadline function.",
  );
}
