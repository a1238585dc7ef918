/** What a store holds as a cell: the list, and keys of cells that are no more. */
import type { CarriedKey, CellsHead } from "../core/cells.ts";
import type { EventAddress } from "./store.ts";

/** A key that may have been carried over. */
export interface CarriedName {
  /** Id of the store that it would come from. */
  readonly store: string;
  /** By the key of that store. */
  readonly keyHash: string;
}

export interface CellReads {
  /** The list that this store is a cell of; null if an app has it alone. */
  list(): Promise<CellsHead | null>;
  /** In the order asked; null for a key that was not carried over. */
  carried(names: readonly CarriedName[]): Promise<readonly (CarriedKey | null)[]>;
  /** Where keys lead that belong here, in the order asked; null for one that leads nowhere else. */
  placed(keyHashes: readonly string[]): Promise<readonly (string | null)[]>;
  /** Whether any key leads elsewhere. */
  hasPlaced(): Promise<boolean>;
  /** Whom kept events are for, by the numbers of their records; those after `afterSeq`. */
  keptFor(
    afterSeq: number,
    limit: number,
  ): Promise<readonly (EventAddress & { readonly seq: number })[]>;
  /** The store that a run was in whose key was carried over; null if there is none. */
  carriedRun(run: number): Promise<string | null>;
}

/** A key that is used in this store, or was in one whose keys it has. */
export interface UsedKey extends Omit<CarriedKey, "keyHash"> {
  /** Null for a store that made no hash of it; `of` says it then. */
  readonly keyHash: string | null;
  readonly of: {
    readonly namespace: string;
    readonly workflow: string;
    readonly key: string;
  } | null;
  /** The store that it comes from; null: this one. */
  readonly store: string | null;
}

export interface UsedKeys {
  readonly keys: readonly UsedKey[];
  /** Where to go on; null: these were the last. */
  readonly next: string | null;
}

export interface CellReader extends CellReads {
  /**
   * Every key that refuses other runs, each once, page by page.
   *
   * @param after - as the page before says; null to begin.
   */
  usedKeys(after: string | null, limit: number): Promise<UsedKeys>;
  /** Runs that have not ended. */
  openRunsCount(): Promise<number>;
  /** Highest run number that was given out here; 0 if none was. */
  lastRun(): Promise<number>;
  /** Ids of events that are remembered for longer than until `nowMs`, and until when the last is. */
  rememberedIds(
    nowMs: number,
  ): Promise<{ readonly count: number; readonly untilMs: number | null }>;
  /** Events that are kept, whoever they are for. */
  keptCount(): Promise<number>;
}
