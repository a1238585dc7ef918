/**
 * Which part of a store an engine writes. An embedded store has one writer, which owns all of it; of
 * a shared one each worker owns some of 256 shards, and every run is in one of them for ever.
 *
 * A worker writes only what its shards hold, leaves commands for the rest, and learns by its looks
 * who else lives. See docs/decisions/0015-many-workers.md.
 */
import type { LastOwner } from "../core/suspicion.ts";
import type { InboxRow } from "./rows.ts";
import type { Predecessor } from "./store.ts";

/** Rows that belong to no run are in this one; its owner is the keeper. */
export const KEEPER_SHARD = 0;

export type Shards = { readonly isWhole: true } | SharedShards;

/** A worker that lives, as a look found it. */
interface LiveWorker {
  readonly incarnation: number;
  readonly shardCount: number;
}

/** What a worker finds when it looks around. */
export interface Surroundings {
  /** In the order in which they came, itself among them. */
  readonly workers: readonly LiveWorker[];
  /** Shards that nobody who lives owns. */
  readonly free: readonly number[];
  /** Whether a command waits for one of its shards. */
  readonly hasCommands: boolean;
  /** Whether a chain of flushes has ended that no record says so of. */
  readonly hasDeadChains: boolean;
}

export interface Taken {
  /** Those that it got: another one may have been faster. */
  readonly shards: readonly number[];
  /** Highest number of a run in them; 0 if there is none. */
  readonly lastRun: number;
  /** Who had each of them; one that was given up in order is not in it. */
  readonly lastOwners: ReadonlyMap<number, LastOwner>;
}

/** What workers share of some gates. */
export interface SeenGates {
  /** By the store's own clock, Unix milliseconds. */
  readonly nowMs: number;
  /** Incarnations of those who live. Who is not among them never lives again. */
  readonly living: readonly number[];
  readonly gates: readonly SeenGate[];
}

export interface SeenGate {
  readonly integration: string;
  /** 1 or more; grows with every change. */
  readonly version: number;
  /** JSON of core's `SharedGate`. */
  readonly state: string;
}

/** Where a run is. */
export interface RunHome {
  readonly run: number;
  readonly parentRun: number | null;
  readonly shard: number;
  readonly owner: number | null;
}

/** A command, and who is to apply it: the owner of this shard. */
export type RoutedCommand = Omit<InboxRow, "answer"> & { readonly shard: number };

export interface SharedShards {
  readonly isWhole: false;
  /** Leased for this engine's run numbers, 0 to 255. */
  readonly slot: number;
  /** Where a run with this start belongs. */
  ofStart(start: {
    readonly namespace: string;
    readonly lane: string | null;
    readonly keyHash: string;
  }): number;
  /** Where runs are, in the order asked; null for a number that no run has. */
  ofRuns(runs: readonly number[]): Promise<readonly (number | null)[]>;
  /** The same, with who owns the shard (null: nobody now) and the run's parent; none for no run. */
  homes(runs: readonly number[]): Promise<readonly RunHome[]>;
  /** Begins to look, and to tell of each look. Once. */
  onLook(listener: (seen: Surroundings) => void): void;
  /**
   * Tells, at most once in a lease, that no look was answered for a lease: why, and after how many
   * milliseconds the next one is sent. Once.
   */
  onSilence(listener: (message: string, delayMs: number) => void): void;
  /** Looks now instead of at the next beat. */
  lookSoon(): void;
  /** Takes shards that a look showed as free. */
  take(shards: readonly number[]): Promise<Taken>;
  /** Gives shards up. What was written of them is durable, and nothing more will be. */
  release(shards: readonly number[]): Promise<void>;
  /**
   * Null while this engine knows that it lives, by its own monotonic clock. Else resolves when it
   * knows so again, which may be never.
   */
  confirmed(): Promise<void> | null;
  /** Leaves commands, if this engine still lives. The same id twice is one command. */
  post(commands: readonly RoutedCommand[]): Promise<void>;
  /** Answers to those of these commands that have one, as pairs of id and JSON. */
  answers(ids: readonly string[]): Promise<readonly (readonly [string, string])[]>;
  /** Commands with a topic that nobody has taken, whatever their shard. */
  untaken(topic: InboxRow["topic"], limit: number): Promise<readonly InboxRow[]>;
  /** Those of these runs that have ended. */
  ended(runs: readonly number[]): Promise<readonly number[]>;
  /** Chains of workers that have ended, of which no record says so. */
  deadChains(): Promise<readonly Predecessor[]>;
  /** Highest `seq` of any worker's own journal. */
  lastSystemSeq(): Promise<number>;
  /**
   * Claims a key for a run that begins in `shard`. The answer is the shard that has the claim: this
   * one, or another where a run with this key begins.
   */
  claimKey(keyHash: string, shard: number): Promise<number>;
  /** What workers share of the gates of these integrations, and who of them lives. */
  gates(integrations: readonly string[]): Promise<SeenGates>;
  /**
   * Puts down what has become of a gate, if this engine lives and nobody else has changed it since.
   *
   * @param version - as it was read; 0 if there was none.
   * @returns whether it was put down.
   */
  saveGate(integration: string, version: number, state: string): Promise<boolean>;
  /** Gives a claim up: its run is on record, or will not begin. Only the shard's owner may. */
  unclaimKey(keyHash: string, shard: number): Promise<void>;
}
