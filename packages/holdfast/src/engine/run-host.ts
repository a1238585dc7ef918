/** What a live run needs from the engine around it. */
import type { Refusals } from "./effects/refusals.ts";
import type { FinalRunState, RunState } from "../core/run-state.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import type { KeptEventRow } from "../store/rows.ts";
import type { EventAddress, Store } from "../store/store.ts";
import type { Clock, Random } from "./clock.ts";
import type { Committer } from "./journal/committer.ts";
import type { Declarations } from "./journal/declarations.ts";
import type { Digests } from "./journal/digest.ts";
import type { EngineEvent } from "./events.ts";
import type { ExceptionCare } from "./exceptions/exception-care.ts";
import type { Gates } from "./gates/gates.ts";
import type { KnownEffects } from "./effects/known-effects.ts";
import type { EngineLimits } from "./limits.ts";
import type { ClassificationRules } from "./rules/classification-rules.ts";
import type { ForeignClassifier } from "./effects/classification.ts";
import type { Outside } from "./effects/outside.ts";
import type { Caution } from "./run/caution.ts";
import type { LiveRun } from "./run/live-run.ts";
import type { RestQueue } from "./run/rest-queue.ts";
import type { StartingParent } from "./starts/starts.ts";
import type { TakenBack } from "./run/taking-back.ts";
import type { ChildWaiter } from "./run/waiters.ts";
import type { FitWatch } from "./versions/fit-watch.ts";

/** How a run left memory. */
export type Departure =
  | {
      readonly kind: "suspended";
      readonly state: RunState;
      /** As it is on record. */
      readonly wakeAtMs: number | null;
      /** When this engine wakes it, if not then: see `Wait`. */
      readonly lookAtMs?: number | null;
    }
  | {
      readonly kind: "finished";
      readonly state: FinalRunState;
      readonly reason: string;
      readonly data: string | null;
    }
  /** To be loaded again at once, because its journal changed under its feet. */
  | { readonly kind: "reload" };

/** How a child has ended. */
export interface ChildEnd {
  readonly state: FinalRunState;
  readonly reason: string;
  /** JSON of its result; null unless it completed. */
  readonly data: string | null;
}

export interface RunHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: EngineLimits;
  readonly digests: Digests;
  readonly store: Pick<Store, "storeId">;
  readonly committer: Committer;
  readonly rest: RestQueue;
  /** On for a while after a crash. */
  readonly caution: Pick<Caution, "isOn">;
  readonly version: string;
  /** Of the code, before its own, as it lists them: the oldest first. */
  readonly earlierVersions: readonly string[];
  /** Whose exceptions are, and until when. */
  readonly exceptions: Pick<ExceptionCare, "rules" | "due">;
  /** What operators say failures are. */
  readonly rules: Pick<ClassificationRules, "book">;
  readonly foreign: ForeignClassifier;
  /** Which steps are refused for nearly all their items. */
  readonly refusals: Refusals;
  readonly outside: Outside;
  /** What definitions declare of their payloads. */
  readonly declarations: Declarations;
  /** The effects of the deployed code, by name. */
  readonly effects: KnownEffects;
  emit(event: EngineEvent): void;
  /** By integration, group and, where each namespace has its own connection, namespace (R9). */
  readonly gates: Pick<Gates, "of" | "isOpenTo">;
  departed(run: LiveRun, departure: Departure): void;
  /** What the journal holds of a run cannot be read: it leaves memory and is held. */
  unreadable(run: LiveRun, error: unknown): void;
  /** Work that nobody waits for. */
  background(work: Promise<unknown>): void;
  /** Runs against which a crash speaks. */
  readonly suspects: {
    /** A call of the run was answered: it has come through the step it crashed in. */
    progressed(run: number): void;
    /** Resolves when it is on record that this run is tried alone: processes have ended in its call. */
    tryAlone(run: LiveRun, crashes: number): Promise<void>;
  };
  startChild(
    workflow: AnyWorkflow,
    input: unknown,
    parent: StartingParent & { readonly correlationId: string },
  ): Promise<number>;
  /** The child that a step has started, or joined, if it has; nothing is started. */
  findChild(workflow: AnyWorkflow, input: unknown): Promise<number | null>;
  /**
   * Takes a child back with its parent, unless somebody else has started it, and says how far that
   * has come. May be asked again.
   */
  takeBackChild(
    child: number,
    waiter: { readonly run: number; readonly step: string },
    reason: string,
  ): Promise<TakenBack>;
  /**
   * How a child ended, if it has ended; else the step hears of it when it does.
   *
   * @throws {HoldfastError} HF1204 if the child waits in its lane for the run that asks.
   */
  childEnd(child: number, waiter: ChildWaiter): Promise<ChildEnd | null>;
  /** An effect was accepted under this reference: its answer may have come before that. */
  pendingWritten(integration: string, ref: string): void;
  /** Oldest early event that nobody is taking; `keptEventOffered` must follow. */
  keptEvent(of: EventAddress): Promise<KeptEventRow | null>;
  keptEventOffered(kept: number, taken: boolean): void;
  /** Set where histories are only held against code: nothing goes live, nothing is held. */
  readonly check: FitWatch | null;
  /** The engine is shutting down: nothing new may be started. */
  readonly draining: boolean;
  /** It is, or the runs of this shard are being handed over: nothing new of them may begin. */
  drains(shard: number | undefined): boolean;
  /** Null while this engine knows that it lives; else resolves when it knows so again. */
  confirmed(): Promise<void> | null;
}
