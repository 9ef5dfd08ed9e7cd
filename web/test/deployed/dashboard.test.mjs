// The dashboard of a stack that was deployed, at TEST_PAGES_URL: signing in at its issuer, and what its API tells.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser, until } from "../browser/support.mjs";

const pages = process.env.TEST_PAGES_URL;
let chromium;

before(async () => {
  chromium = await startBrowser();
});
after(() => chromium?.stop());

test("after a deployment its address is enough to sign in, read and sign out", async () => {
  const page = await chromium.browser.newPage();
  const [wrong, asked] = [[], new Set()];
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http")) asked.add(origin);
  });
  const state = () => page.$eval("main", ({ dataset }) => dataset.state).catch(() => undefined);
  const reached = (...wanted) => until(async () => wanted.includes(await state()), `it is ${wanted}`);

  await page.goto(`${pages}/dashboard?range=7`);
  await reached("signed-out");
  const settings = await page.evaluate(async () => (await fetch("settings.json")).json());
  await page.click("#message-button");
  await page.waitForSelector("input[name=name]");
  assert.equal(new URL(page.url()).origin, new URL(settings.issuer).origin);
  await page.type("input[name=name]", "pm");
  await page.click("input[name=metrics]");
  await page.click("button.main");
  await page.waitForSelector("main[data-state]");
  // A stack without sessions says that.
  await reached("ready", "message");
  const said = await page.$eval("#message-title", ({ textContent }) => textContent);
  assert.ok((await state()) === "ready" || said === "No sessions yet", said);
  assert.equal(new URL(page.url()).origin, new URL(pages).origin);
  assert.equal(new URL(page.url()).searchParams.has("code"), false);

  await page.click("#sign-out");
  await reached("signed-out");
  assert.deepEqual(wrong, []);
  const expected = [pages, settings.apiUrl, settings.issuer].map((url) => new URL(url).origin);
  assert.deepEqual([...asked].sort(), expected.sort());
});
