/** What a worker of a scale-out and the process that measures say to each other. */

/** How a worker is started: the first argument of scale-worker.ts, as JSON. */
export interface WorkerJob {
  readonly url: string;
  /** Several workers share the store. */
  readonly isShared: boolean;
  /** Runs that it keeps going at a time. */
  readonly concurrency: number;
  /** Leads the keys of its runs: no two workers have one. */
  readonly name: string;
}

/** Begins its runs, lets them settle, counts for the time of a slice, and lets what is left end. */
export interface SliceAsked {
  readonly settleMs: number;
  readonly sliceMs: number;
}

export type WorkerSaid =
  | { readonly kind: "ready" }
  /** Steps that were executed here in a second, whoever had started their runs. */
  | { readonly kind: "slice"; readonly stepsPerS: number };
