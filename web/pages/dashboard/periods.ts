/**
 * Days of the reporting zone, the ranges a reader can choose, and what is compared with what.
 *
 * A day is a text such as `2026-01-31`, and days are reckoned as dates without a clock: that days of 23 and 25 hours
 * exist matters in `dayAt` alone. Nothing here reads the time: `today` is a parameter.
 */

import type { Range, Span } from "../../client/src/metrics.js";

export type { Range, Span };

/** The longest range that the API answers. */
export const MAX_DAYS = 1_100;

export const PRESETS = ["today", "7d", "28d", "91d", "month", "last-month", "year"] as const;
export type Preset = (typeof PRESETS)[number];
/** What a reader chose: a range that moves with the days, or one that stands. */
export type Choice = Preset | Range;

const DAY_MS = 86_400_000;
const LENGTHS: Partial<Record<Preset, number>> = { today: 1, "7d": 7, "28d": 28, "91d": 91, year: 365 };

/** The day on which an instant falls in a zone. */
export function dayAt(zone: string, instant: number): string {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    calendar: "iso8601",
    numberingSystem: "latn",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  });
  const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]));
  return `${parts.year}-${parts.month}-${parts.day}`;
}

/** Whether a text is a day that exists: the 30th of February is none. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && Number.isFinite(timeOf(text)) && textOf(timeOf(text)) === text;
}

/** The day as an instant of its own, for reckoning and formatting in UTC. */
export const timeOf = (day: string) => Date.parse(`${day}T00:00:00Z`);
const textOf = (time: number) => new Date(time).toISOString().slice(0, 10);

export const addDays = (day: string, days: number) => textOf(timeOf(day) + days * DAY_MS);
/** How many days a range has. */
export const lengthOf = ({ startDate, endDate }: Range) => (timeOf(endDate) - timeOf(startDate)) / DAY_MS + 1;
/** The days of a range, in order. */
export const daysOf = (range: Range) =>
  Array.from({ length: lengthOf(range) }, (_, at) => addDays(range.startDate, at));

const firstOfMonth = (day: string) => `${day.slice(0, 7)}-01`;
const lastOfMonth = (day: string) => addDays(firstOfMonth(addDays(firstOfMonth(day), 31)), -1);
const monthBefore = (day: string) => firstOfMonth(addDays(firstOfMonth(day), -1));
const earlier = (one: string, other: string) => (one < other ? one : other);
const later = (one: string, other: string) => (one > other ? one : other);

/** The days that a choice stands for. None is after today. */
export function rangeOf(choice: Choice, today: string): Range {
  if (typeof choice === "object") return { ...choice, endDate: earlier(choice.endDate, today) };
  if (choice === "month") return { startDate: firstOfMonth(today), endDate: today };
  if (choice === "last-month") {
    const startDate = monthBefore(today);
    return { startDate, endDate: lastOfMonth(startDate) };
  }
  return { startDate: addDays(today, 1 - LENGTHS[choice]!), endDate: today };
}

/** Why a range cannot be shown, in words; nothing if it can. */
export function whatIsWrong({ startDate, endDate }: Range, today: string): string | undefined {
  if (!isDay(startDate) || !isDay(endDate)) return "Choose a first and a last day.";
  if (startDate > endDate) return "The first day is after the last.";
  if (startDate > today) return "These days are still to come.";
  if (lengthOf({ startDate, endDate }) > MAX_DAYS) return "At most 1,100 days can be shown at once.";
  return undefined;
}

/** The days whose rows are shown: those of the range; for a single day, the week before as well. */
export function shownDays(range: Range): Range {
  return lengthOf(range) > 1 ? range : { ...range, startDate: addDays(range.startDate, -7) };
}

/** What is compared with what. */
export interface Comparison {
  /** The days of the range that are compared; `undefined` if none of them is over. */
  current: Range | undefined;
  /** The days that those are compared with. */
  previous: Range | undefined;
  /** The range is today alone, and stands beside a day that is over: no change can be told. */
  isUnfinished: boolean;
  /** The day that a day of the range is compared with. Another month may have no such day. */
  counterpart: (day: string) => string | undefined;
}

/**
 * Like is compared with like. A month, or what there is of it, with the same days of the month before, as far as both
 * have them; a day with the same weekday a week before; whole weeks with as many weeks before, so that weekends meet
 * weekends; any other range with the days just before. Today is not over and so left out of both sides, unless it is
 * all there is.
 */
export function comparisonOf(choice: Choice, today: string): Comparison {
  const range = rangeOf(choice, today);
  const over = { ...range, endDate: earlier(range.endDate, addDays(today, -1)) };
  const isOver = over.startDate <= over.endDate;
  const isMonth = typeof choice === "object" ? isOfMonth(range, today) : choice === "month" || choice === "last-month";
  if (isMonth) {
    const before = monthBefore(range.startDate);
    const last = lastOfMonth(before);
    const counterpart = (day: string) => {
      const same = before.slice(0, 8) + day.slice(8);
      return same <= last ? same : undefined;
    };
    if (!isOver) return { current: undefined, previous: undefined, isUnfinished: false, counterpart };
    const days = Math.min(lengthOf(over), lengthOf({ startDate: before, endDate: last }));
    return {
      current: first(days, over.startDate),
      previous: first(days, before),
      isUnfinished: false,
      counterpart,
    };
  }
  const length = lengthOf(range);
  const isToday = length === 1 && !isOver;
  const current = isToday ? range : over;
  const shift = length === 1 ? 7 : length % 7 === 0 ? length : lengthOf(current);
  const counterpart = (day: string) => addDays(day, -shift);
  const previous = { startDate: counterpart(current.startDate), endDate: counterpart(current.endDate) };
  return { current, previous, isUnfinished: isToday, counterpart };
}

const first = (days: number, startDate: string): Range => ({ startDate, endDate: addDays(startDate, days - 1) });

/** Whether a range that somebody picked is a month, or this month so far. The first day alone is a day. */
function isOfMonth({ startDate, endDate }: Range, today: string): boolean {
  if (startDate !== firstOfMonth(startDate) || startDate === endDate) return false;
  return endDate === lastOfMonth(startDate) || (endDate === today && firstOfMonth(today) === startDate);
}

export const isSame = (one: Range, other: Range) => one.startDate === other.startDate && one.endDate === other.endDate;

/** Whether the API's `compare=previous` compares these: as many days just before. */
export function isJustBefore(previous: Range, current: Range): boolean {
  return addDays(previous.endDate, 1) === current.startDate && lengthOf(previous) === lengthOf(current);
}

/** The span in which a range is best read. */
export function usualSpan(range: Range): Span {
  const days = lengthOf(range);
  return days > 400 ? "monthly" : days > 62 ? "weekly" : "daily";
}

/** The period to which a day belongs, as the API names periods: the day, the Monday of its week, or its month. */
export function periodOf(day: string, span: Span): string {
  if (span === "monthly") return day.slice(0, 7);
  // 1 January 1970 was a Thursday.
  return span === "daily" ? day : addDays(day, -((Math.floor(timeOf(day) / DAY_MS) + 3) % 7));
}

/** A period's days within a range. */
export interface Period extends Range {
  period: string;
  /** It goes on: today belongs to it. */
  isRunning: boolean;
  /** The range has only some of its days, though they are over. */
  isCut: boolean;
}

/** The days of a period, named as the API names it, that a range has. */
export function periodWithin(period: string, span: Span, range: Range, today: string): Period {
  const firstDay = span === "monthly" ? `${period}-01` : period;
  const lastDay = span === "monthly" ? lastOfMonth(firstDay) : addDays(firstDay, span === "weekly" ? 6 : 0);
  const startDate = later(firstDay, range.startDate);
  const endDate = earlier(lastDay, range.endDate);
  const isRunning = startDate <= today && today <= endDate;
  return { period, startDate, endDate, isRunning, isCut: startDate > firstDay || (endDate < lastDay && !isRunning) };
}
