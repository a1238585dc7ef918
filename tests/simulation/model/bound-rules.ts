/** Nothing takes more than its share (P11): what waits has a bound, and a run that kills is stopped. */
import type { JournalRecord } from "#src/core/journal.ts";
import type { Disk } from "../store/disk.ts";
import type { Report } from "./violation.ts";

/**
 * Processes that one run may bring down before it is somebody's: at the first it is one of all that were
 * at work, at most 16, of which it is found by halves in 4; alone it has 3 tries, and 4 where nobody
 * knows what the first worker had (decision 0036). The rest are those that died of something else while
 * it was being found, so that its turn was not proved.
 */
const KILLS_MAX = 12;

export class BoundRules {
  readonly #disk: Disk;
  readonly #heldMax: number | null;
  readonly #report: Report;
  /** Since somebody has decided about it last. */
  #kills = 0;

  constructor(options: {
    readonly disk: Disk;
    readonly heldMax: number | null;
    readonly report: Report;
  }) {
    this.#disk = options.disk;
    this.#heldMax = options.heldMax;
    this.#report = options.report;
  }

  committed(records: readonly JournalRecord[]): void {
    for (const { run, kind } of records)
      if ((kind === "closed" || kind === "opened") && isPoison(this.#disk, run)) this.#kills = 0;
    if (this.#heldMax === null || !records.some(({ kind }) => kind === "received")) return;
    const { heldCount } = this;
    if (heldCount <= this.#heldMax) return;
    const waiting = `${String(heldCount)} messages wait for what they follow`;
    this.#report("P11", null, `${waiting}; the limit is ${String(this.#heldMax)}`);
  }

  /** Messages that wait for what they follow. */
  get heldCount(): number {
    return this.#held().length;
  }

  /** What a message waits for was sent in every world: it came, and what was refused came again. */
  checkEnd(): void {
    for (const { id } of this.#held())
      this.#report("P7", null, `${id} still waits for what it follows, which has come`);
  }

  #held() {
    return [...this.#disk.tables.received.values()].filter(({ state }) => state === "held");
  }

  /** The poison has ended a process, whether or not it has left anything on disk. */
  killed(): void {
    this.#kills += 1;
    if (this.#kills <= KILLS_MAX) return;
    const run = [...this.#disk.tables.runs.keys()].find((one) => isPoison(this.#disk, one)) ?? null;
    this.#report("P11", run, `it has ended ${String(this.#kills)} processes, and nobody was asked`);
  }
}

/** Key of the run whose code ends processes. */
export const POISON_KEY = "poison";

function isPoison(disk: Disk, run: number): boolean {
  return disk.tables.runs.get(run)?.row.key === POISON_KEY;
}
