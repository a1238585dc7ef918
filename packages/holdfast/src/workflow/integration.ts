/** Another system, with its owner, its limits and its breaker. */
import { checkDefinition } from "./definition-check.ts";
import type { Duration } from "../core/duration.ts";
import type { Classified } from "../core/failure.ts";

export interface IntegrationOptions {
  /** The team that answers for it; owner of the exceptions of its effects. */
  readonly owner: string;
  /** What it can take. Without it: 64 calls at a time, no rate. */
  readonly limit?: {
    readonly rate?: `${number}/${"s" | "m" | "h"}`;
    readonly concurrency?: number;
  };
  /** When to stop calling a system that is down. Without it: 50 % of 10 calls, probe after 5 s. */
  readonly breaker?: {
    readonly openAt: `${number}%`;
    readonly of: number;
    readonly probeEvery: Duration;
  };
  /**
   * What this system's own errors mean. What it says counts as the approved assertion that a
   * failure left no effect (settled point 6), so say `effect: "never"` only where that is true.
   */
  readonly classify?: (error: unknown) => Classified | undefined;
  /** Asked while the system is thought to be down, where no real call can serve as the probe. */
  readonly health?: () => Promise<boolean>;
}

export interface Integration {
  readonly kind: "integration";
  readonly name: string;
  readonly options: IntegrationOptions;
}

export function integration(name: string, options: IntegrationOptions): Integration {
  checkDefinition(`integration "${name}"`, { owner: ["text", options.owner] });
  return { kind: "integration", name, options };
}
