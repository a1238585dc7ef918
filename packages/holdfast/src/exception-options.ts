/**
 * What an app says of the people who deal with exceptions: teams, calendars, due times. Checked whole
 * when the app is made, because a slip would be noticed when somebody should have been told.
 */
import { isAmount } from "./core/amount.ts";
import { BusinessCalendar, type CalendarOptions } from "./core/business-calendar.ts";
import { durationMs, type Duration } from "./core/duration.ts";
import { HoldfastError } from "./core/error.ts";
import { DEFAULT_POLICY, type DueRule, type ExceptionPolicy } from "./core/exception-policy.ts";
import { SEVERITIES, type Severity } from "./core/exception-record.ts";
import { FAILURE_CLASSES, type FailureClass } from "./core/failure.ts";
import { didYouMean } from "./core/nearest.ts";
import { checkOptions } from "./workflow/known-options.ts";
import type { AnyWorkflow } from "./workflow/workflow.ts";

export interface DueOptions {
  readonly class?: FailureClass;
  readonly severity?: Severity;
  readonly atLeast?: { readonly amount: string; readonly currency: string };
  readonly within: Duration;
  /** Name of one of `calendars`; default: around the clock. */
  readonly calendar?: string;
}

export interface ExceptionOptions {
  /** Working time by which due times run, by name. */
  readonly calendars?: Readonly<Record<string, CalendarOptions>>;
  /** Until when somebody has to have dealt with it; the first that fits counts. */
  readonly due?: readonly DueOptions[];
  /**
   * All owners that there are, with whom to tell when something of theirs is overdue for long. An
   * exception whose owner is not among them goes to its workflow's, with an alarm. Default: any name
   * is an owner's, and nobody above is told.
   */
  readonly teams?: Readonly<Record<string, { readonly lead?: string; readonly manager?: string }>>;
  /** From which amount on much is at stake, by currency: `{ EUR: "10000" }`. */
  readonly large?: Readonly<Record<string, string>>;
  /** After so long overdue the lead is told, and after as long again the manager. Default 4h. */
  readonly escalateAfter?: Duration;
}

/** Calendars, rules and teams that one app may have, each. */
const ENTRIES_MAX = 1_000;
const WHAT = "exceptions of holdfast()";

/** @throws {HoldfastError} HF1001 for what is not valid, or for an owner that is no team. */
export function exceptionPolicy(
  options: ExceptionOptions | undefined,
  owners: { readonly app: string; readonly workflows: readonly AnyWorkflow[] },
): ExceptionPolicy {
  if (options === undefined) return DEFAULT_POLICY;
  checkOptions(WHAT, options, {
    calendars: "object",
    due: "any",
    teams: "object",
    large: "object",
    escalateAfter: "duration",
  });
  const calendars = new Map(
    entriesOf(options.calendars, "calendars").map(([name, calendar]) => {
      checkOptions(`calendar "${name}"`, calendar, {
        zone: "text",
        hours: "object",
        holidays: "any",
        cutOff: "text",
      });
      return [name, new BusinessCalendar(name, calendar)] as const;
    }),
  );
  const { due = [], escalateAfter } = options;
  if (!Array.isArray(due) || due.length > ENTRIES_MAX) throw invalid("due", "a list of rules");
  const large = entriesOf(options.large, "large").map(([currency, amount]) => {
    if (!isAmount(amount)) throw invalid(`large.${currency}`, 'an amount as text, such as "10000"');
    return { currency, amount };
  });
  return {
    calendars,
    due: due.map((rule, at) => dueRule(rule, at, calendars)),
    teams: options.teams === undefined ? null : teamsOf(options.teams, owners),
    large,
    escalateAfterMs:
      escalateAfter === undefined
        ? DEFAULT_POLICY.escalateAfterMs
        : durationMs(escalateAfter, `escalateAfter of ${WHAT}`),
  };
}

function dueRule(
  rule: DueOptions,
  at: number,
  calendars: ReadonlyMap<string, BusinessCalendar>,
): DueRule {
  const what = `due[${String(at)}] of ${WHAT}`;
  checkOptions(what, rule, {
    class: FAILURE_CLASSES,
    severity: SEVERITIES,
    atLeast: "object",
    within: "duration",
    calendar: "text",
  });
  const { class: failureClass = null, severity = null, atLeast = null, within, calendar } = rule;
  if (atLeast !== null) {
    checkOptions(`atLeast of ${what}`, atLeast, { amount: "text", currency: "text" });
    if (!isAmount(atLeast.amount)) throw invalid(`due[${String(at)}].atLeast.amount`, "an amount");
  }
  if (calendar !== undefined && !calendars.has(calendar)) {
    throw new HoldfastError(
      "HF1001",
      `${what} names the calendar "${calendar}", which there is not.`,
      `${didYouMean(calendar, [...calendars.keys()])}Declare it under calendars.`,
    );
  }
  return {
    name: `due[${String(at)}]`,
    class: failureClass,
    severity,
    atLeast,
    withinMs: durationMs(within, `within of ${what}`),
    calendar: calendar === undefined ? null : (calendars.get(calendar) ?? null),
  };
}

function teamsOf(
  given: NonNullable<ExceptionOptions["teams"]>,
  { app, workflows }: { readonly app: string; readonly workflows: readonly AnyWorkflow[] },
): ExceptionPolicy["teams"] {
  const teams = new Map(
    entriesOf(given, "teams").map(([name, { lead = null, manager = null, ...rest }]) => {
      checkOptions(`teams.${name} of ${WHAT}`, rest, {});
      return [name, { lead, manager }] as const;
    }),
  );
  const named = [
    ["the app", app],
    ...workflows.map(({ name, definition }) => [`workflow "${name}"`, definition.owner] as const),
  ] as const;
  for (const [whose, owner] of named) {
    if (teams.has(owner)) continue;
    throw new HoldfastError(
      "HF1001",
      `The owner of ${whose}, "${owner}", is not among the teams of ${WHAT}: what nobody else has would be nobody's.`,
      `${didYouMean(owner, [...teams.keys()])}Add the team, or name another owner.`,
    );
  }
  return teams;
}

function entriesOf<Value>(
  given: Readonly<Record<string, Value>> | undefined,
  name: string,
): readonly (readonly [string, Value])[] {
  const entries = Object.entries(given ?? {});
  if (entries.length > ENTRIES_MAX) throw invalid(name, `at most ${String(ENTRIES_MAX)} entries`);
  return entries;
}

function invalid(name: string, expected: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `${name} of ${WHAT} is not valid: expected ${expected}.`,
    "Mend it in the options of the app; docs/operate/exceptions.md has an example.",
  );
}
