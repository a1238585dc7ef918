import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BusinessCalendar, type CalendarOptions } from "./business-calendar.ts";
import { civilDate, dateText, dayNumber, parseDate, weekday, Zone } from "./civil-time.ts";

const HOUR_MS = 3_600_000;
const at = (text: string) => Date.parse(text);
const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16);

const OFFICE: CalendarOptions = {
  zone: "Europe/Berlin",
  hours: {
    mon: "08:00-12:00, 13:00-17:00",
    tue: "08:00-17:00",
    wed: "08:00-17:00",
    thu: "08:00-17:00",
    fri: "08:00-15:00",
  },
  holidays: ["12-25", "12-26", "2026-04-06"],
  cutOff: "16:00",
};
const office = new BusinessCalendar("office", OFFICE);

describe("a business calendar", () => {
  test.each([
    ["within the day", "2026-11-24T09:00+01:00", 2, "2026-11-24T11:00+01:00"],
    ["over the lunch break", "2026-11-23T11:30+01:00", 1, "2026-11-23T13:30+01:00"],
    ["over the night", "2026-11-24T15:30+01:00", 2, "2026-11-25T08:30+01:00"],
    ["from the night", "2026-11-24T03:00+01:00", 1, "2026-11-24T09:00+01:00"],
    ["over the weekend", "2026-11-27T14:30+01:00", 1, "2026-11-30T08:30+01:00"],
    ["over a holiday of one year", "2026-04-03T14:30+02:00", 1, "2026-04-07T08:30+02:00"],
    ["over those of every year", "2026-12-24T15:30+01:00", 2, "2026-12-28T08:30+01:00"],
    ["after the cut-off, of the next day", "2026-11-24T16:10+01:00", 1, "2026-11-25T09:00+01:00"],
    ["after hours of a free day, as it is", "2026-11-28T18:00+01:00", 1, "2026-11-30T09:00+01:00"],
  ])("counts %s", (_, from, hours, until) => {
    expect(iso(office.after(at(from), hours * HOUR_MS))).toBe(iso(at(until)));
  });

  test("keeps its hours where the clocks change", () => {
    // Sunday 2026-10-25 in between: Friday 14:00 summer time, one hour left; Monday is winter time.
    const friday = at("2026-10-23T14:00+02:00");
    expect(iso(office.after(friday, 2 * HOUR_MS))).toBe(iso(at("2026-10-26T09:00+01:00")));
  });

  test.each(["01:00-02:30", "02:30-04:00"])(
    "opens the first and closes the last time that the clocks show it: %s",
    (hours) => {
      const night = new BusinessCalendar("night", { zone: "Europe/Berlin", hours: { sun: hours } });
      const worked = night.between(at("2026-10-24T12:00Z"), at("2026-10-25T12:00Z"));
      expect(worked).toBe(2.5 * HOUR_MS);
    },
  );

  test("counts the hour that comes twice twice, and the one that is left out not at all", () => {
    const always = new BusinessCalendar("night", {
      zone: "Europe/Berlin",
      hours: { sun: "00:00-06:00" },
    });
    const autumn = always.between(at("2026-10-24T12:00Z"), at("2026-10-25T12:00Z"));
    expect(autumn).toBe(7 * HOUR_MS);
    const spring = always.between(at("2026-03-28T12:00Z"), at("2026-03-29T12:00Z"));
    expect(spring).toBe(5 * HOUR_MS);
  });

  test.each([
    [{ ...OFFICE, zone: "Europe/Atlantis" }, /zone of calendar "x".*time zone/u],
    [{ ...OFFICE, hours: {} }, /at least one day/u],
    [{ ...OFFICE, hours: { mon: "17:00-08:00" } }, /hours\.mon/u],
    [{ ...OFFICE, hours: { mon: "08:00-12:00, 11:00-13:00" } }, /in order/u],
    [{ ...OFFICE, hours: { mon: "8-17" } }, /time of day/u],
    [{ ...OFFICE, holidays: ["2026-02-30"] }, /holidays/u],
    [{ ...OFFICE, cutOff: "25:00" }, /cutOff/u],
  ] as const)("refuses what is none: %#", (options, message) => {
    expect(() => new BusinessCalendar("x", options)).toThrow(message);
  });
});

const zones = fc.constantFrom(
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Asia/Kolkata",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "America/Sao_Paulo",
);
const moments = fc.integer({ min: at("2011-01-01T00:00Z"), max: at("2031-01-01T00:00Z") });
const cutless = fc.record({
  zone: zones,
  hours: fc.constantFrom(OFFICE.hours, { sat: "22:00-24:00", sun: "00:00-06:00" }),
  holidays: fc.constantFrom([], ["01-01"]),
});

describe("whatever the zone and the time", () => {
  test("as much working time lies between two moments as one is after the other", () => {
    fc.assert(
      fc.property(
        cutless,
        moments,
        fc.integer({ min: 1, max: 200 * HOUR_MS }),
        (options, from, work) => {
          const calendar = new BusinessCalendar("c", options);
          expect(calendar.between(from, calendar.after(from, work))).toBe(work);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("two parts come to the same as the whole", () => {
    const part = fc.integer({ min: 1, max: 60 * HOUR_MS });
    fc.assert(
      fc.property(cutless, moments, part, part, (options, from, one, other) => {
        const calendar = new BusinessCalendar("c", options);
        expect(calendar.after(calendar.after(from, one), other)).toBe(
          calendar.after(from, one + other),
        );
      }),
      { numRuns: 100 },
    );
  });

  test("a moment is the one at which the clocks show what they show", () => {
    fc.assert(
      fc.property(zones, moments, (name, ms) => {
        const zone = new Zone(name);
        const local = zone.localMs(ms);
        const found = [zone.instantMs(local, "first"), zone.instantMs(local, "last")];
        expect(found).toContain(ms);
        for (const one of found) expect(zone.localMs(one)).toBe(local);
      }),
      { numRuns: 300 },
    );
  });

  test("what the clocks leap over is the moment of the leap", () => {
    const zone = new Zone("Europe/Berlin");
    const leapt = dayNumber({ year: 2026, month: 3, day: 29 }) * 24 * HOUR_MS + 2.5 * HOUR_MS;
    expect(iso(zone.instantMs(leapt, "first"))).toBe("2026-03-29T01:00");
  });

  test("dates are those of the calendar", () => {
    fc.assert(
      fc.property(fc.integer({ min: -200_000, max: 200_000 }), (day) => {
        const date = new Date(day * 24 * HOUR_MS);
        expect(civilDate(day)).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
        });
        expect(dayNumber(civilDate(day))).toBe(day);
        expect(weekday(day)).toBe((date.getUTCDay() + 6) % 7);
      }),
    );
    expect(parseDate(dateText(20_000))).toBe(20_000);
    expect(parseDate("2026-02-29")).toBeNull();
  });
});
