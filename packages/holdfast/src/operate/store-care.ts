/**
 * What is done for a store as a whole: check it, copy it, accept it after a restore. Each driver
 * brings its own; the composition root hands the right one in.
 */
import type { Tell } from "../core/doctor/finding.ts";
import { formatRunId } from "../core/run-number.ts";
import type { EffectRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import type { Decider } from "./decisions.ts";
import { COMMANDS_MAX, keptCommands, type KeptCommand } from "./kept-command.ts";
import type { Build, VersionsChecked } from "./versions-check.ts";
import { effectView, isoOrNull, isoText, type EffectView } from "./views.ts";

interface DamageFound {
  /** One sentence: what is wrong, and where. */
  readonly what: string;
  /** Position in the journal, where a record is meant. */
  readonly pos?: number;
  readonly run?: number;
  readonly seq?: number;
}

interface Verification {
  readonly storeId: string | null;
  /** True if nothing that a read could return is other than it was written. */
  readonly isSound: boolean;
  readonly flushes: number;
  readonly records: number;
  /** What is damaged; the first bad record of the journal leads. */
  readonly damage: readonly DamageFound[];
  /** What could not be checked or does not matter, as sentences. */
  readonly harmless: readonly string[];
  readonly remedy: string | null;
}

interface BackedUp {
  readonly storeId: string;
  /** Newest flush in the copy; 0 if the store is empty. */
  readonly flushId: number;
  /** Newest record in the copy. */
  readonly position: number;
  /** What belongs to the store and is not in the copy, as sentences. */
  readonly apart: readonly string[];
}

export interface Accepting extends Decider {
  /** File outside the database that the app keeps as its anchor; for a store on PostgreSQL. */
  readonly anchorFile?: string;
}

/** One of several cells that are named together. */
export interface NamedCare {
  readonly name: string;
  readonly care: StoreCare;
}

export interface StoreCare {
  /** Given where it is several cells: each by itself. */
  readonly cells?: readonly NamedCare[];
  /** Needs no engine and disturbs none. */
  readonly openReader: () => Promise<StoreReader>;
  readonly verify: () => Promise<Verification>;
  /**
   * Tells what is wrong with the store and what is around it. Writes nothing.
   *
   * @returns whether there is a store whose work can be looked at.
   */
  readonly look: (given: { readonly anchorFile?: string }, tell: Tell) => Promise<boolean>;
  /** Tells whether payloads can be read with what is given, by a sample. @param reader - of this care. */
  readonly lookAtPayloads: (reader: StoreReader, tell: Tell) => Promise<void>;
  /**
   * Holds the histories of all runs that are under way against the build that this module exports;
   * nothing is executed or written.
   *
   * @throws {HoldfastError} HF4102 if the module cannot be used.
   */
  readonly checkVersions: (module: string) => Promise<VersionsChecked>;
  /**
   * The build that this module exports, to be held against single runs of this store.
   *
   * @throws {HoldfastError} HF4102 if the module cannot be used.
   */
  readonly openBuild: (module: string) => Promise<Build>;
  /** Copies the store while its engine may run. */
  readonly backup: (to: string) => Promise<BackedUp>;
  /** Takes away payload files that no record refers to; `foreign` are left, as another store's. */
  readonly sweep: () => Promise<{
    readonly looked: number;
    readonly removed: number;
    readonly foreign: number;
  }>;
  /** Payloads as they are stored, with those in files in their place: for an archive. */
  readonly openStored: () => Promise<StoreReader>;
  /** Reads an archive into this store, which is one for looking. `lines` begins anew at each call. */
  readonly importArchive: (lines: () => AsyncIterable<string>) => Promise<ImportedArchive>;
  /** Accepts a store that is older than its anchor. */
  readonly accept: (decider: Accepting) => Promise<{
    readonly storeId: string;
    readonly operations: readonly EffectRow[];
    readonly openRuns: readonly number[];
    /** Milliseconds; `fromMs` null for a store without any work. */
    readonly window: { readonly fromMs: number | null; readonly untilMs: number };
  }>;
}

interface ImportedArchive {
  readonly archive: string;
  readonly storeId: string;
  readonly runs: number;
  readonly records: number;
  /** Runs that were not in the store before: 0 if the archive was read in already. */
  readonly newRuns: number;
}

export interface AcceptedStore {
  readonly storeId: string;
  /**
   * Operations that may have been done since the backup was made: those whose end it does not know.
   * So may any that the open runs would have gone on to.
   */
  readonly operations: readonly EffectView[];
  /** Runs that had not ended when the backup was made. */
  readonly openRuns: readonly string[];
  /**
   * What the original began in that time is not in this store: started again, it is done again. ISO 8601;
   * `from`, its newest work, is null for a store without any.
   */
  readonly window: { readonly from: string | null; readonly until: string };
  /**
   * Commands in the backup's inbox that say that an effect did not happen: the original may have done
   * it since it had them, so the engine refuses them.
   */
  readonly refused: readonly KeptCommand[];
  /** Starts in the backup's inbox. Their runs begin as restored ones. */
  readonly startsCount: number;
}

/** What a check found, with runs under their public ids. */
export interface VerifiedStore extends Omit<Verification, "damage"> {
  readonly damage: readonly {
    readonly what: string;
    readonly pos: number | null;
    /** Null also for the store's own journal. */
    readonly run: string | null;
    readonly seq: number | null;
  }[];
}

/** Checks every record, seal and projection. */
export async function verifyStore(care: StoreCare): Promise<VerifiedStore> {
  const { damage, ...verification } = await care.verify();
  const found = damage.map(({ what, pos, run, seq }) => ({
    what,
    pos: pos ?? null,
    run: run === undefined || run === 0 ? null : formatRunId(run),
    seq: seq ?? null,
  }));
  return { ...verification, damage: found };
}

/** Accepts the store and says what may have happened since it was written. */
export async function acceptStore(care: StoreCare, decider: Accepting): Promise<AcceptedStore> {
  const { storeId, operations, openRuns, window } = await care.accept(decider);
  const reader = await care.openReader();
  try {
    const views: EffectView[] = [];
    // By primary key; what is open is the few that were under way.
    for (const row of operations) views.push(effectView(row, await reader.run(row.run)));
    const refused = (await keptCommands(reader)).filter(({ happened }) => happened === false);
    const waiting = await reader.inbox(COMMANDS_MAX);
    const startsCount = waiting.filter(({ topic }) => topic === "start").length;
    return {
      storeId,
      operations: views,
      openRuns: openRuns.map(formatRunId),
      window: {
        from: isoOrNull(window.fromMs),
        until: isoText(window.untilMs),
      },
      refused,
      startsCount,
    };
  } finally {
    await reader.close();
  }
}

export type { StoreReader } from "../store/store.ts";
