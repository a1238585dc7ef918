/**
 * Runs that other runs call. A child is placed like any run, so it may be in another cell than its
 * parent: while that cell is away, whatever concerns the child is tried again.
 */
import { HoldfastError } from "../../core/error.ts";
import { UNNAMED_STARTER } from "../../core/person.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { Engine } from "../engine.ts";
import { CellAway } from "../neighbours.ts";
import type { StartingParent, StartOptions } from "../starts/starts.ts";
import type { RunEnds } from "./run-ends.ts";
import { takeBackChild, type TakenBack } from "./taking-back.ts";
import type { ChildWaiter, RunEnd } from "./waiters.ts";

export class Children {
  readonly #engine: Engine;
  readonly #ends: RunEnds;

  constructor(engine: Engine, ends: RunEnds) {
    this.#engine = engine;
    this.#ends = ends;
  }

  async start(
    workflow: AnyWorkflow,
    input: unknown,
    parent: StartingParent & { readonly correlationId: string },
  ): Promise<number> {
    // A child was started by whoever started its parent: a review excludes people, not runs.
    const by = this.#engine.live.get(parent.run)?.row.startedBy ?? UNNAMED_STARTER;
    const { correlationId } = parent;
    const { run } = await this.#startSurely(workflow, input, { by, correlationId, parent });
    if (run !== parent.run) return run;
    throw new HoldfastError(
      "HF4102",
      `Run ${formatRunId(run)} called workflow "${workflow.name}" with its own key: it would wait for itself.`,
      "Give the child a key of its own.",
    );
  }

  /** A child has been accepted with its parent: what keeps its cell away does not refuse it. */
  async #startSurely(workflow: AnyWorkflow, input: unknown, options: StartOptions) {
    const engine = this.#engine;
    if (engine.neighbours === null) return await engine.startRun(workflow, input, options);
    const tried = await engine.reads.surely("the cell of a child", async () => {
      try {
        return { started: await engine.startRun(workflow, input, options) };
      } catch (error) {
        if (error instanceof CellAway) throw error;
        return { error };
      }
    });
    if (tried.started !== undefined) return tried.started;
    throw tried.error;
  }

  async find(workflow: AnyWorkflow, input: unknown): Promise<number | null> {
    const { neighbours, reads } = this.#engine;
    if (neighbours === null) return await this.#engine.findHere(workflow, input);
    return await reads.surely("the cell of a child", () => neighbours.find(workflow, input));
  }

  async takeBack(child: number, waiter: ChildWaiter, reason: string): Promise<TakenBack> {
    const { neighbours, reads } = this.#engine;
    // As a whole: all of it may be said again, and a cancel that cannot read has done nothing.
    return await reads.surely("a child that is taken back", async () => {
      const away = await neighbours?.engineOf(child);
      return await takeBackChild(away ?? this.#engine, child, waiter, reason);
    });
  }

  async endOf(child: number, waiter: ChildWaiter | null): Promise<RunEnd | null> {
    const away = await this.#engineOf(child);
    return await (away === null ? this.#ends.endOf(child, waiter) : away.childEnd(child, waiter));
  }

  /** The engine of another cell that has this run, after as many tries as it takes. */
  async #engineOf(run: number): Promise<Engine | null> {
    const { neighbours, live, reads } = this.#engine;
    if (neighbours === null || live.has(run)) return null;
    const found = await reads.patiently("the cell of a run", async () => ({
      engine: await neighbours.engineOf(run),
    }));
    // The engine ends: whoever asks hears nothing more, and the next engine asks anew.
    return found === null ? await new Promise<never>(() => undefined) : found.engine;
  }
}
