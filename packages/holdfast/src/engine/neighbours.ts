/**
 * The other cells of an app, as the engine of one sees them. A run, an event or an answer belongs to
 * one cell; whoever has something for it is led there, in this process. Null where an app has one
 * store. See docs/decisions/0026-cells.md.
 */
import { HoldfastError } from "../core/error.ts";
import type { Stays } from "../core/retention.ts";
import type { EventAddress } from "../store/store.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import type { Engine } from "./engine.ts";
import type { Digests } from "./journal/digest.ts";
import type { Started, StartOptions } from "./starts/starts.ts";
import type { LateOutcome } from "./steps/step-slot.ts";

/** A cell that is no more, whose keys the others have. */
export interface FormerCell {
  readonly name: string;
  readonly storeId: string;
  /** With the key of that store. */
  readonly digests: Digests;
}

export interface Neighbours {
  /** This cell's part of the run numbers. */
  readonly part: number;
  /** Numbers up to this one may have been given out by another cell. */
  readonly numbersAbove: number;
  readonly former: readonly FormerCell[];
  /**
   * Starts or joins a run in the cell that it belongs to.
   *
   * @throws {CellAway} if that cannot be reached, or one that may have the key already.
   */
  start(workflow: AnyWorkflow, input: unknown, options: StartOptions): Promise<Started>;
  /**
   * The engine of another cell in which a message begins its run, or joins one; null: this one.
   *
   * @param how - `here`: a key that is new begins in this cell, and leads here from now on.
   * @throws {CellAway}
   */
  beginningAt(
    workflow: AnyWorkflow,
    input: unknown,
    how: { readonly by: string; readonly here: boolean },
  ): Promise<Engine | null>;
  /** The run that a start with this input would join, in whatever cell; null if there is none. */
  find(workflow: AnyWorkflow, input: unknown): Promise<number | null>;
  /** The engine of another cell that has this run; null if none has. @throws {CellAway} */
  engineOf(run: number): Promise<Engine | null>;
  /** Where this event is to be sent; null: here. @throws {CellAway} */
  engineOfEvent(of: EventAddress, id: string): Promise<Engine | null>;
  /** Where this answer is to be kept; null: here. @throws {CellAway} */
  engineOfAnswer(integration: string, ref: string): Promise<Engine | null>;
  /** Another cell in which a run waits for this event; null if none does. Those that are away are not asked. */
  waitingFor(of: EventAddress): Promise<{ readonly name: string; readonly engine: Engine } | null>;
  /** A run waits here for an event: others may have kept it. */
  wanted(of: EventAddress): Promise<void>;
  /** A request has been accepted here under this reference: others may have kept its answer. */
  asked(integration: string, ref: string): void;
  /** True if the request is in another cell, and has its answer now. */
  answered(integration: string, ref: string, outcome: LateOutcome): Promise<boolean>;
  /** Whether a request with this reference has ended in another cell. @throws {CellAway} */
  endedByRef(integration: string, ref: string): Promise<boolean>;
  /** One of these runs of which a run in another cell has yet to hear how it ended. @throws {CellAway} */
  awaited(runs: ReadonlySet<number>): Promise<Stays | null>;
}

/** Thrown where a cell is needed that cannot be reached now. */
export class CellAway extends HoldfastError {
  override readonly name = "CellAway";

  /** @param because - what the last try to reach it has ended with. */
  constructor(cell: string, because: string) {
    super(
      "HF5023",
      `Cell ${cell} cannot be reached: ${because}`,
      "Other cells go on. This one is tried again by itself; send it again once it is back, or look at what keeps it: holdfast cells list",
    );
  }
}
