/** What waits has a bound (P11): beyond it new work is refused, and what was taken goes on. */
import type { JournalRecord } from "#src/core/journal.ts";
import type { Disk } from "../store/disk.ts";
import type { Report } from "./violation.ts";

export class BoundRules {
  readonly #disk: Disk;
  readonly #heldMax: number | null;
  readonly #report: Report;

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
    if (this.#heldMax === null || !records.some(({ kind }) => kind === "received")) return;
    const held = this.#held().length;
    if (held <= this.#heldMax) return;
    const waiting = `${String(held)} messages wait for what they follow`;
    this.#report("P11", null, `${waiting}; the limit is ${String(this.#heldMax)}`);
  }

  /** What a message waits for was sent in every world: it came, and what was refused came again. */
  checkEnd(): void {
    for (const { id } of this.#held())
      this.#report("P7", null, `${id} still waits for what it follows, which has come`);
  }

  #held() {
    return [...this.#disk.tables.received.values()].filter(({ state }) => state === "held");
  }
}
