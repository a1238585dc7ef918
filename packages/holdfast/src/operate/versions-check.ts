/** What `holdfast versions check` finds: whether a build fits the runs that are under way. */
import type { HoldfastError } from "../core/error.ts";
import type { RunState } from "../core/run-state.ts";
import type { RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";

/** A run that the build would hold. */
export interface MisfitView {
  /** Whose it is, where several cells are looked at together. */
  readonly cell?: string;
  readonly run: string;
  readonly key: string;
  readonly workflow: string;
  readonly state: RunState;
  /** Of the code that it began with, and of the code that went on with it last. */
  readonly version: string;
  readonly codeVersion: string;
  readonly code: string;
  /** Names the step, what the history says there and what the build asks for. */
  readonly message: string;
  readonly remedy: string;
}

export interface VersionsChecked {
  /** Of the build. */
  readonly version: string;
  readonly workflows: readonly string[];
  /** Runs that were looked at. */
  readonly checked: number;
  readonly fits: number;
  /** The first of those that do not fit, oldest run first. */
  readonly misfits: readonly MisfitView[];
  readonly misfitCount: number;
  /** True if there are runs under way that were not looked at. */
  readonly hasMore: boolean;
}

/** A build that is not deployed, or not everywhere. */
export interface Build {
  /** Null if it has none. */
  readonly version: string | null;
  /** Gives what says of a run why the build would hold it; null if the build fits. */
  readonly against: (
    reader: StoreReader,
  ) => Promise<(run: RunRow) => Promise<HoldfastError | null>>;
}

/** Runs that do not fit and are shown. */
export const MISFITS_SHOWN_MAX = 100;
/** Runs that one check looks at. */
export const CHECKED_RUNS_MAX = 1_000_000;
