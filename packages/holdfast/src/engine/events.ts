/** What the engine tells whoever listens (telemetry, tests, a progress bar). A closed union. */
import type { Crossing, Severity } from "../core/exception-record.ts";
import type { Failure } from "../core/failure.ts";
import type { Move } from "../core/move.ts";
import type { FinalRunState, RunState } from "../core/run-state.ts";

interface OfRun {
  readonly run: number;
  readonly workflow: string;
  readonly key: string;
}

export type EngineEvent =
  | ({ readonly type: "run.started"; readonly recovered: boolean } & OfRun)
  | ({ readonly type: "run.state"; readonly state: RunState; readonly reason: string } & OfRun)
  | ({
      readonly type: "run.finished";
      readonly state: FinalRunState;
      readonly reason: string;
    } & OfRun)
  | ({ readonly type: "attempt.started"; readonly step: string; readonly attempt: number } & OfRun)
  | ({
      readonly type: "attempt.succeeded";
      readonly step: string;
      readonly attempt: number;
    } & OfRun)
  | ({
      readonly type: "attempt.failed";
      readonly step: string;
      readonly attempt: number;
      readonly failure: Failure;
      readonly move: Move;
    } & OfRun)
  | ({ readonly type: "probe.answered"; readonly step: string; readonly says: string } & OfRun)
  | ({
      readonly type: "exception.opened";
      readonly step: string;
      readonly owner: string;
      readonly because: string;
      readonly severity: Severity;
      readonly dueAtMs: number;
      /** Set if no step waits for it. A run 0 is the store itself. */
      readonly beside?: true;
    } & OfRun)
  /** Whom code or a rule names is no team: its workflow's owner has it, and should mend that. */
  | ({
      readonly type: "exception.unowned";
      readonly step: string;
      readonly owner: string;
      readonly because: string;
      readonly beside?: true;
    } & OfRun)
  /** A time of an exception that is still open has passed. Told once, also after a crash. */
  | {
      readonly type: "exception.due";
      readonly exception: string;
      readonly crossing: Crossing["kind"];
      /** Who has to look. */
      readonly to: string;
      /** Who is told beside. */
      readonly watchers: readonly string[];
      readonly owner: string;
      readonly workflow: string;
      readonly step: string;
      readonly dueAtMs: number;
    }
  /** A person is asked. `seq` is the review's number in its run. */
  | ({
      readonly type: "review.asked";
      readonly seq: number;
      readonly review: string;
      /** Role or team that may answer. */
      readonly by: string;
      readonly dueAtMs: number | null;
    } & OfRun)
  /** Nobody has answered in time: it has gone up. */
  | ({
      readonly type: "review.overdue";
      readonly seq: number;
      readonly review: string;
      readonly to: string;
    } & OfRun)
  | ({ readonly type: "run.drift"; readonly message: string } & OfRun)
  /** Where workers share a store: told by the one that has put it on record, for all. */
  | {
      readonly type: "dependency.changed";
      readonly integration: string;
      readonly to: string;
      readonly reason: string;
    }
  /** An answer came that nobody has asked for in time: its owner has to look at it. */
  | {
      readonly type: "answer.unasked";
      readonly integration: string;
      readonly ref: string;
      readonly owner: string;
    }
  /** Of a store that workers share: which shards have come to this one, or gone to others. */
  | { readonly type: "shards.taken" | "shards.given"; readonly shards: readonly number[] }
  /** A lane is at the alarm of that name: its first run holds many up, or for long. Told once. */
  | {
      readonly type: "lane.alarm";
      readonly limit: "laneDepthAlarm" | "laneAgeAlarmMs";
      readonly namespace: string;
      readonly lane: string;
      /** Runs that have not ended, the first included. */
      readonly depth: number;
      /** The run whose turn it is. */
      readonly head: number;
      /** How long the one behind it has waited. */
      readonly waitedMs: number;
    }
  | { readonly type: "flush"; readonly records: number; readonly number: number }
  | { readonly type: "recovery.done"; readonly runs: number; readonly suspects: number }
  /** A read of the store has failed and is tried again: nothing is lost, and something is wrong. */
  | {
      readonly type: "store.retry";
      readonly what: string;
      readonly message: string;
      readonly delayMs: number;
    }
  /**
   * What the embedded store has to say, on SQLite: `new`, it was made just now; `anchor-missing`, the file
   * beside it was gone, so all of it was checked; `log-large`, its log grows and somebody has to look.
   */
  | {
      readonly type: "store.notice";
      readonly notice: "new" | "anchor-missing" | "log-large";
      readonly message: string;
    }
  | { readonly type: "engine.fatal"; readonly message: string };

export type EngineListener = (event: EngineEvent) => void;
