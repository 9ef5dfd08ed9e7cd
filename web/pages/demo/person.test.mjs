import assert from "node:assert/strict";
import { test } from "node:test";
import { module } from "../dashboard/test-support.mjs";

const { userOf, whatIsWrong } = await module("../demo/person");

test("any name is a user, the same as at the provider's page", () => {
  for (const [name, user] of [
    ["alice", "alice"],
    [" alice@example.com ", "alice@example.com"],
    ["Ada Lovelace", "Ada%20Lovelace"],
    ["Zoë\t", "Zo%C3%AB"],
    ["<b>&\"'", "<b>&\"'"],
    ["a\u0000\u007f", "a%00%7F"],
    ["\ud800", "%EF%BF%BD"],
  ]) {
    assert.equal(userOf(name), user);
    assert.equal(whatIsWrong(name), "");
  }
  assert.equal(whatIsWrong("x".repeat(255)), "");
});

test("what is empty or too long says why", () => {
  for (const name of ["", "  "]) assert.match(whatIsWrong(name), /takes one/);
  for (const name of ["x".repeat(256), "ë".repeat(43)]) assert.match(whatIsWrong(name), /Too long/);
});
