// Many tabs of one browser are one session, and send what one tab would.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as support from "./support.mjs";

const { assertOncePerInterval, current, events, gaps, isHidden, login, store, stored, until } = support;
const SECOND = 1_000;

let all;
// Where a session expires before the next heartbeat, each one renews it.
const [LONG, SHORT] = [3_600, 2];
before(async () => (all = await support.startAll(LONG, SHORT)));
after(() => all?.stop());

const several = (count, open) => Promise.all(Array.from({ length: count }, open));
const ofAll = (pages, ask) => Promise.all(pages.map((page) => ask(page)));
const haveEnded = async (pages) => (await ofAll(pages, (page) => events(page, "ended"))).every(({ length }) => length);

/** With five minutes between heartbeats, and the lateness that was measured, which does not grow with the interval. */
function perHour(asked, interval) {
  const found = gaps(asked);
  const lateness = found.reduce((sum, gap) => sum + gap, 0) / found.length - interval;
  return `${(3_600_000 / (300_000 + lateness)).toFixed(1)} an hour (late by ${lateness.toFixed(0)} ms on average)`;
}

describe("tabs", { concurrency: 3 }, () => {
  test("20 tabs that log in at once open one session, and send one heartbeat an interval, hidden or not", async (t) => {
    const interval = 3 * SECOND;
    const { open, proxy, api, profile } = await all.world(t);
    const pages = await several(20, () => open({ heartbeatMs: interval, activity: "always" }));
    const ids = await ofAll(pages, login);
    assert.deepEqual([new Set(ids).size, proxy.logins().length], [1, 1]);
    assert.equal((await api("/user-sessions")).length, 1);
    assert.equal((await ofAll(pages, isHidden)).filter((isOne) => isOne).length, 19, "one is in view");
    await until(() => proxy.heartbeats().length >= 4, "four heartbeats", 30 * SECOND);
    const inView = proxy.heartbeats();
    assertOncePerInterval(inView, interval);
    t.diagnostic(`20 tabs, one in view: ${perHour(inView, interval)}`);

    await profile.newPage();
    await until(async () => (await ofAll(pages, isHidden)).every((isOne) => isOne), "all are hidden");
    await pages[0].evaluate(() => {
      window.ticks = [];
      setInterval(() => window.ticks.push(Date.now()), 50);
    });
    const before = proxy.heartbeats().length;
    await until(() => proxy.heartbeats().length >= before + 4, "four more", 60 * SECOND);
    const hidden = proxy.heartbeats().slice(before);
    assertOncePerInterval(hidden, interval, 5 * SECOND);
    t.diagnostic(`20 tabs, all hidden: ${perHour(hidden, interval)}`);
    const ticks = await pages[0].evaluate(() => window.ticks);
    const seconds = (ticks.at(-1) - ticks[0]) / SECOND;
    assert.ok(seconds > 5 && ticks.length <= seconds + 2, `throttled: ${ticks.length} ticks of 50 ms in ${seconds} s`);
    assert.deepEqual([proxy.logins().length, (await api("/user-sessions")).length], [1, 1]);
  });

  for (const count of [1, 2]) {
    test(`${count} in view: one heartbeat an interval`, async (t) => {
      const interval = 3 * SECOND;
      const { open, proxy } = await all.world(t);
      const pages = [];
      for (let opened = 0; opened < count; opened++) {
        pages.push(await open({ heartbeatMs: interval }, { isWindow: true }));
      }
      await login(pages[0]);
      await until(() => proxy.heartbeats().length >= 4, "four heartbeats", 30 * SECOND);
      assert.deepEqual(await ofAll(pages, isHidden), Array(count).fill(false), "each has a window of its own");
      assertOncePerInterval(proxy.heartbeats(), interval);
      t.diagnostic(`${count} in view: ${perHour(proxy.heartbeats(), interval)}`);
    });
  }

  test("React's strict mode, where effects run twice, opens one session", async (t) => {
    const interval = 2 * SECOND;
    const { open, proxy, api } = await all.world(t);
    const page = await open({ heartbeatMs: interval }, { file: "strict-mode.html" });
    const ids = () => [...document.querySelectorAll("output.live")].map((output) => output.textContent);
    await until(async () => (await page.evaluate(ids)).length === 2, "both components show it");
    await until(() => proxy.heartbeats().length >= 3, "three heartbeats");
    assert.equal(await page.evaluate(() => window.effects), 4, "two components' effects, each twice");
    const [{ sessionId }, ...others] = await api("/user-sessions");
    assert.deepEqual([await page.evaluate(ids), others, proxy.logins().length], [[sessionId, sessionId], [], 1]);
    assertOncePerInterval(proxy.heartbeats(), interval);

    // A page of another user tells how much time has passed.
    await page.evaluate(() => window.unmount());
    const sent = proxy.heartbeats().length;
    const other = await all.world(t);
    const clock = await other.open({ heartbeatMs: interval });
    await login(clock);
    await until(() => other.proxy.heartbeats().length >= 2, "two intervals");
    assert.ok(proxy.heartbeats().length <= sent + 1, "components that are gone send no more than what was under way");
  });

  test("each tab adopts a renewal, and is told once", async (t) => {
    const { open, proxy } = await all.world(t, SHORT);
    const pages = await several(4, () => open({ heartbeatMs: 4 * SECOND, activity: "always" }));
    const first = await login(pages[0]);
    await until(() => proxy.heartbeats().filter(({ answer }) => answer).length >= 2, "two renewals", 20 * SECOND);
    const [second, third] = proxy.heartbeats().map(({ answer }) => answer.sessionId);
    assert.deepEqual([new Set([first, second, third]).size, proxy.heartbeats().length], [3, 2]);
    await until(async () => (await ofAll(pages, current)).every((id) => id === third), "all have adopted it");
    for (const page of pages) {
      const renewals = (await events(page, "renewed")).map(([, id, former]) => [id, former]);
      assert.deepEqual(renewals, [
        [second, first],
        [third, second],
      ]);
    }
    assert.equal((await ofAll(pages, isHidden)).filter((isOne) => isOne).length, 3);
  });

  test("a session ended from another browser ends in each tab, and each is told why", async (t) => {
    const { open, proxy, api } = await all.world(t);
    const pages = await several(4, () => open({ heartbeatMs: 2 * SECOND }));
    const id = await login(pages[0]);
    await until(() => proxy.heartbeats().length >= 1, "a heartbeat");
    await api(`/user-sessions/end/${id}`, { method: "POST" });
    await until(() => haveEnded(pages), "all know");
    const sent = proxy.heartbeats().length;
    assert.deepEqual(proxy.heartbeats().at(-1).answer.status, "expired");
    for (const page of pages) {
      const [[, of, reason], ...more] = await events(page, "ended");
      assert.deepEqual([of, reason, more], [id, "ended", []]);
      assert.deepEqual(await events(page, "loginNeeded"), [], "nobody is asked for a login");
    }
    assert.deepEqual(await stored(pages[0]), { over: id, reason: "ended" });

    // All of them want the user back, and get one session more.
    const ids = await ofAll(pages, login);
    assert.deepEqual([new Set(ids).size, ids.includes(id), proxy.logins().length], [1, false, 2]);
    await until(() => proxy.heartbeats().length > sent, "the next heartbeat");
    assert.equal(proxy.heartbeats().at(-1).id, ids[0]);
  });

  test("a user who signs out for another in one tab leaves the others' session alone", async (t) => {
    const interval = 1.5 * SECOND;
    const { open, proxy, user, tokenOf, api } = await all.world(t);
    const pages = await several(3, () => open({ heartbeatMs: interval, activity: "always" }));
    const first = await login(pages[0]);
    await until(() => proxy.heartbeats().length >= 1, "a heartbeat");

    // Caught with a request under way, of which the tab never hears: it asks for a fresh token, and gets the other
    // user's.
    const other = `other-${user}`;
    const token = await tokenOf(other);
    const [others, switched] = [pages.slice(0, 2), pages[2]];
    await ofAll(others, (page) => page.evaluate(() => sessions.stop()));
    // What another tab had begun, or what this one sends.
    const sent = proxy.heartbeats().length;
    await until(() => proxy.heartbeats()[sent]?.answer, "the next heartbeat");
    const { promise, release } = support.heldUp();
    proxy.disturb = ({ path }) => path.includes("/heartbeat/") && { after: promise, lost: "answer" };
    await until(() => proxy.heartbeats()[sent + 1]?.answer, "a request of that tab under way");
    await switched.evaluate((token) => (window.token = token), token);
    proxy.disturb = () => undefined;
    release();
    await until(async () => (await events(switched, "error")).length, "it has given that up");
    await ofAll(others, (page) => page.evaluate(() => void sessions.start()));
    const second = await login(switched);
    assert.notEqual(second, first);

    const both = (id) => proxy.heartbeats().filter((one) => one.id === id).length;
    const before = [both(first), both(second)];
    await until(() => both(first) >= before[0] + 3 && both(second) >= before[1] + 3, "both go on", 30 * SECOND);
    await switched.evaluate(() => sessions.list());
    await pages[0].evaluate(() => sessions.list());
    assert.deepEqual(await ofAll(pages, current), pages.map((page) => (page === switched ? second : first)));
    const owner = { [first]: user, [second]: other };
    for (const { id, user, path } of proxy.asked) {
      if (id) assert.equal(user, owner[id], `${path} with ${id}`);
    }
    for (const page of pages) {
      for (const kind of ["renewed", "ended", "loginNeeded"]) assert.deepEqual(await events(page, kind), []);
    }
    for (const as of [undefined, token]) assert.equal((await api("/user-sessions", { as })).length, 1);
  });

  for (const part of ["before", "after"]) {
    test(`a logout reaches all tabs; a heartbeat caught ${part} the service acted on it undoes nothing`, async (t) => {
      const { open, proxy, api } = await all.world(t);
      // So rarely that whatever the tabs hear of each other, they do not hear by their own heartbeats.
      const pages = await several(3, () => open({ activity: "always" }));
      const id = await login(pages[0]);
      const { promise, release } = support.heldUp();
      proxy.disturb = ({ path }) => path.includes("/heartbeat/") && { [part]: promise };
      await store(pages[0], { sent: 0 });
      await pages[0].evaluate(() => (sessions.stop(), void sessions.start()));
      const held = await until(() => proxy.heartbeats()[0], "one is held up");
      if (part === "after") await until(() => held.answer, "the service has acted");
      await pages[1].evaluate(() => sessions.logout());
      await until(() => haveEnded(pages), "all know");
      release();
      await until(() => held.answer, "its answer");
      const clock = await all.world(t);
      await login(await clock.open({ heartbeatMs: 1.5 * SECOND }));
      await until(() => clock.proxy.heartbeats().length >= 2, "time for two");

      assert.equal(proxy.heartbeats().length, 1, "nothing is sent after the logout");
      const snapshots = await ofAll(pages, (page) => page.evaluate(() => sessions.getSnapshot()));
      assert.deepEqual(snapshots, Array(3).fill({ id: null, state: "over", endReason: "logout" }));
      assert.deepEqual(await stored(pages[0]), { over: id, reason: "logout" });
      for (const page of pages) {
        assert.deepEqual((await events(page, "ended")).map(([, ...told]) => told.slice(0, 2)), [[id, "logout"]]);
        assert.deepEqual(await events(page, "loginNeeded"), [], "who leaves is not asked back");
      }
      assert.equal((await api(`/user-sessions/${id}`)).state, "ended");
    });
  }
});
