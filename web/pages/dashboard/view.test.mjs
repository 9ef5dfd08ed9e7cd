import assert from "node:assert/strict";
import { test } from "node:test";
import { module } from "./test-support.mjs";

const { readView, spanOf, writeView } = await module("view");
const today = "2026-11-24";
const usual = { choice: "28d", span: undefined, tables: [] };

test("every view comes back from its address", () => {
  const choices = ["today", "7d", "28d", "91d", "month", "last-month", "year"];
  for (const choice of [...choices, { startDate: "2026-01-31", endDate: "2026-02-28" }]) {
    for (const span of [undefined, "daily", "weekly", "monthly"]) {
      for (const tables of [[], ["share"], ["sessions", "share", "durations"]]) {
        const view = { choice, span, tables };
        assert.deepEqual(readView(writeView(view), today), view);
      }
    }
  }
  assert.equal(writeView(usual), "");
  const picked = { startDate: "2026-01-01", endDate: "2026-01-31" };
  assert.equal(
    writeView({ choice: picked, span: "weekly", tables: ["sessions", "durations"] }),
    "?from=2026-01-01&to=2026-01-31&span=week&table=sessions,durations",
  );
});

test("what it does not know or cannot show is as if it were not there", () => {
  const queries = [
    "?range=decade",
    "?from=2026-02-30&to=2026-03-01",
    "?from=2026-11-25&to=2026-11-26",
    "?from=2026-01-01",
  ];
  for (const query of [...queries, "?span=hour&table=x", "?range=constructor&span=constructor"]) {
    assert.deepEqual(readView(query, today), usual, query);
  }
});

test("a single day is shown by days, whatever the span was", () => {
  assert.equal(spanOf({ ...usual, choice: "today", span: "monthly" }, today), "daily");
  assert.equal(spanOf({ ...usual, choice: "7d", span: "weekly" }, today), "weekly");
  assert.equal(spanOf({ ...usual, choice: "year" }, today), "weekly");
});
