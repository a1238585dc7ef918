/**
 * The order in which answers reach the code of one run: one at a time, each only after the code has
 * come to rest, that is when no microtask is left.
 */
import type { JournalRecord } from "../../core/journal.ts";
import type { SeenAtWork } from "./caution.ts";
import type { RestQueue } from "./rest-queue.ts";
import type { StepSlot } from "../steps/step-slot.ts";

/** Answers handed out in a row before the event loop gets its turn. */
const TICKS_MAX = 256;

export interface AnswersOf {
  /** The run has left memory: nothing is handed out any more. */
  readonly isGone: boolean;
  /** This step has its answer. */
  handed(slot: StepSlot): void;
  /** The code is at rest, and has all the answers that there were. */
  allHanded(): void;
}

interface Waiting {
  readonly slot: StepSlot;
  readonly record: JournalRecord;
  /** Null: the code need not wait until it is on disk. */
  readonly written: Promise<void> | null;
}

export class Answers {
  readonly #run: AnswersOf;
  readonly #rest: RestQueue;
  readonly #seen: Pick<SeenAtWork, "written" | "after">;
  readonly #waiting: Waiting[] = [];
  #isHanding = false;
  #turns = 0;

  constructor(run: AnswersOf, rest: RestQueue, seen: Pick<SeenAtWork, "written" | "after">) {
    this.#run = run;
    this.#seen = seen;
    this.#rest = rest;
  }

  get isHanding(): boolean {
    return this.#isHanding;
  }

  /** Hands the answer of a step to the code, after those before it. */
  add(slot: StepSlot, record: JournalRecord): void {
    this.#waiting.push({ slot, record, written: this.#seen.written(record) });
    if (this.#isHanding) return;
    // Not at once: the code that asked may have more to do first, and on recovery it has done it.
    this.#isHanding = true;
    this.afterRest(() => this.#next());
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined || this.#run.isGone) {
      this.#isHanding = false;
      this.#run.allHanded();
      return;
    }
    this.#isHanding = true;
    this.#seen.after(next.written, () => this.#handOut(next));
  }

  #handOut({ slot, record }: Waiting): void {
    if (this.#run.isGone) this.#next();
    else this.hand(slot, record, () => this.#next());
  }

  /** Gives a step its answer, and calls back once the code has come to rest. */
  hand(slot: StepSlot, record: JournalRecord, callback: () => void): void {
    const settled = slot.verb.settle(record);
    if (settled instanceof Promise) {
      void settled.then(() => {
        this.#handed(slot, callback);
      });
    } else {
      this.#handed(slot, callback);
    }
  }

  #handed(slot: StepSlot, callback: () => void): void {
    this.#run.handed(slot);
    this.afterRest(callback);
  }

  /** Calls back once the code has come to rest. */
  afterRest(callback: () => void): void {
    this.#turns += 1;
    // Ticks starve the event loop: a long run of quick steps lets the others in now and then.
    if (this.#turns % TICKS_MAX === 0) setImmediate(callback);
    else this.#rest.add(callback);
  }
}
