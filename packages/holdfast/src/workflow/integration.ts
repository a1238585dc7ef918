/** Another system, with its owner, its limits and its breaker. */
import { durationMs, type Duration } from "../core/duration.ts";
import { HoldfastError } from "../core/error.ts";
import type { Classified } from "../core/failure.ts";
import { parseRate } from "../core/rate.ts";
import { checkDefinition, checkNamed } from "./definition-check.ts";
import { checkOptions } from "./known-options.ts";

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
    /** An answer that took longer counts as a bad call. Without it: only calls without an answer, and 502 to 504. */
    readonly slow?: Duration;
  };
  /**
   * True where each namespace has a connection of its own (other credentials, another tenant): then
   * each has a gate of its own, with these limits, and one that is locked out stops no other.
   */
  readonly perNamespace?: boolean;
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

/**
 * Declares another system.
 *
 * @throws {HoldfastError} HF1001 for an option that is not known or not valid.
 */
export function integration(name: string, options: IntegrationOptions): Integration {
  checkNamed("integration", name, options);
  const what = `integration "${name}"`;
  checkDefinition(what, { owner: ["text", options.owner] });
  checkOptions(what, options, {
    owner: "any",
    limit: "object",
    breaker: "object",
    perNamespace: "truth value",
    classify: "function",
    health: "function",
  });
  const { limit, breaker } = options;
  if (limit !== undefined) checkLimit(what, limit);
  if (breaker !== undefined) checkBreaker(what, breaker);
  return { kind: "integration", name, options };
}

function checkLimit(what: string, limit: NonNullable<IntegrationOptions["limit"]>): void {
  checkOptions(`limit of ${what}`, limit, { rate: "text", concurrency: "any" });
  if (limit.rate !== undefined) parseRate(limit.rate, `limit.rate of ${what}`);
  if (limit.concurrency !== undefined)
    checkPositive(limit.concurrency, `limit.concurrency of ${what}`);
}

function checkBreaker(what: string, breaker: NonNullable<IntegrationOptions["breaker"]>): void {
  checkOptions(`breaker of ${what}`, breaker, {
    openAt: "any",
    of: "any",
    probeEvery: "any",
    slow: "any",
  });
  // In JavaScript it may be a number, or nothing.
  const openAt: unknown = breaker.openAt;
  const percent =
    typeof openAt === "string" ? /^(\d{1,3}(?:\.\d+)?)%$/.exec(openAt)?.[1] : undefined;
  if (percent === undefined || Number(percent) <= 0 || Number(percent) > 100) {
    throw new HoldfastError(
      "HF1001",
      `breaker.openAt of ${what} is not valid: expected a share such as "50%", above 0 and at most 100%, got ${JSON.stringify(openAt) ?? "nothing"}.`,
      'Write a number followed by %, for example openAt: "50%".',
    );
  }
  checkPositive(breaker.of, `breaker.of of ${what}`);
  durationMs(breaker.probeEvery, `breaker.probeEvery of ${what}`);
  if (breaker.slow === undefined) return;
  const slow = `breaker.slow of ${what}, in milliseconds,`;
  checkPositive(durationMs(breaker.slow, slow), slow);
}

function checkPositive(value: unknown, what: string): void {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return;
  throw new HoldfastError(
    "HF1001",
    `${what} is not valid: expected a whole number above 0, got ${typeof value === "number" ? String(value) : typeof value}.`,
    "Give a whole number above 0.",
  );
}
