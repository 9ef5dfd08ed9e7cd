import assert from "node:assert/strict";
import { test } from "node:test";
import { module } from "./test-support.mjs";

const { settingsOf } = await module("settings");
const here = "http://localhost:3000";

test("local is where the page's own server signs people in", () => {
  const of = (apiUrl, issuer) => {
    const { isLocal, isDemo } = settingsOf({ apiUrl, issuer, now: "2026-11-24T17:00:00.000Z" }, here, 0);
    return [isLocal, isDemo];
  };
  assert.deepEqual(of(here, here), [true, false]);
  assert.deepEqual(of(`${here}/demo`, here), [true, true]);
  assert.deepEqual(of(here, "https://issuer.example/"), [false, false], "the local server with another issuer");
  assert.deepEqual(of("https://api.example", "https://issuer.example/pool"), [false, false], "a deployment");
});
