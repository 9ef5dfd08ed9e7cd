// A page of another site in the browser of somebody who runs the local server: what browsers really send, and what it gets.

import assert from "node:assert/strict";
import { createServer, request as ask } from "node:http";
import { after, before, describe, test } from "node:test";
import { listen, startBrowser, startServer } from "./support.mjs";

const FOREIGN = "evil.example";

let server, chromium, site, way;
/** What the server answered, by method and path: a browser does not tell of what a page may not look at. */
let answers = [];

/** The way to the server, on which answers are noted and nothing is changed. */
const note = createServer((incoming, outgoing) => {
  const { method, url: path, headers } = incoming;
  const call = ask(server.url + path, { method, headers }, (answer) => {
    answers.push(`${method} ${path} ${answer.statusCode}`);
    answer.pipe(outgoing.writeHead(answer.statusCode, answer.headers));
  });
  incoming.pipe(call.on("error", () => outgoing.destroy()));
});

before(async () => {
  const pages = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html>"));
  [server, chromium, site, way] = await Promise.all([
    startServer(3_600),
    // As if the name's owner made it resolve to this machine.
    startBrowser(`--host-resolver-rules=MAP ${FOREIGN} 127.0.0.1`),
    listen(pages),
    listen(note),
  ]);
});
after(() => Promise.all([server?.stop(), chromium?.stop(), site?.stop(), way?.stop()]));
const api = () => `http://localhost:${way.port}`;

async function open(context, host) {
  const profile = await chromium.browser.createBrowserContext();
  context.after(() => profile.close());
  const page = await profile.newPage();
  await page.goto(`http://${host}:${site.port}/`);
  answers = [];
  return page;
}

/** A token, by a form as scripts send it: without a preflight. */
const askForToken = (page, mode) =>
  page.evaluate(
    async (url, mode) => {
      const body = new URLSearchParams({ grant_type: "password", username: "alice" });
      const response = await fetch(`${url}/oauth2/token`, { method: "POST", body, mode }).catch(() => null);
      return response && (await response.text());
    },
    api(),
    mode,
  );

/** Sends a form, which leads the page away. */
async function submit(page, path, fields) {
  const left = page.waitForNavigation();
  await page.evaluate(
    (action, fields) => {
      const form = Object.assign(document.createElement("form"), { method: "post", action });
      for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement("input"), { name, value }));
      }
      document.body.append(form);
      form.submit();
    },
    api() + path,
    fields,
  );
  await left;
}

describe("a page of another site", () => {
  test("gets no token by script, whatever it says of itself", async (context) => {
    const page = await open(context, FOREIGN);
    assert.equal(await askForToken(page, "cors"), null);
    assert.equal(await askForToken(page, "no-cors"), "");
    // The origin of a frame in a sandbox is `null`.
    const frame = await page.evaluateHandle(() => {
      const frame = Object.assign(document.createElement("iframe"), { srcdoc: "<p>", sandbox: "allow-scripts" });
      document.body.append(frame);
      return new Promise((resolve) => (frame.onload = () => resolve(frame)));
    });
    assert.equal(await askForToken(await frame.contentFrame(), "cors"), null);
    assert.deepEqual(answers, Array(3).fill("POST /oauth2/token 403"));
  });

  test("gets none by a form, and signs nobody in", async (context) => {
    for (const [path, fields] of [
      ["/oauth2/token", { grant_type: "password", username: "alice" }],
      ["/oauth2/authorize", { name: "alice", client_id: "user-sessions" }],
    ]) {
      const page = await open(context, FOREIGN);
      await submit(page, path, fields);
      assert.equal(answers[0], `POST ${path} 403`);
      assert.equal(await page.evaluate(() => document.body.innerText), '{"message":"Forbidden"}');
    }
  });

  test("loads nothing, and may have a link", async (context) => {
    const page = await open(context, FOREIGN);
    await page.evaluate(async (url) => {
      const script = Object.assign(document.createElement("script"), { src: `${url}/settings.json` });
      document.body.append(script);
      await new Promise((resolve) => (script.onload = script.onerror = resolve));
    }, api());
    assert.deepEqual(answers.splice(0), ["GET /settings.json 403"]);
    const left = page.waitForNavigation();
    await page.evaluate((url) => location.assign(`${url}/docs`), api());
    await left;
    assert.ok(answers.includes("GET /docs 200"), answers.join());
  });

  test("reads nothing by a name of its own that resolves to this machine", async (context) => {
    const page = await open(context, FOREIGN);
    await page.goto(`http://${FOREIGN}:${way.port}/settings.json`);
    assert.equal(answers[0], "GET /settings.json 403");
  });

  test("is none at an address of this machine", async (context) => {
    const page = await open(context, "127.0.0.1");
    assert.match(await askForToken(page, "cors"), /access_token/);
  });
});
