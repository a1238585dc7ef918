/**
 * Operators and reviewers: they look at the lists, and decide now or a while later, by the same acts
 * as the command line. What they say of the outside is true; what they have seen may be old.
 */
import { settleOf } from "#src/core/acts.ts";
import { HoldfastError } from "#src/core/error.ts";
import { PAUSED } from "#src/core/pause.ts";
import { formatItemId, formatRunId } from "#src/core/run-number.ts";
import {
  answerReview,
  cancelRun,
  closeException,
  pauseRun,
  resumeRun,
  settleEffect,
} from "#src/operate/decisions.ts";
import { isProposal } from "#src/operate/repair/list-proposals.ts";
import { decideProposal } from "#src/operate/repair/repair-run.ts";
import type { Patience } from "#src/operate/command.ts";
import type { ExceptionRow, ReviewRow } from "#src/store/rows.ts";
import type { StoreReader } from "#src/store/store.ts";
import type { SeededRandom } from "#src/testing/seeded-random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { PeopleReader } from "./store/reader.ts";

export interface PeopleOptions {
  readonly reader: PeopleReader;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  /** Chance that somebody decides late, or that two do. */
  readonly slowness: () => number;
  /** Chance that somebody cancels a run, at each look. */
  readonly cancels: () => number;
  /** Chance that somebody pauses a run, at each look; of a sequence of its own. */
  readonly pauses: () => number;
  readonly pausing: SeededRandom;
  readonly note: (text: string) => void;
  /** What is true of an operation; null while nobody can know. */
  readonly truth: (run: number, operation: number) => boolean | null;
}

const LOOK_EVERY_MS = 15_000;
const LATE_MS = 120_000;
const NAMES = ["ana", "bo", "cy"];
/** After so many decisions about one step it is done otherwise. */
const TRIES_MAX = 3;

export class People {
  readonly #options: PeopleOptions;
  readonly #reader: StoreReader;
  readonly #patience: Patience;
  /** Decisions that were given about a place: what does not help is done otherwise. */
  readonly #given = new Map<string, number>();
  readonly #waiting = new Set<string>();

  constructor(options: PeopleOptions) {
    this.#options = options;
    // The acts below read nothing else of it.
    this.#reader = options.reader as StoreReader;
    const { scheduler } = options;
    this.#patience = {
      waitMs: 0,
      nowMs: () => Math.floor(scheduler.nowMs),
      pause: (ms) =>
        new Promise((resolve) => {
          scheduler.after(ms, null, resolve);
        }),
    };
  }

  start(): void {
    this.#options.scheduler.after(LOOK_EVERY_MS * (0.5 + this.#options.random.next()), null, () => {
      void this.#look();
      this.start();
    });
  }

  async #look(): Promise<void> {
    const { reader, random, cancels, pausing, pauses } = this.#options;
    const of = { afterRun: -1, limit: 1_000 };
    for (const review of await reader.reviews(of))
      this.#soon(`rev ${name(review)}`, () => this.#answer(review));
    for (const one of await reader.exceptions(of))
      this.#soon(`exc ${name(one)}`, () => this.#decide(one));
    if (pausing.next() < pauses())
      await this.#aboutOne(pausing, "pause", (run) => this.#pause(run));
    if (random.next() < cancels())
      await this.#aboutOne(random, "cancel", (run) => this.#cancel(run));
  }

  /** About any run that has not ended. */
  async #aboutOne(random: SeededRandom, what: string, act: (run: number) => Promise<void>) {
    const runs = await this.#options.reader.runs({ afterRun: 0, limit: 1_000 });
    const open = runs.filter(({ endedAtMs }) => endedAtMs === null);
    if (open.length === 0) return;
    const { run } = random.pick(open);
    this.#soon(`${what} ${String(run)}`, () => act(run));
  }

  /** Decides about an item, once at a time, at once or a while after it was seen. */
  #soon(item: string, act: () => Promise<unknown>): void {
    const { scheduler, random, slowness, note } = this.#options;
    if (this.#waiting.has(item)) return;
    this.#waiting.add(item);
    const isSlow = random.next() < slowness();
    const isDouble = random.next() < slowness() / 2;
    for (let times = 0; times < (isDouble ? 2 : 1); times += 1) {
      scheduler.after(random.next() * (isSlow ? LATE_MS : 1_000), null, () => {
        this.#waiting.delete(item);
        act().then(undefined, (error: unknown) => {
          if (!(error instanceof HoldfastError)) throw error;
          note(`person refused (${item}): ${error.code} ${error.message}`);
        });
      });
    }
  }

  #by(): string {
    return this.#options.random.pick(NAMES);
  }

  async #answer(review: ReviewRow): Promise<void> {
    const { random, note } = this.#options;
    const by = this.#by();
    const isYes = random.next() < 0.8;
    note(`person ${by} answers ${name(review)} ${isYes ? "yes" : "no"}`);
    const said = { by, reason: `because ${String(random.integer(1_000))}` };
    if (isProposal(review)) {
      const id = formatItemId("prp", review);
      await decideProposal(this.#reader, id, isYes, said, this.#patience);
      return;
    }
    const id = formatItemId("rev", review);
    await answerReview(this.#reader, id, { ok: isYes }, said, this.#patience);
  }

  async #decide(one: ExceptionRow): Promise<void> {
    const { truth, note, random } = this.#options;
    const item = name(one);
    const tries = this.#given.get(place(one)) ?? 0;
    const said = { by: this.#by(), reason: `looked ${String(random.integer(1_000))}` };
    const bound = { ...said, exception: formatItemId("exc", one) };
    const { operation } = one;
    const takes = settleOf(one);
    if (operation !== null && takes !== null && !(takes === "happened" && tries > 0)) {
      const happened = takes === "happened" ? true : truth(one.run, operation);
      if (happened === null) return;
      // Something else than what happened may not be said of an undoing that has failed.
      if (takes === "happened" && truth(one.run, operation) !== true) {
        await this.#otherwise(one, tries + 1, bound);
        return;
      }
      this.#given.set(place(one), tries + 1);
      note(`person ${said.by} settles ${item} ${happened ? "happened" : "not"}`);
      const id = formatItemId("eff", { run: one.run, seq: operation });
      const value = happened ? { ref: "by hand" } : null;
      await settleEffect(this.#reader, id, { happened, value, ref: null }, bound, this.#patience);
      return;
    }
    await this.#otherwise(one, tries, bound);
  }

  async #otherwise(
    one: ExceptionRow,
    tries: number,
    bound: { readonly by: string; readonly reason: string; readonly exception: string },
  ): Promise<void> {
    const { note } = this.#options;
    const item = name(one);
    this.#given.set(place(one), tries + 1);
    const row = await this.#reader.run(one.run);
    const isOver = row === null || row.endedAtMs !== null;
    if (one.subject !== null || isOver) {
      note(`person ${bound.by} closes ${item}`);
      await closeException(this.#reader, bound.exception, bound, this.#patience);
      return;
    }
    // What does not help is followed by something else, and then begun anew.
    const turn = tries % (TRIES_MAX + 2);
    if (turn < TRIES_MAX) {
      note(`person ${bound.by} resumes ${item}`);
      const step = one.step === "" ? null : one.step;
      const run = { run: formatRunId(one.run) };
      const { assignee } = one.handling;
      // Every other time by who has paused it.
      const paused = one.reasonCode === PAUSED && assignee !== null;
      const who = !paused ? {} : tries % 2 === 0 ? { insteadOf: assignee } : { by: assignee };
      await resumeRun(this.#reader, run, step, { ...bound, ...who }, this.#patience);
      return;
    }
    if (turn === TRIES_MAX) {
      await this.#cancel(one.run);
      return;
    }
    note(`person ${bound.by} closes ${item}`);
    await closeException(this.#reader, bound.exception, bound, this.#patience);
  }

  async #pause(run: number): Promise<void> {
    const { pausing, note } = this.#options;
    const by = pausing.pick(NAMES);
    note(`person ${by} pauses ${String(run)}`);
    const said = { by, reason: `wait ${String(pausing.integer(1_000))}` };
    await pauseRun(this.#reader, { run: formatRunId(run) }, said, this.#patience);
  }

  async #cancel(run: number): Promise<void> {
    const by = this.#by();
    this.#options.note(`person ${by} cancels ${String(run)}`);
    const reason = { by, reason: `not wanted ${String(this.#options.random.integer(1_000))}` };
    await cancelRun(this.#reader, { run: formatRunId(run) }, reason, this.#patience);
  }
}

function place({ run, step }: ExceptionRow): string {
  return `${String(run)} ${step}`;
}

function name({ run, seq }: { readonly run: number; readonly seq: number }): string {
  return `${String(run)}/${String(seq)}`;
}
