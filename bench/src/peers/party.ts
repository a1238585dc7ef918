/**
 * A party: a product that is measured, ours or a rival's, in a process of its own. What it has to
 * offer is the same for all; how, is said by its adapter (holdfast-adapter.ts and
 * bench/peers/NAME/adapter.mjs).
 */

/** Steps of every run. */
export const STEPS_PER_RUN = 10;

/** What an adapter is given. */
export interface Place {
  /** A database of the party's own; absent where it needs none. */
  readonly postgresUrl?: string;
  /** A server of the party's own, where it is Restate. */
  readonly restate?: RestateUrls;
  /** For its files; empty at first. */
  readonly folder: string;
  /** Runs that its worker may have at work at once, where that is a setting of the product. */
  readonly concurrency: number;
  readonly steps: number;
  /** The body of every step of every run; its answer is the step's result. */
  readonly step: (runId: string, index: number) => unknown;
}

export interface RestateUrls {
  readonly ingressUrl: string;
  readonly adminUrl: string;
}

/** Ten steps one after the other, each durable before the next one starts. */
export interface Party {
  /** Starts a run; resolves when it is accepted, to what `end` needs. */
  start(runId: string): Promise<unknown>;
  /** Resolves when the starter knows of the run's end, by the product's own means. */
  end(started: unknown): Promise<void>;
  close(): Promise<void>;
}

export type OpenParty = (place: Place) => Promise<Party>;

/** What the process of a party is started with. */
export interface HostSettings {
  /** URL of the module with the adapter, which exports `open`. */
  readonly adapter: string;
  readonly postgresUrl?: string;
  readonly restate?: RestateUrls;
  readonly folder: string;
  readonly concurrency: number;
}

/**
 * When a run makes room for the next one: `result` when its starter knows of its end; `last-step`
 * where the product learns of ends by polling so seldom that its worker would run dry.
 */
export type RoomAfter = "result" | "last-step";

export type PartyRequest =
  /** Keeps so many runs under way until `drain`. */
  | { readonly verb: "begin"; readonly inFlight: number; readonly roomAfter: RoomAfter }
  | { readonly verb: "count" }
  /** Starts no more, and answers when those under way have ended. */
  | { readonly verb: "drain" }
  | { readonly verb: "close" };

/** What the process has done and used since it began. */
export interface PartyCount {
  readonly atMs: number;
  readonly steps: number;
  readonly cpuS: number;
  readonly peakMemoryMb: number;
  /** Runs that ended since the last count: from start to known end and to last step, milliseconds. */
  readonly runsMs: readonly number[];
  readonly lastStepsMs: readonly number[];
}

export type PartyAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "answer"; readonly id: number; readonly count: PartyCount | null }
  | { readonly kind: "failed"; readonly message: string };
