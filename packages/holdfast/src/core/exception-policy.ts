/**
 * Whose an exception is, how bad it is and until when it has to be dealt with: from what code and
 * routing rules declare and what the app says of teams, calendars and times. Pure.
 * Source: failure model 4.3 and 4.4.
 */
import { isAtLeast } from "./amount.ts";
import type { BusinessCalendar } from "./business-calendar.ts";
import { severityOf, type Crossing, type Severity } from "./exception-record.ts";
import type { FailureClass, FailureScope } from "./failure.ts";
import type { Described } from "./journal.ts";
import { routeOf, type RoutingSubject, type RoutingVersion } from "./routing.ts";

const HOUR_MS = 3_600_000;

/**
 * Time until somebody has to have looked, by class, in milliseconds, where the app says nothing else:
 * money that may have moved and our own defects first, business questions within half a day.
 */
const WITHIN_MS: Readonly<Record<FailureClass, number>> = {
  ambiguous: HOUR_MS,
  poison: HOUR_MS,
  defect: 4 * HOUR_MS,
  misconfigured: HOUR_MS,
  exhausted: 4 * HOUR_MS,
  unavailable: 4 * HOUR_MS,
  transient: 4 * HOUR_MS,
  throttled: 4 * HOUR_MS,
  contention: 4 * HOUR_MS,
  permanent: 8 * HOUR_MS,
  data: 12 * HOUR_MS,
  policy: 12 * HOUR_MS,
  expired: 4 * HOUR_MS,
  cancelled: 8 * HOUR_MS,
  interrupted: 4 * HOUR_MS,
};

/** The share of its time after which its owner is warned. Source: failure model 4.4. */
const WARNING_SHARE = 0.75;

interface Money {
  readonly amount: string;
  readonly currency: string;
}

/** One line of the policy of due times; what is not named fits everything. */
export interface DueRule {
  /** Named on record. */
  readonly name: string;
  readonly class: FailureClass | null;
  readonly severity: Severity | null;
  readonly atLeast: Money | null;
  readonly withinMs: number;
  /** Null: around the clock. */
  readonly calendar: BusinessCalendar | null;
}

interface Team {
  /** Told when something of the team's is overdue for long. */
  readonly lead: string | null;
  /** Told when the lead has not helped either. */
  readonly manager: string | null;
}

export interface ExceptionPolicy {
  /** The first that fits counts. */
  readonly due: readonly DueRule[];
  readonly calendars: ReadonlyMap<string, BusinessCalendar>;
  /** Who there is; null: any name is an owner's. */
  readonly teams: ReadonlyMap<string, Team> | null;
  /** Amounts from which on much is at stake, one a currency. */
  readonly large: readonly Money[];
  /** After being overdue for so long the lead hears of it, and after as long again the manager. */
  readonly escalateAfterMs: number;
}

/** Who has what belongs to no run, where the app names nobody. */
export const OWNER_DEFAULT = "operators";

export const DEFAULT_POLICY: ExceptionPolicy = {
  due: [],
  calendars: new Map(),
  teams: null,
  large: [],
  escalateAfterMs: 4 * HOUR_MS,
};

/** Who code says should have it, the nearest first. */
interface Claims {
  /** By the operators' classification rule, and which it is. */
  readonly byRule?: { readonly owner: string; readonly rule: string } | null;
  /** For this class, by the effect or the workflow. */
  readonly byClass: string | null;
  /** By the effect, its integration, or the workflow. */
  readonly declared: string;
  /** Of last resort. */
  readonly fallback: string;
}

interface Ownership {
  readonly owner: string;
  readonly rule: string;
  /** Who should have had it is no team that there is. */
  readonly isFallback: boolean;
  /** Whom the code names, whatever rules say. */
  readonly declared: string;
}

/** Nothing is without an owner: what nobody else has is the workflow's. */
export function ownerOf(
  policy: ExceptionPolicy,
  routing: RoutingVersion | null,
  claims: Claims,
  subject: RoutingSubject,
): Ownership {
  const ruled = claims.byRule ?? null;
  const routed = routing === null ? null : routeOf(routing, subject);
  const named =
    routed !== null
      ? { owner: routed.owner, rule: `routing@${String(routing?.version ?? 0)}/${routed.name}` }
      : ruled !== null
        ? { owner: ruled.owner, rule: `rule ${ruled.rule}` }
        : claims.byClass === null
          ? { owner: claims.declared, rule: "code" }
          : { owner: claims.byClass, rule: `code/${subject.class}` };
  const isKnown = policy.teams === null || policy.teams.has(named.owner);
  const declared = ruled?.owner ?? claims.byClass ?? claims.declared;
  if (isKnown) return { ...named, isFallback: false, declared };
  const rule = `fallback (${named.rule} names ${named.owner}, which is no team)`;
  return { owner: claims.fallback, rule, isFallback: true, declared };
}

interface DueSubject {
  readonly class: FailureClass;
  readonly scope: FailureScope;
  readonly isUndoing: boolean;
  readonly described: Described;
}

export function severityBy(policy: ExceptionPolicy, subject: DueSubject): Severity {
  const isLarge = policy.large.some((money) => isOver(subject.described, money));
  return severityOf({ ...subject, isLarge });
}

interface Due {
  readonly dueAtMs: number;
  readonly withinMs: number;
  readonly policy: string;
  readonly calendar: string | null;
  readonly crossings: readonly Crossing[];
}

export function dueOf(
  policy: ExceptionPolicy,
  subject: DueSubject & { readonly severity: Severity; readonly owner: string },
  nowMs: number,
): Due {
  const rule = policy.due.find((one) => fits(one, subject)) ?? null;
  const withinMs = rule?.withinMs ?? WITHIN_MS[subject.class];
  const calendar = rule?.calendar ?? null;
  const { dueAtMs, crossings } = timesOf(policy, {
    fromMs: nowMs,
    spentMs: 0,
    withinMs,
    calendar,
    owner: subject.owner,
  });
  return {
    dueAtMs,
    withinMs,
    policy: rule?.name ?? `default/${subject.class}`,
    calendar: calendar?.name ?? null,
    crossings,
  };
}

interface Clocked {
  readonly fromMs: number;
  /** Of its time, before it stood still; milliseconds by its calendar. */
  readonly spentMs: number;
  readonly withinMs: number;
  readonly calendar: BusinessCalendar | null;
  readonly owner: string;
}

/** All times of an exception whose clock runs from `fromMs` on. */
export function timesOf(
  policy: ExceptionPolicy,
  { fromMs, spentMs, withinMs, calendar, owner }: Clocked,
): { readonly dueAtMs: number; readonly crossings: readonly Crossing[] } {
  const at = (ofTimeMs: number) => {
    const leftMs = Math.max(0, ofTimeMs - spentMs);
    return calendar === null ? fromMs + leftMs : calendar.after(fromMs, leftMs);
  };
  const team = policy.teams?.get(owner) ?? null;
  const { escalateAfterMs } = policy;
  const planned: (readonly [Crossing["kind"], number, string | null])[] = [
    ["warning", withinMs * WARNING_SHARE, owner],
    ["overdue", withinMs, owner],
    ["escalation", withinMs + escalateAfterMs, team?.lead ?? null],
    ["escalation", withinMs + 2 * escalateAfterMs, team?.manager ?? null],
  ];
  const crossings = planned.flatMap(([kind, ofTimeMs, to]) =>
    to === null ? [] : [{ kind, atMs: Math.round(at(ofTimeMs)), to }],
  );
  return { dueAtMs: Math.round(at(withinMs)), crossings };
}

function fits(
  rule: DueRule,
  { class: failureClass, severity, described }: DueSubject & { readonly severity: Severity },
): boolean {
  if (rule.class !== null && rule.class !== failureClass) return false;
  if (rule.severity !== null && rule.severity !== severity) return false;
  return rule.atLeast === null || isOver(described, rule.atLeast);
}

function isOver({ amount, currency }: Described, least: Money): boolean {
  return amount !== undefined && currency === least.currency && isAtLeast(amount, least.amount);
}

/** What has not passed yet of these: as many of each kind are left out as have passed. */
export function timesLeft(
  planned: readonly Crossing[],
  crossed: readonly Crossing[],
): readonly Crossing[] {
  const passed = crossed.map(({ kind }) => kind);
  return planned.filter(({ kind }) => {
    const at = passed.indexOf(kind);
    if (at !== -1) passed.splice(at, 1);
    return at === -1;
  });
}
