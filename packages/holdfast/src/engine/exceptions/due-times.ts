/**
 * The times of open exceptions: who has to look is warned, then told that it is overdue, then the role
 * above hears of it. Each time that passes is one record of the exception, so it is never told twice,
 * also not after a crash or by another worker; and it is told late rather than never.
 *
 * The store knows what is due when; here is one timer, for the soonest. One look does a bounded part.
 */
import { formatItemId } from "../../core/run-number.ts";
import type { Crossing } from "../../core/exception-record.ts";
import type { HandledHead } from "../../core/journal.ts";
import type { ExceptionRow } from "../../store/rows.ts";
import type { DueException } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { Elsewhere } from "../workers/places.ts";
import { writeAt } from "./write-at.ts";

/** Exceptions of one look; the next look follows at once where there are more. */
const LOOK_MAX = 200;
/** Between two looks at most, milliseconds: what another process has changed is seen by then. */
const LOOK_MS_MAX = 3_600_000;
/** The same where workers share the store, and take over what others have opened. */
const SHARED_LOOK_MS_MAX = 15_000;

/** What is read, for whoever listens to reads that fail. */
const WHAT = "an exception that is due";

/** Who acts: nobody does by hand. */
const ENGINE = "engine";

export class DueTimes {
  readonly #engine: Engine;
  #nextMs = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | null = null;
  #looking: Promise<void> | null = null;
  #isClosed = true;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  start(): void {
    this.#isClosed = false;
    this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** These times were set: the record of them may not be durable yet. */
  note(crossings: readonly Crossing[]): void {
    const [first] = crossings;
    if (first !== undefined) this.#lookAt(first.atMs);
  }

  /** Shards have come, with exceptions of their runs. */
  cameIn(): void {
    this.#lookAt(this.#engine.clock.nowMs());
  }

  #lookAt(atMs: number): void {
    if (this.#isClosed || atMs >= this.#nextMs) return;
    this.#nextMs = atMs;
    // A look that is under way sets the timer when it ends.
    if (this.#looking === null) this.#setTimer();
  }

  #setTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#isClosed) return;
    const isShared = this.#engine.places.shared !== null;
    // Nothing is open, and nobody else can open anything: no timer at all.
    if (this.#nextMs === Number.POSITIVE_INFINITY && !isShared) return;
    const lookMs = isShared ? SHARED_LOOK_MS_MAX : LOOK_MS_MAX;
    const delayMs = Math.max(0, this.#nextMs - this.#engine.clock.nowMs());
    this.#cancelTimer = this.#engine.clock.after(Math.min(delayMs, lookMs), () => {
      this.#look();
    });
  }

  #look(): void {
    if (this.#looking !== null || this.#isClosed) return;
    this.#nextMs = Number.POSITIVE_INFINITY;
    this.#looking = this.#lookOnce().finally(() => {
      this.#looking = null;
      this.#setTimer();
    });
    this.#engine.background(this.#looking);
  }

  async #lookOnce(): Promise<void> {
    const { reads, store, committer, places, clock, exceptions } = this.#engine;
    const due = await reads.patiently("exceptions that are due", async () => {
      await committer.durable();
      exceptions.rules.learn(await store.routing());
      return await store.exceptionsDue(LOOK_MAX, places.list);
    });
    if (due === null || this.#isClosed) return;
    const nowMs = clock.nowMs();
    const passed = due.filter(({ atMs }) => atMs <= nowMs);
    for (const one of passed) await this.#pass(one, nowMs);
    await committer.durable();
    const next = due.find(({ atMs }) => atMs > nowMs);
    if (passed.length === LOOK_MAX) this.#lookAt(nowMs);
    else if (next !== undefined) this.#lookAt(next.atMs);
  }

  /**
   * All of its times that have passed, in order. In the turn of what people do to exceptions, with the
   * exception as the act before has left it: whose time somebody has just stopped is not told.
   */
  async #pass(due: DueException, nowMs: number): Promise<void> {
    const { reads, exceptions } = this.#engine;
    // A look that fails gives its turn back: who acts by hand hears of the store, and does not wait.
    await reads.patiently(WHAT, () => exceptions.acts.inTurn(() => this.#passInTurn(due, nowMs)));
  }

  async #passInTurn({ run, seq }: DueException, nowMs: number): Promise<void> {
    const { store, committer } = this.#engine;
    await committer.durable();
    const row = await store.exception(run, seq);
    if (row === null || row.closedAtMs !== null || row.nextAtMs === null) return;
    for (const crossing of row.handling.crossings) {
      // What has not been told by now is told by the next engine.
      if (this.#isClosed) return;
      if (crossing.atMs > nowMs) this.#lookAt(crossing.atMs);
      else await this.#cross(row, crossing);
    }
  }

  /** False if its run has left, or has gone to another worker meanwhile, which looks for itself. */
  async #write(run: number, head: HandledHead): Promise<boolean> {
    try {
      return await writeAt(this.#engine, run, "handled", "", head);
    } catch (error) {
      if (error instanceof Elsewhere) return false;
      throw error;
    }
  }

  async #cross(row: ExceptionRow, crossing: Crossing): Promise<void> {
    const { run, seq, workflow, step, owner } = row;
    const act = { kind: "crossed", crossing } as const;
    const head: HandledHead = { opened: seq, act, by: ENGINE, reason: "" };
    if (!(await this.#write(run, head))) return;
    this.#engine.emit({
      type: "exception.due",
      exception: formatItemId("exc", { run, seq }),
      crossing: crossing.kind,
      to: crossing.to,
      watchers: row.handling.watchers,
      owner,
      workflow,
      step,
      dueAtMs: row.dueAtMs,
    });
  }
}
