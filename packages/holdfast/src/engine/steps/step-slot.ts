/**
 * One step of one run in memory: the promise that the code waits on, and what the journal says.
 *
 * A slot is made when the code asks for the step. During recovery it then waits for its turn in the
 * journal's order; a step that the journal has not ended goes live once recovery has come through.
 */
import type { AcceptedEvent, JournalRecord } from "../../core/journal.ts";
import type { DecidedHead } from "../../core/repaired.ts";
import type { SaidParts } from "../../core/said-parts.ts";
import type { FinalRunState, RunState } from "../../core/run-state.ts";
import type { StayingEffect } from "../effects/staying-effects.ts";
import type { ErrorCode } from "../../core/error.ts";

/** What a step waits for while nothing of it is under way. */
export interface Wait {
  readonly state: RunState;
  readonly reason: string;
  readonly wakeAtMs: number | null;
  /**
   * What is on record is over, and this engine looks again then; the next engine looks at once. For
   * looks that find nothing new, so that they leave no records. Absent: at `wakeAtMs`.
   */
  readonly lookAtMs?: number;
  readonly dependency?: string;
  /** Called when the time has come while the run is still in memory. */
  readonly onWake?: () => void;
}

/** What takes a step back. */
export interface TakingBack {
  /** True if what was done is undone, and children are taken back with it. */
  readonly undoes: boolean;
  readonly reason: string;
}

/** One verb of `run` at work. Made when the code asks for the step. */
export interface StepVerb {
  /** For messages: `effect charge-card`, `sleep`. */
  readonly what: string;
  /** Sentence if the journal holds something else under this name, else null. */
  misfit(records: readonly JournalRecord[]): string | null;
  /** Gives the code its answer from the record that ended the step. May wait for a schema. */
  settle(record: JournalRecord): void | Promise<void>;
  /** Goes on from the records so far. Called once, when recovery is over or the step is new. */
  live(slot: StepSlot): void;
  /**
   * Its run has been brought back and stands still: takes in what is told of it, and does nothing by
   * itself. `live` follows if the run is taken back.
   */
  standBy?(slot: StepSlot): void;
  /** An operator or another process has something for this step. */
  command?(command: StepCommand): Promise<CommandAnswer>;
  /** Why a resume would be refused now; null if it would be taken. Not given: `command` says so. */
  refusesResume?(command: ResumeCommand): Refused | null;
  /** True if the step waits for this event. */
  awaits?(event: string, key: string): boolean;
  /**
   * The run is being taken back, or the scope of this step is: end what may be ended without harm.
   *
   * @param by - the scope; not given for the run.
   */
  unwind?(by?: TakingBack): void;
  /** The run is at rest: does what is due, of a step that waits for other steps. */
  proceed?(): void;
  /** True while something of it is outside, or at work, whose end would be lost. */
  isUnderWay?(): boolean;
  /** True while a call of it is outside: whoever takes the run over would not hear its end. */
  isOutside?(): boolean;
  /** The error with which the step has ended for the code; null if it has not. */
  threw?(): Error | null;
  /** True if it would have to be undone if it happened, and nobody knows whether it did. */
  readonly blocksUndoing?: boolean;
  /** Set if it was done, and nobody has said how it is undone or that it need not be. */
  readonly staying?: StayingEffect | null;
  /** True for work in this process that no timeout ends. */
  readonly isOwnCode?: true;
  /** True while an effect of this step may still come or go: the run does not end before. */
  isOpen?(): boolean;
  /** True once nobody will ask anything of this step again: then only its name stays taken. */
  isOver?(): boolean;
}

/** An event is accepted by the step that takes it, or was kept before under this number. */
type EventOrigin =
  | { readonly accepted: AcceptedEvent }
  | { readonly kept: number; readonly id: string };

export type StepCommand =
  | {
      readonly kind: "answer";
      readonly seq: number;
      readonly decision: unknown;
      readonly by: string;
      /** "" if none was given. */
      readonly reason: string;
    }
  | {
      readonly kind: "settle";
      /** Attempts that the ledger showed to who says this. */
      readonly attempts: number;
      /** Number of the exception that was seen; null for whichever is open. */
      readonly exception: number | null;
      readonly happened: boolean;
      /** Which parts of it happened; null where it is said of the whole. */
      readonly parts: SaidParts | null;
      readonly value: unknown;
      readonly ref: string | null;
      readonly by: string;
      readonly reason: string;
      /** Its id in the inbox; null if it was given to this process. */
      readonly command: string | null;
      /** A second person's word, on record in the same turn; null where none was needed. */
      readonly decided: DecidedHead | null;
      /** Where the run has to stand still, as `versionOf` says; null for wherever it stands. */
      readonly version: number | null;
    }
  | {
      readonly kind: "resume";
      readonly by: string;
      readonly reason: string;
      /** Number up to which the run's journal was seen: what was opened later is not meant. */
      readonly seen: number;
      /** Number of the exception that was seen; null for whichever is open. */
      readonly exception: number | null;
      readonly command: string | null;
    }
  /** An undoing that has failed is given up: what it was to undo stays. */
  | {
      readonly kind: "stays";
      /** Number of the exception that is closed by it. */
      readonly exception: number;
      readonly by: string;
      readonly reason: string;
    }
  | { readonly kind: "event"; readonly data: string | null; readonly origin: EventOrigin }
  | { readonly kind: "complete"; readonly ref: string; readonly outcome: LateOutcome }
  | {
      readonly kind: "returned";
      readonly child: number;
      readonly state: FinalRunState;
      readonly reason: string;
      readonly data: string | null;
    };

/** What an accepted request came to, told later by the other system. */
export type LateOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string };

export type CommandAnswer =
  | { readonly kind: "applied" }
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly why: string };

export const APPLIED: CommandAnswer = { kind: "applied" };

export type Refused = Extract<CommandAnswer, { kind: "refused" }>;
export type ResumeCommand = Extract<StepCommand, { kind: "resume" }>;

export function refused(code: ErrorCode, why: string): Refused {
  return { kind: "refused", code, why };
}

export interface StepSlot {
  readonly path: string;
  readonly verb: StepVerb;
  readonly records: readonly JournalRecord[];
  /** The code has its answer, or will have it next. */
  ended: boolean;
  /** What it waits for; null while something of it is under way. */
  wait: Wait | null;
}

/** What is left of a step that is over: its name, and whether its effect stays. */
class OverVerb implements StepVerb {
  readonly what = "a step that is over";
  readonly staying: StayingEffect | null;

  constructor(staying: StayingEffect | null) {
    this.staying = staying;
  }

  misfit(): null {
    return null;
  }

  settle(): void {}

  live(): void {}

  command(): Promise<CommandAnswer> {
    return Promise.resolve(refused("HF6003", "The step has ended, and how it ended is known."));
  }
}

/**
 * Stands in a run's memory for every step that is over: a run of ten thousand steps holds their
 * names, and not what they were made of.
 */
export const OVER: StepSlot = overAndStaying(null);

/** The same for an effect that stays if the run is taken back. */
export function overAndStaying(staying: StayingEffect | null): StepSlot {
  return { path: "", verb: new OverVerb(staying), records: [], ended: true, wait: null };
}
