/** What the three charts show of a report, as drawings and as tables. */

import type uPlot from "uplot";
import { bars, line, type Colours, type Drawing } from "./chart.js";
import { lengthOf } from "./periods.js";
import type { Report, Row } from "./report.js";
import type { ChartName } from "./view.js";
import * as words from "./words.js";

export interface Content {
  title: string;
  drawing: Drawing;
  table: { columns: string[]; rows: string[][] };
}

const SPAN_WORDS = { daily: "day", weekly: "week", monthly: "month" };
const RUNNING_WORDS = { daily: "today", weekly: "this week", monthly: "this month" };
/** A bar that is narrower has no outline. */
const NARROW = 6;

const shareOf = (engaged: number, sessions: number) => (sessions ? (100 * engaged) / sessions : undefined);
const shareBefore = ({ before }: Row) => before && shareOf(before.engagedSessions, before.sessions);
const or = <T>(value: T | undefined, write: (value: T) => string) => (value === undefined ? "–" : write(value));
/** Only the values whose rows are such. */
const where = (rows: Row[], isSuch: (row: Row) => boolean, value: (row: Row) => number | undefined) =>
  rows.map((row) => (isSuch(row) ? (value(row) ?? null) : null));
const isRunning = ({ period }: Row) => period.isRunning;
const isOver = (row: Row) => !isRunning(row);
const greatestOf = (values: (number | null | undefined)[]) => Math.max(0, ...values.map((value) => value ?? 0));

export function contentOf(report: Report): Record<ChartName, Content> {
  return { sessions: sessions(report), share: share(report), durations: durations(report) };
}

const beforeWords = ({ before }: Report) => (before ? words.shortRange(before) : undefined);
const running = (report: Report) => report.rows.some(isRunning);

function sessions(report: Report): Content {
  const { rows, span } = report;
  const before = beforeWords(report);
  const isPast = rows.some((row) => row.before !== undefined);
  const around = lengthOf(report.range) === 1 ? ", with the week before" : "";
  const title = `Sessions a ${SPAN_WORDS[span]}`;
  const points = rows.map(({ period, figures, before }) => {
    const engaged = `${words.count(figures.engagedSessions)} engaged (${words.percent(figures.engagementRate)})`;
    const compared = before ? `; before: ${words.count(before.sessions)}` : "";
    return `${words.periodName(period)}: ${words.plural(figures.sessions, "session")}, ${engaged}${compared}`;
  });
  const all = (row: Row) => row.figures.sessions;
  const engaged = (row: Row) => row.figures.engagedSessions;
  return {
    title,
    drawing: {
      legend: legend(
        `engaged ones solid${around}`,
        isPast && before && `${before} as a line`,
        running(report) && `dashed: ${RUNNING_WORDS[span]}`,
      ),
      name: `${title}${around}: ${points.length} bars`,
      labels: rows.map(({ period }) => words.tick(period)),
      points,
      greatest: greatestOf(rows.flatMap((row) => [all(row), row.before?.sessions])),
      write: words.count,
      unit: "count",
      data: [
        rows.map((_, at) => at),
        where(rows, isOver, all),
        where(rows, isOver, engaged),
        where(rows, isRunning, all),
        where(rows, isRunning, engaged),
        rows.map(({ before }) => before?.sessions ?? null),
      ],
      series: (colours, barWidth) => {
        const isNarrow = barWidth < NARROW;
        const outline = isNarrow ? { width: 0 } : { width: 1, stroke: colours.accent };
        const fill = isNarrow ? colours["accent-mid"] : colours["accent-soft"];
        return [
          bars({ ...outline, fill }),
          bars({ width: 0, fill: colours.accent }),
          isNarrow ? bars({ width: 0, fill, alpha: 0.55 }) : bars({ ...outline, dash: [4, 3] }),
          bars({ width: 0, fill: colours.accent, alpha: 0.5 }),
          line({ stroke: colours.warm, width: 1.5 }),
        ];
      },
    },
    table: tableOf(
      ["Period", "Sessions", "Engaged", "Share", "Users", "Renewed", "Average", "Median", "Before"],
      rows.map(({ period, figures, before }) => [
        words.periodName(period),
        words.count(figures.sessions),
        words.count(figures.engagedSessions),
        words.percent(figures.engagementRate),
        words.count(figures.uniqueUsers),
        words.count(figures.renewedSessions),
        words.duration(figures.averageDurationMinutes),
        words.duration(figures.medianDurationMinutes),
        or(before?.sessions, words.count),
      ]),
      before !== undefined,
    ),
  };
}

function share(report: Report): Content {
  const { rows } = report;
  const before = beforeWords(report);
  const shares = (row: Row) => (row.figures.sessions ? row.figures.engagementRate : undefined);
  const points = rows.map((row) => {
    const past = shareBefore(row);
    const compared = past === undefined ? "" : `; before: ${words.percent(past)}`;
    return `${words.periodName(row.period)}: ${or(shares(row), words.percent)}${compared}`;
  });
  // The line leads on to the running period, dashed.
  const last = rows.findIndex(isRunning) - 1;
  const isPast = rows.some((row) => shareBefore(row) !== undefined);
  return {
    title: "Engaged share",
    drawing: {
      legend: legend(
        isPast && before && `${before} in amber`,
        running(report) && `dashed: ${RUNNING_WORDS[report.span]}`,
      ),
      name: `Engaged share: a line of ${points.length} points`,
      labels: rows.map(({ period }) => words.tick(period)),
      points,
      greatest: greatestOf(rows.flatMap((row) => [shares(row), shareBefore(row)])),
      write: (value) => `${value} %`,
      unit: "percent",
      data: [
        rows.map((_, at) => at),
        rows.map((row) => shareBefore(row) ?? null),
        where(rows, isOver, shares),
        rows.map((row, at) => (isRunning(row) || at === last ? (shares(row) ?? null) : null)),
      ],
      series: (colours) => [
        line({ stroke: colours.warm, width: 1.5 }),
        line({ stroke: colours.accent }),
        line({ stroke: colours.accent, dash: [4, 3] }),
      ],
    },
    table: tableOf(
      ["Period", "Engaged share", "Before"],
      rows.map((row) => [
        words.periodName(row.period),
        or(shares(row), words.percent),
        or(shareBefore(row), words.percent),
      ]),
      before !== undefined,
    ),
  };
}

function durations({ totals, compared, comparison }: Report): Content {
  const classes = totals.durationDistribution;
  const sharesOf = (list: typeof classes, all: number) => list.map(({ sessions }) => shareOf(sessions, all));
  const shares = sharesOf(classes, totals.totalSessions);
  const past = compared?.previous;
  const before = past?.totalSessions ? sharesOf(past.durationDistribution, past.totalSessions) : [];
  const points = classes.map(({ fromMinutes, toMinutes, sessions }, at) => {
    const compared = before[at] === undefined ? "" : `; before: ${words.percent(before[at])}`;
    const all = `${or(shares[at], words.percent)}, ${words.plural(sessions, "session")}`;
    return `${capital(words.spread(fromMinutes, toMinutes))}: ${all}${compared}`;
  });
  const values = shares.map((value) => value ?? 0);
  return {
    title: "How long they stayed",
    drawing: {
      legend: legend("minutes", before.length > 0 && `lines across: ${words.shortRange(comparison.previous!)}`),
      name: `How long they stayed: ${points.length} bars`,
      labels: classes.map(({ fromMinutes, toMinutes }) => words.shortSpread(fromMinutes, toMinutes)),
      points,
      greatest: greatestOf([...values, ...before]),
      unit: "percent",
      data: [
        classes.map((_, at) => at),
        values.map((value, at) => (at === 0 ? value : null)),
        values.map((value, at) => (at === 0 ? null : value)),
      ],
      series: (colours) => [bars({ width: 0, fill: colours.warm }), bars({ width: 0, fill: colours.accent })],
      over: (plot, colours) => drawShares(plot, values, before, colours),
    },
    table: tableOf(
      ["Duration", "Sessions", "Share", "Before"],
      classes.map(({ fromMinutes, toMinutes, sessions }, at) => [
        capital(words.spread(fromMinutes, toMinutes)),
        words.count(sessions),
        or(shares[at], words.percent),
        or(before[at], words.percent),
      ]),
      before.length > 0,
    ),
  };
}

/** Each share above its bar, and a mark across at what it was before. */
function drawShares(plot: uPlot, shares: number[], before: (number | undefined)[], colours: Colours): void {
  const { ctx } = plot;
  const scale = devicePixelRatio;
  const place = plot.bbox.width / shares.length;
  ctx.save();
  ctx.font = `${11 * scale}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;
  ctx.textAlign = "center";
  ctx.lineWidth = 1.5 * scale;
  shares.forEach((value, at) => {
    const x = plot.valToPos(at, "x", true);
    const past = before[at];
    let top = plot.valToPos(value, "y", true);
    if (past !== undefined) {
      const y = plot.valToPos(past, "y", true);
      ctx.strokeStyle = colours.ink;
      ctx.beginPath();
      ctx.moveTo(x - place * 0.42, y);
      ctx.lineTo(x + place * 0.42, y);
      ctx.stroke();
      // The share stands on its bar, but not on the mark.
      if (y < top && y > top - 20 * scale) top = y;
    }
    ctx.fillStyle = colours.muted;
    ctx.fillText(`${Math.round(value)} %`, x, top - 6 * scale);
  });
  ctx.restore();
}

/** A table whose last column says what was before; there is none where that is not told. */
function tableOf(columns: string[], rows: string[][], hasBefore: boolean): Content["table"] {
  const cut = (cells: string[]) => (hasBefore ? cells : cells.slice(0, -1));
  return { columns: cut(columns), rows: rows.map(cut) };
}

const legend = (...parts: (string | false | undefined)[]) => parts.filter(Boolean).join(" · ");
const capital = (text: string) => text[0]!.toUpperCase() + text.slice(1);
