/** The engine of an app, or one for each of its cells: opened at first use, once. */
import type { HoldfastOptions } from "./app-settings.ts";
import { Cells } from "./cells/cells.ts";
import { receiveInCell, receiveUnfitInCell } from "./cells/receiving-over-cells.ts";
import type { HoldfastError } from "./core/error.ts";
import { tellDefinitionFault } from "./engine/receiving/definition-fault.ts";
import type { AnyWorkflow } from "./workflow/workflow.ts";
import { systemClock, systemRandom } from "./engine/clock.ts";
import type { Engine } from "./engine/engine.ts";
import type { EngineListener } from "./engine/events.ts";
import type { IncomingMessage, Receipt, UnfitMessage } from "./workflow/message.ts";
import { aloneMsMax, cellDoor, logOf, openAppEngine } from "./engine-opening.ts";

export interface Engines {
  /** One that leads what it is given to where it belongs. */
  any(): Engine;
  /** All that are there now. */
  all(): readonly Engine[];
  /** The one that has this run. @throws {HoldfastError} HF5023 if that is away. */
  of(run: number): Promise<Engine>;
  ofException(run: number, seq: number): Promise<Engine>;
  /** Takes a message from outside where it belongs. */
  receive(message: IncomingMessage): Promise<Receipt>;
  /** Keeps a message that does not fit for a person. */
  receiveUnfit(message: UnfitMessage): Promise<Receipt>;
  /** The owner of the code has to know of a message that it fails over. */
  tellFault(workflow: AnyWorkflow, ingress: string, fault: HoldfastError): Promise<void>;
  close(): Promise<void>;
}

export async function openEngines(
  options: HoldfastOptions,
  listeners: ReadonlySet<EngineListener>,
): Promise<Engines> {
  const { store } = options;
  if (typeof store === "string") return ofOne(await openAppEngine(options, store, listeners));
  const doors = Object.entries(store).map(([name, address]) =>
    cellDoor(options, { name, store: address }, listeners),
  );
  const cells = new Cells({
    doors,
    clock: systemClock,
    random: systemRandom,
    aloneMsMax: aloneMsMax(options),
    log: logOf(options),
  });
  await cells.open();
  return {
    any: () => cells.any(),
    all: () => [...cells.engines.values()],
    of: (run) => cells.of(run),
    ofException: (run, seq) => cells.ofException(run, seq),
    receive: (message) => receiveInCell(cells, message, cells.any()),
    receiveUnfit: (message) => receiveUnfitInCell(cells, message, cells.any()),
    tellFault: (...fault) => tellDefinitionFault(cells.any(), ...fault),
    close: () => cells.close(),
  };
}

function ofOne(engine: Engine): Engines {
  return {
    any: () => engine,
    all: () => [engine],
    of: () => Promise.resolve(engine),
    ofException: () => Promise.resolve(engine),
    receive: (message) => engine.commands.receiving.receive(message),
    receiveUnfit: (message) => engine.commands.receiving.receiveUnfit(message),
    tellFault: (...fault) => tellDefinitionFault(engine, ...fault),
    close: () => engine.close(),
  };
}

/** Opens at first use, once. */
export class Opening {
  readonly #open: () => Promise<Engines>;
  #engines: Promise<Engines> | null = null;

  constructor(open: () => Promise<Engines>) {
    this.#open = open;
  }

  engines(): Promise<Engines> {
    this.#engines ??= this.#open().catch((error: unknown) => {
      // Nothing is kept of an opening that failed: the next use tries again.
      this.#engines = null;
      throw error;
    });
    return this.#engines;
  }

  async close(): Promise<void> {
    if (this.#engines !== null) await (await this.#engines).close();
  }
}
