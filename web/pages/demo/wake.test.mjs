import assert from "node:assert/strict";
import { test } from "node:test";
import { module } from "../dashboard/test-support.mjs";

const { wakeWords } = await module("../demo/wake");
const renewed = (end) => ({
  status: "renewed",
  needsNewSession: false,
  sessionId: `00000000-0000-4000-8000-00000000${end}`,
});
const unavailable = { status: "error", code: "unavailable", message: "Try again" };

test("successors are counted among answers that name one", () => {
  const answers = [...Array(60).fill(renewed("5e09")), ...Array(4).fill(unavailable)];
  assert.equal(wakeWords(answers.slice(0, 60)), "60 answers, one successor: …5e09");
  assert.equal(wakeWords(answers), "64 answers, one successor: …5e09; 4 were told to try again");
  assert.equal(wakeWords([renewed("5e09"), renewed("5e0a")]), "2 answers, 2 successors");
});

test("what is no answer, an error or live still is counted apart", () => {
  const answers = [renewed("5e09"), null, { message: "Unauthorized" }, { code: "x" }, unavailable];
  assert.equal(wakeWords(answers), "5 answers, one successor: …5e09; 1 was told to try again; 3 failed");
  assert.equal(wakeWords([null, null]), "2 answers, no successors; 2 failed");
  const active = { status: "active", needsNewSession: false };
  assert.equal(wakeWords([active, active]), "2 answers, no successors; 2 renewed nothing");
});
