/** A database in memory that outlives the engines on it: what a test's crash leaves, without a disk. */
import { RUN_STATES, type RunState } from "../core/run-state.ts";
import type { Database, Statement } from "./runtime.ts";
import type { WriterIdentity } from "./writer.ts";

/** Where a run stands, without its journal. */
export interface RunStands {
  readonly run: number;
  readonly state: RunState;
  readonly wakeAtMs: number | null;
  readonly parentRun: number | null;
}

export class SqliteMemory {
  #stands: Statement | null = null;
  /** Null until a store is first opened on it. */
  kept: { readonly database: Database; readonly of: Omit<WriterIdentity, "incarnation"> } | null =
    null;

  /** All runs, as the last flush has left them. */
  stands(): readonly RunStands[] {
    if (this.kept === null) return [];
    this.#stands ??= this.kept.database.prepare(
      "select run, state, wake_at_ms, parent_run from run order by run",
    );
    return this.#stands
      .all()
      .map(({ run, state, wake_at_ms: wakeAtMs, parent_run: parentRun }) => ({
        run: run as number,
        // The schema has no other numbers.
        state: RUN_STATES[state as number] as RunState,
        wakeAtMs: wakeAtMs as number | null,
        parentRun: parentRun as number | null,
      }));
  }

  /** Nothing may be open on it any more. */
  close(): void {
    this.kept?.database.close();
    this.kept = null;
  }
}
