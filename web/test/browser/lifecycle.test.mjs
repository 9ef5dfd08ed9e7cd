// What a browser does to a page besides showing it: freezing, the back/forward cache, sleep, and leaving.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as support from "./support.mjs";

const { assertOncePerInterval, current, events, gaps, heldUp, isHidden, login, setFrozen } = support;
const { store, stored, until } = support;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

let all;
const [LONG, SHORT, SHORTEST] = [3_600, 6, 2];
before(async () => (all = await support.startAll(LONG, SHORT, SHORTEST)));
after(() => all?.stop());

/** A page whose clock a test can put forward by `jump(ms)`, as if the machine had slept: timers have stood still. */
function jumpingClock() {
  const Real = Date;
  let slept = 0;
  window.jump = (ms) => (slept += ms);
  window.Date = class extends Real {
    constructor(...given) {
      super(...(given.length ? given : [Real.now() + slept]));
    }
    static now() {
      return Real.now() + slept;
    }
  };
}

/** Once a request of the page has come and gone, whatever the page had sent before has come too. */
async function listed(page, proxy) {
  await page.evaluate(() => sessions.list());
  return proxy.heartbeats().length;
}

describe("lifecycle", { concurrency: 6 }, () => {
  for (const { caught, isRenewed } of [
    { caught: "after", isRenewed: true },
    { caught: "before", isRenewed: true },
    { caught: "after", isRenewed: false },
    { caught: "before", isRenewed: false },
  ]) {
    const session = isRenewed ? "the session is renewed meanwhile" : "the session goes on";
    test(`a tab frozen in a request, ${caught} the service acted on it, is passed over; ${session}`, async (t) => {
      const interval = 2 * SECOND;
      const { open, proxy, api, profile } = await all.world(t, isRenewed ? SHORT : LONG);
      const frozen = await open({ heartbeatMs: interval, activity: "always" });
      const first = await login(frozen);
      const { promise, release } = heldUp();
      proxy.disturb = ({ path }) => path.includes("/heartbeat/") && { [caught]: promise };
      const request = await until(() => proxy.heartbeats()[0], "a request");
      if (caught === "after") await until(() => request.answer, "the service has acted");
      proxy.disturb = () => undefined;

      // Before its own limit for the request is over.
      await profile.newPage();
      await until(() => isHidden(frozen), "it is hidden");
      await setFrozen(frozen, true);
      await until(async () => (await events(frozen, "freeze")).length, "it is frozen");
      const others = [];
      for (let opened = 0; opened < 3; opened++) others.push(await open({ heartbeatMs: interval, activity: "always" }));
      if (caught === "after") release();
      await until(() => proxy.heartbeats().length >= 5, "the other tabs go on", 40 * SECOND);
      const [passedOver] = gaps(proxy.heartbeats());
      assert.ok(passedOver >= 9 * SECOND && passedOver < 30 * SECOND, `the claim held for ${passedOver} ms`);
      assertOncePerInterval(proxy.heartbeats().slice(1), interval);
      const second = await current(others[0]);
      assert.equal(second !== first, isRenewed);
      assert.equal(proxy.heartbeats()[1].answer.status, isRenewed ? "renewed" : "active");
      assert.deepEqual(await events(frozen, "resume"), [], "it has slept all the time");

      const before = proxy.heartbeats().length;
      await setFrozen(frozen, false);
      await until(async () => (await events(frozen, "resume")).length, "it is thawed");
      await until(async () => (await current(frozen)) === second, "it has adopted the session", 3 * SECOND);
      release();
      await until(() => proxy.heartbeats().length >= before + 4, "all go on");
      const renewals = (await events(frozen, "renewed")).map(([, id, former]) => [id, former]);
      assert.deepEqual(renewals, isRenewed ? [[second, first]] : []);
      // The first one's own, which was caught before the service, may have reached that in the end.
      assertOncePerInterval(proxy.heartbeats().slice(1), interval);
      for (const page of [frozen, ...others]) {
        assert.equal(await current(page), second);
        assert.deepEqual(await events(page, "error"), [], "what was given up in its sleep is no failure");
      }
      const live = await api("/user-sessions");
      assert.deepEqual(live.map(({ sessionId }) => sessionId), [second]);
    });
  }

  test("a tab that was frozen in a request, alone, asks again soon after it is thawed", async (t) => {
    const { open, proxy, profile, api } = await all.world(t, SHORT);
    const interval = 12 * SECOND;
    const page = await open({ heartbeatMs: interval, activity: "always" });
    const first = await login(page);
    await page.evaluate(() => sessions.stop());
    await store(page, { sent: Date.now() - MINUTE });
    const { promise, release } = heldUp();
    proxy.disturb = () => ({ after: promise });
    await page.evaluate(() => void sessions.start());
    await until(() => proxy.heartbeats()[0]?.answer, "a request, which the service has answered");
    proxy.disturb = () => undefined;
    await profile.newPage();
    await setFrozen(page, true);
    await until(async () => (await events(page, "freeze")).length, "it is frozen");
    release();
    const isOver = async () => (await api(`/user-sessions/${first}`)).state === "expired";
    const isDue = () => Date.now() - proxy.heartbeats()[0].at > interval;
    await until(async () => isDue() && (await isOver()), "an interval passes, and the session expires", 20 * SECOND);
    await setFrozen(page, false);
    await until(async () => (await events(page, "resume")).length, "it is thawed");
    const renewal = await until(() => proxy.heartbeats()[1]?.answer, "a heartbeat", 11 * SECOND);
    assert.equal(renewal.status, "renewed");
    await until(async () => (await current(page)) === renewal.sessionId, "it adopts the successor");
  });

  test("a page that comes back from the back/forward cache adopts what was renewed meanwhile", async (t) => {
    const interval = 6 * SECOND;
    const { open, proxy, place } = await all.world(t, SHORTEST);
    const page = await open({ heartbeatMs: interval });
    const first = await login(page);
    const other = await open({ heartbeatMs: interval }, { isWindow: true });
    await page.goto(place("elsewhere.html"));
    await until(() => proxy.heartbeats().filter(({ answer }) => answer).length >= 2, "two renewals", 30 * SECOND);
    const second = proxy.heartbeats()[1].answer.sessionId;
    await until(async () => (await current(other)) === second, "the other tab has adopted it");
    await page.evaluate(() => history.back());
    // Between the two pages there is none to ask.
    await until(async () => (await events(page, "pageshow").catch(() => [])).length > 1, "it is back");
    assert.deepEqual((await events(page, "pageshow")).map(([, persisted]) => persisted), [false, true]);
    await until(async () => (await current(page)) === second, "it has adopted it", 4 * SECOND);
    assert.deepEqual((await events(page, "renewed")).map(([, id, former]) => [id, former]), [[second, first]]);
    // It listens again: what the other tab adopts from now on reaches it.
    await until(() => proxy.heartbeats().filter(({ answer }) => answer).length >= 4, "two more", 30 * SECOND);
    assertOncePerInterval(proxy.heartbeats(), interval);
    const last = proxy.heartbeats()[3].answer.sessionId;
    await until(async () => (await current(page)) === last && (await current(other)) === last, "both have it");
  });

  test("after a sleep a heartbeat is sent within a minute, and if it fails again 2 to 5 seconds later", async (t) => {
    const { open, proxy } = await all.world(t);
    const page = await open({}, { inject: jumpingClock });
    await login(page);
    const { interval } = await stored(page);
    assert.equal(interval, 5 * MINUTE);
    proxy.disturb = () => ({ lost: proxy.heartbeats().length === 1 && "request" });
    const woke = Date.now();
    const [then, now] = await page.evaluate(() => {
      const then = Date.now();
      window.jump(8 * 3_600_000);
      return [then, Date.now()];
    });
    assert.ok(now - then >= 8 * 3_600_000, "eight hours have passed");
    await until(() => proxy.heartbeats().length >= 2, "a heartbeat, and another", 75 * SECOND);
    const [first, second] = proxy.heartbeats();
    assert.ok(first.at - woke <= 65 * SECOND, `${first.at - woke} ms after it woke`);
    assert.equal((await events(page, "error")).length, 1);
    // The pause, a tenth at random, and what the sending takes.
    const pause = second.at - first.at;
    assert.ok(pause >= 2 * SECOND && pause <= 7 * SECOND, `${pause} ms later`);
    await until(async () => !(await stored(page)).failed, "its answer is taken");
  });

  test("a tab that is hidden sends a heartbeat if the last one is over a minute old, once an interval", async (t) => {
    const { open, proxy, profile } = await all.world(t);
    const page = await open();
    await login(page);
    const front = await profile.newPage();
    const hide = async () => {
      await front.bringToFront();
      await until(() => isHidden(page), "it is hidden");
    };
    const show = async () => {
      await page.bringToFront();
      await until(async () => !(await isHidden(page)), "it is in view");
    };
    await until(() => isHidden(page), "it is hidden");
    assert.equal(await listed(page, proxy), 0, "it has only just logged in");

    await show();
    await store(page, { sent: Date.now() - 50 * SECOND });
    await hide();
    assert.equal(await listed(page, proxy), 0, "not a minute has passed");

    await show();
    await store(page, { sent: Date.now() - 2 * MINUTE });
    await hide();
    await until(() => proxy.heartbeats().length, "a heartbeat");
    assert.equal(await listed(page, proxy), 1, "two minutes have passed");
    await until(async () => Date.now() - (await stored(page)).sent < MINUTE, "its answer is taken");
    assert.equal((await stored(page)).claim, undefined);

    await show();
    await store(page, { sent: Date.now() - 2 * MINUTE });
    await hide();
    assert.equal(await listed(page, proxy), 1, "once an interval");

    await show();
    await store(page, { sent: Date.now() - 2 * MINUTE, left: Date.now() - 6 * MINUTE });
    await hide();
    await until(() => proxy.heartbeats().length > 1, "another one");
    assert.equal(await listed(page, proxy), 2, "the next interval has begun");
  });

  for (const way of ["goes elsewhere", "is closed"]) {
    test(`a page that ${way} sends a last heartbeat that outlives it`, async (t) => {
      const { open, proxy, place, profile } = await all.world(t);
      const page = await open();
      const other = await open({}, { isWindow: true });
      await login(page);
      await store(page, { sent: Date.now() - 2 * MINUTE });
      const preflight = heldUp();
      proxy.beforePreflight = preflight.promise;
      const before = proxy.preflights;
      if (way === "is closed") await page.close({ runBeforeUnload: true });
      else await page.goto(place("elsewhere.html"));
      await until(() => proxy.preflights > before, "the heartbeat's preflight");
      if (way === "is closed") await until(async () => !(await profile.pages()).includes(page), "it is gone");
      assert.deepEqual(proxy.heartbeats(), []);
      preflight.release();
      const heartbeat = await until(() => proxy.heartbeats()[0], "the heartbeat itself");
      const answer = await until(() => heartbeat.answer, "the service's answer");
      assert.equal(answer.status, "active");
      assert.equal(await listed(other, proxy), 1, "a tab that is not left sends none");
      if (way === "is closed") return;

      await page.evaluate(() => history.back());
      await until(async () => (await events(page, "pageshow").catch(() => [])).length > 1, "it is back");
      const shown = (await events(page, "pageshow")).map(([, persisted]) => persisted);
      assert.deepEqual(shown, [false, true], "what it sends on leaving does not bar the way back");
      assert.equal(await listed(page, proxy), 1, "coming back sends none");
    });
  }
});
