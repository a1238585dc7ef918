/** Everything that the command line needs from outside its own folder and the process. */
import type { Tell } from "../core/doctor/finding.ts";
import type { PulledVerdict } from "../core/pulled/verdict.ts";
import type { Rehearsal } from "../core/rehearsal.ts";
import type { ArchiveSink } from "../operate/archive-runs.ts";
import type { CellsCare } from "../operate/cells-care.ts";
import type { StoreCare } from "../operate/store-care.ts";

export interface WorkerStarted {
  /** Names of the workflows that it has. */
  readonly workflows: readonly string[];
}

/** Filled by the composition root. */
export interface Outside {
  /** Version of this package. */
  readonly version: () => string;
  readonly nowMs: () => number;
  /** Tells what is wrong with this Node.js, and with what a module defines; null: none is given. */
  readonly lookAround: (module: string | null, tell: Tell) => Promise<void>;
  /** A module that does not come to an end as it is loaded is waited for no longer, which was said. */
  readonly stopLooking: () => void;
  /**
   * All that comes in on the standard input.
   *
   * @throws {HoldfastError} HF4104 above `bytesMax`.
   */
  readonly readInput: (bytesMax: number) => Promise<string>;
  /** 32 random bytes that nobody keeps. */
  readonly randomKey: () => Uint8Array;
  /**
   * Holds pulled runs against the workflows that a module exports; one that cannot be read does not fit.
   *
   * @throws {HoldfastError} HF4102 if the module cannot be used.
   */
  readonly testPulled: (
    files: readonly string[],
    module: string,
  ) => Promise<readonly PulledVerdict[]>;
  readonly pause: (ms: number) => Promise<void>;
  /** 32 random bytes as a text, for a store whose key is not beside it. */
  readonly newStoreKey: () => string;
  /**
   * Makes a key ring of one key, and says its id.
   *
   * @throws {HoldfastError} HF5020 if the file exists.
   */
  readonly newKeyRing: (file: string) => string;
  /**
   * Adds a key to a ring and makes it the current one; says its id.
   *
   * @throws {HoldfastError} HF5020 if the file is no ring.
   */
  readonly rotateKeyRing: (file: string) => string;
  /** @throws {HoldfastError} HF4102 if the file is there, or cannot be made. */
  readonly newArchive: (file: string) => Promise<ArchiveSink>;
  /** @throws {HoldfastError} HF4102 if there is a file of this name. */
  readonly requireAbsent: (file: string) => Promise<void>;
  /** Lines of a file. @throws {HoldfastError} HF5017 if it cannot be read. */
  readonly linesOf: (file: string) => AsyncIterable<string>;
  /** @throws {HoldfastError} HF5002 if no driver serves this address. */
  readonly storeAt: (
    address: string,
    access: { readonly keyRing: string | null; readonly payloadFiles: string | null },
  ) => StoreCare;
  /**
   * Runs the workflows that a module exports, until a signal ends the process.
   *
   * @throws {HoldfastError} HF4102 if the module exports none, HF5002 to HF5013 for the store.
   */
  readonly startWorker: (
    path: string,
    store: string | Readonly<Record<string, string>>,
  ) => Promise<WorkerStarted>;
  /** @throws {HoldfastError} HF4102 if the module exports no rehearsal. */
  readonly rehearsalsIn: (path: string) => Promise<readonly Rehearsal[]>;
  /** @throws {HoldfastError} HF4102 if the file cannot be written. */
  readonly writeText: (file: string, text: string) => Promise<void>;
  /** Several cells as one store, for looking and for commands to runs. */
  readonly storeOverCells: (
    stores: readonly { readonly name: string; readonly address: string }[],
    access: { readonly keyRing: string | null; readonly payloadFiles: string | null },
  ) => StoreCare;
  readonly cellsAt: (
    stores: readonly { readonly name: string; readonly address: string }[],
  ) => CellsCare;
}
