/** The figures of a range, each with what it was before. */

import { element } from "./dom.js";
import type { Report, Totals } from "./report.js";
import * as words from "./words.js";
import { lengthOf } from "./periods.js";

/** Up to here the API counts users exactly. */
const EXACT_USERS = 400;

interface Figure {
  value: (totals: Totals) => number;
  /** How the value is written. */
  write: (value: number) => string;
  /** How a change is written, without its sign; `undefined` if it is too small to be told. */
  change: (current: number, previous: number) => string | undefined;
  /** Whether more is better (1), worse (-1) or neither. */
  meaning: 1 | -1 | 0;
  /** Whether two values differ by more than chance and the figure's own error make them. */
  isTelling: (current: number, previous: number) => boolean;
  /** What is said beside the value. */
  aside?: (totals: Totals) => string;
}

const inPercent = (current: number, previous: number) => {
  if (previous === 0) return current === 0 ? undefined : "none before";
  const ratio = current / previous;
  if (ratio >= 10) return `${words.count(ratio)} times`;
  const change = Math.abs(ratio - 1) * 100;
  return change < 0.05 ? undefined : words.percent(change);
};
const inPoints = (current: number, previous: number) => {
  const change = Math.abs(current - previous);
  return change < 0.05 ? undefined : words.percent(change).replace("%", "pt");
};
const inTime = (current: number, previous: number) => {
  const change = words.duration(Math.abs(current - previous));
  return change.startsWith("0") ? undefined : change;
};

const by = (share: number) => (current: number, previous: number) => Math.abs(current - previous) >= share * previous;
const count = (value: Figure["value"], meaning: Figure["meaning"]): Figure => ({
  value,
  write: words.count,
  change: inPercent,
  meaning,
  isTelling: by(0.01),
});
const share = (value: Figure["value"], meaning: Figure["meaning"]): Figure => ({
  value,
  write: words.percent,
  change: inPoints,
  meaning,
  isTelling: (current, previous) => Math.abs(current - previous) >= 0.5,
});
const time = (value: Figure["value"], error = 0.01): Figure => ({
  value,
  write: words.duration,
  change: inTime,
  meaning: 1,
  isTelling: by(error),
});
/** The API knows half and nine tenths to within this share. */
const QUANTILE_ERROR = 0.05;

/** The figures, by their names in the page. */
const FIGURES: Record<string, Figure> = {
  sessions: count((totals) => totals.totalSessions, 1),
  engaged: {
    ...share((totals) => totals.engagementRate, 1),
    aside: (totals) => words.count(totals.engagedSessions),
  },
  users: {
    ...count((totals) => totals.uniqueUsers, 1),
    // Twice the error of a difference of two estimates of 1.6 %.
    isTelling: (current, previous) => by(Math.max(current, previous) > EXACT_USERS ? 0.045 : 0.01)(current, previous),
    aside: ({ uniqueUsers, uniqueUsersRelativeError }) =>
      uniqueUsers > EXACT_USERS ? `± ${words.percent(uniqueUsersRelativeError * 100)}` : "",
  },
  median: time((totals) => totals.medianDurationMinutes, QUANTILE_ERROR),
  longest: time((totals) => totals.p90DurationMinutes, QUANTILE_ERROR),
  average: time((totals) => totals.averageDurationMinutes),
  bounce: share((totals) => totals.bounceRate, -1),
  renewed: count((totals) => totals.renewedSessions, 0),
};

/** Writes the figures into their places; without a report, that they are on their way. */
export function showFigures(place: HTMLElement, report: Report | undefined): void {
  for (const [name, figure] of Object.entries(FIGURES)) {
    const cell = place.querySelector(`[data-figure="${name}"]`)!;
    const [value, change] = cell.querySelectorAll("dd");
    if (!report || report.totals.totalSessions === 0) {
      value!.replaceChildren("–");
      change!.replaceChildren(report ? "" : "\u00a0");
      continue;
    }
    const aside = figure.aside?.(report.totals);
    value!.replaceChildren(figure.write(figure.value(report.totals)));
    if (aside) value!.append(" ", element("small", {}, aside));
    change!.replaceChildren(...changeOf(figure, report));
  }
}

function changeOf(figure: Figure, { compared, comparison, totals }: Report): (Node | string)[] {
  if (!compared) return [];
  const current = figure.value(compared.current);
  const previous = figure.value(compared.previous);
  const was = figure.write(previous);
  if (comparison.isUnfinished) {
    return [element("span", {}, `${words.weekdayOf(comparison.previous!.startDate)}: ${was}`)];
  }
  if (compared.previous.totalSessions === 0) return [element("span", {}, "no sessions before")];
  const written = figure.change(current, previous);
  // What was compared is not the figure above it where today, or an end of the month, was left out.
  const isShown = figure.write(current) === figure.write(figure.value(totals));
  const from = isShown ? `from ${was}` : `from ${was} to ${figure.write(current)}`;
  if (!written) return [element("span", {}, `unchanged at ${was}`)];
  const isMore = current > previous;
  const meaning = figure.isTelling(current, previous) ? figure.meaning * (isMore ? 1 : -1) : 0;
  const judged = meaning > 0 ? ", better" : meaning < 0 ? ", worse" : "";
  return [
    element(
      "strong",
      { className: meaning > 0 ? "good" : meaning < 0 ? "bad" : "" },
      element("span", { ariaHidden: "true" }, isMore ? "▲\u00a0" : "▼\u00a0"),
      element("span", { className: "visually-hidden" }, isMore ? "up " : "down "),
      written,
      element("span", { className: "visually-hidden" }, judged),
    ),
    " ",
    element("span", {}, from),
  ];
}

/** What is compared with what, in a sentence. */
export function comparisonSentence({ comparison, range, today }: Report): string {
  const { current, previous, isUnfinished } = comparison;
  if (!current || !previous) return "Nothing to compare yet: the first day of the month is not over.";
  if (isUnfinished) return `Today is not over; beside it stands the whole of ${words.weekdayOf(previous.startDate)}.`;
  const pair = `${words.shortRange(current)} with ${words.shortRange(previous)}`;
  if (lengthOf(current) === lengthOf(range)) return `Compared with ${words.shortRange(previous)}.`;
  return range.endDate === today && current.endDate < today
    ? `Changes compare days that are over: ${pair}. Today is in the figures alone.`
    : `Changes compare the days that both months have: ${pair}.`;
}
