/** A run that a person has paused begins nothing before somebody has let it go on, or takes it back (P10). */
import type { ClosedHead, JournalRecord, OpenedHead } from "#src/core/journal.ts";
import { PAUSED } from "#src/core/pause.ts";
import type { RecordKind } from "#src/core/record-kinds.ts";
import type { Report } from "./violation.ts";

/** Records by which something begins. */
const BEGINS: ReadonlySet<RecordKind> = new Set(["intent", "timer", "asked", "awaited", "late"]);

export class PauseRules {
  readonly #report: Report;
  /** Number of the exception by which each is paused, by run. */
  readonly #paused = new Map<number, number>();

  constructor(report: Report) {
    this.#report = report;
  }

  committed(records: readonly JournalRecord[]): void {
    for (const { run, kind, seq, name, head } of records) {
      if (kind === "opened" && headOf<OpenedHead>(head).reasonCode === PAUSED)
        this.#paused.set(run, seq);
      if (kind === "closed" && headOf<ClosedHead>(head).opened === this.#paused.get(run))
        this.#paused.delete(run);
      if (this.#paused.has(run) && BEGINS.has(kind))
        this.#report("P10", run, `"${name}" (${kind}) was begun while its run is paused`);
    }
  }
}

function headOf<T>(head: string | null): T {
  return JSON.parse(head ?? "null") as T;
}
