// A user who may have one session, or start one an hour, and has two devices.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import * as support from "./support.mjs";

const { current, events, login, store, until } = support;
const SECOND = 1_000;
const ONE_LIVE = [3_600, "MaxSessionsPerUser=1"];
const ONE_START = [3_600, "MaxStartsPerUserPerHour=1"];
const soon = () => new Promise((resolve) => setTimeout(resolve, 3 * SECOND));

let all;
before(async () => (all = await support.startAll(ONE_LIVE, ONE_START)));
after(() => all?.stop());

/** A button as an application has it. */
async function clickToSignIn(page) {
  await page.evaluate(() => {
    const button = document.createElement("button");
    button.id = "again";
    button.onclick = () => sessions.login();
    document.body.append(button);
  });
  await page.bringToFront();
  await page.click("#again");
}

/** Or the session of a device that was heard of while another logs in would be the more recent one. */
async function whileHeartbeatsWait(proxy, work) {
  const { promise, release } = support.heldUp();
  proxy.disturb = ({ path }) => path.includes("/heartbeat/") && { before: promise };
  const result = await work();
  proxy.disturb = () => undefined;
  release();
  return result;
}

describe("limits", { concurrency: 2 }, () => {
  test("two devices over a limit of one session do not end each other by themselves, but by a click", async (t) => {
    const { open, proxy, api, newProfile } = await all.world(t, ONE_LIVE);
    const settings = { heartbeatMs: SECOND, activity: "always", isEager: true };
    const one = await open(settings);
    const tab = await open(settings);
    const other = await open(settings, { as: await newProfile() });
    const live = async () => (await api("/user-sessions")).map(({ sessionId }) => sessionId);
    /** These tabs are told of the end of that session, one after the other device's has gone on for a while. */
    const end = async (tabs, id, count) => {
      await until(async () => (await Promise.all(tabs.map((page) => events(page, "ended")))).every(({ length }) => length), "told");
      const before = proxy.heartbeats().length;
      await until(() => proxy.heartbeats().length >= before + 4, "the other one goes on", 30 * SECOND);
      for (const page of tabs) {
        assert.deepEqual((await events(page, "ended")).map((event) => event.slice(0, 3)), [["ended", id, "limit"]]);
        assert.deepEqual(await events(page, "loginNeeded"), []);
        assert.deepEqual(await page.evaluate(() => sessions.getSnapshot()), { id: null, state: "over", endReason: "limit" });
      }
      assert.equal(proxy.logins().length, count, "nobody logs in who was not asked to");
    };
    const first = await login(one);
    const second = await whileHeartbeatsWait(proxy, () => login(other));
    await end([one, tab], first, 2);
    assert.deepEqual(await live(), [second]);

    await whileHeartbeatsWait(proxy, async () => {
      await clickToSignIn(one);
      await until(() => current(one), "a session");
    });
    await end([other], second, 3);
    assert.deepEqual(await live(), [await current(one)]);
    assert.equal(await current(tab), await current(one));
  });

  test("React is told of the limit", async (t) => {
    const { open, api, proxy } = await all.world(t, ONE_LIVE);
    const page = await open({ heartbeatMs: SECOND, activity: "always" }, { file: "strict-mode.html" });
    const shown = () => page.$$eval("output", (outputs) => outputs.map(({ className, title }) => [className, title]));
    const show = (...expected) =>
      until(async () => JSON.stringify(await shown()) === JSON.stringify([expected, expected]), `${expected}`);
    await show("live", "");
    await whileHeartbeatsWait(proxy, () => api("/auth/login", { method: "POST" }));
    await show("over", "limit");
  });

  test("a login that is one too many is refused, and not asked for again meanwhile", async (t) => {
    const { open, proxy, newProfile } = await all.world(t, ONE_START);
    const settings = { heartbeatMs: SECOND, activity: "always", isEager: true };
    await login(await open(settings));
    const page = await open(settings, { as: await newProfile() });
    const refused = () =>
      page.evaluate(() => sessions.login().catch(({ status, code, retryAfterMs }) => ({ status, code, retryAfterMs })));
    const { retryAfterMs, ...told } = await refused();
    assert.deepEqual([told, retryAfterMs], [{ status: 429, code: "too_many_sessions" }, 60 * SECOND]);
    assert.equal(proxy.logins().length, 2);
    for (const again of [() => undefined, () => page.reload().then(() => page.waitForFunction("window.sessions"))]) {
      await again();
      assert.deepEqual((await refused()).code, "too_many_sessions");
    }
    await soon();
    assert.equal(proxy.logins().length, 2, "nothing was asked meanwhile");
    assert.deepEqual(await events(page, "loginNeeded"), []);
  });

  test("a heartbeat that is one start too many keeps its id, and waits", async (t) => {
    const { open, proxy, newProfile } = await all.world(t, ONE_START);
    const settings = { heartbeatMs: SECOND, activity: "always", isEager: true };
    await login(await open({ ...settings, heartbeatMs: 600 * SECOND }));
    const page = await open(settings, { as: await newProfile() });
    const unknown = randomUUID();
    await store(page, { id: unknown, sent: 0 });
    await page.evaluate(() => (sessions.stop(), void sessions.start()));
    const beat = await until(() => proxy.heartbeats().find(({ status }) => status), "a heartbeat");
    assert.deepEqual([beat.id, beat.status, beat.answer.code], [unknown, 429, "too_many_sessions"]);
    await soon();
    assert.equal(proxy.heartbeats().length, 1);
    assert.equal(await current(page), unknown);
    assert.deepEqual([await events(page, "ended"), await events(page, "loginNeeded")], [[], []]);
    assert.equal(proxy.logins().length, 1);
  });
});
