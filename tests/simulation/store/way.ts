/**
 * The way of one process to the disk: calls take time, fail, or are the last thing that the process
 * does. What has left for the disk may arrive although the process has died since.
 */
import type { SeededRandom } from "#src/testing/seeded-random.ts";
import type { JournalRecord } from "#src/core/journal.ts";
import { RECORD_KINDS } from "#src/core/record-kinds.ts";
import type { FlushBatch } from "#src/store/store.ts";
import type { Life, Scheduler } from "../scheduler.ts";
import type { StoreFaults } from "../plan.ts";
import type { Chain, Disk } from "./disk.ts";

const QUICK_MS = 2;
const SLOW_MS = 3_000;
/** So that flushes are applied one after the other. */
const APART_MS = 0.001;

export interface WayOptions {
  readonly disk: Disk;
  readonly chain: Chain;
  readonly life: Life;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  /** As long as things go wrong; null afterwards. */
  readonly faults: () => StoreFaults | null;
  readonly kill: (why: string) => void;
  readonly note: (text: string) => void;
  /** Throws where the process may not write this any more. */
  readonly fence: (records: readonly JournalRecord[], targets: readonly number[]) => void;
}

export class Way {
  readonly #options: WayOptions;
  #lastAtMs = 0;
  #failed: Error | null = null;

  constructor(options: WayOptions) {
    this.#options = options;
  }

  call<T>(verb: string, act: () => T): Promise<T> {
    const { life, scheduler, random, kill } = this.#options;
    const faults = this.#options.faults();
    const isLast = faults !== null && random.next() < faults.crash;
    const diesBefore = isLast && random.next() < 0.5;
    const fails = faults !== null && isRead(verb) && random.next() < faults.unread;
    return new Promise<T>((resolve, reject) => {
      if (life.isDead) return;
      scheduler.after(this.#delayMs(faults), null, () => {
        if (life.isDead) return;
        if (diesBefore) {
          kill(`before ${verb}`);
          return;
        }
        let answer: () => void;
        try {
          if (fails) throw new Error(`cannot read (simulated): ${verb}`);
          const value = act();
          answer = () => {
            resolve(value);
          };
        } catch (error) {
          answer = () => {
            reject(error);
          };
        }
        if (isLast) kill(`after ${verb}`);
        else scheduler.after(this.#delayMs(faults), life, answer);
      });
    });
  }

  flush(batch: FlushBatch): Promise<void> {
    const { life, scheduler, random, kill } = this.#options;
    const faults = this.#options.faults();
    const draw = random.next();
    const fate = faults === null ? "done" : fateOf(faults, draw);
    /** What was sent before the process died may be done, and may not. */
    const arrives = random.next() < 0.5;
    return new Promise<void>((resolve, reject) => {
      if (life.isDead) return;
      const atMs = Math.max(scheduler.nowMs + this.#delayMs(faults), this.#lastAtMs + APART_MS);
      this.#lastAtMs = atMs;
      scheduler.after(atMs - scheduler.nowMs, null, () => {
        if (life.isDead && !arrives) return;
        if (fate === "diesBefore") {
          kill("before a flush");
          return;
        }
        const error = this.#commit(batch, fate === "full");
        if (fate === "diesAfter") {
          kill("after a flush");
          return;
        }
        const said = error ?? (fate === "unsaid" ? new Error("the answer was lost") : null);
        this.#failed ??= said;
        scheduler.after(this.#delayMs(faults), life, () => {
          if (said === null) resolve();
          else reject(said);
        });
      });
    });
  }

  /** Why it was not done; null if it was. */
  #commit(batch: FlushBatch, isFull: boolean): Error | null {
    const { disk, chain, fence, note } = this.#options;
    if (this.#failed !== null) return this.#failed;
    if (isFull) return new Error("the disk is full (simulated)");
    try {
      const targets = batch.taken.map(({ id }) => disk.inbox.get(id)?.shard ?? 0);
      fence(shapesOf(batch), targets);
      disk.commit(chain, batch);
      return null;
    } catch (error) {
      note(`flush refused: ${String(error)}`);
      return error as Error;
    }
  }

  #delayMs(faults: StoreFaults | null): number {
    const { random } = this.#options;
    if (faults !== null && random.next() < faults.slow) return random.next() * SLOW_MS;
    return random.next() * QUICK_MS;
  }
}

type Fate = "done" | "unsaid" | "full" | "diesBefore" | "diesAfter";

function fateOf({ crash, unsaid, full }: StoreFaults, draw: number): Fate {
  if (draw < crash) return "diesBefore";
  if (draw < 2 * crash) return "diesAfter";
  if (draw < 2 * crash + unsaid) return "unsaid";
  return draw < 2 * crash + unsaid + full ? "full" : "done";
}

/** Reads are tried again; what changes something is not a read. */
function isRead(verb: string): boolean {
  return ![
    "look",
    "post",
    "take",
    "release",
    "claimKey",
    "unclaimKey",
    "saveGate",
    "close",
  ].includes(verb);
}

/** Of the records, what the fence looks at. */
function shapesOf({ records }: FlushBatch): readonly JournalRecord[] {
  return records.run.map((run, at) => ({
    run,
    seq: records.seq[at] ?? 0,
    kind: RECORD_KINDS[records.kind[at] ?? 0] ?? "result",
    attempt: 0,
    name: "",
    atMs: 0,
    head: records.head[at] ?? null,
    data: null,
  }));
}
