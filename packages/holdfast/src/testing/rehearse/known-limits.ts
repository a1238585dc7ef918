/**
 * What a rehearsal finds and its author knows: listed with its reason, so that everything else stays a
 * failure. A list hides what it names, so an entry that nothing needs is a failure itself.
 */
import { HoldfastError } from "../../core/error.ts";
import type { KnownFinding, KnownLimit, RehearsalFinding } from "../../core/rehearsal.ts";
import { checkOptions } from "../../workflow/known-options.ts";

const ANY = "*";
const FIELDS = ["law", "scenario", "reason"] as const;
const KINDS = { law: "text", scenario: "text", reason: "text" } as const;

/**
 * @param what - names the rehearsal.
 * @throws {HoldfastError} HF1001 if it is no list of limits with a law, a scenario and a reason each.
 */
export function checkLimits(what: string, limits: unknown): void {
  if (!Array.isArray(limits)) throw noLimit(`${what}: "known" is no list`);
  for (const [index, limit] of (limits as readonly unknown[]).entries()) {
    const named = `known[${String(index)}] of the ${what}`;
    checkOptions(named, limit, KINDS);
    // An object: the line above refuses anything else.
    const given = limit as Readonly<Record<string, unknown>>;
    const missing = FIELDS.find((field) => given[field] === undefined);
    if (missing !== undefined) throw noLimit(`${named} has no ${missing}`);
  }
}

function noLimit(problem: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `${problem}.`,
    'Write known: [{ law: "...", scenario: "...", reason: "..." }], with a law and a scenario as a report names them.',
  );
}

/** @throws {HoldfastError} HF1001 for one whose scenario is none of these. */
export function requireScenarios(limits: readonly KnownLimit[], ids: readonly string[]): void {
  for (const limit of limits) {
    if (ids.some((id) => isOf(limit, id))) continue;
    throw new HoldfastError(
      "HF1001",
      `A known limit names scenario "${limit.scenario}", and this rehearsal has none of that id.`,
      `Give an id of its report, or how some ids begin with ${ANY} behind it; or take it out.`,
    );
  }
}

export interface SortedOut {
  readonly failed: readonly RehearsalFinding[];
  readonly known: readonly KnownFinding[];
}

export function sortedOut(
  findings: readonly RehearsalFinding[],
  limits: readonly KnownLimit[],
): SortedOut {
  const failed: RehearsalFinding[] = [];
  const known: KnownFinding[] = [];
  for (const finding of findings) {
    const limit = limits.find((one) => one.law === finding.law && isOf(one, finding.scenario));
    if (limit === undefined) failed.push(finding);
    else known.push({ ...finding, reason: limit.reason });
  }
  return { failed, known };
}

/** Where all scenarios were played: limits that none of them has met. */
export function unmet(
  limits: readonly KnownLimit[],
  known: readonly KnownFinding[],
  ids: readonly string[],
): readonly RehearsalFinding[] {
  const met = (limit: KnownLimit) =>
    known.some(({ law, scenario }) => law === limit.law && isOf(limit, scenario));
  return limits.filter((limit) => !met(limit)).map((limit) => unmetFinding(limit, ids));
}

function unmetFinding(limit: KnownLimit, ids: readonly string[]): RehearsalFinding {
  const { law, scenario, reason } = limit;
  return {
    law: "each known limit is met",
    what: `"${law}" is listed as known there (${reason}) and is not broken`,
    hint: "Take it out of `known`: it would hide what breaks next.",
    scenario: ids.find((id) => isOf(limit, id)) ?? scenario,
    story: `scenario ${scenario}`,
    world: {},
    journal: [],
  };
}

function isOf({ scenario }: KnownLimit, id: string): boolean {
  return scenario.endsWith(ANY) ? id.startsWith(scenario.slice(0, -ANY.length)) : id === scenario;
}
