// Who keeps a session alive: a tab that is looked at, one that is used, or any.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as support from "./support.mjs";

const { assertOncePerInterval, events, isHidden, login, until } = support;
const SECOND = 1_000;
const interval = 1.5 * SECOND;

let all;
before(async () => (all = await support.startAll(3_600)));
after(() => all?.stop());

/** Waits for as many intervals, by the heartbeats of a page of another user. */
async function pass(t, intervals) {
  const { open, proxy } = await all.world(t);
  await login(await open({ heartbeatMs: interval }));
  await until(() => proxy.heartbeats().length >= intervals, `${intervals} intervals`, 30 * SECOND);
}

describe("activity", { concurrency: 3 }, () => {
  test("input: a tab in view that nobody uses sends none; once it is used, one, and no more", async (t) => {
    const { open, proxy } = await all.world(t);
    const page = await open({ heartbeatMs: interval, activity: "input" });
    await login(page);
    await pass(t, 4);
    assert.deepEqual([proxy.heartbeats().length, await isHidden(page)], [0, false]);
    for (const use of [() => page.mouse.move(10, 10), () => page.keyboard.press("a")]) {
      const before = proxy.heartbeats().length;
      await use();
      await until(() => proxy.heartbeats().length > before, "a heartbeat", 3 * interval);
      await pass(t, 3);
      assert.equal(proxy.heartbeats().length, before + 1);
    }
  });

  test("visible: once all tabs are hidden, one heartbeat more, and then none until one is in view", async (t) => {
    const { open, proxy, profile } = await all.world(t);
    const pages = [await open({ heartbeatMs: interval }), await open({ heartbeatMs: interval })];
    await login(pages[0]);
    await until(() => proxy.heartbeats().length >= 2, "heartbeats of the one in view");
    await profile.newPage();
    for (const page of pages) await until(() => isHidden(page), "it is hidden");
    const before = proxy.heartbeats().length;
    await pass(t, 4);
    const last = proxy.heartbeats().length;
    assert.ok(last <= before + 1, "for the time until it was hidden");
    await pass(t, 3);
    assert.equal(proxy.heartbeats().length, last);
    await pages[0].bringToFront();
    await until(() => proxy.heartbeats().length === last + 1, "one at once", 1.4 * SECOND);
    assert.equal(await isHidden(pages[0]), false);
    await until(() => proxy.heartbeats().length >= last + 3, "and on");
    assertOncePerInterval(proxy.heartbeats().slice(last), interval);
  });

  test("always: a hidden tab goes on", async (t) => {
    const { open, proxy, profile } = await all.world(t);
    const page = await open({ heartbeatMs: interval, activity: "always" });
    await login(page);
    await profile.newPage();
    await until(() => isHidden(page), "it is hidden");
    const before = proxy.heartbeats().length;
    await until(() => proxy.heartbeats().length >= before + 5, "five heartbeats", 40 * SECOND);
    assertOncePerInterval(proxy.heartbeats().slice(before), interval);
    assert.deepEqual((await events(page, "visibilitychange")).map(([, state]) => state), ["hidden"]);
  });
});
