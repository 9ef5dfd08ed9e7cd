/** Times for people, in the browser's time zone. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const exactly = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export const zone = () => new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** 09:12; with the day, if that is not today's. */
export function time(instant: number, now: number): string {
  const text = clock.format(instant);
  const date = day.format(instant);
  if (date === day.format(now)) return text;
  return date === day.format(now - DAY) ? `yesterday ${text}` : `${date} ${text}`;
}

/** 09:12:07 */
export const second = (instant: number) => exactly.format(instant);

/** The date in that zone, as 2026-01-31. */
export const dateIn = (timeZone: string, instant: number) =>
  new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" }).format(instant);

/** 31 Jan of 2026-01-31. */
export const shortDate = (date: string) =>
  new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short" }).format(Date.parse(date));

/** How long ago: "12 s ago", "2 min ago", "1 h 5 min ago". */
export function ago(instant: number, now: number): string {
  const ms = now - instant;
  // Not broken, where a column is narrow.
  return (ms < 2 * SECOND ? "just now" : `${long(ms)} ago`).replaceAll(" ", "\u00a0");
}

/** A length of time in its two largest units. */
export function long(ms: number): string {
  if (ms < MINUTE) return `${Math.max(0, Math.floor(ms / SECOND))} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  const [larger, smaller] = ms < DAY ? [HOUR, MINUTE] : [DAY, HOUR];
  const rest = Math.floor((ms % larger) / smaller);
  const [one, other] = ms < DAY ? ["h", "min"] : ["d", "h"];
  return `${Math.floor(ms / larger)} ${one}${rest ? ` ${rest} ${other}` : ""}`;
}

/** What is left, as a clock that runs down: 41:07, or 1:41:07. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / SECOND));
  const two = (number: number) => String(number).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  // An hour is 60:00, as most sessions begin.
  if (minutes <= 60) return `${two(minutes)}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** "61 minutes" */
export function words(ms: number): string {
  const minutes = Math.round(ms / MINUTE);
  return minutes === 1 ? "a minute" : `${minutes} minutes`;
}
