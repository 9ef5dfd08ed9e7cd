// How the demo's page looks, and is read and used; what it does is in `demo.test.mjs`.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import {
  IPHONE,
  LIST,
  SECOND,
  chain,
  click,
  listed,
  part,
  seconds,
  shows,
  signIn,
  startDemo,
  text,
  tries,
} from "./demo.mjs";
import { until } from "./support.mjs";

const run = promisify(execFile);
const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHOTS = process.env.SHOTS;

let world;
let stop;
before(async () => ({ world, stop } = await startDemo()));
after(() => stop?.());

async function shot(page, name) {
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

/** How many calls are told. */
const count = (page) => page.$$eval("#said > li", ({ length }) => length);

async function serious(page, where) {
  const { violations } = await page.evaluate(() => axe.run());
  const found = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = found.map(({ id, nodes }) => `${where}: ${id} ${nodes.map(({ target }) => target).join(" ")}`);
  assert.deepEqual(told, []);
}

describe("page of the demo", () => {
  test("left alone, the ring runs down, and neither a status nor a read says anything", async (t) => {
    const { signedIn } = await world(t);
    const page = await signedIn();
    await until(async () => /metrics/.test(await text(page, "#said")), "the figures were read");
    // Figures are looked at for some seconds after something was done, and the list every five.
    await new Promise((resolve) => setTimeout(resolve, 7 * SECOND));
    const before = await seconds(page);
    const calls = await count(page);
    await page.evaluate(() => {
      window.names = 0;
      new MutationObserver(() => window.names++).observe(document.querySelector("#ring"), {
        attributeFilter: ["aria-label"],
      });
      window.live = 0;
      const observer = new MutationObserver(() => window.live++);
      const options = { childList: true, characterData: true, subtree: true };
      for (const root of [document, document.querySelector("user-sessions").shadowRoot]) {
        for (const region of root.querySelectorAll("[role=status], [role=log], [aria-live]"))
          observer.observe(region, options);
      }
    });
    await until(async () => (await seconds(page)) <= before - 6, "six seconds are gone");
    assert.equal(await count(page), calls);
    assert.equal(await page.evaluate(() => window.names), 0);
    assert.equal(await page.evaluate(() => window.live), 0, "a live region speaks with nothing done");
  });

  test("what was said can be pasted into a terminal", async (t) => {
    const { url, signedIn, profile } = await world(t);
    await profile.overridePermissions(url, ["clipboard-read", "clipboard-sanitized-write"]);
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

  test("at most 50 calls are kept", async (t) => {
    const { signedIn } = await world(t);
    const page = await signedIn();
    const beat = async () => {
      const newest = () => page.$eval("#said li", ({ innerText }) => innerText);
      const former = await newest();
      // The button has the focus since the sign-in; it is not heard while one is under way.
      await until(async () => {
        await page.keyboard.press("Enter");
        return (await newest()) !== former;
      }, "another call is on top");
      return count(page);
    };
    await until(async () => (await beat()) >= 50, "fifty are there", 60 * SECOND);
    for (let more = 0; more < 5; more++) await beat();
    assert.equal(await count(page), 50);
  });

  test("any name signs in, and one that is too long for a user's id is refused with a reason", async (t) => {
    const { open } = await world(t);
    const page = await open();
    await page.waitForSelector("#username", { visible: true });
    for (const [name, reason] of [
      ["  ", /takes one/],
      ["x".repeat(256), /Too long/],
    ]) {
      await page.$eval("#username", (input, name) => (input.value = name), name);
      await page.focus("#username");
      await page.keyboard.press("Enter");
      await shows(page, "#username-hint", reason);
    }
    for (const [name, user] of [
      ["o'neill&co+1%", "o'neill&co+1%"],
      ["Zoë Lovelace", "Zo%C3%AB%20Lovelace"],
    ]) {
      await page.$eval("#username", (input) => (input.value = ""));
      await page.type("#username", name);
      await page.keyboard.press("Enter");
      await shows(page, "#state", /Live/);
      assert.equal(await text(page, "#name"), name);
      await until(async () => (await chain(page)).length === 1, "its session");
      const command = await page.$eval("#token code", ({ textContent }) => textContent);
      const { stdout } = await run("bash", ["-c", `${command}; echo "$token"`]);
      assert.equal(JSON.parse(Buffer.from(stdout.split(".")[1], "base64url")).sub, user);
      await page.reload();
      await shows(page, "#state", /Live/);
      assert.equal(await text(page, "#name"), name, "after a reload too");
      await click(page, "#sign-out");
      await page.waitForSelector("#username", { visible: true });
    }
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
      const wanted = value === "reduce" ? [] : ["animationstart new", "transitionrun arc"];
      const animated = async () => [...new Set(await page.evaluate(() => window.animated))].sort();
      await until(async () => (await animated()).length >= wanted.length, "it is animated");
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      assert.deepEqual(await animated(), wanted);
      await page.close();
    }
  });

  test("the keyboard alone is enough, and never loses its place", async (t) => {
    const { open, user } = await world(t);
    const page = await open();
    await page.waitForSelector("#username", { visible: true });
    await page.evaluate(() => {
      window.active = (root = document) =>
        root.activeElement.shadowRoot?.activeElement ? active(root.activeElement.shadowRoot) : root.activeElement;
    });
    const focused = () =>
      page.evaluate(() => active().id || active().parentElement.id || active().part.value || active().textContent);
    /** Goes there by Tab. */
    const reach = async (place) => {
      for (let pressed = 0; pressed < 60; pressed++) {
        if ((await focused()) === place) return;
        await page.keyboard.press("Tab");
        const outline = await page.evaluate(
          () => active() === document.body || getComputedStyle(active()).outlineStyle,
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
    await until(async () => (await listed(page)) === 2, "both are listed");
    await page.keyboard.down("Shift");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.up("Shift");
    assert.equal(await focused(), "button sign-out");
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "button cancel", "the question has the focus");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await until(async () => (await listed(page)) === 1, "it is gone");
    await until(async () => (await focused()) === "list", "the focus of what is gone goes on to the list");
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

  for (const width of [1_280, 390]) {
    test(`axe finds nothing serious in each state, light and dark, at ${width}`, async (t) => {
      const { open, user, api } = await world(t);
      const page = await open({ width });
      await page.evaluate(AXE);
      const holds = async (state) => {
        for (const scheme of ["light", "dark"]) {
          await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
          await serious(page, `${scheme} ${width} ${state}`);
          await shot(page, `${scheme}-${width}-${state.replace(" ", "-")}`);
        }
      };
      const elsewhere = () => api("/auth/login", { method: "POST", headers: { "user-agent": IPHONE } });
      await page.waitForSelector("#username", { visible: true });
      await holds("signed out");
      await elsewhere();
      await signIn(page, user);
      await shows(page, LIST, /iPhone/);
      await holds("live");
      await tries(page, "hour");
      await holds("expired");
      await tries(page, "wake");
      await tries(page, "lose");
      await elsewhere();
      await tries(page, "replay");
      await shows(page, LIST, /iPhone/);
      await holds("tried");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} pixels on a screen of ${width}`);
      await click(page, part("sign-out-others"));
      await holds("asked");
      await click(page, part("cancel"));
      await click(page, "#end");
      await shows(page, "#state", /Ended/);
      await holds("ended");
    });
  }

  test("it is painted before its scripts, within a second", async (t) => {
    const { url, open, newProfile } = await world(t);
    const page = await open();
    const tries = [];
    for (let loads = 0; loads < 3; loads++) {
      await page.reload();
      await page.waitForSelector("#username", { visible: true });
      const painted = () => page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
      tries.push(await until(painted, "it is painted"));
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
    bare.goto(`${url}/`).catch(() => undefined);
    await until(() => bare.url() !== "about:blank", "it is on its way");
    await until(
      () => bare.evaluate(() => document.querySelector("#skeleton")?.checkVisibility()),
      "the frame is there",
    );
    assert.match(await text(bare, "main"), /A visit goes on[^]*Let the hour pass/);
  });
});
