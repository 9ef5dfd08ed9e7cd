// The client against the service in Node, where a test may lose a thousand answers in seconds.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createSessions } from "../../client/dist/index.js";
import { startServer, tokenOf, until } from "./support.mjs";

const TIMEOUT_SECONDS = 5;
let server;
before(async () => (server = await startServer(TIMEOUT_SECONDS)));
after(() => server?.stop());

test("a thousand lost answers in a row end in one successor", async (t) => {
  const token = await tokenOf(server, "alice");
  const items = new Map();
  const storage = { getItem: (name) => items.get(name) ?? null, setItem: (name, text) => void items.set(name, text) };
  const change = (changed) => {
    const [[name, text]] = items;
    const { failed, claim, ...record } = JSON.parse(text);
    items.set(name, JSON.stringify({ ...record, ...changed }));
  };
  let isLost = false;
  const answers = [];
  const heard = [];
  const sessions = createSessions({
    baseUrl: server.url,
    getToken: () => token,
    storage,
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      const answer = await response.clone().json();
      answers.push(answer);
      if (isLost) throw new TypeError("The answer is lost");
      return response;
    },
    onRenewed: (...ids) => heard.push(ids),
    onError: () => heard.push("lost"),
  });
  t.after(() => sessions.stop());
  const first = await sessions.login();
  const list = async () => {
    const response = await fetch(`${server.url}/user-sessions`, { headers: { authorization: `Bearer ${token}` } });
    return response.json();
  };
  await until(async () => !(await list()).length, "the session expires");

  isLost = true;
  answers.length = 0;
  for (let lost = 1; lost <= 1_000; lost++) {
    // As if the pause after each failure had passed.
    change({ sent: 0 });
    sessions.start();
    await new Promise((resolve) => {
      const wait = () => (heard.length >= lost ? resolve() : setImmediate(wait));
      wait();
    });
    sessions.stop();
  }
  assert.deepEqual([answers.length, heard.every((what) => what === "lost"), sessions.current], [1_000, true, first]);
  isLost = false;
  change({ sent: 0 });
  sessions.start();
  await until(() => sessions.current !== first, "the answer that arrives");
  const successors = new Set(answers.map(({ sessionId }) => sessionId));
  assert.deepEqual([...successors], [sessions.current]);
  assert.deepEqual(heard.slice(1_000), [[sessions.current, first]]);
  assert.deepEqual((await list()).map(({ sessionId }) => sessionId), [sessions.current]);
  assert.equal((await sessions.get(sessions.current)).renewedFrom, first);
});
