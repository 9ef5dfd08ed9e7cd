/** What a view shows, read from the API. */

import type { DayFigures, Metrics, PeriodFigures, SessionTotals } from "../../client/src/metrics.js";
import * as periods from "./periods.js";
import type { Comparison, Period, Range, Span } from "./periods.js";
import { spanOf, type View } from "./view.js";

/** The figures of a range of days. */
export type Totals = Omit<SessionTotals, "previous">;

/** A period with its figures, and what of them the compared days say. */
export interface Row {
  period: Period;
  figures: PeriodFigures;
  /** Of the days that its days are compared with; `undefined` unless all of them are compared. */
  before: { sessions: number; engagedSessions: number } | undefined;
}

export interface Report {
  range: Range;
  span: Span;
  today: string;
  comparison: Comparison;
  totals: Totals;
  /** The figures of the days that are compared, and of those that they are compared with. */
  compared: { current: Totals; previous: Totals } | undefined;
  rows: Row[];
  /** The days that the rows are compared with, from the first row that is to the last; `undefined` if none is. */
  before: Range | undefined;
}

/** Reads what a view shows, all at once. */
export async function readReport(metrics: Metrics, view: View, today: string): Promise<Report> {
  const range = periods.rangeOf(view.choice, today);
  const span = spanOf(view, today);
  const comparison = periods.comparisonOf(view.choice, today);
  const shown = periods.shownDays(range);
  // A single day has its row for that in the chart.
  const previous = periods.lengthOf(range) > 1 ? comparison.previous : undefined;
  const [figures, read, days] = await Promise.all([
    readTotals(metrics, range, comparison),
    metrics.byTimespan({ ...shown, span }),
    previous ? metrics.daily(previous) : [],
  ]);
  // A line of nothing would say that there was something to compare with.
  const known = days.some(({ sessions }) => sessions > 0) ? days : [];
  const byDay = new Map(known.map((day) => [day.date, day]));
  const rows = read.map((figures): Row => {
    const period = periods.periodWithin(figures.period, span, shown, today);
    return { period, figures, before: sumBefore(period, comparison, byDay) };
  });
  return { range, span, today, comparison, ...figures, rows, before: rangeBefore(rows, comparison) };
}

/** What the days say that a period is compared with. One that is not over, or not wholly compared, stands alone. */
function sumBefore(period: Period, { current, counterpart }: Comparison, byDay: Map<string, DayFigures>) {
  if (!current || period.startDate < current.startDate || period.endDate > current.endDate) return undefined;
  const found = periods.daysOf(period).map((day) => byDay.get(counterpart(day) ?? ""));
  const known = found.filter((day) => day !== undefined);
  const sum = (name: "sessions" | "engagedSessions") => known.reduce((total, day) => total + day[name], 0);
  return known.length ? { sessions: sum("sessions"), engagedSessions: sum("engagedSessions") } : undefined;
}

function rangeBefore(rows: Row[], { counterpart }: Comparison): Range | undefined {
  const compared = rows.filter(({ before }) => before !== undefined).map(({ period }) => period);
  const [first, last] = [compared[0], compared.at(-1)];
  return first && last && { startDate: counterpart(first.startDate)!, endDate: counterpart(last.endDate)! };
}

/** One call, where the API's own comparison is the one that is wanted; otherwise one more for each range. */
async function readTotals(
  metrics: Metrics,
  range: Range,
  { current, previous }: Comparison,
): Promise<Pick<Report, "totals" | "compared">> {
  const read = (range: Range, compare?: "previous") => metrics.totals({ ...range, ...(compare && { compare }) });
  if (!current || !previous) return { totals: await read(range), compared: undefined };
  const isWhole = periods.isSame(current, range);
  const isNext = periods.isJustBefore(previous, current);
  const currents = read(current, isNext ? "previous" : undefined);
  const [totals, now, before] = await Promise.all([
    isWhole ? currents : read(range),
    currents,
    isNext ? undefined : read(previous),
  ]);
  return { totals, compared: { current: now, previous: (before ?? now.previous)! } };
}
