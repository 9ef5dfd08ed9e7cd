/** Figures and days as people read them. */

import { timeOf, type Period, type Range } from "./periods.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
/** Keeps a number and its unit on one line. */
const GAP = "\u00a0";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export const count = (value: number) => whole.format(value);
export const plural = (value: number, one: string) => `${count(value)} ${one}${value === 1 ? "" : "s"}`;
export const percent = (value: number) => `${tenths.format(value)}${GAP}%`;

/** Minutes, as exactly as anybody wants to know: `42 s`, `3 min 20 s`, `14 min`, `2 h 5 min`. */
export function duration(minutes: number): string {
  const seconds = Math.round(minutes * 60);
  if (seconds < 60) return `${seconds}${GAP}s`;
  if (seconds < 600) return join(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const rounded = Math.round(seconds / 60);
  return rounded < 60 ? `${rounded}${GAP}min` : join(Math.floor(rounded / 60), "h", rounded % 60, "min");
}

const join = (large: number, one: string, small: number, other: string) =>
  `${large}${GAP}${one}${small ? ` ${small}${GAP}${other}` : ""}`;

export const month = (day: string) => MONTHS[+day.slice(5, 7) - 1]!;
const year = (day: string) => day.slice(0, 4);
/** `24 Nov`. */
export const shortDay = (day: string) => `${+day.slice(8)} ${month(day)}`;
/** `Tue 24 Nov`. */
export const weekdayOf = (day: string) => `${WEEKDAYS[new Date(timeOf(day)).getUTCDay()]!} ${shortDay(day)}`;

/** `28 Oct – 24 Nov`, `3 – 9 Nov`, `24 Nov`. */
export function shortRange({ startDate, endDate }: Range): string {
  if (startDate === endDate) return shortDay(startDate);
  if (year(startDate) !== year(endDate)) return `${longDay(startDate)} – ${longDay(endDate)}`;
  const isOneMonth = startDate.slice(0, 7) === endDate.slice(0, 7);
  return `${isOneMonth ? +startDate.slice(8) : shortDay(startDate)} – ${shortDay(endDate)}`;
}
const longDay = (day: string) => `${shortDay(day)} ${year(day)}`;
/** The same with the year. */
export const longRange = (range: Range) =>
  year(range.startDate) === year(range.endDate) ? `${shortRange(range)} ${year(range.endDate)}` : shortRange(range);

/** A period by its days: `Tue 24 Nov, so far`, `28 Oct – 1 Nov, part of the week`. */
export function periodName({ period, startDate, endDate, isRunning, isCut }: Period): string {
  const isMonth = period.length === 7;
  const isDay = !isMonth && startDate === endDate && !isCut && startDate === period;
  const days =
    isMonth && !isCut && !isRunning ? `${month(startDate)} ${year(startDate)}` : shortRange({ startDate, endDate });
  const part = isRunning ? ", so far" : isCut ? `, part of the ${isMonth ? "month" : "week"}` : "";
  return (isDay ? weekdayOf(startDate) : days) + part;
}

/** A period on an axis: `24 Nov` for a day or a week, `Nov` for a month. */
export const tick = ({ period, startDate }: Period) => (period.length === 7 ? month(startDate) : shortDay(startDate));

/** How long ago: `3 s`, `12 min`, `5 h`, `3 days`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds}${GAP}s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)}${GAP}min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)}${GAP}h`;
  return `${Math.round(seconds / 86_400)}${GAP}days`;
}

/** The time of day in a zone: `09:31:04`. */
export const timeIn = (zone: string, instant: number) =>
  new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeStyle: "medium", hourCycle: "h23" }).format(instant);

/** A class of durations, by its ends in minutes: `under a minute`, `5 to 15 minutes`, `2 hours or more`. */
export function spread(fromMinutes: number, toMinutes: number | null): string {
  const inHours = fromMinutes >= 60 || toMinutes === null;
  const from = inHours ? fromMinutes / 60 : fromMinutes;
  if (toMinutes === null) return `${from} hours or more`;
  const to = inHours ? toMinutes / 60 : toMinutes;
  return fromMinutes === 0 && toMinutes === 1 ? "under a minute" : `${from} to ${to} ${inHours ? "hours" : "minutes"}`;
}

/** The same on an axis. */
export function shortSpread(fromMinutes: number, toMinutes: number | null): string {
  if (toMinutes === null) return `${fromMinutes / 60}${GAP}h${GAP}+`;
  if (fromMinutes >= 60) return `${fromMinutes / 60}–${toMinutes / 60}${GAP}h`;
  return fromMinutes === 0 ? `<${GAP}${toMinutes}` : `${fromMinutes}–${toMinutes}`;
}
