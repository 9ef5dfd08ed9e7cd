// The client by a plain script tag.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as support from "./support.mjs";

const { assertOncePerInterval, until } = support;
const TIMEOUT_SECONDS = 6;

let all;
before(async () => (all = await support.startAll(TIMEOUT_SECONDS)));
after(() => all?.stop());

describe("script tag", { concurrency: 3 }, () => {
  for (const kind of ["token", "function"]) {
    test(`a script tag that names a ${kind} starts, and logs in if it says so`, async (t) => {
      const { open, proxy, api } = await all.world(t);
      const page = await open({ kind, isLogin: true }, { file: "script.html" });
      await until(() => page.evaluate(() => window.userSessions?.current), "it has logged in");
      await until(() => proxy.heartbeats().length >= 4, "four heartbeats");
      // Three within the service's timeout.
      assertOncePerInterval(proxy.heartbeats(), (TIMEOUT_SECONDS * 1_000) / 3);
      const [[{ sessionId, current }, ...others], id] = await page.evaluate(async () => [
        await window.userSessions.list(),
        window.userSessions.current,
      ]);
      assert.deepEqual([sessionId, current, others], [id, true, []]);
      assert.deepEqual([proxy.logins().length, (await api("/user-sessions")).length], [1, 1]);
    });
  }

  test("without data-login it opens no session", async (t) => {
    const { open, proxy } = await all.world(t);
    const page = await open({ kind: "token" }, { file: "script.html" });
    const other = await all.world(t);
    await other.open({ kind: "token", isLogin: true }, { file: "script.html" });
    await until(() => other.proxy.heartbeats().length >= 1, "time for a heartbeat");
    assert.equal(await page.evaluate(() => window.userSessions.current), null);
    assert.deepEqual(proxy.asked, []);
    const id = await page.evaluate(() => window.userSessions.login());
    assert.equal(await page.evaluate(() => window.userSessions.current), id);
  });

  test("without data-token it says what is missing", async (t) => {
    const { open, proxy } = await all.world(t);
    const page = await open({}, { file: "script.html" });
    const said = await until(() => page.evaluate(() => window.said?.[0]), "an error");
    assert.match(said, /^user-sessions: the script tag needs .*data-token/);
    assert.deepEqual([await page.evaluate(() => window.userSessions), proxy.asked], [undefined, []]);
  });
});
