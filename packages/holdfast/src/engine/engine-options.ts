/** What an engine is made with. */
import type { ExceptionPolicy } from "../core/exception-policy.ts";
import type { Store } from "../store/store.ts";
import type { AnyEffect } from "../workflow/effect.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import type { ForeignClassifier } from "./effects/classification.ts";
import type { Outside } from "./effects/outside.ts";
import type { Clock, Random } from "./clock.ts";
import type { Neighbours } from "./neighbours.ts";
import type { EngineLimits } from "./limits.ts";
import type { RemovalOptions } from "./journal/removals.ts";

export interface EngineOptions extends RemovalOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly workflows: readonly AnyWorkflow[];
  /** Effects by which a run is undone whose code does not fit; more are known once code asks. */
  readonly effects?: readonly AnyEffect[];
  readonly version: string;
  /** Those before it, the oldest first. Default: as the store has seen them. */
  readonly earlierVersions?: readonly string[];
  readonly namespace?: string;
  readonly limits?: Partial<EngineLimits>;
  readonly foreign?: ForeignClassifier;
  /** Who carries out what effects ask of other systems. Default: their own code. */
  readonly outside?: Outside;
  /** Owns what belongs to no run. Default "operators". */
  readonly owner?: string;
  /** Teams, calendars and due times. */
  readonly exceptions?: ExceptionPolicy;
  /** The other cells, where the store is one of several. */
  readonly neighbours?: Neighbours;
}
