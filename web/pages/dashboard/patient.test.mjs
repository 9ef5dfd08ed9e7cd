import assert from "node:assert/strict";
import { test } from "node:test";
import { module } from "./test-support.mjs";

const { patient } = await module("patient");
const day = { startDate: "2026-11-24", endDate: "2026-11-24" };
const refusal = (status, retryAfterMs = 0) => Object.assign(new Error(`${status}`), { status, retryAfterMs });
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A reader whose days are read by `daily`, and the pauses that it made. */
function reader(daily, signal = new AbortController().signal) {
  const waited = [];
  const wait = async (ms) => void waited.push(ms);
  const metrics = { daily, totals: daily, byTimespan: daily };
  return { metrics: patient(metrics, signal, wait), waited };
}

test("a read that is refused for now is asked for again, when the API wants it", async () => {
  const answers = [refusal(503), refusal(429, 2_000), refusal(503, 100), refusal(503)];
  const { metrics, waited } = reader(async () => {
    if (answers.length) throw answers.shift();
    return ["read"];
  });
  assert.deepEqual(await metrics.daily(day), ["read"]);
  for (const [at, ms] of [500, 2_000, 500, 500].entries()) {
    assert.ok(waited[at] >= ms && waited[at] <= ms * 1.25, `${waited[at]} for ${ms}`);
  }
});

test("after four times more the refusal is told; other errors, and pauses too long to wait, at once", async () => {
  for (const [error, times] of [
    [refusal(503), 5],
    [refusal(429), 5],
    [refusal(500), 1],
    [refusal(0), 1],
    [refusal(503, 60_000), 1],
  ]) {
    let asked = 0;
    const { metrics } = reader(async () => {
      asked++;
      throw error;
    });
    await assert.rejects(metrics.daily(day), error);
    assert.equal(asked, times, `${error.status} ${error.retryAfterMs}`);
  }
});

test("no more than three are read at a time, and the same once", async () => {
  const ends = [];
  let begun = 0;
  const { metrics } = reader(() => (begun++, new Promise((resolve) => ends.push(resolve))));
  const days = [1, 2, 3, 4, 5].map((at) => ({ startDate: `2026-11-0${at}`, endDate: "2026-11-24" }));
  const reads = days.map((range) => metrics.daily(range));
  assert.equal(metrics.daily({ endDate: "2026-11-24", startDate: "2026-11-01" }), reads[0]);
  assert.equal(begun, 3);
  for (const wanted of [4, 5, 5, 5, 5]) {
    ends.shift()([]);
    await settled();
    assert.equal(begun, wanted);
  }
  await Promise.all(reads);
});

test("with its view a read ends, in its pause too", async () => {
  const view = new AbortController();
  let asked = 0;
  const daily = async () => {
    asked++;
    throw refusal(503, 9_000);
  };
  const read = patient({ daily }, view.signal).daily(day);
  await settled();
  view.abort();
  await assert.rejects(read, { name: "AbortError" });
  assert.equal(asked, 1);
});
