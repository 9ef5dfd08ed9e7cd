// The dashboard as a person uses it: with the demo's sessions of two weeks, at the demo's clock.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { heldUp, startBrowser, startServer, tokenOf, until } from "./support.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DAYS = 15;
const DAY_SECONDS = 86_400;

let server, chromium, reader, demo;

before(async () => {
  [server, chromium] = await Promise.all([startServer(3_600), startBrowser()]);
  demo = `${server.url}/demo`;
  reader = await tokenOf(server, "reader", { permissions: "metrics:read" });
  await fill();
});
after(() => Promise.all([server?.stop(), chromium?.stop()]));

const ask = async (path, token = reader, { method = "GET", body } = {}) => {
  const headers = { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) };
  const response = await fetch(demo + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.json();
};
const advance = (advanceSeconds) => ask("/controls/clock", reader, { method: "POST", body: { advanceSeconds } });
const read = async (path) => (await ask(path)).data;

/** Sessions on each of some days, the last of which is the demo's today: short and long ones, some of them engaged. */
async function fill() {
  const users = await Promise.all(["ann", "ben", "cem", "dot", "eve"].map((name) => tokenOf(server, name)));
  let started = 0;
  // From a morning on, so that no day's sessions go over into the next.
  const now = Date.parse((await ask("/controls/clock")).now) / 1_000;
  await advance(Math.ceil(DAY_SECONDS - (now % DAY_SECONDS) + 21_600));
  for (let day = 0; day < DAYS; day++) {
    if (day > 0) await advance(DAY_SECONDS);
    const open = [];
    for (const token of users.slice(0, 2 + (day % 4))) {
      const { body } = await ask("/auth/login", token, { method: "POST" });
      open.push({ token, id: body.sessionId });
      started++;
    }
    await advance(90 + 40 * day);
    for (const [at, { token, id }] of open.entries()) {
      if (at % 2 === 0) {
        await ask(`/user-sessions/${id}/content-engaged`, token, { method: "PATCH", body: { engaged: true } });
      }
      if (at % 3 > 0) await ask(`/user-sessions/heartbeat/${id}`, token, { method: "POST" });
    }
  }
  const today = await demoToday();
  const range = `startDate=${addDays(today, -40)}&endDate=${today}`;
  await until(async () => (await read(`/metrics/sessions?${range}`)).totalSessions === started, "all are counted");
}

const demoToday = async () => (await ask("/controls/clock")).now.slice(0, 10);
const addDays = (day, days) => new Date(Date.parse(day) + days * DAY_SECONDS * 1_000).toISOString().slice(0, 10);

/**
 * A page of a browser's profile of its own. What it must not do is noted: errors, violations of its policy, requests to
 * other origins. `answers` may answer a request in the place of the server, or hold it up.
 */
async function open(t, path, { width = 1280, isDark = false, isPhone = width < 760, answers, zone } = {}) {
  const profile = await chromium.browser.createBrowserContext();
  const page = await profile.newPage();
  page.wrong = [];
  page.asked = [];
  page.answers = answers;
  t.after(async () => {
    await profile.close();
    assert.deepEqual(page.wrong, []);
  });
  await page.setViewport({ width, height: 900, isMobile: isPhone, hasTouch: isPhone });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: isDark ? "dark" : "light" }]);
  if (zone) await page.emulateTimezone(zone);
  page.on("pageerror", (error) => page.wrong.push(String(error)));
  page.on("console", (message) => {
    // A refused request is what some tests are about.
    if (message.type() === "error" && !/^Failed to load resource/.test(message.text())) page.wrong.push(message.text());
    if (message.text().startsWith("violation:")) page.wrong.push(message.text());
  });
  await page.evaluateOnNewDocument(() =>
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      console.log(`violation: ${violatedDirective} ${blockedURI}`),
    ),
  );
  await page.setRequestInterception(true);
  page.on("request", async (request) => {
    const url = new URL(request.url());
    if (/^(data|blob):$/.test(url.protocol)) return request.continue();
    if (url.origin !== server.url) page.wrong.push(request.url());
    page.asked.push({ method: request.method(), path: url.pathname, query: url.searchParams });
    const answer = await (async () => page.answers?.(url, request))().catch((error) => page.wrong.push(String(error)));
    if (answer === "fail") await request.abort().catch(() => {});
    else if (answer) {
      const body = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? { message: "No" });
      await request.respond({ status: answer.status ?? 200, contentType: "application/json", body }).catch(() => {});
    } else await request.continue().catch(() => {});
  });
  await page.goto(server.url + path);
  return page;
}

const state = (page) => page.$eval("main", ({ dataset, ariaBusy }) => (ariaBusy === "true" ? "busy" : dataset.state));
const reached = (page, wanted) => until(async () => (await state(page).catch(() => "")) === wanted, `it is ${wanted}`);
const textOf = (page, selector) =>
  page.$eval(selector, ({ textContent }) => textContent.replaceAll("\u00a0", " ").trim());
const message = async (page) => `${await textOf(page, "#message-title")}: ${await textOf(page, "#message-text")}`;
const rowsOf = (page, name) =>
  page.$$eval(`#${name} tbody tr`, (rows) =>
    rows.map((row) => [...row.cells].map(({ innerText }) => innerText.replaceAll("\u00a0", " "))),
  );
const figure = (page, name) => textOf(page, `[data-figure=${name}] dd`);
const query = (page) => new URL(page.url()).search;

/** Signs in at the provider, as a person does. */
async function signIn(page, { name = "pm", mayRead = true } = {}) {
  await reached(page, "signed-out");
  await page.click("#message-button");
  await enter(page, { name, mayRead });
}

/** What a person does on the provider's page. */
async function enter(page, { name, mayRead }) {
  await page.waitForSelector("input[name=name]");
  await page.$eval("input[name=name]", (input) => (input.value = ""));
  await page.type("input[name=name]", name);
  if ((await page.$eval("input[name=metrics]", ({ checked }) => checked)) !== mayRead)
    await page.click("input[name=metrics]");
  await page.click("button.main");
  await page.waitForSelector("main[data-state]");
}

/** The dashboard with figures, for somebody who may read them. */
async function opened(t, search = "", options) {
  const page = await open(t, `/demo/dashboard${search}`, options);
  await signIn(page);
  await reached(page, "ready");
  return page;
}

/** An issuer that is not the server's own, and never asked. */
const ELSEWHERE = "https://issuer.example";
/** The sign-in of a page as if that issuer's. */
const signedInElsewhere = (page) =>
  page.evaluate(
    (from, to) => {
      const key = Object.keys(sessionStorage).find((key) => key.startsWith("oidc.user"));
      sessionStorage[key.replace(from, to)] = sessionStorage[key];
    },
    server.url,
    ELSEWHERE,
  );

/** The range that a page shows, by the calls that it made. */
const asked = (page) => page.asked.filter(({ path }) => path.includes("/metrics/"));

describe("dashboard", { concurrency: 3 }, () => {
  test("a shared address leads through the sign-in to the view that it names", async (t) => {
    const shared = "?range=7d&span=week&table=sessions,durations";
    const page = await open(t, `/demo/dashboard${shared}`);
    const exchange = heldUp();
    page.answers = ({ pathname }) => (pathname === "/oauth2/token" ? exchange.promise : undefined);
    await signIn(page, { name: "Päm" });
    await until(() => page.asked.some(({ path }) => path === "/oauth2/token"), "the code is exchanged");
    assert.equal(await page.evaluate(() => location.search), "", "the code is out of the address at once");
    exchange.release();
    await reached(page, "ready");
    assert.equal(query(page), shared);
    assert.equal(await textOf(page, "#name"), "Päm ·");
    assert.equal(await page.$eval("#presets [aria-pressed=true]", ({ value }) => value), "7d");
    assert.equal(await page.$eval("#spans [aria-pressed=true]", ({ value }) => value), "weekly");
    const shown = await page.$$eval(".table", (tables) => tables.filter(({ hidden }) => !hidden).map(({ id }) => id));
    assert.deepEqual(shown, ["sessions-table", "durations-table"]);
    await page.reload();
    await reached(page, "ready");
    assert.equal(query(page), shared);
    const stored = await page.evaluate(() => [localStorage.length, document.cookie]);
    assert.deepEqual(stored, [0, ""], "tokens are in this tab's storage alone");
  });

  test("figures, tables and the file are the API's", async (t) => {
    const page = await opened(t, "?table=sessions,share,durations");
    const today = await demoToday();
    const range = `startDate=${addDays(today, -27)}&endDate=${today}`;
    const [totals, rows] = [
      await read(`/metrics/sessions?${range}`),
      await read(`/metrics/sessions/by-timespan?${range}`),
    ];
    assert.ok(totals.totalSessions > 40);
    assert.equal(await figure(page, "sessions"), String(totals.totalSessions));
    assert.equal(await figure(page, "engaged"), `${totals.engagementRate.toFixed(1)} % ${totals.engagedSessions}`);
    assert.equal(await figure(page, "users"), String(totals.uniqueUsers));
    assert.equal(await figure(page, "renewed"), String(totals.renewedSessions));
    assert.equal(await figure(page, "bounce"), `${totals.bounceRate.toFixed(1)} %`);
    for (const [name, field] of Object.entries({ median: "median", longest: "p90", average: "average" })) {
      const minutes = totals[`${field}DurationMinutes`];
      const text = await figure(page, name);
      const [, h, min, s] = /^(?:(\d+) h)? ?(?:(\d+) min)? ?(?:(\d+) s)?$/.exec(text);
      const shown = (h ?? 0) * 60 + +(min ?? 0) + (s ?? 0) / 60;
      assert.ok(Math.abs(shown - minutes) <= (minutes < 10 ? 0.01 : 0.5), `${name}: ${text} for ${minutes} minutes`);
    }
    const table = await rowsOf(page, "sessions");
    assert.deepEqual(
      table.map((cells) => cells.slice(1, 6)),
      rows.map((row) => [
        String(row.sessions),
        String(row.engagedSessions),
        `${row.engagementRate.toFixed(1)} %`,
        String(row.uniqueUsers),
        String(row.renewedSessions),
      ]),
    );
    assert.match(table.at(-1)[0], /, so far$/);
    assert.equal((await rowsOf(page, "share")).length, 28);
    assert.deepEqual(
      (await rowsOf(page, "durations")).map(([, sessions]) => +sessions),
      totals.durationDistribution.map(({ sessions }) => sessions),
    );

    const folder = await mkdtemp(join(tmpdir(), "user-sessions-csv-"));
    t.after(() => rm(folder, { recursive: true }));
    const session = await page.createCDPSession();
    await session.send("Browser.setDownloadBehavior", {
      behavior: "allow",
      downloadPath: folder,
      browserContextId: page.browserContext().id,
    });
    await page.click("#csv");
    const name = `sessions-${addDays(today, -27)}-to-${today}-daily.csv`;
    await until(async () => (await readdir(folder)).includes(name), "the file");
    const lines = (await readFile(join(folder, name), "utf8")).split("\r\n");
    const fields = ["sessions", "engagedSessions", "engagementRate", "uniqueUsers", "renewedSessions"];
    const columns = ["period", "firstDay", "lastDay", ...fields, "averageDurationMinutes", "medianDurationMinutes"];
    assert.equal(lines[0], columns.join(","));
    assert.equal(lines.at(-1), "", "the last line ends too");
    assert.deepEqual(
      lines.slice(1, -1),
      rows.map((row) => [row.period, row.period, row.period, ...columns.slice(3).map((field) => row[field])].join(",")),
    );
  });

  test("changes compare days that are over with the same days before, and say so", async (t) => {
    const page = await opened(t, "?range=7d");
    const today = await demoToday();
    const days = async (from, to) =>
      read(`/metrics/sessions?startDate=${addDays(today, from)}&endDate=${addDays(today, to)}`);
    const [current, previous] = [await days(-6, -1), await days(-13, -8)];
    const change = await textOf(page, "[data-figure=sessions] .change");
    assert.ok(change.includes(`from ${previous.totalSessions} to ${current.totalSessions}`), change);
    assert.match(
      await textOf(page, "#comparison"),
      /^Changes compare days that are over: .*Today is in the figures alone\.$/,
    );
    // A closed range needs one call, the API's own comparison.
    page.asked.length = 0;
    await page.goto(`${demo}/dashboard?from=${addDays(today, -4)}&to=${addDays(today, -2)}`);
    await reached(page, "ready");
    const totals = asked(page).filter(({ path }) => path.endsWith("/metrics/sessions"));
    assert.deepEqual(
      totals.map(({ query }) => query.get("compare")),
      ["previous"],
    );
    const before = await days(-7, -5);
    const told = await textOf(page, "[data-figure=sessions] .change");
    assert.ok(
      told.includes(`from ${before.totalSessions}`) || told.includes(`unchanged at ${before.totalSessions}`),
      told,
    );
    // Today stands beside the same weekday, and is not judged.
    await page.click("#presets [value=today]");
    await reached(page, "ready");
    const beside = await days(-7, -7);
    assert.match(
      await textOf(page, "[data-figure=sessions] .change"),
      new RegExp(`^\\w{3} \\d+ \\w{3}: ${beside.totalSessions}$`),
    );
    assert.equal(await page.$$eval("#figures .good, #figures .bad", ({ length }) => length), 0);
  });

  test("what is better is green and what is worse is red, by meaning", async (t) => {
    const totals = (bounceRate, totalSessions) => ({
      totalSessions,
      engagedSessions: totalSessions / 2,
      engagementRate: 50,
      averageDurationMinutes: 20,
      totalDurationMinutes: 20 * totalSessions,
      medianDurationMinutes: 14,
      p90DurationMinutes: 52,
      renewedSessions: totalSessions / 10,
      uniqueUsers: totalSessions,
      uniqueUsersRelativeError: 0.016,
      bounceRate,
      durationDistribution: [0, 1, 5, 15, 30, 60, 120].map((fromMinutes, at, all) => ({
        fromMinutes,
        toMinutes: all[at + 1] ?? null,
        sessions: totalSessions / 10,
      })),
      startDate: "2026-01-01T00:00:00.000Z",
      endDate: "2026-01-01T00:00:00.000Z",
      timeZone: "UTC",
      asOf: new Date().toISOString(),
    });
    const answers = ({ pathname }) =>
      pathname === "/demo/metrics/sessions" && {
        body: { status: "success", data: { ...totals(18, 48_210), previous: totals(20.3, 44_470) } },
      };
    const today = await demoToday();
    const page = await opened(t, `?from=${addDays(today, -9)}&to=${addDays(today, -5)}`, { answers });
    const change = async (name) => [
      await page.$eval(`[data-figure=${name}] .change strong`, ({ className }) => className),
      await textOf(page, `[data-figure=${name}] .change`),
    ];
    assert.deepEqual(await change("sessions"), ["good", "▲ up 8.4 %, better from 44,470"]);
    assert.deepEqual(await change("bounce"), ["good", "▼ down 2.3 pt, better from 20.3 %"]);
    assert.deepEqual(await change("renewed"), ["", "▲ up 8.4 % from 4,447"]);
    assert.equal(await textOf(page, "[data-figure=engaged] .change"), "unchanged at 50.0 %");
    assert.equal(await figure(page, "users"), "48,210 ± 1.6 %");
    assert.equal(await figure(page, "longest"), "52 min");
  });

  test("the view is in the address, and the way back leads through it", async (t) => {
    const page = await opened(t);
    assert.equal(query(page), "");
    await page.click("#presets [value='91d']");
    await page.click("#spans [value=monthly]");
    await reached(page, "ready");
    const calls = asked(page).length;
    await page.click("#sessions button");
    assert.equal(query(page), "?range=91d&span=month&table=sessions");
    assert.match(await textOf(page, "#sessions h2"), /a month$/);
    assert.equal(await page.$eval("#sessions button", ({ ariaExpanded }) => ariaExpanded), "true");
    await page.goBack();
    assert.equal(query(page), "?range=91d&span=month");
    assert.equal(await page.$eval("#sessions-table", ({ hidden }) => hidden), true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(asked(page).length, calls, "a table needs no call");
    await page.goBack();
    await until(
      async () => (await state(page)) === "ready" && /week$/.test(await textOf(page, "#sessions h2")),
      "weeks",
    );
    await page.goBack();
    await until(async () => (await state(page)) === "ready" && /day$/.test(await textOf(page, "#sessions h2")), "days");
    assert.equal(query(page), "");
    await page.goForward();
    assert.equal(query(page), "?range=91d");
  });

  test("a range is picked in the reporting zone, and one that cannot be shown says why", async (t) => {
    const page = await opened(t, "", { zone: "Pacific/Kiritimati" });
    const today = await demoToday();
    await page.click("#range");
    assert.equal(await page.$eval("#last", ({ max }) => max), today, "today is the zone's, not the browser's");
    const pick = (first, last) =>
      page.evaluate(
        (first, last) =>
          Object.assign(document.getElementById("first"), { value: first }) &&
          (document.getElementById("last").value = last),
        first,
        last,
      );
    await pick(addDays(today, -2), addDays(today, -9));
    await page.click("#picker .main");
    assert.equal(await textOf(page, "#wrong"), "The first day is after the last.");
    await pick(addDays(today, -9), addDays(today, -2));
    await page.click("#picker .main");
    await reached(page, "ready");
    assert.equal(query(page), `?from=${addDays(today, -9)}&to=${addDays(today, -2)}`);
    assert.equal(await page.$eval("#picker", ({ hidden }) => hidden), true);
    const { startDate, endDate } = Object.fromEntries(
      asked(page)
        .filter(({ path }) => path.endsWith("by-timespan"))
        .at(-1).query,
    );
    assert.deepEqual([startDate, endDate], [addDays(today, -9), addDays(today, -2)]);
    assert.equal(await textOf(page, "#zone"), "UTC");
  });

  test("an answer that another view has overtaken is dropped", async (t) => {
    const page = await opened(t);
    const late = heldUp();
    // No other view begins with it.
    const month = addDays(`${(await demoToday()).slice(0, 8)}01`, -1).slice(0, 8) + "01";
    page.answers = ({ pathname, searchParams }) =>
      pathname.includes("/metrics/") && searchParams.get("startDate") === month ? late.promise : undefined;
    await page.click("#presets [value=last-month]");
    assert.equal(await state(page), "busy");
    await page.click("#presets [value='7d']");
    await reached(page, "ready");
    const shown = await figure(page, "sessions");
    late.release();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual([await figure(page, "sessions"), await state(page), query(page)], [shown, "ready", "?range=7d"]);
  });

  test("nothing moves when the figures come", async (t) => {
    const page = await opened(t);
    const held = heldUp();
    page.answers = ({ pathname }) => (pathname.includes("/metrics/") ? held.promise : undefined);
    await page.goto(`${demo}/dashboard`, { waitUntil: "domcontentloaded" });
    const places = () =>
      page.$$eval("header, h1, #presets, #figures, .plot, footer", (elements) =>
        elements.map((element) => {
          const { x, y, width, height } = element.getBoundingClientRect();
          return [element.id || element.tagName, x, y, width, height].join(" ");
        }),
      );
    await until(async () => (await textOf(page, "#range")) !== "", "the frame");
    assert.equal(await state(page), "busy");
    assert.equal(await figure(page, "sessions"), "–");
    const before = await places();
    held.release();
    await reached(page, "ready");
    assert.deepEqual(await places(), before);
  });

  test("without sessions: an invitation", async (t) => {
    const page = await open(t, "/dashboard");
    await signIn(page);
    await reached(page, "message");
    assert.equal(
      await message(page),
      "No sessions yet: Start the server with --sample-data, or open the demo, which has a dashboard of its own.",
    );
    assert.equal(await page.$eval("#message-text a", ({ href }) => href), `${server.url}/`);
    // The demo's own, as if it had none either.
    const settings = await (await fetch(`${server.url}/settings.json`)).json();
    page.answers = async ({ pathname, search }, request) => {
      if (pathname === "/settings.json") return { body: { ...settings, apiUrl: demo } };
      if (!pathname.startsWith("/demo/metrics/")) return undefined;
      const { authorization } = request.headers();
      const answer = await fetch(server.url + pathname.slice(5) + search, { headers: { authorization } });
      return { body: await answer.text() };
    };
    await page.reload();
    await until(async () => /within seconds/.test(await message(page)), "it is the demo's");
    assert.equal(await message(page), "No sessions yet: Sign in to the demo: they appear here within seconds.");
    // A deployment has no demo. Its API is another origin, which the local server's policy lets no page ask.
    const api = "https://api.example";
    await page.setBypassCSP(true);
    await signedInElsewhere(page);
    page.answers = async ({ origin, pathname, search }, request) => {
      if (pathname === "/settings.json") return { body: { ...settings, apiUrl: api, issuer: ELSEWHERE } };
      if (origin !== api) return undefined;
      const headers = { "access-control-allow-origin": "*", "access-control-allow-headers": "authorization" };
      if (request.method() === "OPTIONS") return request.respond({ status: 200, headers });
      const { authorization } = request.headers();
      const answer = await fetch(server.url + pathname + search, { headers: { authorization } });
      return request.respond({ status: answer.status, headers, body: await answer.text() });
    };
    await page.reload();
    await until(async () => /first login/.test(await message(page)), "it is a deployment's");
    assert.equal(await message(page), "No sessions yet: They appear here within a minute of the first login.");
    const asked = page.wrong.splice(0).map((url) => new URL(url).origin);
    assert.deepEqual([...new Set(asked)], [api]);
    page.answers = undefined;
    await page.goto(`${demo}/dashboard?from=2020-01-01&to=2020-01-31`);
    await reached(page, "message");
    assert.match(await message(page), /^No sessions in this range: .*1 – 31 Jan 2020/);
    await page.click("#presets [value='28d']");
    await reached(page, "ready");
  });

  test("without the permission: what to ask for", async (t) => {
    const page = await open(t, "/demo/dashboard");
    await signIn(page, { mayRead: false });
    await reached(page, "message");
    assert.equal(
      await message(page),
      "No permission: Your token has no permission to read metrics. Sign in again, with “May read metrics” ticked.",
    );
    assert.equal(await textOf(page, "#name"), "pm ·", "who it is that has none");
    await page.click("#message-button");
    await enter(page, { name: "pm", mayRead: true });
    await reached(page, "ready");
  });

  test("where another issuer grants the permission, it says which to ask for", async (t) => {
    const page = await open(t, "/demo/dashboard");
    await signIn(page, { mayRead: false });
    await reached(page, "message");
    await signedInElsewhere(page);
    const settings = await (await fetch(`${demo}/settings.json`)).json();
    page.answers = ({ pathname }) =>
      pathname.endsWith("/settings.json") ? { body: { ...settings, issuer: ELSEWHERE } } : undefined;
    await page.reload();
    await until(async () => /Ask for metrics:read\.$/.test(await message(page)), "it is for another issuer to grant");
    assert.equal(await page.$eval("#demo", ({ hidden }) => hidden), true);
  });

  test("an error can be tried again", async (t) => {
    const page = await opened(t);
    for (const [answer, words] of [
      [
        { status: 500, body: { status: "error", code: "internal_error", message: "Internal error" } },
        /The API answered: Internal error/,
      ],
      [{ status: 503, body: { message: "Service Unavailable" } }, /too much to do/],
      ["fail", /could not be reached/],
      [{ status: 200, body: "<html>" }, /The API answered/],
    ]) {
      page.answers = ({ pathname }) => (pathname.includes("/metrics/") ? answer : undefined);
      await page.click("#presets [value='7d']");
      await reached(page, "message");
      assert.match(await message(page), words);
      page.answers = undefined;
      await page.click("#message-button");
      await reached(page, "ready");
      await page.click("#presets [value='28d']");
      await reached(page, "ready");
    }
  });

  test("a read that is refused for now is asked for again, three at a time, and the figures come", async (t) => {
    const page = await opened(t, "?range=7d");
    let [open, most, refused] = [0, 0, 0];
    page.answers = async ({ pathname }) => {
      if (!pathname.includes("/metrics/")) return undefined;
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 50));
      open--;
      return refused++ < 4 ? { status: refused % 2 ? 503 : 429 } : undefined;
    };
    await page.click("#presets [value=month]");
    await reached(page, "ready");
    assert.ok(refused > 4);
    assert.ok(most <= 3, `${most} at once`);
  });

  test("without settings, or a client in them: what to do", async (t) => {
    const page = await open(t, "/demo/dashboard", {
      answers: ({ pathname }) => (pathname.endsWith("/settings.json") ? { status: 500 } : undefined),
    });
    await reached(page, "signed-out");
    assert.match(await message(page), /settings could not be read/);
    page.answers = async ({ pathname }) => {
      if (!pathname.endsWith("/settings.json")) return undefined;
      const settings = await (await fetch(`${demo}/settings.json`)).json();
      return { body: { ...settings, clientId: "", issuer: "https://issuer.example" } };
    };
    await page.click("#message-button");
    await until(async () => /^Signing in is not set up: .*PagesClientId/.test(await message(page)), "what to set");
    assert.match(await message(page), /https:\/\/issuer\.example/);
    assert.equal(await page.$eval("#message-button", ({ hidden }) => hidden), true);
  });

  test("a token that is refused is renewed; where that is refused too, one signs in again and is back", async (t) => {
    const page = await opened(t, "?range=7d");
    const token = (request) => request.headers().authorization;
    let first;
    page.answers = ({ pathname }, request) => {
      if (!pathname.includes("/metrics/")) return undefined;
      first ??= token(request);
      return token(request) === first ? { status: 401, body: { message: "Unauthorized" } } : undefined;
    };
    page.asked.length = 0;
    await page.click("#refresh");
    await reached(page, "ready");
    assert.equal(page.asked.filter(({ path }) => path === "/oauth2/token").length, 1, "once for all calls");
    page.answers = ({ pathname }) =>
      pathname.includes("/metrics/")
        ? { status: 401, body: { message: "Unauthorized" } }
        : pathname === "/oauth2/token"
          ? { status: 400, body: { error: "invalid_grant" } }
          : undefined;
    // A token that has just been renewed is not renewed again.
    await until(async () => {
      await page.click("#refresh").catch(() => {});
      return (await state(page)) === "signed-out";
    }, "it is signed out");
    assert.equal(query(page), "?range=7d");
    assert.equal(
      await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith("oidc.user")).length),
      0,
    );
    page.answers = undefined;
    await signIn(page);
    await reached(page, "ready");
    assert.equal(query(page), "?range=7d");
  });

  test("a token that runs out is renewed before it is used, without a frame", async (t) => {
    const page = await opened(t);
    const runOut = () =>
      page.evaluate(() => {
        const key = Object.keys(sessionStorage).find((key) => key.startsWith("oidc.user"));
        const user = { ...JSON.parse(sessionStorage[key]), expires_at: Math.floor(Date.now() / 1_000) + 5 };
        sessionStorage[key] = JSON.stringify(user);
        return user.access_token;
      });
    await runOut();
    page.asked.length = 0;
    await page.reload();
    await reached(page, "ready");
    const paths = page.asked.map(({ path }) => path);
    assert.ok(paths.indexOf("/oauth2/token") < paths.findIndex((path) => path.includes("/metrics/")), paths.join(" "));
    assert.equal(page.frames().length, 1);
    // A network that fails is no sign-out.
    await runOut();
    page.answers = ({ pathname }) => (pathname === "/oauth2/token" ? "fail" : undefined);
    await page.reload();
    await reached(page, "message");
    assert.match(await message(page), /could not be reached/);
    page.answers = undefined;
    await page.click("#message-button");
    await reached(page, "ready");
  });

  test("a sign-in that is denied, repeated or not ours says so, and can be begun again", async (t) => {
    const page = await open(t, "/demo/dashboard?range=7d");
    await reached(page, "signed-out");
    // The provider's answer, were it to deny.
    page.answers = ({ pathname, searchParams }, request) => {
      if (pathname !== "/oauth2/authorize") return undefined;
      const back = new URL(searchParams.get("redirect_uri"));
      back.search = new URLSearchParams({ error: "access_denied", state: searchParams.get("state") });
      return request.respond({ status: 302, headers: { location: back.href } }).then(() => new Promise(() => {}));
    };
    await page.click("#message-button");
    await until(async () => /did not work/.test(await message(page).catch(() => "")), "the denial");
    assert.equal(await message(page), "That sign-in did not work: The identity provider did not let you in.");
    assert.equal(query(page), "?range=7d");
    page.answers = undefined;
    await page.goto(`${demo}/dashboard?code=x&state=y`);
    await reached(page, "signed-out");
    assert.match(await message(page), /did not work: This sign-in was begun in another tab, or too long ago\./);
    assert.equal(query(page), "");
    assert.equal(await textOf(page, "#message-button"), "Sign in again");
    await signIn(page);
    await reached(page, "ready");
  });

  test("signing out is for the provider too", async (t) => {
    const page = await opened(t);
    page.asked.length = 0;
    await page.click("#sign-out");
    await until(() => page.asked.some(({ path }) => path === "/oauth2/logout"), "the provider's own sign-out");
    await reached(page, "signed-out");
    const { query: sent } = page.asked.find(({ path }) => path === "/oauth2/logout");
    assert.equal(sent.get("post_logout_redirect_uri"), `${demo}/dashboard`);
    assert.ok(sent.get("id_token_hint"));
    assert.equal(await page.$eval("#who", ({ hidden }) => hidden), true);
    assert.equal(
      await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith("oidc.user")).length),
      0,
    );
    await page.goto(`${demo}/dashboard`);
    await reached(page, "signed-out");
  });

  test("signing out leaves no figure in the page", async (t) => {
    // A provider that has no sign-out of its own: the page stays.
    const answers = async ({ pathname }) => {
      if (pathname !== "/.well-known/openid-configuration") return undefined;
      const { end_session_endpoint: _, ...document } = await (await fetch(server.url + pathname)).json();
      return { body: document };
    };
    const page = await opened(t, "?table=sessions,share,durations", { answers });
    const left = () =>
      page.evaluate(() => {
        const elements = [...document.querySelectorAll("#report, #report *")];
        const labels = elements.map((element) => element.ariaLabel ?? "");
        return `${document.querySelector("main").textContent} ${labels.join(" ")}`.replace(/\s+/g, " ");
      });
    assert.match(await left(), /\d bars/);
    await page.click("#sign-out");
    await reached(page, "signed-out");
    assert.match(await message(page), /^You are signed out/);
    assert.equal(await page.$$eval("#report canvas, #report td, #report tr", ({ length }) => length), 0);
    const report = await page.$eval("#report", ({ textContent }) => textContent);
    assert.doesNotMatch(report, /\d/);
    assert.doesNotMatch(await left(), /\d (bars|sessions|points)|As of/);
    await page.click("#message-button");
    await page.waitForSelector("input[name=name]");
  });

  test("Cognito's sign-out gets what it wants", async (t) => {
    const page = await open(t, "/demo/dashboard", {
      answers: async ({ pathname }) => {
        if (pathname === "/cognito/logout") return { body: "out" };
        if (!pathname.endsWith("/settings.json")) return undefined;
        const settings = await (await fetch(`${demo}/settings.json`)).json();
        return { body: { ...settings, signOutUrl: `${server.url}/cognito/logout`, audience: "https://api.example" } };
      },
    });
    await signIn(page);
    await reached(page, "ready");
    const { query: asked } = page.asked.find(({ path }) => path === "/oauth2/authorize");
    assert.equal(asked.get("audience"), "https://api.example");
    assert.equal(asked.get("code_challenge_method"), "S256");
    await page.click("#sign-out");
    const sent = await until(() => page.asked.find(({ path }) => path === "/cognito/logout"), "Cognito's sign-out");
    assert.deepEqual(Object.fromEntries(sent.query), {
      client_id: "user-sessions",
      logout_uri: `${demo}/dashboard`,
    });
  });

  test("it opens no session, and asks for nothing but its files, its settings, figures and tokens", async (t) => {
    const page = await opened(t);
    await page.click("#presets [value=year]");
    await reached(page, "ready");
    const known =
      /^(\/demo\/(dashboard|assets\/[\w.-]+|settings\.json)|\/oauth2\/\S+|\/\.well-known\/openid-configuration)$/;
    const figures = /^\/demo\/metrics\/sessions(\/daily|\/by-timespan)?$/;
    const others = page.asked.map(({ path }) => path).filter((path) => !known.test(path) && !figures.test(path));
    assert.deepEqual(others, []);
    assert.deepEqual(await ask("/user-sessions", await tokenOf(server, "pm")), []);
  });

  test("by the keyboard alone: a range, a chart's cursor, its table", async (t) => {
    const page = await opened(t);
    const focused = () =>
      page.evaluate(
        () =>
          document.activeElement.id ||
          document.activeElement.value ||
          document.activeElement.getAttribute("aria-label") ||
          document.activeElement.textContent,
      );
    const tabTo = async (wanted) => {
      for (let presses = 0; presses < 40; presses++) {
        if (wanted.test(await focused())) return;
        await page.keyboard.press("Tab");
      }
      assert.fail(`The keyboard does not get to ${wanted}`);
    };
    await tabTo(/^7d$/);
    await page.keyboard.press("Enter");
    await reached(page, "ready");
    assert.equal(query(page), "?range=7d");
    await tabTo(/^range$/);
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "first");
    await page.keyboard.press("Escape");
    assert.equal(await focused(), "range");
    await tabTo(/^Sessions a day/);
    const legend = await textOf(page, "#sessions .readout");
    const said = () => textOf(page, "#sessions [role=status]");
    const press = async (key) => {
      await page.keyboard.press(key);
      await until(async () => (await textOf(page, "#sessions .readout")) === ((await said()) || legend), key);
      return said();
    };
    const [first, second, last] = [await press("Home"), await press("ArrowRight"), await press("End")];
    assert.match(first, /^\w{3} \d+ \w{3}: \d+ sessions?, \d+ engaged \(.* %\)/);
    assert.notEqual(first, second);
    assert.match(last, /, so far: /);
    assert.equal(await press("ArrowRight"), last, "there is no further");
    assert.notEqual(await press("ArrowLeft"), last);
    assert.equal(await press("Escape"), "");
    assert.equal(await textOf(page, "#sessions .readout"), legend);
    // Drawn anew for another width, the cursor stays.
    const pointed = await press("Home");
    await page.setViewport({ width: 900, height: 900 });
    await until(
      () => page.$eval("#sessions .plot", (plot) => plot.clientWidth === plot.firstChild.clientWidth),
      "the width",
    );
    assert.equal(await textOf(page, "#sessions .readout"), pointed);
    await press("Escape");
    const chart = await page.$eval("#sessions .plot", (plot) => [
      plot.getAttribute("role"),
      plot.getAttribute("aria-label"),
    ]);
    assert.deepEqual(chart, ["application", "Sessions a day: 7 bars"]);
    await page.keyboard.down("Shift");
    await page.keyboard.press("Tab");
    await page.keyboard.up("Shift");
    assert.equal(await focused(), "Show as table");
    await page.keyboard.press("Enter");
    assert.equal(query(page), "?range=7d&table=sessions");
    assert.equal((await rowsOf(page, "sessions")).length, 7);
  });

  test("a chart follows the width and the colours of the page", async (t) => {
    const page = await opened(t, "?range=7d");
    const bar = () =>
      page.$eval("#durations canvas", (canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const seen = new Map();
        for (let at = 0; at < data.length; at += 4) {
          if (data[at + 3] === 255) {
            const colour = [...data.slice(at, at + 3)].map((part) => part.toString(16).padStart(2, "0")).join("");
            seen.set(colour, (seen.get(colour) ?? 0) + 1);
          }
        }
        return [...seen].filter(([, times]) => times > 200).map(([colour]) => `#${colour}`);
      });
    assert.ok((await bar()).includes("#0f6b63"), "light");
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    await until(async () => (await bar()).includes("#2dd4bf"), "dark");
    for (const width of [390, 1280, 320]) {
      await page.setViewport({ width, height: 900 });
      const fits = () =>
        page.evaluate(() => {
          const charts = [...document.querySelectorAll(".plot")];
          const isWhole = charts.every((plot) => plot.clientWidth === plot.querySelector(".uplot").clientWidth);
          return isWhole && document.documentElement.scrollWidth <= innerWidth;
        });
      await until(fits, `it fits into ${width} pixels`, 3_000);
    }
  });

  for (const [name, options] of Object.entries({
    light: {},
    dark: { isDark: true },
    "on a phone": { width: 390 },
    "dark, on a phone": { width: 390, isDark: true },
  })) {
    test(`axe finds nothing serious: ${name}`, async (t) => {
      const serious = async (page) => {
        // As an isolated script, which the page's policy does not keep out.
        const session = await page.createCDPSession();
        const { frameTree } = await session.send("Page.getFrameTree");
        const { executionContextId } = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
        const { result } = await session.send("Runtime.evaluate", {
          contextId: executionContextId,
          expression: `${AXE};axe.run().then(({ violations }) => JSON.stringify(violations
            .filter(({ impact }) => ["serious", "critical", "moderate"].includes(impact))
            .map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html.slice(0, 120))])))`,
          awaitPromise: true,
          returnByValue: true,
        });
        return JSON.parse(result.value);
      };
      const page = await open(t, "/demo/dashboard?table=sessions,share,durations", options);
      await reached(page, "signed-out");
      assert.deepEqual(await serious(page), [], "signed out");
      await signIn(page);
      await reached(page, "ready");
      assert.deepEqual(await serious(page), [], "with figures");
      await page.click("#range");
      await page.click("summary");
      assert.deepEqual(await serious(page), [], "with the picker");
      page.answers = ({ pathname }) =>
        pathname.includes("/metrics/") ? { status: 403, body: { code: "forbidden" } } : undefined;
      await page.click("#presets [value='7d']");
      await reached(page, "message");
      assert.deepEqual(await serious(page), [], "with a message");
    });
  }
});
