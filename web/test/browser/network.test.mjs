// Networks that are gone, lose answers or are blocked.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as support from "./support.mjs";

const { assertOncePerInterval, current, events, gaps, login, store, stored, until } = support;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

let all;
const [LONG, SHORT] = [3_600, 10];
before(async () => (all = await support.startAll(LONG, SHORT)));
after(() => all?.stop());

describe("network", { concurrency: 4 }, () => {
  test("offline it is tried less and less, and back online at once, by one tab", async (t) => {
    const { open, proxy } = await all.world(t);
    const pages = [];
    for (let opened = 0; opened < 3; opened++) pages.push(await open({ activity: "always" }));
    await login(pages[0]);
    const offline = (isOffline) => Promise.all(pages.map((page) => page.setOfflineMode(isOffline)));
    await offline(true);
    for (const page of pages) assert.equal(await page.evaluate(() => navigator.onLine), false);
    await store(pages[0], { sent: Date.now() - 10 * MINUTE });
    // Begins anew, so that no minute has to pass.
    await Promise.all(pages.map((page) => page.evaluate(() => (sessions.stop(), void sessions.start()))));
    const failures = async () => (await Promise.all(pages.map((page) => events(page, "error")))).flat();
    await until(async () => (await failures()).length >= 3, "three tries", 30 * SECOND);
    const times = (await failures()).map((event) => ({ at: event.at(-1) })).sort((one, other) => one.at - other.at);
    const [first, second] = gaps(times);
    // A pause, a tenth at random up to a second, and what the sending takes.
    assert.ok(first >= 2 * SECOND && first < 7 * SECOND, `tried again after ${first} ms`);
    assert.ok(second >= 4 * SECOND && second < 12.5 * SECOND, `and then after ${second} ms`);
    assert.equal(times.length, 3);
    assert.deepEqual(proxy.heartbeats(), []);
    const { failed } = await until(async () => {
      const record = await stored(pages[0]);
      return record.failed?.count === 3 && record;
    }, "the last is stored");
    assert.ok(failed.wait >= 8 * SECOND, "the next try is far");

    const back = Date.now();
    await offline(false);
    await until(() => proxy.heartbeats()[0]?.answer, "a heartbeat", 3 * SECOND);
    assert.ok(back + failed.wait > Date.now(), "before the pause was over");
    for (const page of pages) await until(async () => (await events(page, "online")).length === 1, "each is told");
    await until(async () => !(await stored(pages[0])).failed, "its answer is taken");
    await pages[2].evaluate(() => sessions.list());
    assert.equal(proxy.heartbeats().length, 1);
  });

  test("a login whose answer is lost opens one session, however often and wherever it is repeated", async (t) => {
    const { open, proxy, api } = await all.world(t);
    const page = await open();
    const other = await open();
    proxy.disturb = ({ path }) => path === "/auth/login" && { lost: "answer" };
    for (const tab of [page, other, page]) {
      const outcome = await tab.evaluate(() => sessions.login().catch(({ name, status }) => [name, status]));
      assert.deepEqual(outcome, ["SessionsError", 0]);
    }
    assert.equal((await api("/user-sessions")).length, 1, "the service has acted");
    // The tab's memory is gone; what the browser stored is not.
    await page.reload();
    await page.waitForFunction("window.sessions", { polling: 50 });
    proxy.disturb = () => undefined;
    const id = await login(page);
    assert.deepEqual([(await api("/user-sessions")).map(({ sessionId }) => sessionId), await login(other)], [[id], id]);
    assert.equal(new Set(proxy.logins().map(({ key }) => key)).size, 1);
    assert.ok(proxy.logins().every(({ status }) => status === 200) && proxy.logins().length >= 4);
  });

  test("a renewal whose answer is lost makes one successor, which all tabs adopt", async (t) => {
    const { open, proxy, api } = await all.world(t, SHORT);
    const pages = [await open({ heartbeatMs: 12 * SECOND, activity: "always" })];
    pages.push(await open({ heartbeatMs: 12 * SECOND, activity: "always" }));
    const first = await login(pages[0]);
    let lost = 0;
    proxy.disturb = ({ path }) => path.includes("/heartbeat/") && lost++ < 1 && { lost: "answer" };
    await until(() => proxy.heartbeats()[1]?.answer, "a second try", 25 * SECOND);
    const [renewal, repeat] = proxy.heartbeats().map(({ answer }) => answer);
    assert.deepEqual([renewal.status, repeat], ["renewed", renewal], "both say the same");
    await until(async () => (await current(pages[0])) === repeat.sessionId, "the one adopts it");
    await until(async () => (await current(pages[1])) === repeat.sessionId, "the other too");
    const [{ sessionId }, ...others] = await api("/user-sessions");
    assert.deepEqual([sessionId, others], [repeat.sessionId, []]);
    const { renewedFrom } = await api(`/user-sessions/${sessionId}`);
    assert.equal(renewedFrom, first, "with none between them");
  });

  test("where something blocks the calls, they get rare", async (t) => {
    const interval = SECOND;
    const { open, proxy } = await all.world(t);
    const page = await open({ heartbeatMs: interval });
    await login(page);
    const blocked = [];
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      if (!request.url().startsWith(proxy.url)) return request.continue();
      blocked.push({ at: Date.now() });
      request.abort("blockedbyclient");
    });
    const before = proxy.heartbeats().length;
    const areRare = () => gaps(blocked).slice(-2).every((gap) => gap >= 6 * interval);
    await until(() => blocked.length >= 6 && areRare(), "they get rare", 90 * SECOND);
    const count = blocked.length;
    assert.ok(proxy.heartbeats().length <= before + 1, "they are blocked");
    // What the tab tells of a call comes after the call.
    await until(async () => (await events(page, "error")).length >= count, "each is told");
    assert.equal((await events(page, "error")).length, count, "one call each");
    assert.deepEqual(await events(page, "loginNeeded"), []);
  });

  test("a service that answers with errors is asked again and again, and no tab asks on its own", async (t) => {
    const interval = 2 * SECOND;
    const { open, proxy } = await all.world(t);
    const pages = [];
    for (let opened = 0; opened < 4; opened++) pages.push(await open({ heartbeatMs: interval, activity: "always" }));
    await login(pages[0]);
    proxy.disturb = ({ path }) => path.includes("/heartbeat/") && { status: 503 };
    await until(() => proxy.heartbeats().length >= 4, "four tries", 30 * SECOND);
    proxy.disturb = () => undefined;
    await until(() => proxy.heartbeats().filter(({ status }) => status === 200).length >= 2, "two answers");
    assertOncePerInterval(proxy.heartbeats(), interval);
    const told = await Promise.all(pages.map((page) => events(page, "error")));
    assert.equal(told.flat().length, 4, "each failure is told once");
  });
});
