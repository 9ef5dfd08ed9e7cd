// What the tests of the demo page share: a server, a browser, and how a person uses the page.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { startBrowser, startServer, tokenOf, until } from "./support.mjs";

export const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
export const SECOND = 1_000;

/** A server, whose clock is nobody else's, and a browser. `world` is what one test has of them for itself. */
export async function startDemo() {
  const [server, chromium] = await Promise.all([startServer(3_600), startBrowser()]);
  return {
    world: (context, expected) => world(context, { server, chromium }, expected),
    stop: () => Promise.all([server.stop(), chromium.stop()]),
  };
}

/**
 * Windows of one browser's profile, a user, and the API as that user. A page fails that asked another origin, violated
 * the policy, or wrote an error to the console that is not `expected`: an answer that is lost on purpose is one.
 */
async function world(context, { server, chromium }, expected = /ERR_EMPTY_RESPONSE/) {
  const user = `user-${randomUUID().slice(0, 8)}`;
  const token = await tokenOf(server, user);
  const reader = await tokenOf(server, user, { permissions: "metrics:read" });
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
  return { url: server.url, user, open, signedIn, api, today, profile, newProfile };
}

export async function signIn(page, user) {
  await page.waitForSelector("#username", { visible: true });
  await page.$eval("#username", (input) => (input.value = ""));
  await page.type("#username", user);
  await click(page, "#sign-in button");
  await shows(page, "#state", /Live/);
}

/** What is seen, with plain spaces. */
export const text = (page, selector) =>
  page.$eval(selector, (element) => element.innerText.replace(/\u00a0/g, " ").trim());
/** Waits until that says so. */
export const shows = (page, selector, pattern, ms) =>
  until(async () => pattern.test(await text(page, selector)), `${selector} says ${pattern}`, ms).catch(
    async (error) => {
      throw new Error(`${error.message}, but "${await text(page, selector)}"`);
    },
  );
/** Clicks on what stands still: what is read meanwhile makes lists above longer. */
export async function click(page, selector) {
  const place = () => page.$eval(selector, (element) => JSON.stringify(element.getBoundingClientRect()));
  await until(async () => {
    const before = await place();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return before === (await place());
  }, `${selector} stands still`);
  await page.click(selector);
}

/** What is in the list of sessions, by its part. */
export const part = (name) => `user-sessions >>> [part~=${name}]`;
export const LIST = part("content");
/** How many sessions are listed. */
export const listed = (page) => page.$$eval(part("session"), ({ length }) => length);
/** Presses a button of the list, and says yes to what it asks. */
export async function signOut(page, selector) {
  await click(page, selector);
  await click(page, part("confirm"));
}

/** Runs one of what is hard to wait for. */
export async function tries(page, name) {
  await click(page, `#${name} button`);
  await shows(page, `#${name} .out`, /./);
  return text(page, `#${name} .out`);
}
export const isDisabled = (page, selector) => page.$eval(selector, (button) => button.ariaDisabled === "true");
export const chain = (page) => page.$$eval("#chain li", (items) => items.map(({ dataset }) => dataset.id));
export const tail = (id) => `…${id.slice(-4)}`;
export const seconds = (page) =>
  page.$eval("#ring .left", ({ textContent }) => {
    const [minutes, rest] = textContent.split(":").map(Number);
    return minutes * 60 + rest;
  });
