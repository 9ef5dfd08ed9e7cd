import assert from "node:assert/strict";
import { test } from "node:test";
import { module } from "./test-support.mjs";

const { readReport } = await module("report");
const { contentOf } = await module("charts");
const { addDays, daysOf, lengthOf, periodOf } = await module("periods");
const today = "2026-11-24";

/** Metrics in which the first of a month has one session, the second two …, and `asked` of which days. */
function metricsOf(sessionsOf = (day) => +day.slice(8)) {
  const asked = [];
  const figures = (sessions) => ({ sessions, engagedSessions: sessions, engagementRate: 100, uniqueUsers: sessions });
  const sum = (days) => days.reduce((total, day) => total + sessionsOf(day), 0);
  const totals = (range) => ({ totalSessions: sum(daysOf(range)), durationDistribution: [] });
  const before = (range) => ({
    startDate: addDays(range.startDate, -lengthOf(range)),
    endDate: addDays(range.startDate, -1),
  });
  return {
    asked,
    totals: async ({ compare, ...range }) => ({ ...totals(range), ...(compare && { previous: totals(before(range)) }) }),
    daily: async (range) => {
      asked.push(range);
      return daysOf(range).map((date) => ({ date, ...figures(sessionsOf(date)) }));
    },
    byTimespan: async ({ span, ...range }) => {
      const names = [...new Set(daysOf(range).map((day) => periodOf(day, span)))];
      const daysIn = (period) => daysOf(range).filter((day) => periodOf(day, span) === period);
      return names.map((period) => ({ period, ...figures(sum(daysIn(period))) }));
    },
  };
}

async function reportOf(choice, span, metrics = metricsOf()) {
  const report = await readReport(metrics, { choice, span, tables: [] }, today);
  return { report, befores: report.rows.map(({ before }) => before?.sessions), ...contentOf(report) };
}
const range = (startDate, endDate) => ({ startDate, endDate });

test("today has nothing before it, and the days before end with the counterpart of yesterday", async () => {
  const metrics = metricsOf();
  const { report, befores, sessions, share } = await reportOf(range("2026-11-15", today), "daily", metrics);
  assert.deepEqual(befores, [6, 7, 8, 9, 10, 11, 12, 13, 14, undefined]);
  assert.deepEqual(report.before, range("2026-11-06", "2026-11-14"));
  assert.deepEqual(metrics.asked, [report.before]);
  assert.match(sessions.drawing.legend, /6 – 14 Nov as a line/);
  assert.match(share.drawing.legend, /6 – 14 Nov in amber/);
  assert.deepEqual([sessions.table.rows.at(-2).at(-1), sessions.table.rows.at(-1).at(-1)], ["14", "–"]);
});

test("a week that goes on has nothing before it, and the legend names the weeks that have", async () => {
  // Tuesday is today, so that this week has one day that is over.
  const { report, befores, sessions } = await reportOf("28d", "weekly");
  assert.deepEqual(
    befores.map((before) => before !== undefined),
    [true, true, true, true, false],
  );
  assert.deepEqual(report.before, range("2026-09-30", "2026-10-25"));
  assert.match(sessions.drawing.legend, /30 Sept? – 25 Oct as a line/);
});

test("days that the month before does not have are compared with nothing", async () => {
  const { report, befores } = await reportOf("last-month", "daily");
  assert.deepEqual(befores.slice(-2), [30, undefined]);
  assert.deepEqual(report.before, range("2026-09-01", "2026-09-30"));
  assert.deepEqual((await reportOf("last-month", "monthly")).befores, [undefined], "30 days are not 31");
});

test("where nobody came before, no line is drawn and none is told of", async () => {
  const metrics = metricsOf((day) => (day < "2026-11-15" ? 0 : 5));
  const { report, befores, sessions, share, durations } = await reportOf(range("2026-11-15", today), "daily", metrics);
  assert.deepEqual([...new Set(befores)], [undefined]);
  assert.equal(report.before, undefined);
  for (const { drawing, table } of [sessions, share, durations]) {
    assert.doesNotMatch(drawing.legend, /Nov/);
    assert.ok(!table.columns.includes("Before"));
  }
});

test("a single day has the week before in its rows, and nothing before them", async () => {
  const metrics = metricsOf();
  const { befores } = await reportOf("today", undefined, metrics);
  assert.deepEqual(befores, Array(8).fill(undefined));
  assert.deepEqual(metrics.asked, []);
});
