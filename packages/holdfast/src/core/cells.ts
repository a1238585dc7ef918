/** The heads of the records by which stores are cells of one list, and what they hold for each other. */
import type { HeldList } from "./cell-start.ts";

/** The list of cells, as it is from this record on. */
export interface CellsHead extends HeldList {
  /** Who has changed it. */
  readonly by: string;
  /**
   * Of each cell that was removed, by the id of its store: the key of its digests, sealed with the
   * key of this store.
   */
  readonly secrets: Readonly<Record<string, string>>;
}

/** A key that was used in a cell that is no more. */
export interface CarriedKey {
  /** Hex HMAC of (namespace, workflow, key), by the key of the store that it comes from. */
  readonly keyHash: string;
  /** The run that had it there; 0 where `cell` says who has it. */
  readonly run: number;
  readonly generation: number;
  /** Hex HMAC of that run's input, by the key of the store that it comes from. */
  readonly inputDigest: string;
  /** Until then it refuses other runs; null: for ever. */
  readonly untilMs: number | null;
  /** Name of the cell that has its run; null: the run was in the store that is no more. */
  readonly cell: string | null;
}

/** Where a key leads that belongs here: the run goes with its lane, to another cell. */
export interface PlacedHead {
  /** Hex HMAC of (namespace, workflow, key), by the key of this store. */
  readonly keyHash: string;
  /** Name of the cell. The first record of a key holds. */
  readonly cell: string;
}

export interface CarriedHead {
  /** Id of the store that they come from. */
  readonly store: string;
  readonly keys: readonly CarriedKey[];
}

/** A kept event is gone from here: another cell has it, and has said so. */
export interface ForwardedHead {
  /** Sequence number of its `kept` record. */
  readonly kept: number;
  /** Name of the cell. */
  readonly cell: string;
}
