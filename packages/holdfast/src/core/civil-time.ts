/**
 * Dates and times of day of a time zone, from the zone rules that the runtime has (`Intl`). Without
 * `Date`: days are counted from 1970-01-01 in the proleptic Gregorian calendar.
 */

const DAY_MS = 86_400_000;

export interface CivilDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

/** Days since 1970-01-01. By the era of 400 years, in which the calendar repeats itself. */
export function dayNumber({ year, month, day }: CivilDate): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export function civilDate(number: number): CivilDate {
  const z = number + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1;
  const month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** 0 is Monday, 6 is Sunday. */
export function weekday(number: number): number {
  return (((number + 3) % 7) + 7) % 7;
}

function two(part: number): string {
  return String(part).padStart(2, "0");
}

/** "2026-12-24" and the like. */
export function dateText(number: number): string {
  const { year, month, day } = civilDate(number);
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
}

/** A moment for people, to the second: "2026-12-24 09:05:00 UTC". */
export function utcText(ms: number): string {
  const day = Math.floor(ms / DAY_MS);
  const second = Math.floor((ms - day * DAY_MS) / 1000);
  const [hours, minutes] = [Math.floor(second / 3600), Math.floor(second / 60) % 60];
  return `${dateText(day)} ${two(hours)}:${two(minutes)}:${two(second % 60)} UTC`;
}

/** Null unless the text is a date that there is. */
export function parseDate(text: string): number | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return null;
  const number = dayNumber({
    year: Number(match[1]),
    month: Number(match[2]),
    day: Number(match[3]),
  });
  return dateText(number) === text ? number : null;
}

/** What the clocks of a time zone show. */
export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;

  /** @throws {RangeError} for a zone that the runtime does not know. */
  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** What the clocks show, as milliseconds since they showed 1970-01-01T00:00. */
  localMs(atMs: number): number {
    const parts = new Map(
      this.#format.formatToParts(atMs).map(({ type, value }) => [type, value] as const),
    );
    const number = (type: Intl.DateTimeFormatPartTypes) => Number(parts.get(type) ?? "0");
    const isBefore = parts.get("era") === "BC";
    const year = isBefore ? 1 - number("year") : number("year");
    const days = dayNumber({ year, month: number("month"), day: number("day") });
    const seconds = number("hour") * 3600 + number("minute") * 60 + number("second");
    // The formatter shows whole seconds; what is below them is the same everywhere.
    const belowMs = ((atMs % 1000) + 1000) % 1000;
    return days * DAY_MS + seconds * 1000 + belowMs;
  }

  /**
   * When the clocks show this. Where they show it twice, the first or the last time; where they leap
   * over it, the moment of the leap.
   */
  instantMs(localMs: number, which: "first" | "last"): number {
    // No zone is further than a day from the time in UTC, and none changes its clocks twice in two.
    const before = this.localMs(localMs - DAY_MS) - (localMs - DAY_MS);
    const after = this.localMs(localMs + DAY_MS) - (localMs + DAY_MS);
    if (before === after) return localMs - before;
    const early = localMs - Math.max(before, after);
    const late = localMs - Math.min(before, after);
    const isEarly = this.localMs(early) === localMs;
    const isLate = this.localMs(late) === localMs;
    if (isEarly && isLate) return which === "first" ? early : late;
    if (isEarly) return early;
    if (isLate) return late;
    return this.#leapBetween(early, late);
  }

  /** The first moment at which the later of two offsets holds. */
  #leapBetween(earlyMs: number, lateMs: number): number {
    const offsetAt = (ms: number) => this.localMs(ms) - ms;
    const old = offsetAt(earlyMs);
    let from = earlyMs;
    let until = lateMs;
    while (until - from > 1) {
      const middle = Math.floor((from + until) / 2);
      if (offsetAt(middle) === old) from = middle;
      else until = middle;
    }
    return until;
  }
}
