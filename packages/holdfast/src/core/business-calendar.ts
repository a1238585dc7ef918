/**
 * Working time: when the people work who have to look. Hours of each weekday in a time zone, without
 * holidays, and with a time of day after which what comes counts as the next day's. A time that
 * must not pass in the night is counted by such a calendar. Pure; the reasons for an own one are in
 * docs/decisions/0024-exceptions.md.
 */
import { dateText, parseDate, weekday, Zone } from "./civil-time.ts";
import { HoldfastError } from "./error.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
type Weekday = (typeof WEEKDAYS)[number];

/** "08:00-17:00", or several of a day: "08:00-12:00, 13:00-17:00". */
type WorkingHours = string;

export interface CalendarOptions {
  /** A name of the IANA data base, for example "Europe/Berlin". */
  readonly zone: string;
  /** Days that are not named are free. */
  readonly hours: Readonly<Partial<Record<Weekday, WorkingHours>>>;
  /** Dates such as "2026-12-25"; "12-25" for one of every year. */
  readonly holidays?: readonly string[];
  /** "16:00": what comes later on a working day counts from the beginning of the next one. */
  readonly cutOff?: string;
}

/** Holidays that one calendar may name. */
const HOLIDAYS_MAX = 2_000;
/** Days in a row without work after which a calendar is taken for a mistake. */
const FREE_DAYS_MAX = 400;
/** Days that a time may reach ahead. */
const DAYS_MAX = 4_000;

/** Minutes of a day; the end is not part of it. */
interface Span {
  readonly from: number;
  readonly until: number;
}

interface Worked {
  readonly fromMs: number;
  readonly untilMs: number;
}

export class BusinessCalendar {
  readonly name: string;
  readonly #zone: Zone;
  readonly #hours: readonly (readonly Span[])[];
  readonly #holidays: ReadonlySet<string>;
  readonly #cutOff: number | null;

  /** @throws {HoldfastError} HF1001 for what is no calendar, or has no working time. */
  constructor(name: string, options: CalendarOptions) {
    const what = `calendar "${name}"`;
    this.name = name;
    this.#zone = zoneOf(options.zone, what);
    this.#hours = WEEKDAYS.map((day) => spansOf(options.hours[day], `hours.${day} of ${what}`));
    if (this.#hours.every((spans) => spans.length === 0)) {
      throw invalid(`hours of ${what}`, "hours of at least one day", "none");
    }
    this.#holidays = new Set(holidaysOf(options.holidays ?? [], what));
    this.#cutOff =
      options.cutOff === undefined ? null : minuteOf(options.cutOff, `cutOff of ${what}`);
  }

  /** The moment at which so much working time has passed since `fromMs`. */
  after(fromMs: number, workMs: number): number {
    const startMs = this.#countsFrom(fromMs);
    let leftMs = workMs;
    const first = this.#dayOf(startMs);
    for (let day = first, freeDays = 0; day <= first + DAYS_MAX; day += 1) {
      const spans = this.#worked(day);
      freeDays = spans.length === 0 ? freeDays + 1 : 0;
      if (freeDays > FREE_DAYS_MAX) break;
      for (const { fromMs: opens, untilMs } of spans) {
        const begins = Math.max(opens, startMs);
        if (begins >= untilMs) continue;
        if (untilMs - begins >= leftMs) return begins + leftMs;
        leftMs -= untilMs - begins;
      }
    }
    throw invalid(
      `calendar "${this.name}"`,
      `enough working time within ${String(DAYS_MAX)} days`,
      "none",
    );
  }

  /** Working time between two moments, milliseconds; what came after the cut-off is not put off. */
  between(fromMs: number, untilMs: number): number {
    let workedMs = 0;
    const last = this.#dayOf(untilMs);
    for (let day = Math.max(this.#dayOf(fromMs), last - DAYS_MAX); day <= last; day += 1) {
      for (const span of this.#worked(day)) {
        workedMs += Math.max(0, Math.min(span.untilMs, untilMs) - Math.max(span.fromMs, fromMs));
      }
    }
    return workedMs;
  }

  #dayOf(atMs: number): number {
    return Math.floor(this.#zone.localMs(atMs) / DAY_MS);
  }

  /** What comes after the cut-off of a working day counts from the day after it. */
  #countsFrom(fromMs: number): number {
    if (this.#cutOff === null) return fromMs;
    const localMs = this.#zone.localMs(fromMs);
    const day = Math.floor(localMs / DAY_MS);
    const isLate = localMs - day * DAY_MS >= this.#cutOff * MINUTE_MS;
    if (!isLate || this.#worked(day).length === 0) return fromMs;
    return this.#zone.instantMs((day + 1) * DAY_MS, "first");
  }

  /** When people work on a day, in order. What the clocks leap over is no time at all. */
  #worked(day: number): readonly Worked[] {
    if (this.#isHoliday(day)) return [];
    return (this.#hours[weekday(day)] ?? []).flatMap(({ from, until }) => {
      const fromMs = this.#zone.instantMs(day * DAY_MS + from * MINUTE_MS, "first");
      const untilMs = this.#zone.instantMs(day * DAY_MS + until * MINUTE_MS, "last");
      return untilMs > fromMs ? [{ fromMs, untilMs }] : [];
    });
  }

  #isHoliday(day: number): boolean {
    const text = dateText(day);
    return this.#holidays.has(text) || this.#holidays.has(text.slice(5));
  }
}

function zoneOf(name: unknown, what: string): Zone {
  if (typeof name !== "string") throw invalid(`zone of ${what}`, ZONE, kindOf(name));
  try {
    return new Zone(name);
  } catch {
    throw invalid(`zone of ${what}`, ZONE, JSON.stringify(name));
  }
}

const ZONE = 'a time zone such as "Europe/Berlin"';

function spansOf(hours: unknown, what: string): readonly Span[] {
  if (hours === undefined) return [];
  const expected = 'times such as "08:00-12:00, 13:00-17:00", in order';
  if (typeof hours !== "string") throw invalid(what, expected, kindOf(hours));
  const spans = hours.split(",").map((part) => {
    const [from = "", until = "", ...more] = part.trim().split("-");
    const span = { from: minuteOf(from, what), until: minuteOf(until, what) };
    if (more.length > 0 || span.from >= span.until) throw invalid(what, expected, part.trim());
    return span;
  });
  const isInOrder = spans.every(({ from }, at) => at === 0 || from >= (spans[at - 1]?.until ?? 0));
  if (!isInOrder) throw invalid(what, expected, JSON.stringify(hours));
  return spans;
}

/** Of a day; "24:00" is its end. */
function minuteOf(text: unknown, what: string): number {
  const match = typeof text === "string" ? /^(\d\d):(\d\d)$/.exec(text.trim()) : null;
  const minute = match === null ? -1 : Number(match[1]) * 60 + Number(match[2]);
  if (minute >= 0 && minute <= 24 * 60 && Number(match?.[2]) < 60) return minute;
  throw invalid(what, 'a time of day such as "08:00"', JSON.stringify(text) ?? "nothing");
}

function holidaysOf(given: unknown, what: string): readonly string[] {
  const expected = `at most ${String(HOLIDAYS_MAX)} dates such as "2026-12-25" or "12-25"`;
  if (!Array.isArray(given) || given.length > HOLIDAYS_MAX) {
    throw invalid(`holidays of ${what}`, expected, kindOf(given));
  }
  return given.map((text: unknown) => {
    // 2024 has every date that a year can have.
    const isDate =
      typeof text === "string" && parseDate(text.length === 5 ? `2024-${text}` : text) !== null;
    if (isDate) return text;
    throw invalid(`holidays of ${what}`, expected, JSON.stringify(text) ?? "nothing");
  });
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? `a list of ${String(value.length)}` : typeof value;
}

function invalid(what: string, expected: string, got: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `${what} is not valid: expected ${expected}, got ${got}.`,
    "Mend the calendar in the options of the app.",
  );
}
