/** The rows of a report as a file: RFC 4180, with the API's own names and figures. */

import { element } from "./dom.js";
import type { Report } from "./report.js";

const COLUMNS = [
  "sessions",
  "engagedSessions",
  "engagementRate",
  "uniqueUsers",
  "renewedSessions",
  "averageDurationMinutes",
  "medianDurationMinutes",
] as const;

export function csvOf({ rows }: Pick<Report, "rows">): string {
  const lines = rows.map(({ period, figures }) => [
    period.period,
    period.startDate,
    period.endDate,
    ...COLUMNS.map((name) => figures[name]),
  ]);
  return [["period", "firstDay", "lastDay", ...COLUMNS], ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

/** `sessions-2026-10-28-to-2026-11-24-daily.csv`. */
export function nameOf({ rows, span }: Pick<Report, "rows" | "span">): string {
  return `sessions-${rows[0]?.period.startDate}-to-${rows.at(-1)?.period.endDate}-${span}.csv`;
}

/** Gives the file to the browser. */
export function download(report: Report): void {
  const href = URL.createObjectURL(new Blob([csvOf(report)], { type: "text/csv" }));
  element("a", { href, download: nameOf(report) }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
