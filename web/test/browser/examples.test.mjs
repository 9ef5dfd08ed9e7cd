// The frontends of README.md and docs/frontend.md, to the letter: their API is at http://localhost:3000, which this browser
// finds elsewhere.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { heldUp, listen, startBrowser, startProxy, startServer, tokenOf, until } from "./support.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TIMEOUT_SECONDS = 2;
let server, proxy, site, chromium;

/** The code of the front page, and the two frontends of the documentation. */
async function examples() {
  const code = async (path) => {
    const text = await readFile(here(`../../../${path}`), "utf8");
    return [...text.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
  };
  return [...(await code("README.md")), ...(await code("docs/frontend.md"))];
}

/** A module's text with what it imports. */
async function bundle(contents) {
  const stdin = { contents, resolveDir: here(".") };
  return (await build({ stdin, bundle: true, write: false, format: "esm" })).outputFiles[0].text;
}

before(async () => {
  server = await startServer(TIMEOUT_SECONDS, "MaxSessionsPerUser=1");
  proxy = await startProxy(server.url);
  const [short, client, plain] = await examples();
  const pages = {
    "/short": '<script type="module" src="/short.js"></script>',
    "/client": '<article>Text</article><button id="sign-out">Sign out</button><script type="module" src="/client.js"></script>',
    "/plain": '<script type="module">import * as sessions from "/plain.js"; window.sessions = sessions;</script>',
    "/login": "<h1>Sign in</h1>",
    "/signed-out": "<h1>Signed out</h1>",
  };
  const scripts = {
    "/short.js": await bundle(short),
    "/client.js": await bundle(client),
    "/plain.js": await bundle(plain),
  };
  const pageServer = createServer((request, response) => {
    const url = request.url.split("?")[0];
    const type = scripts[url] ? "text/javascript" : "text/html";
    const content = scripts[url] ?? pages[url];
    response.writeHead(content ? 200 : 404, { "content-type": type }).end(content);
  });
  site = await listen(pageServer);
  chromium = await startBrowser(`--host-resolver-rules=MAP localhost:3000 127.0.0.1:${new URL(proxy.url).port}`);
});

after(() => Promise.all([chromium, proxy, site, server].map((one) => one?.stop())));

/** A page of a new profile. `inject` runs before its scripts. */
async function open(context, path, inject, ...values) {
  const profile = await chromium.browser.createBrowserContext();
  context.after(() => profile.close());
  const page = await profile.newPage();
  await page.evaluateOnNewDocument(inject, ...values);
  await page.goto(`http://127.0.0.1:${site.port}${path}`);
  return page;
}

const asked = (user) => proxy.asked.filter((request) => request.user === user);
const calls = (user) => asked(user).map(({ method, path }) => `${method} ${path.replace(/[\da-f-]{36}/, "ID")}`);
const at = (page, path) => until(() => page.url().endsWith(path), `the page goes to ${path}`);

test("they are as short as is said", async () => {
  const lines = (await examples()).map((code) => code.trim().split("\n").length);
  assert.equal(lines.length, 3);
  assert.ok(lines[0] <= 5 && lines[1] <= 15 && lines[2] <= 60, `${lines}`);
});

test("on the front page: a session and its heartbeats", async (context) => {
  const token = await tokenOf(server, "fred");
  await open(context, "/short", (token) => sessionStorage.setItem("accessToken", token), token);
  await until(() => calls("fred").filter((call) => call === "POST /user-sessions/heartbeat/ID").length > 1, "heartbeats");
  assert.equal(calls("fred")[0], "POST /auth/login");
});

test("with the client: a session, its heartbeats, engagement, a sign-out", async (context) => {
  const token = await tokenOf(server, "cleo");
  const page = await open(context, "/client", (token) => sessionStorage.setItem("accessToken", token), token);
  await until(() => calls("cleo").filter((call) => call === "POST /user-sessions/heartbeat/ID").length > 1, "heartbeats");
  assert.equal(calls("cleo")[0], "POST /auth/login");
  await page.click("article");
  await page.click("article");
  await until(() => calls("cleo").includes("PATCH /user-sessions/ID/content-engaged"), "engagement");
  await page.click("#sign-out");
  const logout = await until(() => asked("cleo").find(({ path }) => path === "/auth/logout"), "a logout");
  await until(() => logout.status === 200, "its answer");
  assert.equal(calls("cleo").filter((call) => call.startsWith("PATCH")).length, 1);
  await at(page, "/signed-out?reason=logout");
});

test("with the client: a session that was ended elsewhere leads to a page that says so", async (context) => {
  const token = await tokenOf(server, "clara");
  const page = await open(context, "/client", (token) => sessionStorage.setItem("accessToken", token), token);
  await until(() => calls("clara").includes("POST /auth/login"), "a login");
  await until(() => asked("clara")[0].status === 200, "its answer");
  const headers = { authorization: `Bearer ${token}` };
  await fetch(`${server.url}/user-sessions/end-others`, { method: "POST", headers });
  await at(page, "/signed-out?reason=ended_others");
});

/** Five minutes are a tenth of a second. */
const inAHurry = () => {
  const { setInterval } = window;
  window.setInterval = (task, ms) => setInterval(task, ms / 3_000);
};

test("in plain code: login, heartbeats, a renewal, engagement, metrics, logout", async (context) => {
  const page = await open(context, "/plain", inAHurry);
  await page.waitForFunction("window.sessions");
  const stored = (name) => page.evaluate((name) => localStorage.getItem(name), name);
  await page.evaluate(() => sessions.login("paul", "x"));
  const first = await stored("sessionId");
  assert.equal(await stored("loginKey"), null);
  await until(() => calls("paul").filter((call) => call.includes("/heartbeat/")).length > 2, "heartbeats");

  // No heartbeat gets through for longer than the timeout.
  const pause = heldUp();
  proxy.disturb = ({ path }) => path.includes("/heartbeat/") && { status: 503 };
  await until(() => proxy.heartbeats().every(({ status }) => status), "none is under way");
  setTimeout(pause.release, TIMEOUT_SECONDS * 1_000 + 300);
  await pause.promise;
  proxy.disturb = () => undefined;
  const second = await until(async () => {
    const id = await stored("sessionId");
    return id !== first && id;
  }, "a renewal");

  await page.evaluate(() => sessions.setContentEngaged(true));
  const headers = { authorization: `Bearer ${await stored("accessToken")}` };
  const session = await (await fetch(`${server.url}/user-sessions/${first}`, { headers })).json();
  assert.deepEqual([session.sessionId, session.contentEngaged, session.renewedFrom], [second, true, first]);

  const today = new Date().toISOString().slice(0, 10);
  const read = () => page.evaluate((day) => sessions.sessionsBetween(day, day).then((data) => data.totalSessions, String), today);
  assert.match(await read(), /403/, "this user may not");
  const reader = await tokenOf(server, "paul", { permissions: "metrics:read" });
  await page.evaluate((token) => localStorage.setItem("accessToken", token), reader);
  await until(async () => (await read()) >= 2, "the session and its successor are counted");

  await page.evaluate(() => sessions.logout());
  assert.equal(await stored("sessionId"), null);
  const over = await (await fetch(`${server.url}/user-sessions/${second}`, { headers })).json();
  assert.equal(over.state, "ended");
});

test("in plain code: a login whose answer was lost is the same session when it is repeated", async (context) => {
  const page = await open(context, "/plain", inAHurry);
  await page.waitForFunction("window.sessions");
  let isLost = true;
  proxy.disturb = ({ path }) => path === "/auth/login" && isLost && { lost: "answer" };
  context.after(() => (proxy.disturb = () => undefined));
  const login = () => page.evaluate(() => sessions.login("petra", "x").then(() => "in", String));
  assert.match(await login(), /Network Error/);
  isLost = false;
  assert.equal(await login(), "in");
  const [one, other] = proxy.logins().filter(({ user }) => user === "petra");
  assert.equal(one.key, other.key);
  assert.equal(one.answer.body.sessionId, other.answer.body.sessionId);
});

test("in plain code: a login key whose session was ended is forgotten", async (context) => {
  const page = await open(context, "/plain", inAHurry);
  await page.waitForFunction("window.sessions");
  let isLost = true;
  proxy.disturb = ({ path }) => path === "/auth/login" && isLost && { lost: "answer" };
  context.after(() => (proxy.disturb = () => undefined));
  const login = () => page.evaluate(() => sessions.login("pam", "x").then(() => "in", String));
  assert.match(await login(), /Network Error/);
  isLost = false;
  const headers = { authorization: `Bearer ${await page.evaluate(() => localStorage.getItem("accessToken"))}` };
  await fetch(`${server.url}/user-sessions/end-others`, { method: "POST", headers });
  assert.match(await login(), /409/);
  assert.equal(await login(), "in");
});

test("in plain code: a session that was ended elsewhere leads to a page that says so, and what is none to the login", async (context) => {
  const page = await open(context, "/plain", inAHurry);
  await page.waitForFunction("window.sessions");
  await page.evaluate(() => sessions.login("pia", "x"));
  const headers = { authorization: `Bearer ${await page.evaluate(() => localStorage.getItem("accessToken"))}` };
  await fetch(`${server.url}/user-sessions/end-others`, { method: "POST", headers });
  await at(page, "/signed-out?reason=ended_others");
  await page.evaluate(() => localStorage.setItem("sessionId", "undefined"));
  await page.goto(`http://127.0.0.1:${site.port}/plain`);
  await page.waitForFunction("window.sessions");
  await page.evaluate(() => sessions.startHeartbeats());
  await at(page, "/login");
});

test("in plain code: two devices where a user may have one session do not take turns", async (context) => {
  const devices = [await open(context, "/plain", inAHurry), await open(context, "/plain", inAHurry)];
  for (const page of devices) {
    await page.waitForFunction("window.sessions");
    await page.evaluate(() => sessions.login("pat", "x"));
  }
  const beats = () => proxy.heartbeats().filter(({ user, status }) => user === "pat" && status === 200).length;
  // Mostly the one that was there before; it may be the new one, where a heartbeat of the other came in between.
  const signedOut = () => devices.find((page) => page.url().endsWith("/signed-out?reason=limit"));
  for (const turn of [0, 1]) {
    const one = await until(signedOut, "one of them goes to /signed-out?reason=limit");
    const before = beats();
    await until(() => beats() > before + 5, "the other one goes on");
    const other = devices.find((page) => page !== one);
    assert.equal(new URL(other.url()).pathname, "/plain");
    assert.equal(asked("pat").filter(({ path }) => path === "/auth/login").length, 2 + turn, "nothing logs in by itself");
    if (turn) break;
    await one.goto(`http://127.0.0.1:${site.port}/plain`);
    await one.waitForFunction("window.sessions");
    await one.evaluate(() => sessions.login("pat", "x"));
  }
});
