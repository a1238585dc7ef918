/**
 * The heads of the records by which runs leave a store and come into another: `archived` in the
 * store that they leave, `imported` in one that an archive was read into for looking.
 */
import type { FailureClass, FailureFamily } from "./failure.ts";
import type { IssueLevel } from "./fingerprint.ts";

/** A run that has left: what proves that nothing else has gone, and what still guards its key. */
export interface ArchivedRun {
  readonly run: number;
  /** How many records it had. */
  readonly records: number;
  /** Hex, 16 bytes: over the digests of its records, in order. */
  readonly digest: string;
  /** As in its start. */
  readonly keyHash: string;
  readonly generation: number;
  readonly inputDigest: string;
  /** Where it was, in a store that has shards. */
  readonly shard?: number;
}

/** What runs that have left had added to the exceptions of one cause; all of them are closed. */
export interface ArchivedIssue {
  readonly fingerprint: string;
  readonly level: IssueLevel;
  readonly title: string;
  readonly class: FailureClass;
  readonly family: FailureFamily;
  readonly workflow: string;
  readonly step: string;
  readonly owner: string;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  readonly totalCount: number;
}

/**
 * Runs leave the store with this record: the flush that holds it removes theirs. Counters and issues
 * go on counting them, so a fold that begins anew takes from here what it cannot read any more.
 */
export interface ArchivedHead {
  /** Id of the archive that has them (`arc_...`). */
  readonly archive: string;
  /** Its file, as whoever wrote it has named it. */
  readonly file: string;
  readonly by: string;
  /** Until then their keys refuse other runs; null: for ever. */
  readonly keysUntilMs: number | null;
  readonly runs: readonly ArchivedRun[];
  readonly counts: readonly { readonly name: string; readonly delta: number }[];
  readonly issues: readonly ArchivedIssue[];
  /** Sequence numbers of kept events that they had taken. */
  readonly taken: readonly number[];
}

/** An archive was read into this store: begun, and done when all of it is here. */
export interface ImportedHead {
  readonly event: "begun" | "done";
  readonly archive: string;
  /** Hex digest of the file. */
  readonly sha256: string;
  readonly runs: number;
  readonly records: number;
}
