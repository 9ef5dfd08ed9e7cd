// What the browser tests share: the service, a proxy before it that counts and disturbs, pages, and a browser.
//
// The browser is Chromium as users have it. What automation libraries switch off when they start one is what is tested
// here: hidden tabs whose timers are throttled, freezing, the back/forward cache, partitioned storage.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, createServer, request as ask } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import puppeteer from "puppeteer-core";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SERVER = process.env.SERVER ?? here("../../../target/debug/local");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Waits until `condition` gives something true, and gives that. */
export async function until(condition, what, ms = 15_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`Not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Starts a program and waits for the line that says where it can be reached. */
async function start(command, args, { output, pattern, env = {} }) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => said.length < 50 && said.push(line));
  }
  const ended = once(child, "exit");
  const found = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${command} ended with ${code}:\n${said.join("\n")}`)));
    createInterface(child[output]).on("line", (line) => pattern.test(line) && resolve(pattern.exec(line)[1]));
  });
  const stop = async (signal) => {
    child.kill(signal);
    await ended;
  };
  return { found, stop, ended };
}

/** The service whose sessions expire after `seconds`, with parameters of the template, each `NAME=VALUE`. */
export async function startServer(seconds, ...parameters) {
  const given = parameters.flatMap((parameter) => ["--parameter", parameter]);
  const { found: url, stop } = await start(SERVER, ["--port", "0", ...given], {
    output: "stdout",
    pattern: /is at (\S+)/,
    env: { SESSION_TIMEOUT_SECONDS: String(seconds) },
  });
  return { url, stop: () => stop("SIGINT") };
}

/** A token of the local server's own provider, which lets anybody in as anybody. */
export async function tokenOf(server, user, asked = {}) {
  const body = new URLSearchParams({ grant_type: "password", username: user, password: "x", ...asked });
  const response = await fetch(`${server.url}/oauth2/token`, { method: "POST", body });
  return (await response.json()).access_token;
}

const userOf = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url")).sub;

/** Puts a server at a free port. */
export async function listen(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: server.address().port,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/**
 * Stands before the service. `asked` has every request but preflights: its path, user, id and, once there is one, the
 * answer. `disturb` is set by a test: for a request it may give `before` and `after`, promises that hold it up on its
 * way to the service and back; `status`, an answer of which the service knows nothing; or `lost`: `"request"` if it
 * never arrives, `"answer"` if the service acts and nobody hears of it. Preflights wait for `beforePreflight`.
 */
export async function startProxy(target) {
  const proxy = { asked: [], preflights: 0, disturb: () => undefined, beforePreflight: undefined };
  // Connections to the browser are used once: it repeats by itself what fails on one that is used again.
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, outgoing) => pass(incoming, outgoing).catch(() => outgoing.destroy()));
  async function pass(incoming, outgoing) {
    const { method, url: path, headers } = incoming;
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const token = headers.authorization?.replace("Bearer ", "");
    const entry = {
      at: Date.now(),
      method,
      path,
      origin: headers.origin,
      user: token && userOf(token),
      id: /heartbeat\/([^/]+)$/.exec(path)?.[1] ?? headers["x-session-id"],
      key: headers["idempotency-key"],
    };
    if (method === "OPTIONS") proxy.preflights++;
    else proxy.asked.push(entry);
    const { before, after, status, lost } = (method !== "OPTIONS" && proxy.disturb(entry)) || {};
    await (method === "OPTIONS" ? proxy.beforePreflight : before);
    const cors = { "access-control-allow-origin": headers.origin ?? "*", connection: "close" };
    if (lost === "request") {
      outgoing.destroy();
      return;
    }
    if (status) {
      entry.status = status;
      outgoing.writeHead(status, cors).end(JSON.stringify({ message: "disturbed" }));
      return;
    }
    // The local server lets no page without an origin in; API Gateway, where any origin may call, does.
    const origin = headers.origin === "null" ? "http://localhost" : headers.origin;
    const sent = { ...headers, ...(origin && { origin }) };
    const answer = await new Promise((resolve, reject) => {
      const call = ask(target + path, { method, headers: sent, agent }, resolve).on("error", reject);
      call.end(Buffer.concat(chunks));
    });
    const body = [];
    for await (const chunk of answer) body.push(chunk);
    const text = Buffer.concat(body).toString();
    entry.status = answer.statusCode;
    entry.answer = text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text;
    await after;
    if (lost === "answer") {
      outgoing.destroy();
      return;
    }
    outgoing.writeHead(answer.statusCode, { ...answer.headers, ...(headers.origin && cors), connection: "close" });
    outgoing.end(text);
  }
  const { port, stop } = await listen(server);
  proxy.url = `http://localhost:${port}`;
  proxy.of = (part) => proxy.asked.filter(({ path }) => path.includes(part));
  proxy.heartbeats = () => proxy.of("/heartbeat/");
  proxy.logins = () => proxy.of("/auth/login");
  proxy.stop = async () => {
    agent.destroy();
    await stop();
  };
  return proxy;
}

const TYPES = { html: "text/html", js: "text/javascript", css: "text/css" };
/** As strict as a policy can be that lets the client call the API, and the pages that have it. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src http://localhost:*";
const STRICT = ["/element.html", "/element-react.html"];

/** Test pages and the client, at `/` of a port that is not the API's: calls are cross-origin, with preflights. */
export async function startSite() {
  const bundled = await build({
    entryPoints: ["strict-mode", "element-react"].map((name) => here(`pages/${name}.jsx`)),
    outdir: "/",
    bundle: true,
    format: "esm",
    jsx: "automatic",
    write: false,
    // Effects run twice in React's development build alone.
    define: { "process.env.NODE_ENV": '"development"' },
  });
  const bundles = new Map(bundled.outputFiles.map(({ path, text }) => [path, text]));
  const server = createServer(async ({ url }, response) => {
    const { pathname } = new URL(url, "http://site");
    // A sandboxed frame has no origin, so that its scripts are another origin's.
    const type = TYPES[pathname.split(".").pop()] ?? "text/plain";
    const policy = STRICT.includes(pathname) && { "content-security-policy": POLICY };
    const headers = { "access-control-allow-origin": "*", "content-type": type, ...policy };
    try {
      const file = pathname.startsWith("/client/") ? `../../client/dist/${pathname.slice(8)}` : `pages${pathname}`;
      const content = bundles.get(pathname) ?? (await readFile(here(file)));
      response.writeHead(200, headers).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  const { port, stop } = await listen(server);
  return { port, stop };
}

/** Chromium with nothing switched off, and hidden pages that are throttled to the full after 5 seconds, not minutes. */
export async function startBrowser(...switches) {
  const profile = await mkdtemp(join(tmpdir(), "user-sessions-"));
  const args = [
    "--no-sandbox",
    ...(process.env.WATCH ? [] : ["--headless=new"]),
    "--remote-debugging-port=0",
    `--user-data-dir=${profile}`,
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/5",
    ...switches,
  ];
  const { found, ended, stop } = await start(CHROMIUM, args, {
    output: "stderr",
    pattern: /DevTools listening on ws:\/\/([^/]+)/,
  });
  const browserURL = `http://${found}`;
  const browser = await puppeteer.connect({ browserURL, defaultViewport: null, protocolTimeout: 60_000 });
  return {
    browser,
    stop: async () => {
      await Promise.race([browser.close(), ended]).catch(() => stop("SIGKILL"));
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * What a file's tests have in common, with a server for each of `timeouts`: seconds, or all that `startServer` takes.
 * `world` is what one test has for itself: a user, a proxy, and a browser's profile, whose windows show one tab each.
 */
export async function startAll(...timeouts) {
  const started = [];
  const also = (one) => (started.push(one), one);
  const stop = () => Promise.all(started.map((one) => one.stop()));
  const outcomes = await Promise.allSettled([
    startSite().then(also),
    startBrowser().then(also),
    ...timeouts.map((timeout) => startServer(...[timeout].flat()).then(also)),
  ]);
  const failed = outcomes.find(({ reason }) => reason);
  if (failed) {
    // What has started would keep Node waiting.
    await stop();
    throw failed.reason;
  }
  const [site, { browser }, ...servers] = outcomes.map(({ value }) => value);
  return {
    world: (context, seconds = timeouts[0]) =>
      world(context, { site, browser, server: servers[timeouts.indexOf(seconds)] }),
    stop,
  };
}

async function world(context, { site, browser, server }) {
  const user = `user-${randomUUID()}`;
  const [token, proxy, profile] = await Promise.all([
    tokenOf(server, user),
    startProxy(server.url),
    browser.createBrowserContext(),
  ]);
  context.after(async () => {
    await profile.close();
    await proxy.stop();
  });
  const place = (file, settings, host = "127.0.0.1") =>
    `http://${host}:${site.port}/${file}#${encodeURIComponent(JSON.stringify({ api: proxy.url, token, ...settings }))}`;
  const api = async (path, { method = "GET", as = token } = {}) => {
    const response = await fetch(server.url + path, { method, headers: { authorization: `Bearer ${as}` } });
    return response.json();
  };
  /** Another browser of the same user's. */
  const newProfile = async () => {
    const another = await browser.createBrowserContext();
    context.after(() => another.close());
    return another;
  };
  /** A tab with the page of the client, in front of its window. `inject` runs there before all scripts. */
  async function open(settings = {}, { inject, host, file = "page.html", isWindow = false, as = profile } = {}) {
    const page = await as.newPage(isWindow ? { type: "window" } : undefined);
    if (inject) await page.evaluateOnNewDocument(inject);
    await page.goto(place(file, settings, host));
    if (file === "page.html") await page.waitForFunction("window.sessions", { polling: 50 });
    return page;
  }
  return { user, token, proxy, profile, newProfile, place, api, open, server, tokenOf: (name) => tokenOf(server, name) };
}

// In a page, by way of the debugger, which works in hidden and frozen ones too.

export const login = (page) => page.evaluate(() => sessions.login());
export const current = (page) => page.evaluate(() => sessions.current);
export const isHidden = (page) => page.evaluate(() => document.hidden);
/** What happened in the page, or to its client, of one kind if that is named. */
export const events = (page, kind) =>
  page.evaluate((kind) => window.events.filter(([name]) => !kind || name === kind), kind);
/** What the browser has stored of the user. */
export const stored = (page) => page.evaluate(() => JSON.parse(localStorage.getItem(nameOfRecord) ?? "{}"));
/** Changes that, as if time had passed. */
export const store = (page, change) =>
  page.evaluate((change) => {
    const record = JSON.parse(localStorage.getItem(nameOfRecord) ?? "{}");
    localStorage.setItem(nameOfRecord, JSON.stringify({ ...record, ...change }));
  }, change);
/** Freezes a tab in the background, or thaws it. */
export async function setFrozen(page, isFrozen) {
  const session = (page.lifecycle ??= await page.createCDPSession());
  await session.send("Page.setWebLifecycleState", { state: isFrozen ? "frozen" : "active" });
}
/** Milliseconds between each request and the next. */
export const gaps = (asked) => asked.slice(1).map(({ at }, index) => at - asked[index].at);

/**
 * Heartbeats came once an interval: none is late by more than timers and a busy machine make it, and no two are closer
 * together, but for what one took to arrive, since the interval counts from its sending.
 */
export function assertOncePerInterval(asked, interval, lateness = 3_000) {
  const found = gaps(asked);
  const toArrive = Math.max(interval * 0.2, 1_000);
  // Nor are any more of them in a longer time.
  const isSeldom = asked.every(({ at }, index) =>
    asked.slice(0, index).every((before, place) => at - before.at >= interval * (index - place) - toArrive),
  );
  const isOnce = isSeldom && found.every((gap) => gap <= interval + lateness);
  assert.ok(isOnce, `${found.join(", ")} ms between heartbeats of an interval of ${interval} ms`);
}

/** A promise, and what fulfils it. */
export const heldUp = () => {
  let release;
  const promise = new Promise((resolve) => (release = resolve));
  return { promise, release };
};
