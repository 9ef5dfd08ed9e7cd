// The list of a user's sessions, on a page with a strict policy, as a person uses it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as support from "./support.mjs";

const { current, heldUp, until } = support;
const TIMEOUT_SECONDS = 3_600;
const SHORT_SECONDS = 3;

const AGENTS = {
  "Safari on iPhone":
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
  "Firefox on Windows 10": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
};
const [IPHONE, WINDOWS] = Object.keys(AGENTS);
const HERE = "Chrome on Linux";

let all, axe;
before(async () => {
  axe = await readFile(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
  all = await support.startAll(TIMEOUT_SECONDS, SHORT_SECONDS);
});
after(() => all?.stop());

/** A user with sessions on these devices, the last one the most recent, and a page that shows them. */
async function show(t, { devices = [IPHONE, WINDOWS], settings = {}, seconds, wait = true, ...how } = {}) {
  const world = await all.world(t, seconds);
  const login = async (device) => {
    const headers = { authorization: `Bearer ${world.token}`, "user-agent": AGENTS[device] ?? device };
    const { body } = await (await fetch(`${world.server.url}/auth/login`, { method: "POST", headers })).json();
    return body.sessionId;
  };
  const ids = {};
  for (const device of devices) ids[device] = await login(device);
  const open = async (more) => {
    const page = await world.open(settings, { file: "element.html", ...how, ...more });
    await page.waitForFunction("window.isReady", { polling: 50 });
    return page;
  };
  const page = await open();
  if (wait) await until(async () => (await seen(page)).devices.length, "a list");
  const lists = () => world.proxy.asked.filter(({ path }) => path === "/user-sessions");
  return { ...world, page, ids, login, open, lists };
}

/** What a person sees, hears and has the focus on. */
const seen = (page) =>
  page.evaluate(() => {
    const root = element.shadowRoot;
    const part = (name, within = root) => within.querySelector(`[part~=${name}]`);
    const text = (name, within) => part(name, within)?.textContent;
    const dialog = part("dialog");
    const focused = root.activeElement;
    const items = [...root.querySelectorAll("li")];
    return {
      devices: items.map((item) => text("device", item)),
      here: items.filter((item) => text("current", item)).map((item) => text("device", item)),
      details: items.map((item) => text("details", item)),
      status: text("status"),
      others: text("sign-out-others"),
      retry: text("retry"),
      question: dialog.open ? text("question") : null,
      failure: dialog.open ? text("failure") : null,
      focus: focused && (focused.ariaLabel || focused.textContent),
    };
  });

/** Clicks what has this part; in a row of the list, if that is named. */
async function click(page, part, device, options) {
  const handle = await page.evaluateHandle(
    (part, device) => {
      const root = element.shadowRoot;
      const items = [...root.querySelectorAll("li")];
      const within = device ? items.find((item) => item.textContent.includes(device)) : root;
      return within.querySelector(`[part~=${part}]`);
    },
    part,
    device,
  );
  await handle.asElement().click(options);
}

/** Waits until what is seen has these values. */
async function sees(page, expected) {
  const names = Object.keys(expected);
  let last;
  try {
    await until(async () => {
      last = await seen(page);
      return names.every((name) => JSON.stringify(last[name]) === JSON.stringify(expected[name]));
    }, "what is seen", 5_000);
  } catch {
    assert.deepEqual(Object.fromEntries(names.map((name) => [name, last[name]])), expected);
  }
}

/**
 * Makes the page's client count its lists, and hold each answer that comes while it is told to. Not by the proxy: of
 * two equal requests the browser sends the second when the first is answered.
 */
const holdLists = (page, isHeld = true) =>
  page.evaluate((isHeld) => {
    const { list } = sessions;
    Object.assign(window, { asked: 0, isHeld, held: [] });
    sessions.list = async () => {
      asked++;
      const mine = isHeld;
      const answer = await list();
      if (mine) await new Promise((release) => held.push(release));
      return answer;
    };
  }, isHeld);
const release = (page) => page.evaluate(() => held.forEach((release) => release()));

const ended = (page) => page.evaluate(() => window.ended);
const ends = ({ proxy }) => proxy.of("/user-sessions/end/");
const soon = (ms = 300) => new Promise((resolve) => setTimeout(resolve, ms));

describe("the element", { concurrency: 3 }, () => {
  test("it lists the sessions, this browser's first, with one call and nothing that the policy forbids", async (t) => {
    const { page, lists, proxy } = await show(t);
    const { devices, here, details, others, status } = await seen(page);
    assert.deepEqual([devices, here], [[HERE, WINDOWS, IPHONE], [HERE]]);
    assert.match(details[0], /^Started \d\d?:\d\d [AP]M · active now$/);
    assert.match(details[1], /^Started \d\d?:\d\d [AP]M · last active (this minute|1 minute ago), \d\d?:\d\d [AP]M$/);
    assert.deepEqual([others, status], ["Sign out everywhere else", ""]);
    await soon();
    assert.equal(lists().length, 1);
    assert.deepEqual(proxy.asked.map(({ path }) => path), ["/auth/login", "/user-sessions"]);
    assert.deepEqual(await page.evaluate(() => violations), []);
    assert.equal(await page.evaluate(() => document.querySelectorAll("style, [style]").length), 0);
  });

  test("a session that is found on the way to the list is no reason for another one", async (t) => {
    const { page, lists } = await show(t);
    const before = lists().length;
    // A client that has not asked yet who is signed in.
    await page.evaluate(() => (element.sessions = another()));
    await sees(page, { here: [HERE], devices: [HERE, WINDOWS, IPHONE] });
    await soon();
    assert.equal(lists().length, before + 1);
  });

  test("one session is signed out after a yes, and the next one has the focus", async (t) => {
    const { page, ids, api, login } = await show(t, { devices: [IPHONE] });
    // More than a list had when it was asked for.
    ids[WINDOWS] = await login(WINDOWS);
    await page.evaluate(() => element.reload());
    await sees(page, { here: [HERE], devices: [HERE, WINDOWS, IPHONE] });
    await click(page, "sign-out", WINDOWS);
    await sees(page, { question: `Sign out of ${WINDOWS}?`, focus: "Cancel" });
    await click(page, "confirm");
    await sees(page, {
      devices: [HERE, IPHONE],
      status: `Signed out of ${WINDOWS}.`,
      question: null,
      focus: `Sign out of ${IPHONE}`,
    });
    assert.deepEqual(await ended(page), [{ what: "one", id: ids[WINDOWS], count: 1 }]);
    assert.equal((await api(`/user-sessions/${ids[WINDOWS]}`)).state, "ended");
    assert.equal((await api("/user-sessions")).length, 2);
    await click(page, "sign-out", IPHONE);
    await sees(page, { status: "" });
    await click(page, "confirm");
    await sees(page, {
      devices: [HERE],
      status: `Signed out of ${IPHONE}. You are signed in nowhere else.`,
      others: undefined,
      focus: "Your sessions",
    });
  });

  test("a no changes nothing and gives the focus back", async (t) => {
    const world = await show(t);
    const { page } = world;
    await click(page, "sign-out", IPHONE);
    await click(page, "cancel");
    await sees(page, { question: null, focus: `Sign out of ${IPHONE}` });
    await click(page, "sign-out-others");
    await page.keyboard.press("Escape");
    await sees(page, { question: null, focus: "Sign out everywhere else", devices: [HERE, WINDOWS, IPHONE] });
    await soon();
    assert.deepEqual([world.proxy.of("/end"), await ended(page)], [[], []]);
  });

  test("a double click asks once, and answers for nobody", async (t) => {
    const world = await show(t);
    const { page, proxy } = world;
    const answer = heldUp();
    proxy.disturb = ({ path }) => path.includes("/end/") && { after: answer.promise };
    // The question is moved so that its yes is where the button was: the second click hits it.
    await click(page, "sign-out", IPHONE);
    await page.evaluate(() => {
      const find = (selector) => element.shadowRoot.querySelector(selector);
      const [dialog, confirm] = [find("dialog"), find("[part~=confirm]")];
      const button = find("li:last-child button").getBoundingClientRect();
      dialog.style.margin = "0";
      const { left, top } = confirm.getBoundingClientRect();
      dialog.style.margin = `${button.top - top}px 0 0 ${button.left - left}px`;
    });
    await page.keyboard.press("Escape");
    await click(page, "sign-out", IPHONE, { count: 2 });
    await sees(page, { question: `Sign out of ${IPHONE}?` });
    await soon();
    assert.equal(ends(world).length, 0);
    await click(page, "confirm", null, { count: 2 });
    await until(() => ends(world).length, "an end");
    await click(page, "confirm");
    // Closed and asked anew while the first is on its way.
    await page.keyboard.press("Escape");
    await click(page, "sign-out", IPHONE);
    await click(page, "confirm");
    await soon();
    assert.equal(ends(world).length, 1);
    answer.release();
    await sees(page, { devices: [HERE, WINDOWS], question: null, status: `Signed out of ${IPHONE}.` });
    assert.equal((await ended(page)).length, 1);
  });

  test("everywhere else is signed out at once", async (t) => {
    const { page, api } = await show(t);
    await click(page, "sign-out-others");
    await sees(page, { question: "Sign out of 2 other sessions?" });
    await click(page, "confirm");
    await sees(page, {
      devices: [HERE],
      status: "Signed out of 2 other sessions. You are signed in nowhere else.",
      focus: "Your sessions",
    });
    assert.deepEqual(await ended(page), [{ what: "others", id: null, count: 2 }]);
    const [only, ...more] = await api("/user-sessions");
    assert.deepEqual([only.sessionId, more], [await current(page), []]);
  });

  test("this browser is signed out as by logout, in each of its tabs", async (t) => {
    const { page, open, proxy, lists } = await show(t);
    const other = await open({ isWindow: true });
    await sees(other, { here: [HERE] });
    await click(other, "sign-out", IPHONE);
    await page.bringToFront();
    await click(page, "sign-out", HERE);
    await sees(page, { question: "Sign out of this browser?" });
    const id = await current(page);
    await click(page, "confirm");
    const over = { devices: [], question: null, status: "You are signed out in this browser." };
    await sees(page, { ...over, focus: over.status });
    await sees(other, over);
    await until(async () => (await ended(page)).length, "word of it");
    assert.deepEqual(await ended(page), [{ what: "current", id, count: 1 }]);
    assert.deepEqual([proxy.of("/auth/logout").length, proxy.of("/end").length], [1, 0]);
    const before = lists().length;
    await page.evaluate(() => element.reload());
    assert.equal(lists().length, before, "nothing more is asked for");
    await page.evaluate(() => sessions.login());
    for (const tab of [page, other]) await sees(tab, { here: [HERE], devices: [HERE, WINDOWS, IPHONE] });
  });

  test("a browser that another device has signed out says so", async (t) => {
    const { page, api } = await show(t, { settings: { heartbeatMs: 1_000, activity: "always" } });
    await api("/user-sessions/end-others", { method: "POST" });
    await sees(page, { devices: [], status: "You are signed out in this browser: ended on another device." });
    await page.evaluate(() => {
      element.texts = { over: (reason) => `Weil ${reason}` };
    });
    await sees(page, { status: "Weil ended_others" });
  });

  test("if the service cannot be told of it, this browser is signed out all the same", async (t) => {
    const { page, proxy } = await show(t);
    proxy.disturb = ({ path }) => path === "/auth/logout" && { status: 503 };
    await click(page, "sign-out", HERE);
    await click(page, "confirm");
    await sees(page, { devices: [], question: null, status: "You are signed out in this browser." });
    await until(async () => (await ended(page)).length, "word of it");
  });

  test("a list that fails says so, and a try again gets it", async (t) => {
    const { page, proxy } = await show(t);
    proxy.disturb = ({ path }) => path === "/user-sessions" && { status: 503 };
    await page.evaluate(() => element.reload());
    const failed = { status: "Your sessions could not be loaded.", retry: "Try again", devices: [], others: undefined };
    await sees(page, failed);
    await holdLists(page, false);
    const answer = heldUp();
    proxy.disturb = ({ path }) => path === "/user-sessions" && { before: answer.promise, status: 503 };
    await click(page, "retry");
    await sees(page, { status: "Loading your sessions…", focus: "Try again" });
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => asked), 1);
    answer.release();
    await sees(page, failed);
    proxy.disturb = () => undefined;
    await click(page, "retry");
    await sees(page, { devices: [HERE, WINDOWS, IPHONE], status: "", retry: undefined, focus: "Your sessions" });
  });

  test("an end that fails can be tried again where it was asked for", async (t) => {
    const world = await show(t);
    const { page, proxy } = world;
    proxy.disturb = ({ path }) => path.includes("/end/") && { status: 503 };
    await click(page, "sign-out", IPHONE);
    await click(page, "confirm");
    await sees(page, { failure: "That did not work. Try again.", focus: "Sign out", devices: [HERE, WINDOWS, IPHONE] });
    assert.deepEqual(await ended(page), []);
    await page.keyboard.press("Escape");
    await click(page, "sign-out", IPHONE);
    await sees(page, { question: `Sign out of ${IPHONE}?`, failure: "" });
    proxy.disturb = () => undefined;
    await click(page, "confirm");
    await sees(page, { devices: [HERE, WINDOWS], question: null });
    // Said below the list if the question was left meanwhile, and gone with the next one.
    const answer = heldUp();
    proxy.disturb = ({ path }) => path.includes("end-others") && { before: answer.promise, status: 503 };
    await click(page, "sign-out-others");
    await click(page, "confirm");
    await page.keyboard.press("Escape");
    answer.release();
    await sees(page, { question: null, status: "That did not work. Try again." });
    await click(page, "sign-out-others");
    await sees(page, { question: "Sign out of 1 other session?", failure: "", status: "" });
  });

  test("what the service no longer knows is signed out", async (t) => {
    const { page, proxy } = await show(t);
    await page.evaluate(() => {
      sessions.end = () => Promise.reject(Object.assign(new Error("Not found"), { code: "session_not_found" }));
    });
    await click(page, "sign-out", IPHONE);
    const answer = heldUp();
    proxy.disturb = ({ path }) => path === "/user-sessions" && { before: answer.promise };
    await click(page, "confirm");
    await sees(page, { devices: [HERE, WINDOWS], status: `Signed out of ${IPHONE}.` });
    answer.release();
  });

  test("with no session at all it says that", async (t) => {
    const { page } = await show(t, { devices: [], settings: { isLogin: false }, wait: false });
    await sees(page, { status: "You are signed in nowhere.", devices: [], others: undefined, retry: undefined });
  });

  test("without a client, or one whose user is unknown, it says what there is to say", async (t) => {
    const { page, lists, token } = await show(t);
    await page.evaluate(() => (window.token = null));
    await page.evaluate(() => element.reload());
    await sees(page, { status: "Your sessions could not be loaded.", devices: [] });
    await page.evaluate(() => (element.sessions = null));
    await sees(page, { status: "Loading your sessions…", retry: undefined });
    assert.equal(lists().length, 1);
    // What a client that was taken away still answers.
    await holdLists(page);
    await page.evaluate((token) => {
      window.token = token;
      element.sessions = sessions;
    }, token);
    await until(() => page.evaluate(() => held.length), "a list");
    await page.evaluate(() => (element.sessions = null));
    await release(page);
    await soon();
    await sees(page, { status: "Loading your sessions…", devices: [] });
  });

  test("an answer that is late is dropped", async (t) => {
    const { page } = await show(t);
    await holdLists(page);
    await page.evaluate(() => void element.reload());
    await until(() => page.evaluate(() => held.length), "the old list is on its way");
    await page.evaluate(() => (window.isHeld = false));
    await click(page, "sign-out", IPHONE);
    await click(page, "confirm");
    await sees(page, { devices: [HERE, WINDOWS] });
    await until(() => page.evaluate(() => asked === 2), "a new list");
    await soon();
    await release(page);
    await soon();
    await sees(page, { devices: [HERE, WINDOWS] });
  });

  test("a list that was asked for before this browser's login is asked for again", async (t) => {
    const { page, proxy, lists } = await show(t, { settings: { isLogin: false } });
    await sees(page, { here: [], devices: [WINDOWS, IPHONE] });
    const answer = heldUp();
    proxy.disturb = ({ path }) => path === "/user-sessions" && { after: answer.promise };
    await page.evaluate(() => void element.reload());
    await until(() => lists().length === 2 && lists()[1].answer, "a list without this browser");
    await page.evaluate(() => sessions.login());
    proxy.disturb = () => undefined;
    answer.release();
    await sees(page, { here: [HERE], devices: [HERE, WINDOWS, IPHONE] });
    assert.equal(lists().length, 3);
  });

  test("a tab that is shown again has what another one did meanwhile", async (t) => {
    const { page, open, lists } = await show(t);
    const other = await open();
    await sees(other, { here: [HERE] });
    await until(() => support.isHidden(page), "the first is hidden");
    const before = lists().length;
    await page.evaluate(() => element.reload());
    assert.equal(lists().length, before, "what nobody sees asks for nothing");
    await click(other, "sign-out", IPHONE);
    await click(other, "confirm");
    await sees(other, { devices: [HERE, WINDOWS] });
    assert.deepEqual((await seen(page)).devices, [HERE, WINDOWS, IPHONE]);
    await page.bringToFront();
    await sees(page, { devices: [HERE, WINDOWS] });
  });

  test("a page that is gone back to has what happened meanwhile", async (t) => {
    const { page, place, login } = await show(t, { devices: [IPHONE] });
    await page.evaluate(() => (window.isSame = true));
    await page.goto(place("elsewhere.html"));
    await login(WINDOWS);
    await page.goBack();
    await sees(page, { devices: [HERE, WINDOWS, IPHONE] });
    assert.ok(await page.evaluate(() => window.isSame), "it was kept");
  });

  test("two tabs that sign out the same at once agree", async (t) => {
    const world = await show(t);
    const { page, open, proxy } = world;
    const other = await open({ isWindow: true });
    await sees(other, { devices: [HERE, WINDOWS, IPHONE] });
    const answer = heldUp();
    proxy.disturb = ({ path }) => path.includes("/end/") && { before: answer.promise };
    for (const tab of [page, other]) {
      await tab.bringToFront();
      await click(tab, "sign-out", IPHONE);
      await click(tab, "confirm");
    }
    await until(() => ends(world).length === 2, "both ask");
    answer.release();
    for (const tab of [page, other]) await sees(tab, { devices: [HERE, WINDOWS], status: `Signed out of ${IPHONE}.` });
  });

  test("a renewal is followed: the same row by another id", async (t) => {
    const { page, lists } = await show(t, { seconds: SHORT_SECONDS, devices: [], settings: { heartbeatMs: 60_000 } });
    const former = await current(page);
    await soon(SHORT_SECONDS * 1_000 + 500);
    await page.evaluate(() => sessions.engaged());
    const id = await current(page);
    assert.notEqual(id, former);
    await until(() => lists().length === 2 && lists()[1].answer, "another list");
    await soon();
    await sees(page, { here: [HERE], devices: [HERE] });
    await click(page, "sign-out", HERE);
    await click(page, "confirm");
    await until(async () => (await ended(page)).length, "an end");
    assert.equal((await ended(page))[0].id, id);
  });

  test("an end by another device is seen with the next heartbeat, and closes what was asked", async (t) => {
    const { page, api } = await show(t, { settings: { heartbeatMs: 1_000 } });
    await click(page, "sign-out-others");
    await api(`/user-sessions/end/${await current(page)}`, { method: "POST" });
    const status = "You are signed out in this browser: ended on another device.";
    await sees(page, { devices: [], question: null, status });
  });

  test("all of it works by keyboard alone", async (t) => {
    const { page } = await show(t);
    const press = async (...keys) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    await press("Tab");
    await sees(page, { focus: `Sign out of ${HERE}` });
    await press("Tab", "Tab");
    await sees(page, { focus: `Sign out of ${IPHONE}` });
    await press("Enter");
    await sees(page, { question: `Sign out of ${IPHONE}?`, focus: "Cancel" });
    await press("Enter");
    await sees(page, { question: null, focus: `Sign out of ${IPHONE}` });
    await press("Space", "Tab");
    await sees(page, { question: `Sign out of ${IPHONE}?`, focus: "Sign out" });
    await press("Space");
    await sees(page, { devices: [HERE, WINDOWS], focus: `Sign out of ${WINDOWS}` });
    await press("Tab");
    await sees(page, { focus: "Sign out everywhere else" });
    await press("Enter", "Tab", "Enter");
    await sees(page, { devices: [HERE], focus: "Your sessions" });
    await press("Tab");
    await sees(page, { focus: `Sign out of ${HERE}` });
  });

  test("the row that has the focus keeps it while the list is shown anew", async (t) => {
    const { page, ids, api, login } = await show(t);
    await page.evaluate(() => {
      window.blurs = 0;
      const button = element.shadowRoot.querySelector("li:last-child button");
      button.addEventListener("blur", () => blurs++);
      button.focus();
    });
    await page.evaluate(() => element.reload());
    assert.equal(await page.evaluate(() => blurs), 0, "what has not changed is not touched");
    // The row itself moves up, and down again.
    for (const device of [IPHONE, WINDOWS]) {
      await api(`/user-sessions/heartbeat/${ids[device]}`, { method: "POST" });
      await page.evaluate(() => element.reload());
      const order = device === IPHONE ? [IPHONE, WINDOWS] : [WINDOWS, IPHONE];
      await sees(page, { devices: [HERE, ...order], focus: `Sign out of ${IPHONE}` });
    }
    // What is more recent stands above it, and what was above it is gone.
    await login("A device without a name");
    await api(`/user-sessions/end/${ids[WINDOWS]}`, { method: "POST" });
    await page.evaluate(() => element.reload());
    await sees(page, { devices: [HERE, "Unknown device", IPHONE], focus: `Sign out of ${IPHONE}` });
    // The question of it is left after it has gone.
    await page.keyboard.press("Enter");
    await api(`/user-sessions/end/${ids[IPHONE]}`, { method: "POST" });
    await page.evaluate(() => element.reload());
    await sees(page, { devices: [HERE, "Unknown device"], question: `Sign out of ${IPHONE}?` });
    await page.keyboard.press("Escape");
    await sees(page, { question: null, focus: "Sign out of Unknown device" });
  });

  test("who hears it is told what who sees it is shown", async (t) => {
    const { page } = await show(t);
    await click(page, "sign-out", IPHONE);
    const said = async (...roles) => {
      const found = [];
      const visit = ({ role, name, description, children = [] }) => {
        if (roles.includes(role)) found.push(description ? [role, name, description] : [role, name]);
        children.forEach(visit);
      };
      visit(await page.accessibility.snapshot({ interestingOnly: false }));
      return found;
    };
    const [[, name, description]] = await said("dialog");
    assert.equal(name, `Sign out of ${IPHONE}?`);
    assert.match(description, /^Started .* · last active /);
    const buttons = (await said("button")).map(([, name]) => name);
    assert.deepEqual(buttons, ["Cancel", "Sign out"], "nothing behind the question");
    await page.keyboard.press("Escape");
    await sees(page, { question: null });
    const rest = await said("list", "button", "status");
    assert.deepEqual(rest, [
      ["list", "Your sessions"],
      ...[HERE, WINDOWS, IPHONE].map((device) => ["button", `Sign out of ${device}`]),
      ["status", ""],
      ["button", "Sign out everywhere else"],
    ]);
  });

  for (const scheme of ["light", "dark"]) {
    test(`axe finds nothing serious in ${scheme}`, async (t) => {
      const { page, proxy } = await show(t);
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.evaluate(axe);
      const check = async (state) => {
        const { violations, passes } = await page.evaluate(() => window.axe.run());
        const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
        assert.deepEqual(serious.map(({ id, nodes }) => [state, id, nodes.map(({ html }) => html)]), []);
        const contrast = passes.find(({ id }) => id === "color-contrast");
        const isWithin = ({ target }) => target.flat()[0] === "user-sessions";
        assert.ok(contrast.nodes.some(isWithin), "it looks into the element");
      };
      await check("list");
      await click(page, "sign-out", IPHONE);
      await check("question");
      proxy.disturb = () => ({ status: 503 });
      await click(page, "confirm");
      await sees(page, { failure: "That did not work. Try again." });
      await check("failure");
      await page.keyboard.press("Escape");
      await page.evaluate(() => element.reload());
      await sees(page, { retry: "Try again" });
      await check("error");
      proxy.disturb = () => undefined;
      await click(page, "retry");
      await sees(page, { retry: undefined });
      await click(page, "sign-out", HERE);
      await click(page, "confirm");
      await sees(page, { status: "You are signed out in this browser." });
      await check("over");
    });
  }

  test("it may be loaded twice, and elements share one style sheet", async (t) => {
    const { page } = await show(t);
    const found = await page.evaluate(async () => {
      const first = customElements.get("user-sessions");
      await import("/client/element.js?again");
      const other = document.createElement("user-sessions");
      const [sheet] = element.shadowRoot.adoptedStyleSheets;
      const sheets = other.shadowRoot.adoptedStyleSheets;
      return [customElements.get("user-sessions") === first, sheets.length === 1 && sheets[0] === sheet];
    });
    assert.deepEqual(found, [true, true]);
  });

  test("in React it gets its properties, and its event is heard", async (t) => {
    const { page } = await show(t, { file: "element-react.html" });
    await sees(page, { devices: [HERE, WINDOWS, IPHONE], others: "Everywhere else" });
    await click(page, "sign-out-others");
    await click(page, "confirm");
    await sees(page, { devices: [HERE] });
    assert.deepEqual(await ended(page), [{ what: "others", id: null, count: 2 }]);
  });

  test("an element that is taken out of the page stops, and goes on elsewhere", async (t) => {
    const { page, lists, api } = await show(t);
    await click(page, "sign-out", IPHONE);
    const before = lists().length;
    await page.evaluate(async () => {
      element.remove();
      document.dispatchEvent(new Event("visibilitychange"));
      await sessions.engaged();
      await element.reload();
    });
    assert.equal(lists().length, before);
    await page.evaluate(() => document.body.append(element));
    await until(() => lists().length === before + 1, "it asks again");
    await sees(page, { devices: [HERE, WINDOWS, IPHONE], question: null });
    await holdLists(page, false);
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    assert.equal(await page.evaluate(() => asked), 1, "and no more than that");
    // Made and filled by a script, as frameworks do, without a session of the page's own.
    await page.evaluate(() => {
      element.remove();
      window.element = Object.assign(document.createElement("user-sessions"), { sessions });
      document.querySelector("main").append(element);
    });
    await sees(page, { devices: [HERE, WINDOWS, IPHONE] });
    assert.equal((await api("/user-sessions")).length, 3);
  });

  test("another client is another list, whatever the first one still answers", async (t) => {
    const world = await show(t);
    const { page, proxy } = world;
    const end = heldUp();
    proxy.disturb = ({ path }) => path.includes("/end/") && { after: end.promise };
    await click(page, "sign-out", IPHONE);
    await click(page, "confirm");
    await holdLists(page);
    await page.evaluate(() => void element.reload());
    await until(() => page.evaluate(() => held.length), "a list is on its way");
    await until(() => ends(world).length === 1, "and an end");
    await page.evaluate(() => {
      element.sessions = {
        list: async () => [],
        subscribe: () => {
          window.subscribed = true;
          return () => (window.subscribed = false);
        },
        getSnapshot: () => ({ id: null, state: "none", endReason: null }),
        current: null,
      };
    });
    const empty = { devices: [], status: "You are signed in nowhere.", question: null };
    await sees(page, empty);
    await release(page);
    end.release();
    await soon();
    await sees(page, empty);
    assert.deepEqual(await ended(page), []);
    assert.equal(await page.evaluate(() => window.subscribed), true);
    await page.evaluate(() => (element.sessions = null));
    assert.equal(await page.evaluate(() => window.subscribed), false);
  });

  test("texts can be replaced, some or all, and times are in the language of the place", async (t) => {
    const { page } = await show(t);
    await page.evaluate(() => {
      document.querySelector("main").lang = "de";
      element.texts = {
        list: "Ihre Sitzungen",
        current: "dieser Browser",
        device: (browser, os) => `${browser} unter ${os}`,
        started: (time) => `Seit ${time}`,
        active: (ago, time) => `zuletzt ${ago}, ${time}`,
        activeNow: "jetzt",
        signOutOthers: "Überall sonst abmelden",
        askOthers: (count) => `${count} abmelden?`,
      };
      // As if a day and a half had passed here, too.
      element.now = () => Date.now() + 36 * 3_600_000;
    });
    const { devices, details, others } = await seen(page);
    assert.equal(devices[0], "Chrome unter Linux");
    assert.match(details[0], /^Seit \d\d\.\d\d\.\d{4}, \d\d:\d\d · jetzt$/);
    assert.match(details[1], /^Seit \d\d\.\d\d\.\d{4}, \d\d:\d\d · zuletzt gestern, \d\d\.\d\d\.\d{4}, \d\d:\d\d$/);
    assert.equal(others, "Überall sonst abmelden");
    await click(page, "sign-out-others");
    await sees(page, { question: "2 abmelden?" });
    await page.keyboard.press("Escape");
    const said = (lang, hours) =>
      page.evaluate(
        (lang, hours) => {
          document.querySelector("main").lang = lang;
          element.texts = null;
          element.now = () => Date.now() + hours * 3_600_000 + 5_000;
          return element.shadowRoot.querySelector("li:last-child [part=details]").textContent;
        },
        lang,
        hours,
      );
    assert.match(await said("fr", 2.5), /last active il y a 2 heures, /);
    // What is no language, and a clock that is behind.
    assert.match(await said("not_a_language", 1), /last active 1 hour ago, /);
    assert.match(await said("en", -5), /last active this minute, /);
    // Out of a shadow, from the host's side.
    await page.evaluate(() => {
      const host = document.createElement("div");
      host.lang = "de";
      document.body.append(host);
      host.attachShadow({ mode: "open" }).append(element);
      element.now = () => Date.now() + 7_500_000;
    });
    await until(async () => (await seen(page)).details[1]?.includes("vor 2 Stunden"), "the host's language");
  });

  test("how long ago something was is said anew as time passes", async (t) => {
    const { page } = await show(t, {
      inject: () => {
        const { setInterval } = window;
        window.setInterval = (task, ms) => setInterval(task, ms / 100);
      },
    });
    await page.evaluate(() => (Date.now = ((now) => () => now() + 600_000)(Date.now)));
    await page.evaluate(() => (element.now = () => Date.now() + 300_000));
    const [, said] = (await seen(page)).details;
    await page.evaluate(() => (Date.now = ((now) => () => now() + 600_000)(Date.now)));
    await until(async () => (await seen(page)).details[1] !== said, "another time");
  });
});
