/**
 * Who had the last exception of each step of a run: if the step fails alike once more, that person has
 * it again. Read from the journal, so that it holds over crashes and workers.
 */
import { parseJson } from "../../core/json-text.ts";
import type { HandledHead, JournalRecord, OpenedHead } from "../../core/journal.ts";
import type { RecordKind } from "../../core/record-kinds.ts";

interface Had {
  readonly seq: number;
  readonly place: string;
  readonly owner: string;
  readonly assignee: string | null;
}

export class Assignees {
  /** By path; "" is the run as a whole. As many as steps of the run have had an exception. */
  readonly #last = new Map<string, Had>();

  constructor(records: readonly JournalRecord[]) {
    for (const { kind, name, seq, head } of records) {
      if (head !== null && isMeant(kind)) this.note(kind, name, seq, parseJson(head) as object);
    }
  }

  note(kind: RecordKind, name: string, seq: number, head: object | null): void {
    if (!isMeant(kind)) return;
    // Each was written by the engine with the shape of its kind.
    if (kind === "opened") this.#opened(name, seq, head as OpenedHead);
    else this.#handled(head as HandledHead);
  }

  #opened(name: string, seq: number, { record, owner, beside, assignee }: OpenedHead): void {
    if (beside !== undefined) return;
    const place = record.fingerprints.place;
    this.#last.set(name, { seq, place, owner, assignee: assignee ?? null });
  }

  #handled({ opened, act }: HandledHead): void {
    if (act.kind !== "assigned" && act.kind !== "handed-over") return;
    for (const [path, had] of this.#last) {
      if (had.seq !== opened) continue;
      const change =
        act.kind === "assigned" ? { assignee: act.to } : { owner: act.owner, assignee: null };
      this.#last.set(path, { ...had, ...change });
    }
  }

  /** Null if nobody in particular had it, it was of another cause, or it is another team's now. */
  of(path: string, place: string, owner: string): string | null {
    const had = this.#last.get(path);
    return had?.place === place && had.owner === owner ? had.assignee : null;
  }
}

function isMeant(kind: RecordKind): boolean {
  return kind === "opened" || kind === "handled";
}
