/** `run.step`: local work whose result is recorded. */
import { isThenable } from "../thenable.ts";
import { parseJson } from "../../core/json-text.ts";
import type { JournalRecord, ResultHead } from "../../core/journal.ts";
import { StepFailed } from "../../workflow/run.ts";
import { Deferred } from "../run/deferred.ts";
import type { LiveRun } from "../run/live-run.ts";
import { toJson } from "../journal/payload.ts";
import { headOf } from "../run/recovery.ts";
import { stepDrift } from "./step-drift.ts";
import { stackJson } from "../exceptions/stack-text.ts";
import type { StepSlot, StepVerb } from "./step-slot.ts";
import { thrownText } from "../exceptions/thrown-text.ts";

export interface StepOptions {
  readonly as?: string;
  readonly durable?: boolean;
  readonly sensitive?: readonly string[];
}

export class LocalStep implements StepVerb {
  readonly isOwnCode = true;
  readonly #run: LiveRun;
  readonly #path: string;
  readonly #work: () => unknown;
  readonly #options: StepOptions;
  #error: StepFailed | null = null;
  readonly #deferred = new Deferred<unknown>();

  constructor(run: LiveRun, path: string, work: () => unknown, options: StepOptions) {
    this.#run = run;
    this.#path = path;
    this.#work = work;
    this.#options = options;
    run.enter(path, this);
  }

  get what(): string {
    return `step ${this.#path}`;
  }

  get promise(): Promise<unknown> {
    return this.#deferred.promise;
  }

  misfit(records: readonly JournalRecord[]): string | null {
    return stepDrift(this.#path, records, { verb: "step", target: null, digest: null });
  }

  settle(record: JournalRecord): void {
    const threw = record.head === null ? undefined : headOf<ResultHead>(record).threw;
    if (threw === undefined) {
      const value = parseJson(record.data ?? "null");
      this.#run.sensitive.learn(this.#options, value);
      this.#deferred.resolve(value);
    } else {
      this.#error = new StepFailed(this.#path, threw.name, threw.message);
      // Where the work threw, and not where the engine told of it.
      if (record.data !== null) this.#error.stack = String(parseJson(record.data));
      this.#deferred.reject(this.#error);
    }
  }

  threw(): Error | null {
    return this.#error;
  }

  /** Asked after `settle`. One that threw may be resumed. */
  isOver(): boolean {
    return this.#error === null;
  }

  live(slot: StepSlot): void {
    try {
      const value = this.#work();
      if (isThenable(value)) {
        Promise.resolve(value).then(
          (result: unknown) => {
            this.#done(slot, result);
          },
          (error: unknown) => {
            this.#threw(slot, error);
          },
        );
      } else {
        this.#done(slot, value);
      }
    } catch (error) {
      this.#threw(slot, error);
    }
  }

  #done(slot: StepSlot, value: unknown): void {
    if (this.#run.mode === "gone") return;
    const { backlog } = this.#run.host.committer;
    // Work that took its time: its value is in memory as it is, and needs no second form there yet.
    if (backlog.isFull) {
      backlog.whenRoom(() => {
        this.#done(slot, value);
      });
      return;
    }
    let text: string;
    try {
      text = toJson(value, this.#run.host.limits, `result of step "${this.#path}"`);
    } catch (error) {
      this.#threw(slot, error);
      return;
    }
    this.#end(slot, null, text);
  }

  #threw(slot: StepSlot, error: unknown): void {
    if (this.#run.mode === "gone") return;
    const mask = (text: string) => this.#run.sensitive.mask(text);
    this.#end(slot, { threw: { ...thrownText(error, mask) } }, stackJson(error, mask));
  }

  #end(slot: StepSlot, head: ResultHead | null, data: string | null): void {
    const record = this.#run.append("result", this.#path, head, data);
    if (this.#options.durable !== true) {
      this.#run.deliver(slot, record);
      return;
    }
    this.#run.host.background(this.#deliverWhenDurable(slot, record));
  }

  async #deliverWhenDurable(slot: StepSlot, record: JournalRecord): Promise<void> {
    await this.#run.host.committer.durable();
    this.#run.deliver(slot, record);
  }
}
