/** The store's own journal (run 0): who opened it, which systems are down, which events came early. */
import type { RecordKind } from "../../core/record-kinds.ts";
import type { Committer } from "./committer.ts";

export class SystemJournal {
  readonly #committer: Committer;
  #seq: number;

  constructor(committer: Committer, lastSeq: number) {
    this.#committer = committer;
    this.#seq = lastSeq;
  }

  /** Goes on behind what others have written. */
  raise(lastSeq: number): void {
    this.#seq = Math.max(this.#seq, lastSeq);
  }

  /** Sequence number of the record that was written. */
  append(kind: RecordKind, head: object, data: string | null = null): number {
    this.#committer.add(this.#next(kind, head, data));
    return this.#seq;
  }

  /** In the flush of the record that was added just before, in this turn. */
  appendWithLast(kind: RecordKind, head: object): void {
    this.#committer.add({ ...this.#next(kind, head, null), joins: true });
  }

  #next(kind: RecordKind, head: object, data: string | null) {
    this.#seq += 1;
    return { run: 0, seq: this.#seq, kind, attempt: 0, name: "", head, data };
  }
}
