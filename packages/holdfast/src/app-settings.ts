/** What an app is made of: the options of `holdfast()`. */
import type { AppRetention } from "./core/retention.ts";
import type { ExceptionOptions } from "./exception-options.ts";
import type { EngineLimits } from "./engine/limits.ts";
import type { AnyEffect } from "./workflow/effect.ts";
import type { AnyWorkflow } from "./workflow/workflow.ts";

/** Where a store is. */
export type StoreAddress = `sqlite:${string}` | `postgres://${string}` | `postgresql://${string}`;

/** Stores by the names of the cells that they are; see docs/operate/cells.md. */
export type Cells = Readonly<Record<string, StoreAddress>>;

export interface HoldfastOptions {
  /**
   * `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, which needs the package `pg` and the store's
   * key (see `postgres`); `:memory:` keeps nothing and is for tests. Or several of them by name,
   * cells, over which runs are placed by their keys: `{ north: "sqlite:...", south: "..." }`.
   */
  readonly store: StoreAddress | ":memory:" | Cells;
  /** For a store on PostgreSQL. The key is taken from HOLDFAST_STORE_KEY if it is not given here. */
  readonly postgres?: PostgresSettings;
  /** Payloads that do not lie in the store in plain form. */
  readonly payloads?: PayloadSettings;
  readonly workflows: readonly AnyWorkflow[];
  /**
   * Your effects. A run whose code no longer fits it (HF2104) is cancelled without its code: what it
   * did is undone by the effects of these names, and of those that code has asked for since the app
   * has started. What is in neither is given to its owner (HF3004). Default: none.
   */
  readonly effects?: readonly AnyEffect[];
  /**
   * Version of your code: a name that you change with each deployment, or `versionOf(...)`. Runs
   * remember the version they began with and the one that went on with them last. Default "1", which
   * tells no deployment from the next: `run.since` needs a name, and what is held for another version
   * waits for one.
   */
  readonly version?: string;
  /**
   * Versions before it, the oldest first: the order in which `run.since` tells old from new. Not given:
   * the order in which this store has first seen them, which knows nothing of a version that was never
   * deployed on it. At most 1,000.
   */
  readonly earlierVersions?: readonly string[];
  readonly limits?: Partial<EngineLimits>;
  /** Owns what belongs to no run, such as two events with one id. Default "operators". */
  readonly owner?: string;
  /** Who deals with exceptions, and until when. */
  readonly exceptions?: ExceptionOptions;
  /**
   * How long runs are kept at least; a workflow may say otherwise for its own. Nothing leaves the store
   * by itself: `holdfast archive` lets go of what may leave. Default: completed runs may leave when
   * somebody archives them, others never, and keys are kept for ever.
   */
  readonly retention?: AppRetention;
  /**
   * Gets one line whenever a run needs a person (also for a review, and when that is overdue):
   * which, why, and where to look; and whenever the store does not answer. Default: standard error, so that a run that waits for somebody does not
   * look like one that hangs.
   */
  readonly log?: (line: string) => void;
}

export interface PostgresSettings {
  /** The store's key, as `holdfast store key` prints it, or its 32 bytes. */
  readonly key?: string | Uint8Array;
  /** A file that holds it. */
  readonly keyFile?: string;
  /** Where the newest seals are kept outside the database; default: nowhere. Of a cell: with `.NAME` behind it. */
  readonly anchorFile?: string;
  /**
   * True: this app is one worker of several on the store, which share its runs. All of them say so.
   * Default: this app alone, and another is refused.
   */
  readonly shared?: boolean;
  /**
   * An engine that has not shown for so long that it lives is replaced, milliseconds. Default
   * 15,000, where workers share a store 3,000. An app that starts waits so long for the lease of
   * another before it is refused.
   */
  readonly leaseMs?: number;
}

export interface PayloadSettings {
  /**
   * File of a key ring (`holdfast store key --new-ring FILE`): what is declared sensitive, and what
   * nobody has declared, is sealed with its current key. Read at the first use of the app. Once a
   * store has sealed payloads it needs its ring. Default: nothing is sealed.
   */
  readonly keyRing?: string;
  /**
   * Directory for payloads longer than `inlineBytesMax`, each in a file of its own; made if it is
   * not there. Or a bucket that is there, `s3://BUCKET/PREFIX`, with the package
   * `@aws-sdk/client-s3`; its credentials and region come from the environment. It belongs to the
   * store, and to its backups; each cell has a folder in it. Default: all stay in the store.
   */
  readonly directory?: string;
  /** Longest payload that stays in the store, bytes of its stored text. Default 65,536. */
  readonly inlineBytesMax?: number;
}
