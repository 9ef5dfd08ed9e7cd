// The demo page of the local server, as a person uses it; what it says is compared with what the API says.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { startBrowser, startServer, tokenOf, until } from "./support.mjs";

const run = promisify(execFile);
const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
const SHOTS = process.env.SHOTS;
const SECOND = 1_000;

let server;
let chromium;
before(async () => ([server, chromium] = await Promise.all([startServer(3_600), startBrowser()])));
after(() => Promise.all([server?.stop(), chromium?.stop()]));

/**
 * Windows of one browser's profile, a user, and the API as that user. A page fails that asked another origin, violated
 * the policy, or wrote an error to the console that is not `expected`: an answer that is lost on purpose is one.
 */
async function world(context, expected = /ERR_EMPTY_RESPONSE/) {
  const user = `user-${randomUUID().slice(0, 8)}`;
  const token = await tokenOf(server, user);
  const reader = await tokenOf(server, user, { scope: "metrics:read" });
  const wrongs = [];
  const profiles = [];
  const newProfile = async () => {
    const profile = await chromium.browser.createBrowserContext();
    profiles.push(profile);
    return profile;
  };
  const profile = await newProfile();
  context.after(async () => {
    await Promise.all(profiles.map((one) => one.close()));
    assert.deepEqual(wrongs, []);
  });

  async function open({ as = profile, inject, width = 1_280, height = 900, features = [] } = {}) {
    const page = await as.newPage({ type: "window" });
    page.on("console", (message) => {
      const isWrong = ["error", "warn"].includes(message.type());
      if (isWrong && !expected.test(message.text())) wrongs.push(message.text());
    });
    page.on("pageerror", (error) => wrongs.push(error.message));
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== server.url && protocol !== "data:") wrongs.push(`asked ${request.url()}`);
    });
    await page.evaluateOnNewDocument(() =>
      addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
        console.error(`policy: ${violatedDirective} ${blockedURI}`),
      ),
    );
    if (inject) await page.evaluateOnNewDocument(inject);
    await page.setViewport({ width, height, isMobile: width < 500, hasTouch: width < 500 });
    await page.emulateMediaFeatures(features);
    await page.goto(`${server.url}/`);
    return page;
  }

  async function signedIn(options) {
    const page = await open(options);
    await signIn(page, user);
    return page;
  }

  const api = async (path, { method = "GET", body, as = token, headers = {} } = {}) => {
    const response = await fetch(`${server.url}/demo${path}`, {
      method,
      headers: { authorization: `Bearer ${as}`, ...(body && { "content-type": "application/json" }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    return response.json();
  };
  const today = async () => {
    const { now } = await api("/controls/clock");
    const day = now.slice(0, 10);
    return (await api(`/metrics/sessions?startDate=${day}&endDate=${day}`, { as: reader })).data;
  };
  return { user, open, signedIn, api, today, profile, newProfile };
}

async function signIn(page, user) {
  await page.waitForSelector("#username", { visible: true });
  await page.$eval("#username", (input) => (input.value = ""));
  await page.type("#username", user);
  await click(page, "#sign-in button");
  await shows(page, "#state", /Live/);
}

/** What is seen, with plain spaces. */
const text = (page, selector) => page.$eval(selector, (element) => element.innerText.replace(/\u00a0/g, " ").trim());
/** Waits until that says so. */
const shows = (page, selector, pattern, ms) =>
  until(async () => pattern.test(await text(page, selector)), `${selector} says ${pattern}`, ms).catch(
    async (error) => {
      throw new Error(`${error.message}, but "${await text(page, selector)}"`);
    },
  );
/** Clicks on what stands still: what is read meanwhile makes lists above longer. */
async function click(page, selector) {
  const place = () => page.$eval(selector, (element) => JSON.stringify(element.getBoundingClientRect()));
  await until(async () => {
    const before = await place();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return before === (await place());
  }, `${selector} stands still`);
  await page.click(selector);
}

/** Runs one of what is hard to wait for. */
async function tries(page, name) {
  await click(page, `#${name} button`);
  await shows(page, `#${name} .out`, /./);
  return text(page, `#${name} .out`);
}
const isDisabled = (page, selector) => page.$eval(selector, (button) => button.ariaDisabled === "true");
const chain = (page) => page.$$eval("#chain li", (items) => items.map(({ dataset }) => dataset.id));
const tail = (id) => `…${id.slice(-4)}`;
const seconds = (page) =>
  page.$eval("#ring .left", ({ textContent }) => {
    const [minutes, rest] = textContent.split(":").map(Number);
    return minutes * 60 + rest;
  });
async function shot(page, name) {
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

async function serious(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run());
  const found = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = found.map(({ id, nodes }) => `${where}: ${id} ${nodes.map(({ target }) => target).join(" ")}`);
  assert.deepEqual(told, []);
}

describe("demo", () => {
  test("a first visit is a live session after one click, and shows what the API says", async (t) => {
    const { open, api, user } = await world(t);
    const page = await open();
    await page.waitForSelector("#username", { visible: true });
    assert.equal(await text(page, "h1"), "A visit goes on, whatever its id");
    assert.equal(await isDisabled(page, "#hour button"), true);
    assert.equal(await text(page, "#hour .why"), "Sign in first.");
    await signIn(page, user);
    const [session, ...others] = await api("/user-sessions");
    assert.deepEqual(others, []);
    assert.deepEqual(await chain(page), [session.sessionId]);
    assert.match(await text(page, "#facts"), new RegExp(`${tail(session.sessionId)} copy[^]*Engaged\\s+not yet`));
    const left = await seconds(page);
    assert.ok(left > 3_580 && left <= 3_600, `${left} seconds until it expires`);
    const name = await page.$eval("#ring", (ring) => ring.getAttribute("aria-label"));
    assert.match(name, /^(59|60) minutes until it expires$/);
    await shows(page, "#sessions", /on Linux this browser/);

    const shown = await page.evaluate(() => document.body.innerText + JSON.stringify(localStorage));
    assert.doesNotMatch(shown, /eyJ/, "a token is on the page, or stored");
    await click(page, "#engage");
    await shows(page, "#facts", /Engaged\s+yes/);
    assert.equal((await api(`/user-sessions/${session.sessionId}`)).contentEngaged, true);
    assert.equal(await isDisabled(page, "#engage"), true);
    await click(page, "#beat");
    await shows(page, "#facts", /Last answer\s+active · just now/);
  });

  test("the ring runs down, and its name is told once a minute at most", async (t) => {
    const { signedIn } = await world(t);
    const page = await signedIn();
    const before = await seconds(page);
    await page.evaluate(() => {
      window.names = 0;
      new MutationObserver(() => window.names++).observe(document.querySelector("#ring"), {
        attributeFilter: ["aria-label"],
      });
      window.live = 0;
      const observer = new MutationObserver(() => window.live++);
      const options = { childList: true, characterData: true, subtree: true };
      for (const region of document.querySelectorAll("[role=status], [role=log], [aria-live]"))
        observer.observe(region, options);
    });
    await until(async () => (await seconds(page)) <= before - 3, "three seconds are gone");
    assert.equal(await page.evaluate(() => window.names), 0);
    assert.equal(await page.evaluate(() => window.live), 0, "a live region speaks with nothing done");
  });

  test("an hour passes: expired, renewed by a heartbeat, and the chain grows", async (t) => {
    const { signedIn, api } = await world(t);
    const page = await signedIn();
    const [first] = await chain(page);
    await tries(page, "hour");
    assert.match(await text(page, "#hour .out"), /^61 minutes passed, and the session expired\.$/);
    assert.equal(await text(page, "#state"), "Expired");
    assert.equal((await api(`/user-sessions/${first}`)).state, "expired");
    assert.match(await text(page, "#hour .why"), /heartbeat renews it/);
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
    assert.match(await text(page, "#replay .why"), /^One id so far/);
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
    await shows(page, "#sessions", /Safari on iPhone[^]*Sign out/, 10 * SECOND);
    await click(page, "#second");
    await shows(page, "#sessions", /(on Linux[^]*){2}/);
    await click(page, `#sessions [data-id="${phone}"] button`);
    await until(async () => !/iPhone/.test(await text(page, "#sessions")), "the phone is gone");
    assert.equal((await api(`/user-sessions/${phone}`)).state, "ended");
    await login();
    await click(page, "#end-others");
    await shows(page, "#end-others-why", /There is no other session/);
    const [own, ...others] = await api("/user-sessions");
    assert.deepEqual(await chain(page), [own.sessionId]);
    assert.deepEqual(others, []);
    assert.equal(await text(page, "#state"), "● Live");
  });

  test("another tab is the same user, and reacts at once", async (t) => {
    const { signedIn, open } = await world(t);
    const page = await signedIn();
    const opened = await open();
    await shows(opened, "#state", /Live/);
    assert.deepEqual(await chain(opened), await chain(page));
    await tries(page, "hour");
    await shows(opened, "#state", /Expired/, 3 * SECOND);
    await click(opened, "#beat");
    await until(async () => (await chain(page)).length === 2, "the first tab has the new id", 3 * SECOND);
    await shows(page, "#state", /Live/, SECOND);
    await click(page, "#end");
    await shows(opened, "#state", /Ended/, 2 * SECOND);
    assert.equal(await text(opened, "#over"), "This session was ended. Sign in again.");
    assert.match(await text(opened, "#hour .why"), /sign in again/);
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
    await page.waitForFunction(() => document.querySelectorAll("#sessions li").length === 2, { timeout: 10 * SECOND });
    await click(page, "#end-others");
    await shows(other, "#state", /Ended/, 10 * SECOND);
    assert.equal(await text(page, "#state"), "● Live");
    await other.reload();
    await shows(other, "#state", /Ended/);
    await click(other, "#again");
    await shows(other, "#state", /Live/);
  });

  test("the line of figures moves within seconds, and is the API's", async (t) => {
    const { signedIn, today } = await world(t);
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

  test("what was said can be pasted into a terminal", async (t) => {
    const { signedIn, profile } = await world(t);
    await profile.overridePermissions(server.url, ["clipboard-read", "clipboard-sanitized-write"]);
    const page = await signedIn();
    const [id] = await chain(page);
    await click(page, "#beat");
    await shows(page, "#said", /heartbeat/);
    const copied = async (find) => {
      const button = await page.evaluateHandle(find);
      await button.click();
      await until(() => button.evaluate(({ innerText }) => /copied/.test(innerText)), "it is copied");
      return page.evaluate(() => navigator.clipboard.readText());
    };
    const forToken = await copied(() => document.querySelector("#token button"));
    const entry = () => [...document.querySelectorAll("#said li")].find((item) => /heartbeat/.test(item.innerText));
    const command = await copied(new Function(`return (${entry})().querySelector("button")`));
    assert.ok(command.includes(`/demo/user-sessions/heartbeat/${id}`), command);
    const { stdout } = await run("bash", ["-c", `${forToken}\n${command.replace("curl ", "curl -s ")}`]);
    assert.deepEqual(JSON.parse(stdout), { status: "active", needsNewSession: false });

    const reader = await copied(() => document.querySelector("#reader button"));
    const metrics = await copied(() =>
      [...document.querySelectorAll("#said li")]
        .find((item) => /\/metrics\//.test(item.innerText))
        .querySelector("button"),
    );
    const read = await run("bash", ["-c", `${reader}\n${metrics.replace("curl ", "curl -s ")}`]);
    assert.equal(JSON.parse(read.stdout).status, "success");

    // Shown short, selected whole.
    const selected = await page.evaluate((item) => {
      getSelection().selectAllChildren(new Function(`return (${item})()`)().querySelector("pre"));
      return String(getSelection());
    }, String(entry));
    assert.ok(selected.includes(id), selected);
    assert.equal(await copied(() => document.querySelector("#chain button")), id);
  });

  test("at most 50 calls are kept, and no read that says nothing new", async (t) => {
    const { signedIn } = await world(t);
    const page = await signedIn();
    const count = () => page.$$eval("#said > li", ({ length }) => length);
    await until(async () => /metrics/.test(await text(page, "#said")), "the figures were read");
    // Figures are looked at for some seconds after something was done, and the list every five.
    await new Promise((resolve) => setTimeout(resolve, 7 * SECOND));
    const before = await count();
    await new Promise((resolve) => setTimeout(resolve, 6 * SECOND));
    assert.equal(await count(), before);
    const beat = async () => {
      await click(page, "#beat");
      await shows(page, "#facts", /Last answer\s+active · just now/);
      return count();
    };
    await until(async () => (await beat()) >= 50, "fifty are there", 60 * SECOND);
    for (let more = 0; more < 5; more++) await beat();
    assert.equal(await count(), 50);
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
    await signIn(page, "somebody");
    await shows(page, "#figures", /: 1 session, 0 renewed, 0 % engaged/);
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
    await page.evaluate(() => localStorage.setItem("user-sessions demo name", "not a name\u0000"));
    await page.reload();
    await page.waitForSelector("#username", { visible: true });
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    await page.waitForSelector("#username", { visible: true });
  });

  test("a name that can be no user's id is refused with a reason", async (t) => {
    const { open } = await world(t);
    const page = await open();
    await page.waitForSelector("#username", { visible: true });
    for (const name of ["two words", "Zoë"]) {
      await page.$eval("#username", (input) => (input.value = ""));
      await page.type("#username", name);
      await page.keyboard.press("Enter");
      await shows(page, "#username-hint", /without spaces/);
    }
    await page.$eval("#username", (input) => (input.value = ""));
    await page.type("#username", "o'neill&co+1%");
    await page.keyboard.press("Enter");
    await shows(page, "#state", /Live/);
    assert.equal(await text(page, "#name"), "o'neill&co+1%");
    const command = await page.$eval("#token code", ({ textContent }) => textContent);
    const { stdout } = await run("bash", ["-c", `${command}; echo "$token"`]);
    assert.equal(JSON.parse(Buffer.from(stdout.split(".")[1], "base64url")).sub, "o'neill&co+1%");
  });

  test("a server that is gone is said calmly, and asked again", async (t) => {
    const { signedIn } = await world(t, /ERR_INTERNET_DISCONNECTED/);
    const page = await signedIn();
    await page.setOfflineMode(true);
    await click(page, "#beat");
    await shows(page, "#notice", /The server does not answer\. Trying again every few seconds\./, 12 * SECOND);
    assert.equal(await text(page, "#state"), "● Live");
    await page.setOfflineMode(false);
    await until(() => page.$eval("#notice", ({ hidden }) => hidden), "it is back", 12 * SECOND);
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

  test("motion is left out where it is not wanted", async (t) => {
    const { signedIn } = await world(t);
    for (const value of ["reduce", "no-preference"]) {
      const features = [{ name: "prefers-reduced-motion", value }];
      const page = await signedIn({ features, as: await (await world(t)).newProfile() });
      await page.evaluate(() => {
        window.animated = [];
        for (const type of ["animationstart", "transitionrun"]) {
          document.addEventListener(type, ({ target }) =>
            window.animated.push(`${type} ${target.className.baseVal ?? target.className}`),
          );
        }
      });
      await tries(page, "wake");
      const animated = new Set(await page.evaluate(() => window.animated));
      assert.deepEqual([...animated].sort(), value === "reduce" ? [] : ["animationstart new", "transitionrun arc"]);
      await page.close();
    }
  });

  test("the keyboard alone is enough, and never loses its place", async (t) => {
    const { open, user } = await world(t);
    const page = await open();
    await page.waitForSelector("#username", { visible: true });
    const focused = () =>
      page.evaluate(
        () =>
          document.activeElement.id || document.activeElement.parentElement.id || document.activeElement.textContent,
      );
    /** Goes there by Tab. */
    const reach = async (place) => {
      for (let pressed = 0; pressed < 60; pressed++) {
        if ((await focused()) === place) return;
        await page.keyboard.press("Tab");
        const outline = await page.evaluate(
          () => document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle,
        );
        assert.notEqual(outline, "none", `no outline at ${await focused()}`);
      }
      assert.fail(`${place} is not reached`);
    };
    assert.equal(await focused(), "username", "a name can be typed at once");
    await page.keyboard.down("Control");
    await page.keyboard.press("KeyA");
    await page.keyboard.up("Control");
    await page.keyboard.type(user);
    await page.keyboard.press("Enter");
    await shows(page, "#state", /Live/);
    await until(async () => (await focused()) === "beat", "the next thing to do has the focus");
    await reach("hour");
    await page.keyboard.press("Enter");
    await shows(page, "#state", /Expired/);
    assert.equal(await focused(), "hour", "a button that is not allowed now keeps the focus");
    await reach("beat");
    await page.keyboard.press("Enter");
    await shows(page, "#state", /Live/);
    assert.equal(await focused(), "beat");
    assert.equal((await chain(page)).length, 2);
    await reach("second");
    await page.keyboard.press("Space");
    await page.waitForFunction(() => document.querySelectorAll("#sessions li").length === 2);
    await page.keyboard.down("Shift");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.up("Shift");
    assert.equal(await focused(), "Sign out");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll("#sessions li").length === 1);
    assert.equal(await focused(), "end-others", "the focus of what is gone goes on to the next");
    await reach("end");
    await page.keyboard.press("Enter");
    await shows(page, "#state", /Ended/);
    await until(async () => (await focused()) === "again", "signing in again has the focus");
    // An id is whole while it has the focus.
    await page.keyboard.press("Enter");
    await shows(page, "#state", /Live/);
    const id = (await chain(page))[0];
    assert.equal((await text(page, "#chain")).includes(id), false);
    for (let pressed = 0; pressed < 60; pressed++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(() => document.activeElement.matches("#chain button"))) break;
    }
    assert.equal((await text(page, "#chain")).includes(id), true);
  });

  test("axe finds nothing serious: light, dark, wide, narrow, in each state", async (t) => {
    for (const scheme of ["light", "dark"]) {
      for (const width of [1_280, 390]) {
        const { open, user, api } = await world(t);
        const page = await open({ width, features: [{ name: "prefers-color-scheme", value: scheme }] });
        const at = `${scheme} ${width}`;
        await page.waitForSelector("#username", { visible: true });
        await serious(page, `${at} signed out`);
        await shot(page, `${scheme}-${width}-signed-out`);
        const elsewhere = () => api("/auth/login", { method: "POST", headers: { "user-agent": IPHONE } });
        await elsewhere();
        await signIn(page, user);
        await serious(page, `${at} live`);
        await tries(page, "hour");
        await serious(page, `${at} expired`);
        await shot(page, `${scheme}-${width}-expired`);
        await tries(page, "wake");
        await tries(page, "lose");
        await elsewhere();
        await tries(page, "replay");
        await shows(page, "#sessions", /iPhone/);
        await serious(page, `${at} tried`);
        await shot(page, `${scheme}-${width}-tried`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${wide} pixels on a screen of ${width}`);
        await click(page, "#end");
        await shows(page, "#state", /Ended/);
        await serious(page, `${at} ended`);
        await shot(page, `${scheme}-${width}-ended`);
        await page.close();
      }
    }
  });

  test("it is painted before its scripts, within a second", async (t) => {
    const { open, newProfile } = await world(t);
    const page = await open();
    const tries = [];
    for (let loads = 0; loads < 3; loads++) {
      await page.reload();
      await page.waitForSelector("#username", { visible: true });
      tries.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    }
    const sizes = await page.evaluate(() =>
      [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .filter(({ name }) => name.startsWith(location.origin))
        .map(({ name, decodedBodySize }) => `${new URL(name).pathname} ${decodedBodySize}`),
    );
    t.diagnostic(`first paint after ${tries.map(Math.round).join(", ")} ms; ${sizes.join(", ")} bytes`);
    assert.ok(Math.min(...tries) < 1_000);
    // With its scripts held up, what is static is there.
    const bare = await (await newProfile()).newPage({ type: "window" });
    await bare.setRequestInterception(true);
    bare.on("request", (request) => request.resourceType() !== "script" && request.continue());
    bare.goto(`${server.url}/`).catch(() => undefined);
    await until(() => bare.url() !== "about:blank", "it is on its way");
    await until(
      () => bare.evaluate(() => document.querySelector("#skeleton")?.checkVisibility()),
      "the frame is there",
    );
    assert.match(await text(bare, "main"), /A visit goes on[^]*Let the hour pass/);
  });
});
