// The demo of the local server, as a person uses it; what it says is compared with what the API says.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  IPHONE,
  LIST,
  SECOND,
  chain,
  click,
  isDisabled,
  listed,
  part,
  seconds,
  shows,
  signIn,
  signOut,
  startDemo,
  tail,
  text,
  tries,
} from "./demo.mjs";
import { until } from "./support.mjs";

let world;
let stop;
before(async () => ({ world, stop } = await startDemo()));
after(() => stop?.());

describe("demo", () => {
  test("a first visit is a live session after one click, and shows what the API says", async (t) => {
    const { open, api, user } = await world(t);
    const page = await open();
    await page.waitForSelector("#username", { visible: true });
    assert.equal(await text(page, "h1"), "A visit goes on, whatever its id");
    assert.equal((await text(page, "main")).match(/Sign in to try it\./g).length, 1);
    const description = async (selector) =>
      (await page.accessibility.snapshot({ root: await page.$(selector), interestingOnly: false })).description;
    for (const name of ["hour", "wake", "lose", "replay"]) {
      assert.equal(await isDisabled(page, `#${name} button`), true);
      assert.equal(await description(`#${name} button`), "Sign in to try it.");
    }
    assert.match(await description("#second"), /^Sign in to see them, on all your devices\. A second sign-in is/);
    await signIn(page, user);
    assert.equal(await isDisabled(page, "#hour button"), false);
    assert.equal(await text(page, "#try-why"), "");
    const [session, ...others] = await api("/user-sessions");
    assert.deepEqual(others, []);
    assert.deepEqual(await chain(page), [session.sessionId]);
    assert.match(await text(page, "#facts"), new RegExp(`${tail(session.sessionId)} copy[^]*Engaged\\s+not yet`));
    const left = await seconds(page);
    assert.ok(left > 3_580 && left <= 3_600, `${left} seconds until it expires`);
    const name = await page.$eval("#ring", (ring) => ring.getAttribute("aria-label"));
    assert.match(name, /^(59|60) minutes until it expires$/);
    await shows(page, LIST, /^Chrome on Linux\s*this browser\s+Started \d\d:\d\d · active now\s+Sign out/);
    assert.match(await text(page, LIST), /You are signed in nowhere else\.$/);

    const shown = await page.evaluate(() =>
      [
        document.documentElement.outerHTML,
        document.querySelector("user-sessions").shadowRoot.innerHTML,
        JSON.stringify(localStorage),
      ].join(),
    );
    assert.doesNotMatch(shown, /eyJ/, "a token is on the page, or stored");
    await click(page, "#engage");
    await shows(page, "#facts", /Engaged\s+yes/);
    assert.equal((await api(`/user-sessions/${session.sessionId}`)).contentEngaged, true);
    assert.equal(await isDisabled(page, "#engage"), true);
    await click(page, "#beat");
    await shows(page, "#facts", /Last answer\s+active · just now/);
  });

  test("an hour passes: expired, renewed by a heartbeat, and the chain grows", async (t) => {
    const { signedIn, api } = await world(t);
    const page = await signedIn();
    const [first] = await chain(page);
    await tries(page, "hour");
    assert.match(await text(page, "#hour .out"), /^61 minutes passed, and the session expired\.$/);
    assert.equal(await text(page, "#state"), "Expired");
    assert.equal((await api(`/user-sessions/${first}`)).state, "expired");
    assert.match(await text(page, "#hour-why"), /heartbeat renews it/);
    await shows(page, LIST, /^You are signed in nowhere\.$/, 3 * SECOND);
    assert.equal(await page.$eval("#ring", (ring) => ring.getAttribute("aria-label")), "The session has expired");
    assert.match(await text(page, "#clock"), /ahead/);
    await click(page, "#beat");
    await shows(page, "#state", /Live/);
    const ids = await chain(page);
    const head = await api(`/user-sessions/${first}`);
    assert.deepEqual(ids, [first, head.sessionId]);
    assert.equal(head.renewedFrom, first);
    assert.match(await text(page, "#facts"), /Last answer\s+renewed/);
    assert.match(await text(page, "#chain-note"), /^One visit, two ids/);
    await shows(page, LIST, /this browser/, 3 * SECOND);
  });

  test("64 tabs that wake at once get one successor", async (t) => {
    const { signedIn, api } = await world(t);
    const page = await signedIn();
    const [first] = await chain(page);
    const said = await tries(page, "wake");
    const head = await api(`/user-sessions/${first}`);
    assert.equal(said, `First 61 minutes passed. 64 answers, one successor: ${tail(head.sessionId)}`);
    assert.deepEqual(await chain(page), [first, head.sessionId]);
    assert.equal((await api("/user-sessions")).length, 1);
    await tries(page, "hour");
    assert.match(await tries(page, "wake"), /^64 answers, one successor/, "an expired one needs no other hour");
  });

  test("an answer gets lost: the server has acted, and the repeat gets the same id", async (t) => {
    const { signedIn, api } = await world(t);
    const page = await signedIn();
    const [first] = await chain(page);
    const said = await tries(page, "lose");
    const head = await api(`/user-sessions/${first}`);
    const acted = `the server had acted: ${tail(head.sessionId)}`;
    assert.equal(said, `First 61 minutes passed. No answer, but ${acted}. The repeat got the same id.`);
    assert.deepEqual(await chain(page), [first, head.sessionId]);
    assert.match(await text(page, "#said"), /demo-lose-answer: true[^]*no answer/);
    assert.equal((await api("/user-sessions")).length, 1);
  });

  test("the first id of a chain is answered with the newest", async (t) => {
    const { signedIn, api } = await world(t);
    const page = await signedIn();
    const [first] = await chain(page);
    assert.equal(await isDisabled(page, "#replay button"), true);
    assert.match(await text(page, "#replay-why"), /^One id so far/);
    for (const length of [2, 3]) {
      await tries(page, "wake");
      assert.equal((await chain(page)).length, length);
    }
    const said = await tries(page, "replay");
    const { sessionId } = await api(`/user-sessions/${first}`);
    assert.equal(said, `${tail(first)} was answered with the newest: ${tail(sessionId)}.`);
    // The head may have expired meanwhile; it is renewed then, and the chain grows.
    await tries(page, "hour");
    await tries(page, "replay");
    const ids = await chain(page);
    assert.equal(ids.length, 4);
    assert.equal(ids.at(-1), (await api(`/user-sessions/${first}`)).sessionId);
  });

  test("other devices are listed, ended one by one, and all at once", async (t) => {
    const { signedIn, api } = await world(t);
    const page = await signedIn();
    const login = () => api("/auth/login", { method: "POST", headers: { "user-agent": IPHONE } });
    const phone = (await login()).body.sessionId;
    await shows(page, LIST, /Safari on iPhone[^]*Sign out/, 10 * SECOND);
    await click(page, "#second");
    await shows(page, LIST, /(on Linux[^]*){2}/, 3 * SECOND);
    await signOut(page, 'user-sessions >>> [aria-label="Sign out of Safari on iPhone"]');
    await shows(page, LIST, /Signed out of Safari on iPhone\.\s+Sign out everywhere else$/);
    assert.equal(await listed(page), 2);
    assert.equal((await api(`/user-sessions/${phone}`)).state, "ended");
    await login();
    await signOut(page, part("sign-out-others"));
    await shows(page, LIST, /Signed out of 2 other sessions\. You are signed in nowhere else\.$/);
    const [own, ...others] = await api("/user-sessions");
    assert.deepEqual(await chain(page), [own.sessionId]);
    assert.deepEqual(others, []);
    assert.equal(await text(page, "#state"), "● Live");
    await signOut(page, part("sign-out"));
    await shows(page, "#state", /Ended/, 3 * SECOND);
    assert.equal(await text(page, LIST), "You are signed out in this browser.");
    assert.deepEqual(await api("/user-sessions"), []);
    await page.reload();
    await shows(page, "#state", /Ended/);
    await click(page, "#again");
    await shows(page, LIST, /this browser/, 3 * SECOND);
  });

  test("times in the list are the demo's", async (t) => {
    const { signedIn, api } = await world(t);
    // To noon: what follows is of one day.
    const now = Date.parse((await api("/controls/clock")).now) / SECOND;
    const advanceSeconds = Math.ceil(3 * 86_400 - (now % 86_400) + 43_200);
    await api("/controls/clock", { method: "POST", body: { advanceSeconds } });
    const page = await signedIn();
    await api("/auth/login", { method: "POST", headers: { "user-agent": IPHONE } });
    await api("/controls/clock", { method: "POST", body: { advanceSeconds: 600 } });
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    // Of another day it would say which.
    await shows(page, LIST, /Started \d\d:\d\d · last active 10 minutes ago, \d\d:\d\d\s/, 10 * SECOND);
  });

  test("another tab is the same user, and reacts at once", async (t) => {
    const { signedIn, open } = await world(t);
    const page = await signedIn();
    const opened = await open();
    await shows(opened, "#state", /Live/);
    assert.deepEqual(await chain(opened), await chain(page));
    await click(page, "#second");
    await shows(opened, LIST, /(on Linux[^]*){2}/, 3 * SECOND);
    await signOut(opened, `${part("session")}:last-child button`);
    await until(async () => (await listed(page)) === 1, "the first tab has heard", 3 * SECOND);
    await tries(page, "hour");
    await shows(opened, "#state", /Expired/, 3 * SECOND);
    await click(opened, "#beat");
    await until(async () => (await chain(page)).length === 2, "the first tab has the new id", 3 * SECOND);
    await shows(page, "#state", /Live/, 3 * SECOND);
    await click(page, "#end");
    await shows(opened, "#state", /Ended/, 2 * SECOND);
    assert.equal(await text(opened, "#over"), "This session was ended. Sign in again.");
    assert.match(await text(opened, "#try-why"), /sign in again/);
    await click(opened, "#again");
    await shows(page, "#state", /Live/, 3 * SECOND);
    assert.equal((await chain(page)).length, 1, "another visit");
    await click(opened, "#sign-out");
    await page.waitForSelector("#username", { visible: true, timeout: 3 * SECOND });
  });

  test("a browser that is signed out from elsewhere says so", async (t) => {
    const { signedIn, newProfile } = await world(t);
    const page = await signedIn();
    const other = await signedIn({ as: await newProfile() });
    await until(async () => (await listed(page)) === 2, "the other one is listed", 10 * SECOND);
    await signOut(page, part("sign-out-others"));
    await shows(other, "#state", /Ended/, 10 * SECOND);
    await shows(other, LIST, /^You are signed out in this browser: ended on another device\.$/, 3 * SECOND);
    const why = "This session was ended on another device, with all others. Sign in again.";
    assert.equal(await text(other, "#over"), why);
    assert.equal(await text(page, "#state"), "● Live");
    await other.reload();
    await shows(other, "#state", /Ended/);
    assert.equal(await text(other, "#over"), why);
    await click(other, "#again");
    await shows(other, "#state", /Live/);
    await shows(other, LIST, /this browser/, 3 * SECOND);
  });

  test("too many sessions end the oldest, which says so and stays ended until its user wants another", async (t) => {
    const { signedIn, api } = await world(t);
    const page = await signedIn();
    const [oldest] = await chain(page);
    // As many as a user may have, by the template.
    await Promise.all(Array.from({ length: 100 }, () => api("/auth/login", { method: "POST" })));
    await shows(page, "#state", /Ended/, 10 * SECOND);
    const why = /^Too many sessions: this one was the least recently active, and was ended\./;
    await shows(page, "#over", why, 3 * SECOND);
    await shows(page, LIST, /^You are signed out in this browser: too many sessions\.$/, 3 * SECOND);
    assert.equal((await api(`/user-sessions/${oldest}`)).endReason, "limit");
    await new Promise((resolve) => setTimeout(resolve, 6 * SECOND));
    assert.equal((await api("/user-sessions")).length, 100, "nothing has started another one");
    await click(page, "#again");
    await shows(page, "#state", /Live/);
    assert.equal((await api("/user-sessions")).length, 100, "it took the place of the oldest");
  });

  test("the line of figures moves within seconds, and is the API's", async (t) => {
    const { signedIn, today } = await world(t);
    const before = await today();
    const page = await signedIn();
    const line = async () => {
      const { totalSessions, renewedSessions, engagementRate } = await today();
      const sessions = `${totalSessions.toLocaleString("en")} session${totalSessions === 1 ? "" : "s"}`;
      return `${sessions}, ${renewedSessions} renewed, ${Math.round(engagementRate)} % engaged`;
    };
    const settle = () =>
      until(
        async () => (await text(page, "#figures")).endsWith(await line()),
        "the figures are the API's",
        10 * SECOND,
      );
    await until(async () => (await today()).totalSessions > before.totalSessions, "the login is counted");
    await settle();
    const first = await today();
    await tries(page, "wake");
    await click(page, "#engage");
    await until(async () => (await today()).engagedSessions > first.engagedSessions, "the API has counted");
    await settle();
    const last = await today();
    if (last.startDate !== first.startDate) return t.diagnostic("the demo's day ended meanwhile");
    assert.equal(last.renewedSessions, first.renewedSessions + 1);
    assert.equal(last.totalSessions, first.totalSessions + 1);
  });

  test("empty again: no session, no figure, signed out in all tabs, and the clock stays", async (t) => {
    const { signedIn, open, api, today } = await world(t);
    const page = await signedIn();
    const opened = await open();
    await shows(opened, "#state", /Live/);
    await tries(page, "wake");
    const { now } = await api("/controls/clock");
    await click(page, "#reset button");
    for (const tab of [page, opened]) await tab.waitForSelector("#username", { visible: true, timeout: 5 * SECOND });
    assert.deepEqual(await api("/user-sessions"), []);
    assert.equal((await today()).totalSessions, 0);
    assert.ok((await api("/controls/clock")).now >= now, "the clock went back");
    assert.equal(await text(page, "#said"), "");
    assert.equal(await page.$eval("user-sessions", (list) => list.checkVisibility()), false);
    await signIn(page, "somebody");
    await shows(page, "#figures", /: 1 session, 0 renewed, 0 % engaged/);
    await until(async () => (await listed(page)) > 0, "the list is there");
    assert.equal(await listed(page), 1);
    assert.equal((await chain(page)).length, 1);
  });

  test("a reload, and another tab, keep user, session and chain", async (t) => {
    const { signedIn, user } = await world(t);
    const page = await signedIn();
    await tries(page, "wake");
    const ids = await chain(page);
    await page.reload();
    await shows(page, "#state", /Live/);
    assert.deepEqual(await chain(page), ids);
    assert.equal(await text(page, "#name"), user);
    await shows(page, "#figures", /^Today/);
  });

  test("garbage in the storage is healed", async (t) => {
    const { signedIn } = await world(t);
    const page = await signedIn();
    await page.evaluate(() => {
      for (const name of Object.keys(localStorage))
        if (!name.endsWith("demo name")) localStorage.setItem(name, "{garbage");
    });
    await page.reload();
    await shows(page, "#state", /Live/);
    assert.equal((await chain(page)).length, 1);
    await page.evaluate(() => localStorage.setItem("user-sessions demo name", "x".repeat(300)));
    await page.reload();
    await page.waitForSelector("#username", { visible: true });
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    await page.waitForSelector("#username", { visible: true });
  });

  test("a server that is gone is said calmly, and asked again", async (t) => {
    const { signedIn } = await world(t, /ERR_INTERNET_DISCONNECTED/);
    const page = await signedIn();
    await page.setOfflineMode(true);
    await click(page, "#beat");
    await shows(page, "#notice", /The server does not answer\. Trying again every few seconds\./, 12 * SECOND);
    assert.equal(await text(page, "#state"), "● Live");
    // The list stays, unless it was just being asked for again.
    assert.match(await text(page, LIST), /this browser|could not be loaded/);
    await page.setOfflineMode(false);
    await until(() => page.$eval("#notice", ({ hidden }) => hidden), "it is back", 12 * SECOND);
    await shows(page, LIST, /this browser/, 12 * SECOND);
    await click(page, "#beat");
    await shows(page, "#facts", /Last answer\s+active · (just now|[2-5] s ago)/);
  });

  test("a token that is refused is replaced without a word", async (t) => {
    const { signedIn } = await world(t, /401/);
    const page = await signedIn();
    // The provider's tokens of one second are the same.
    const before = await seconds(page);
    await until(async () => (await seconds(page)) <= before - 2, "another token is another");
    await page.setRequestInterception(true);
    const asked = [];
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      asked.push(pathname);
      const isFirst = asked.filter((path) => path === pathname).length === 1;
      if (pathname.includes("/heartbeat/") && isFirst) {
        request.respond({ status: 401, contentType: "application/json", body: '{"message":"Unauthorized"}' });
      } else request.continue();
    });
    await click(page, "#beat");
    await until(async () => asked.filter((path) => path.includes("/heartbeat/")).length === 2, "it was sent again");
    assert.ok(asked.includes("/oauth2/token"));
    await shows(page, "#facts", /Last answer\s+active/);
    assert.equal(await text(page, "#notice"), "");
    assert.equal(await text(page, "#state"), "● Live");
  });
});
