/** What the engine of one cell is told of the others. */
import type { Stays } from "../core/retention.ts";
import { partOfRun } from "../core/run-number.ts";
import type { Engine } from "../engine/engine.ts";
import { CellAway, type FormerCell, type Neighbours } from "../engine/neighbours.ts";
import type { Started, StartOptions } from "../engine/starts/starts.ts";
import type { LateOutcome } from "../engine/steps/step-slot.ts";
import type { EventAddress } from "../store/store.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import { type Places, homeNames, placeEvent, placeIn, placeStart } from "./placing.ts";

export interface Directory extends Places {
  /** Those that are there now, by name. */
  readonly engines: ReadonlyMap<string, Engine>;
  /** Names of those that are not. */
  readonly away: readonly string[];
  /** @throws {CellAway} */
  refuseAway(name: string): never;
}

export interface NeighbourSettings {
  /** The cell whose engine asks. */
  readonly self: string;
  readonly part: number;
  readonly former: readonly FormerCell[];
}

export class NeighbourCells implements Neighbours {
  readonly part: number;
  readonly former: readonly FormerCell[];
  readonly #self: string;
  readonly #cells: Directory;

  constructor(cells: Directory, { self, part, former }: NeighbourSettings) {
    this.#cells = cells;
    this.#self = self;
    this.part = part;
    this.former = former;
  }

  get numbersAbove(): number {
    return this.#cells.list.numbersAbove;
  }

  async start(workflow: AnyWorkflow, input: unknown, options: StartOptions): Promise<Started> {
    const via = this.#cells.engine(this.#self);
    const engine = await placeStart(this.#cells, { workflow, input, options }, via);
    try {
      return await engine.startHere(workflow, input, options);
    } catch (error) {
      if (engine === via || (!engine.draining && !engine.committer.hasFailed)) throw error;
      // It has ended meanwhile: whoever starts is to hear of that, and of nothing else.
      throw new CellAway(nameOf(this.#cells, engine), "it has just ended.");
    }
  }

  async beginningAt(
    workflow: AnyWorkflow,
    input: unknown,
    { by, here }: { readonly by: string; readonly here: boolean },
  ): Promise<Engine | null> {
    const start = { workflow, input, options: { by } };
    const via = this.#cells.engine(this.#self);
    const engine = here
      ? await placeIn(this.#cells, this.#self, start)
      : await placeStart(this.#cells, start, via);
    return engine === via ? null : engine;
  }

  async find(workflow: AnyWorkflow, input: unknown): Promise<number | null> {
    this.#requireAll();
    for (const engine of this.#cells.engines.values()) {
      const found = await engine.findHere(workflow, input);
      if (found !== null) return found;
    }
    return null;
  }

  async engineOf(run: number): Promise<Engine | null> {
    const engine = await engineOfRun(this.#cells, run);
    return engine === this.#own ? null : engine;
  }

  async engineOfEvent(of: EventAddress, id: string): Promise<Engine | null> {
    const engine = await placeEvent(this.#cells, of, id);
    return engine === this.#own ? null : engine;
  }

  async engineOfAnswer(integration: string, ref: string): Promise<Engine | null> {
    for (const engine of this.#cells.engines.values()) {
      await engine.committer.durable();
      const { store } = engine;
      const knows =
        (await store.pendingByRef(integration, ref)) !== null ||
        (await store.endedByRef(integration, ref));
      if (knows) return engine === this.#own ? null : engine;
    }
    const { home } = homeNames(this.#cells.list, { kind: "answer", integration, ref });
    const engine = this.#cells.engine(home);
    return engine === this.#own ? null : engine;
  }

  async waitingFor(of: EventAddress): Promise<{ name: string; engine: Engine } | null> {
    for (const [name, engine] of this.#others()) {
      await engine.committer.durable();
      if ((await engine.store.awaiting(of, 1)).length > 0) return { name, engine };
    }
    return null;
  }

  async wanted(of: EventAddress): Promise<void> {
    for (const [, engine] of this.#others()) {
      // What is away is asked when it is back.
      await engine.reads.patiently("events that came early", () =>
        engine.commands.events.wantedElsewhere(of),
      );
    }
  }

  asked(integration: string, ref: string): void {
    for (const [, engine] of this.#others()) engine.early.asked(integration, ref);
  }

  async answered(integration: string, ref: string, outcome: LateOutcome): Promise<boolean> {
    for (const [, engine] of this.#others()) {
      if (await engine.commands.answerPending(integration, ref, outcome)) return true;
    }
    return false;
  }

  async endedByRef(integration: string, ref: string): Promise<boolean> {
    for (const [, engine] of this.#others()) {
      if (await engine.store.endedByRef(integration, ref)) return true;
    }
    this.#requireAll();
    return false;
  }

  async awaited(runs: ReadonlySet<number>): Promise<Stays | null> {
    this.#requireAll();
    for (const [, engine] of this.#others()) {
      await engine.committer.durable();
      const stays = await engine.removals.awaited(runs);
      if (stays !== null) return stays;
    }
    return null;
  }

  get #own(): Engine | undefined {
    return this.#cells.engines.get(this.#self);
  }

  #others(): [string, Engine][] {
    return [...this.#cells.engines].filter(([name]) => name !== this.#self);
  }

  /** What nobody knows who is there may be known to one that is away. */
  #requireAll(): void {
    const [first] = this.#cells.away;
    if (first !== undefined) this.#cells.refuseAway(first);
  }
}

/**
 * The engine that has this run. A number tells its cell, unless it was given out before the list was
 * what it is: then the others are asked, too.
 *
 * @throws {CellAway} if the cell that has it may be one that is away.
 */
export async function engineOfRun(cells: Directory, run: number): Promise<Engine | null> {
  const told = cells.list.cells.find(({ part }) => part === partOfRun(run))?.name;
  if (told !== undefined && run > cells.list.numbersAbove) return cells.engine(told);
  const names = [...cells.engines.keys()].toSorted((name) => (name === told ? -1 : 1));
  for (const name of names) {
    const engine = cells.engines.get(name);
    if (engine !== undefined && (await hasRun(engine, run))) return engine;
  }
  const [away] = cells.away;
  if (away !== undefined) cells.refuseAway(away);
  return null;
}

async function hasRun({ live, committer, store }: Engine, run: number): Promise<boolean> {
  if (live.has(run)) return true;
  await committer.durable();
  if ((await store.load([run])).length > 0) return true;
  if ((await store.removal.archivedRuns([run])).length > 0) return true;
  return (await store.cells.carriedRun(run)) !== null;
}

function nameOf(cells: Directory, engine: Engine): string {
  for (const [name, own] of cells.engines) if (own === engine) return name;
  return "of this run";
}
