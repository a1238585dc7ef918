/** What comes of holding a pulled run against code. */

export interface PulledMisfit {
  /** HF2104 if the code does not fit; HF2105 if it lacks the workflow; or why nobody can say. */
  readonly code: string;
  /** Names the step, what the history says there and what the code does. */
  readonly message: string;
  readonly remedy: string;
}

export interface PulledVerdict {
  /** As it was named. */
  readonly file: string;
  readonly workflow: string;
  /** `run_...` */
  readonly run: string;
  /** State in which it was pulled. A completed run is held to its result as well. */
  readonly state: string;
  /** Of the code that had it last. */
  readonly codeVersion: string;
  /** Records of its history. */
  readonly records: number;
  /** Null if the code fits. */
  readonly misfit: PulledMisfit | null;
}
