/** What a check of a store finds and says, the same for every driver. */

/** Something in the store that is not as it was written. */
export interface Damage {
  /** One sentence: what is wrong, and where. */
  readonly what: string;
  /** Position in the journal, where a record is meant. */
  readonly pos?: number;
  readonly run?: number;
  readonly seq?: number;
}

/** Is told of every record of the journal whose digest holds, once, in the order of the check. */
export type RecordVisit = (record: {
  readonly run: number;
  readonly seq: number;
  readonly data: string | null;
}) => void;

/** Whose records a check holds against their digests, and who else looks at them. */
export interface CheckedStore {
  /** As `sealKey` gives it. */
  readonly key: string;
  readonly storeId: string;
  readonly visit?: RecordVisit | undefined;
}

export interface VerifyReport {
  readonly storeId: string | null;
  /** True if nothing that a read or an index could return is other than it was written. */
  readonly isSound: boolean;
  readonly flushes: number;
  readonly records: number;
  /** What is damaged; the first bad record of the journal leads. At most 100. */
  readonly damage: readonly Damage[];
  /** What could not be checked or does not matter, as sentences. */
  readonly harmless: readonly string[];
  /** What to do, if something is damaged. */
  readonly remedy: string | null;
}
