/**
 * `run.scope`: steps that belong together. Their names lie under the name of the scope, and where it
 * says so, they are undone by themselves when it fails, while the run goes on.
 *
 * A scope that comes through writes nothing: what its code answers follows from recorded answers. One
 * that is undone writes one record when that is over, which is where the code hears of its failure.
 */
import { HoldfastError } from "../../core/error.ts";
import type { JournalRecord, ResultHead } from "../../core/journal.ts";
import { isWithin, scopePath, type StepName } from "../../core/step-path.ts";
import type { Run } from "../../workflow/run.ts";
import { Compensation, stepThatBlocksUndoing } from "../effects/compensation.ts";
import { openStayingBeside } from "../effects/staying-effects.ts";
import { thrownText } from "../exceptions/thrown-text.ts";
import { Deferred } from "../run/deferred.ts";
import type { LiveRun } from "../run/live-run.ts";
import { headOf } from "../run/recovery.ts";
import { RunStopped } from "../run/unwinding.ts";
import type { StepSlot, StepVerb } from "./step-slot.ts";

interface ScopeOptions {
  readonly as?: string;
  readonly onFailure?: "compensate";
}

/** What a scope is made of. */
interface ScopeWork {
  /** Those around it, the outermost first. */
  readonly scopes: readonly StepName[];
  readonly name: string;
  readonly options: ScopeOptions;
  /** What its code gets: verbs whose names lie within these, as long as it listens. */
  readonly api: (scopes: readonly StepName[], listens: () => boolean) => Run;
  readonly work: (unit: Run) => Promise<unknown>;
}

/** Errors of the language itself: the code is wrong, and is mended before anything is undone. */
const DEFECTS = [TypeError, ReferenceError, RangeError, SyntaxError, HoldfastError] as const;

export class ScopeStep implements StepVerb {
  readonly #run: LiveRun;
  readonly #path: string;
  readonly #onFailure: ScopeOptions["onFailure"];
  readonly #slot: StepSlot;
  readonly #deferred = new Deferred<unknown>();
  /** What its code failed with; null while it is at work. */
  #failure: { readonly error: unknown } | null = null;
  #isOver = false;
  #compensation: Compensation | null = null;

  constructor(run: LiveRun, { scopes, name, options, api, work }: ScopeWork) {
    this.#run = run;
    this.#onFailure = options.onFailure;
    this.#path = scopePath(scopes, name, options.as);
    this.#slot = run.reserve(this.#path, this);
    const own = options.as === undefined ? { name } : { name, as: options.as };
    const unit = api([...scopes, own], () => this.#failure === null);
    begun(() => work(unit)).then(
      (value) => {
        this.#deferred.resolve(value);
      },
      (error: unknown) => {
        this.#failed(error);
      },
    );
  }

  get what(): string {
    return `scope ${this.#path}`;
  }

  get promise(): Promise<unknown> {
    return this.#deferred.promise;
  }

  misfit(): null {
    // What is on record at its name is looked at when its turn comes: only then it has failed, or not.
    return null;
  }

  #failed(error: unknown): void {
    const { mode, ending } = this.#run;
    // Code that is being taken back has no more say: all that it did is dealt with as a whole.
    if (mode === "gone" || mode === "byRecord" || ending.isTakingBack) return;
    if (this.#onFailure === undefined || error instanceof RunStopped || isDefect(error)) {
      this.#deferred.reject(error);
      return;
    }
    this.#failure = { error };
    this.#run.reopen(this.#slot);
    if (mode === "live") this.live();
  }

  /** Its steps are told: nothing of them begins any more. */
  live(): void {
    const reason = `scope "${this.#path}" is undone`;
    for (const slot of this.#openSlots()) {
      if (slot.verb.unwind === undefined) this.#run.end(slot);
      else slot.verb.unwind({ undoes: true, reason });
    }
    this.#run.recheck();
  }

  /** Called when the run is at rest: does what is next, and says whether this waits. */
  proceed(): void {
    if (this.#slot.ended || this.#failure === null) return;
    this.#slot.wait = null;
    if (this.#compensation === null && this.#isWaiting()) return;
    this.#compensation ??= new Compensation(this.#run, this.#path);
    this.#compensation.start();
    if (this.#compensation.isDone) this.#finish(this.#compensation, this.#failure.error);
    else if (this.#compensation.isWaiting) this.#wait();
  }

  /** What is open is settled first, and what may have happened is found out. */
  #isWaiting(): boolean {
    if (this.#openSlots().some(({ verb }) => verb.isOpen?.() === true)) {
      this.#wait();
      return true;
    }
    const unknown = stepThatBlocksUndoing(this.#run, this.#path);
    if (unknown === null) return false;
    const reason = `"${unknown}" may have happened: settle it, then scope "${this.#path}" is undone`;
    this.#slot.wait = { state: "exception", reason, wakeAtMs: null };
    return true;
  }

  #wait(): void {
    const reason = `scope "${this.#path}" is undone`;
    this.#slot.wait = { state: "waiting", reason, wakeAtMs: null };
  }

  #openSlots(): readonly StepSlot[] {
    return [...this.#run.open].filter(({ path }) => isWithin(path, this.#path));
  }

  /** In one turn, and so in one flush: what stays is on record with its end, or neither is. */
  #finish({ stays, compensated, words }: Compensation, error: unknown): void {
    openStayingBeside(this.#run, stays, `scope "${this.#path}"`);
    const head: ResultHead = {
      threw: thrownText(error, (text) => this.#run.sensitive.mask(text)),
      scope: { compensated, words },
    };
    const record = this.#run.append("result", this.#path, head);
    this.#run.deliver(this.#slot, record);
  }

  settle(record: JournalRecord): void {
    const isUndone = headOf<ResultHead | null>(record)?.scope !== undefined;
    if (this.#failure === null || !isUndone) {
      const was = isUndone ? "a scope that has failed and was undone" : "local work";
      this.#run.ending.drift(
        `The journal says step ${JSON.stringify(this.#path)} was ${was}; your code asks for a scope that has ${this.#failure === null ? "not failed" : "failed"}.`,
      );
      return;
    }
    this.#isOver = true;
    // On recovery they are asked for once more, without anything on record that would end them.
    for (const slot of this.#openSlots()) this.#run.end(slot);
    this.#run.scopes.undone(this.#path);
    this.#deferred.reject(this.#failure.error);
  }

  isOver(): boolean {
    return this.#isOver;
  }

  isOpen(): boolean {
    return this.#failure !== null && !this.#isOver;
  }

  /** The run as a whole is taken back. What has begun here goes on, and all the rest is done there. */
  unwind(): void {
    if (this.#compensation === null) this.#run.end(this.#slot);
  }
}

function isDefect(error: unknown): boolean {
  return DEFECTS.some((kind) => error instanceof kind);
}

/** Code that throws before its first `await` fails like code that throws after. */
async function begun(work: () => Promise<unknown>): Promise<unknown> {
  return await work();
}
