import assert from "node:assert/strict";
import { test } from "node:test";
import { english, UserSessionsElement } from "../dist/element.js";

test("where there are no elements there is a class that nobody makes one of", () => {
  assert.equal(globalThis.customElements, undefined);
  assert.equal(typeof UserSessionsElement, "function");
});

test("it is registered once, whoever was first", async (context) => {
  const defined = new Map();
  context.after(() => ["HTMLElement", "customElements"].forEach((name) => delete globalThis[name]));
  globalThis.HTMLElement = class {};
  globalThis.customElements = {
    get: (name) => defined.get(name),
    define: (name, element) => {
      assert.ok(!defined.has(name));
      defined.set(name, element);
    },
  };
  const first = await import("../dist/element.js?first");
  await import("../dist/element.js?second");
  assert.deepEqual([...defined], [["user-sessions", first.UserSessionsElement]]);
});

test("a session is called after what is known of its device", () => {
  const { device } = english;
  assert.deepEqual(
    [
      device("Chrome", "Linux", false),
      device("Chrome", null, false),
      device(null, "Linux", false),
      device(null, null, true),
      device(null, null, false),
    ],
    ["Chrome on Linux", "Chrome", "Linux", "Unknown phone", "Unknown device"],
  );
});

test("why this browser is signed out is said, unless the user did it here or nobody knows", () => {
  const said = ["ended", "ended_others", "limit", "operator", "logout", null].map(english.over);
  const plain = "You are signed out in this browser";
  const elsewhere = `${plain}: ended on another device.`;
  const others = [`${plain}: too many sessions.`, `${plain}: ended by an administrator.`];
  assert.deepEqual(said, [elsewhere, elsewhere, ...others, `${plain}.`, `${plain}.`]);
});

test("one is not many", () => {
  const { askOthers, endedOthers } = english;
  assert.deepEqual([1, 2].map(askOthers), ["Sign out of 1 other session?", "Sign out of 2 other sessions?"]);
  assert.deepEqual([1, 2].map(endedOthers), ["Signed out of 1 other session.", "Signed out of 2 other sessions."]);
});
