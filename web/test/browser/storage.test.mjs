// Storage and locks as browsers restrict them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as support from "./support.mjs";

const { assertOncePerInterval, current, events, gaps, isHidden, login, stored, until } = support;
const SECOND = 1_000;
const interval = 2 * SECOND;

let all;
before(async () => (all = await support.startAll(3_600)));
after(() => all?.stop());

/** Puts a page into a frame of this one, and gives the frame once its client is there. */
async function embed(page, address, sandbox) {
  await page.evaluate(
    (address, sandbox) => {
      const frame = document.createElement("iframe");
      if (sandbox) frame.sandbox = sandbox;
      frame.src = address;
      document.body.append(frame);
    },
    address,
    sandbox,
  );
  const isIt = (frame) => frame.parentFrame() && frame.url() === address;
  const found = await until(() => page.frames().find(isIt), "the frame is there");
  await found.waitForFunction("window.sessions", { polling: 50 });
  return found;
}

describe("storage", { concurrency: 3 }, () => {
  test("what is cleared while tabs are open is stored again, and the session goes on", async (t) => {
    const { open, proxy } = await all.world(t);
    const pages = [];
    for (let opened = 0; opened < 2; opened++) pages.push(await open({ heartbeatMs: interval, activity: "always" }));
    const id = await login(pages[0]);
    await until(async () => (await current(pages[1])) === id, "both tabs know");
    const left = await pages[1].evaluate(() => (localStorage.clear(), localStorage.length));
    assert.equal(left, 0);
    const before = proxy.heartbeats().length;
    await until(() => proxy.heartbeats().length >= before + 3, "three heartbeats");
    assert.equal((await stored(pages[0])).id, id);
    assert.deepEqual([await current(pages[0]), await current(pages[1]), await login(pages[1])], [id, id, id]);
    assert.equal(proxy.logins().length, 1);
    // One may be early: without a record none knows when the last one was sent.
    assertOncePerInterval(proxy.heartbeats().slice(before + 1), interval);
    for (const page of pages) assert.deepEqual((await events(page, "ended")).concat(await events(page, "renewed")), []);
  });

  test("a sandboxed frame, which has no storage, has a session of its own for as long as it is there", async (t) => {
    const { open, proxy, place, api } = await all.world(t);
    const page = await open({ heartbeatMs: interval });
    const outer = await login(page);
    const frame = await embed(page, place("page.html", { heartbeatMs: interval }), "allow-scripts");
    const [origin, storage, locks] = await frame.evaluate(async () => {
      const name = (error) => error.name;
      let storage;
      try {
        storage = localStorage.length;
      } catch (error) {
        storage = name(error);
      }
      return [self.origin, storage, await navigator.locks.request("x", () => "none").catch(name)];
    });
    assert.deepEqual([origin, storage, locks], ["null", "SecurityError", "SecurityError"]);
    const inner = await login(frame);
    const of = (id) => proxy.heartbeats().filter((one) => one.id === id);
    await until(() => of(inner).length >= 3 && of(outer).length >= 3, "both send heartbeats", 20 * SECOND);
    assertOncePerInterval(of(inner), interval);
    assertOncePerInterval(of(outer), interval);
    assert.deepEqual([await current(page), await current(frame), await login(frame)], [outer, inner, inner]);
    assert.deepEqual((await api("/user-sessions")).map(({ sessionId }) => sessionId).sort(), [outer, inner].sort());
    assert.ok(proxy.asked.some((one) => one.origin === "null"));
    assert.deepEqual(await events(frame, "error"), []);
  });

  test("a frame in another site's page has a session of its own, not that of its own site's tabs", async (t) => {
    const { open, proxy, place, api } = await all.world(t);
    const first = await open({ heartbeatMs: interval, activity: "always" }, { host: "localhost" });
    const own = await login(first);
    const top = await open({ heartbeatMs: interval, activity: "always" });
    const frames = [];
    for (let embedded = 0; embedded < 2; embedded++) {
      const settings = { heartbeatMs: interval, activity: "always", number: embedded };
      frames.push(await embed(top, place("page.html", settings, "localhost")));
    }
    const origin = await first.evaluate(() => self.origin);
    for (const frame of frames) {
      assert.equal(await frame.evaluate(() => self.origin), origin, "the same origin");
      assert.deepEqual(await stored(frame), {}, "and storage of its own");
    }
    const partitioned = await login(frames[0]);
    assert.notEqual(partitioned, own);
    await until(async () => (await current(frames[1])) === partitioned, "what it shares with the frame beside it");
    assert.equal(await login(frames[1]), partitioned);
    const of = (id) => proxy.heartbeats().filter((one) => one.id === id);
    await until(() => of(own).length >= 3 && of(partitioned).length >= 3, "both go on", 20 * SECOND);
    assertOncePerInterval(of(partitioned), interval);
    assertOncePerInterval(of(own), interval);
    assert.deepEqual([await current(first), (await stored(first)).id], [own, own]);
    assert.equal((await api("/user-sessions")).length, 2);
    await frames[1].evaluate(() => sessions.logout());
    await until(async () => (await current(frames[0])) === null, "a logout reaches the frame beside it");
    assert.equal(await current(first), own);
  });

  test("without locks, tabs that log in at once open one session, and all keep it", async (t) => {
    const { open, proxy, api } = await all.world(t);
    const pages = [];
    for (let opened = 0; opened < 5; opened++) {
      const inject = () => delete Navigator.prototype.locks;
      pages.push(await open({ heartbeatMs: interval, activity: "always" }, { inject }));
    }
    for (const page of pages) assert.equal(await page.evaluate(() => navigator.locks), undefined);
    assert.equal((await Promise.all(pages.map(isHidden))).filter((isOne) => isOne).length, 4);
    const ids = await Promise.all(pages.map(login));
    assert.equal(new Set(ids).size, 1);
    assert.equal((await api("/user-sessions")).length, 1);
    t.diagnostic(`${proxy.logins().length} requests, ${new Set(proxy.logins().map(({ key }) => key)).size} keys`);
    await until(() => proxy.heartbeats().length >= 4, "four heartbeats", 30 * SECOND);
    t.diagnostic(`${gaps(proxy.heartbeats()).join(", ")} ms between heartbeats`);
    for (const page of pages) assert.equal(await current(page), ids[0]);
  });
});
