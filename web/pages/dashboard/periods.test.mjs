import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { module } from "./test-support.mjs";

const periods = await module("periods");
const { comparisonOf, dayAt, rangeOf } = periods;

const range = (startDate, endDate = startDate) => ({ startDate, endDate });
/** Current and previous days of a comparison, in short. */
function compared(choice, today) {
  const { current, previous } = comparisonOf(choice, today);
  return current && [current, previous].map(({ startDate, endDate }) => `${startDate}/${endDate}`).join(" ");
}
const weekday = (day) => new Date(`${day}T00:00:00Z`).getUTCDay();

describe("days of the zone", () => {
  test("an instant falls on the zone's day, not on UTC's or the machine's", () => {
    const instant = Date.parse("2026-11-24T23:30:00Z");
    assert.equal(dayAt("UTC", instant), "2026-11-24");
    assert.equal(dayAt("Europe/Berlin", instant), "2026-11-25");
    assert.equal(dayAt("America/New_York", instant), "2026-11-24");
    assert.equal(dayAt("Pacific/Kiritimati", Date.parse("2026-12-31T10:00:00Z")), "2027-01-01");
  });

  test("days of 23 and 25 hours begin and end at the zone's midnight", () => {
    // Berlin: the 29th of March 2026 has 23 hours, the 25th of October 25.
    const at = (text) => dayAt("Europe/Berlin", Date.parse(text));
    assert.deepEqual([at("2026-03-28T22:59:59Z"), at("2026-03-28T23:00:00Z")], ["2026-03-28", "2026-03-29"]);
    assert.deepEqual([at("2026-03-29T21:59:59Z"), at("2026-03-29T22:00:00Z")], ["2026-03-29", "2026-03-30"]);
    assert.deepEqual([at("2026-10-24T21:59:59Z"), at("2026-10-24T22:00:00Z")], ["2026-10-24", "2026-10-25"]);
    assert.deepEqual([at("2026-10-25T22:59:59Z"), at("2026-10-25T23:00:00Z")], ["2026-10-25", "2026-10-26"]);
  });

  test("a range across a change of the clocks has each day once", () => {
    const days = periods.daysOf(range("2026-03-27", "2026-03-31"));
    assert.deepEqual(days, ["2026-03-27", "2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"]);
    assert.equal(periods.lengthOf(range("2026-01-01", "2026-12-31")), 365);
    assert.equal(periods.lengthOf(range("2028-01-01", "2028-12-31")), 366);
  });

  test("what is no day is none", () => {
    assert.ok(periods.isDay("2028-02-29"));
    for (const text of ["2026-02-29", "2026-13-01", "2026-1-1", "", "today", "2026-01-01T00:00"]) {
      assert.ok(!periods.isDay(text), text);
    }
  });
});

describe("presets", () => {
  test("each ends today, but for last month", () => {
    const today = "2026-11-24";
    assert.deepEqual(rangeOf("today", today), range(today));
    assert.deepEqual(rangeOf("7d", today), range("2026-11-18", today));
    assert.deepEqual(rangeOf("28d", today), range("2026-10-28", today));
    assert.deepEqual(rangeOf("91d", today), range("2026-08-26", today));
    assert.deepEqual(rangeOf("month", today), range("2026-11-01", today));
    assert.deepEqual(rangeOf("last-month", today), range("2026-10-01", "2026-10-31"));
    assert.deepEqual(rangeOf("year", today), range("2025-11-25", today));
  });

  test("last month of January is December, and of March a February of any length", () => {
    assert.deepEqual(rangeOf("last-month", "2027-01-31"), range("2026-12-01", "2026-12-31"));
    assert.deepEqual(rangeOf("last-month", "2026-03-31"), range("2026-02-01", "2026-02-28"));
    assert.deepEqual(rangeOf("last-month", "2028-03-31"), range("2028-02-01", "2028-02-29"));
  });

  test("a range that reaches beyond today ends today", () => {
    assert.deepEqual(rangeOf(range("2026-11-20", "2026-12-24"), "2026-11-24"), range("2026-11-20", "2026-11-24"));
  });

  test("a range that cannot be shown says why", () => {
    const wrong = (...days) => periods.whatIsWrong(range(...days), "2026-11-24");
    assert.equal(wrong("2026-11-01", "2026-11-30"), undefined);
    assert.match(wrong("2026-11-02", "2026-11-01"), /after the last/);
    assert.match(wrong("2026-11-25", "2026-11-26"), /still to come/);
    assert.match(wrong("", "2026-11-26"), /first and a last/);
    assert.equal(wrong("2023-11-21", "2026-11-24"), undefined, "1,100 days");
    assert.match(wrong("2023-11-20", "2026-11-24"), /1,100/);
  });
});

describe("like is compared with like", () => {
  test("today stands beside the same weekday a week ago, and no change is told", () => {
    assert.equal(compared("today", "2026-11-24"), "2026-11-24/2026-11-24 2026-11-17/2026-11-17");
    assert.ok(comparisonOf("today", "2026-11-24").isUnfinished);
    assert.equal(compared(range("2026-11-10"), "2026-11-24"), "2026-11-10/2026-11-10 2026-11-03/2026-11-03");
    assert.ok(!comparisonOf(range("2026-11-10"), "2026-11-24").isUnfinished);
  });

  test("weeks are compared by the same weekdays, without today on either side", () => {
    assert.equal(compared("7d", "2026-11-24"), "2026-11-18/2026-11-23 2026-11-11/2026-11-16");
    assert.equal(compared("28d", "2026-11-24"), "2026-10-28/2026-11-23 2026-09-30/2026-10-26");
    for (const choice of ["today", "7d", "28d", "91d", "year"]) {
      for (let day = 1; day <= 7; day++) {
        const { current, previous, counterpart } = comparisonOf(choice, `2026-11-0${day}`);
        assert.equal(weekday(current.startDate), weekday(previous.startDate), choice);
        assert.equal(periods.lengthOf(current), periods.lengthOf(previous));
        assert.equal(counterpart(current.endDate), previous.endDate);
        assert.ok(previous.endDate < current.startDate);
      }
    }
  });

  test("a year leaves 364 days that are over, 52 weeks, and the 52 weeks just before", () => {
    assert.equal(compared("year", "2026-11-24"), "2025-11-25/2026-11-23 2024-11-26/2025-11-24");
    const { current, previous } = comparisonOf("year", "2026-11-24");
    assert.ok(periods.isJustBefore(previous, current));
  });

  test("this month is compared with the same days of the month before", () => {
    assert.equal(compared("month", "2026-11-24"), "2026-11-01/2026-11-23 2026-10-01/2026-10-23");
    assert.equal(compared("month", "2027-01-02"), "2027-01-01/2027-01-01 2026-12-01/2026-12-01");
    assert.equal(compared("month", "2026-11-01"), undefined, "nothing of it is over");
  });

  test("31 March: only the days that February has, on both sides", () => {
    assert.equal(compared("month", "2026-03-31"), "2026-03-01/2026-03-28 2026-02-01/2026-02-28");
    assert.equal(compared("month", "2028-03-31"), "2028-03-01/2028-03-29 2028-02-01/2028-02-29");
    assert.equal(compared("month", "2026-03-28"), "2026-03-01/2026-03-27 2026-02-01/2026-02-27");
    const { counterpart } = comparisonOf("month", "2026-03-31");
    assert.deepEqual(["2026-03-28", "2026-03-29", "2026-03-31"].map(counterpart), ["2026-02-28", undefined, undefined]);
  });

  test("last month is compared with the days that both months have", () => {
    assert.equal(compared("last-month", "2026-11-24"), "2026-10-01/2026-10-30 2026-09-01/2026-09-30");
    assert.equal(compared("last-month", "2026-04-01"), "2026-03-01/2026-03-28 2026-02-01/2026-02-28");
    assert.equal(compared("last-month", "2026-03-01"), "2026-02-01/2026-02-28 2026-01-01/2026-01-28");
    assert.equal(compared("last-month", "2027-01-15"), "2026-12-01/2026-12-30 2026-11-01/2026-11-30");
  });

  test("a month that was picked by its days is a month; 28 days that happen to be one are weeks", () => {
    assert.equal(compared(range("2026-10-01", "2026-10-31"), "2026-11-24"), compared("last-month", "2026-11-24"));
    assert.equal(compared(range("2026-11-01", "2026-11-24"), "2026-11-24"), compared("month", "2026-11-24"));
    assert.equal(compared("28d", "2026-11-28"), "2026-11-01/2026-11-27 2026-10-04/2026-10-30");
    assert.equal(compared(range("2026-11-01"), "2026-11-01"), compared("today", "2026-11-01"));
  });

  test("any other range is compared with as many days just before, as the API does", () => {
    assert.equal(
      compared(range("2026-11-10", "2026-11-12"), "2026-11-24"),
      "2026-11-10/2026-11-12 2026-11-07/2026-11-09",
    );
    assert.equal(
      compared(range("2026-11-20", "2026-11-24"), "2026-11-24"),
      "2026-11-20/2026-11-23 2026-11-16/2026-11-19",
    );
    assert.equal(
      compared(range("2026-11-23", "2026-11-24"), "2026-11-24"),
      "2026-11-23/2026-11-23 2026-11-22/2026-11-22",
    );
  });
});

describe("periods", () => {
  test("a week is named by its Monday, a month by its number", () => {
    assert.equal(periods.periodOf("2026-11-24", "daily"), "2026-11-24");
    assert.equal(periods.periodOf("2026-11-24", "weekly"), "2026-11-23");
    assert.equal(periods.periodOf("2026-11-22", "weekly"), "2026-11-16");
    assert.equal(periods.periodOf("2027-01-01", "weekly"), "2026-12-28");
    assert.equal(periods.periodOf("1969-12-31", "weekly"), "1969-12-29");
    assert.equal(periods.periodOf("2026-11-24", "monthly"), "2026-11");
  });

  test("a period has the range's days, and knows whether it is running or cut", () => {
    const around = range("2026-10-28", "2026-11-24");
    const within = (period, span) => {
      const { startDate, endDate, isRunning, isCut } = periods.periodWithin(period, span, around, "2026-11-24");
      return [startDate, endDate, isRunning, isCut];
    };
    assert.deepEqual(within("2026-11-24", "daily"), ["2026-11-24", "2026-11-24", true, false]);
    assert.deepEqual(within("2026-11-23", "daily"), ["2026-11-23", "2026-11-23", false, false]);
    assert.deepEqual(within("2026-10-26", "weekly"), ["2026-10-28", "2026-11-01", false, true]);
    assert.deepEqual(within("2026-11-16", "weekly"), ["2026-11-16", "2026-11-22", false, false]);
    assert.deepEqual(within("2026-11-23", "weekly"), ["2026-11-23", "2026-11-24", true, false]);
    assert.deepEqual(within("2026-10", "monthly"), ["2026-10-28", "2026-10-31", false, true]);
    assert.deepEqual(within("2026-11", "monthly"), ["2026-11-01", "2026-11-24", true, false]);
    const past = periods.periodWithin("2026-11-09", "weekly", range("2026-11-01", "2026-11-12"), "2026-11-24");
    assert.deepEqual([past.endDate, past.isRunning, past.isCut], ["2026-11-12", false, true]);
  });

  test("a single day is shown with the week before it", () => {
    assert.deepEqual(periods.shownDays(range("2026-11-24")), range("2026-11-17", "2026-11-24"));
    assert.deepEqual(periods.shownDays(range("2026-11-23", "2026-11-24")), range("2026-11-23", "2026-11-24"));
  });
});
