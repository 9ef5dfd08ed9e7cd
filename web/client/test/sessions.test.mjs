import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { createSessions, SessionsError } from "../dist/index.js";
import * as support from "./support.mjs";

const { active, during, expired, ID, NEXT, pass, refused, renewed, service, settle, started, storage, token } = support;
const baseUrl = "http://api.test";
const MINUTE = 60_000;

beforeEach(support.standStill);
afterEach(support.goOn);

/** A client and what happened to it. */
function client(answer, options = {}) {
  const api = service(answer);
  const shared = options.storage ?? storage();
  const events = [];
  const sessions = createSessions({
    baseUrl,
    getToken: () => token(),
    storage: shared,
    fetch: api.fetch,
    onRenewed: (id, former) => events.push(["renewed", id, former]),
    onEnded: (id, reason) => events.push(["ended", id, reason]),
    onLoginNeeded: () => events.push(["loginNeeded"]),
    onError: (error) => events.push(["error", error.status ?? error.message]),
    ...options,
  });
  return { ...api, sessions, shared, events };
}

const over = (endReason) => ({ id: null, state: "over", endReason });
const usual = ({ path }) => (path === "/auth/login" ? started() : active);

/** A client that is logged in and started. */
async function going(answer = usual, options) {
  const made = client(answer, options);
  await during(made.sessions.login());
  made.sessions.start();
  await settle();
  made.asked.length = 0;
  return made;
}

test("nothing is read, opened or sent before a method is called", async () => {
  let touched = 0;
  const watched = new Proxy({}, { get: () => touched++ });
  client(usual, { storage: watched, getToken: () => touched++ });
  await pass(10 * MINUTE);
  assert.equal(touched, 0);
});

test("start opens no session", async () => {
  const { sessions, asked } = client(usual);
  sessions.start();
  await pass(30 * MINUTE, 10_000);
  assert.deepEqual([asked.length, sessions.current], [0, null]);
  sessions.stop();
});

test("a heartbeat is sent every five minutes, to the id and with the token", async () => {
  const { sessions, asked, paths } = await going();
  await pass(16 * MINUTE, 5_000);
  sessions.stop();
  assert.deepEqual(paths(), Array(3).fill(`POST /user-sessions/heartbeat/${ID}`));
  assert.equal(asked[0].headers.authorization, `Bearer ${token()}`);
});

test("where the service's timeout is short, a heartbeat is sent three times within it", async () => {
  const { sessions, asked } = await going(({ path }) => (path === "/auth/login" ? started(ID, 90) : active));
  await pass(95_000);
  sessions.stop();
  assert.equal(asked.length, 3);
});

test("starts are counted, and what a start returns takes it back once", async () => {
  const { sessions, asked } = await going();
  const takeBack = sessions.start();
  takeBack();
  takeBack();
  await pass(6 * MINUTE, 5_000);
  assert.equal(asked.length, 1, "the first start still holds");
  sessions.stop();
  sessions.stop();
  await pass(30 * MINUTE, 10_000);
  assert.equal(asked.length, 1);
  sessions.start();
  await settle();
  assert.equal(asked.length, 2, "one stop too many takes nothing back");
  sessions.stop();
});

test("a renewed id is adopted, told once, and used from then on", async () => {
  const { sessions, events, asked, shared } = await going(({ path }) =>
    path === "/auth/login" ? started() : path.endsWith(ID) ? renewed() : active,
  );
  const snapshots = [];
  sessions.subscribe(() => snapshots.push(sessions.getSnapshot()));
  await pass(11 * MINUTE, 5_000);
  sessions.stop();
  assert.deepEqual(events, [["renewed", NEXT, ID]]);
  assert.deepEqual(snapshots, [{ id: NEXT, state: "live", endReason: null }]);
  assert.equal(sessions.getSnapshot(), snapshots[0], "the same object until something changes");
  assert.ok(asked[1].path.endsWith(NEXT));
  assert.equal(shared.record().id, NEXT);
});

// What is no session has no reason, and an end from before there were any has null.
for (const reason of [undefined, null]) {
  test(`a session that is over without a reason (${reason}) needs a login, and gets no more heartbeats`, async () => {
    const { sessions, events, asked } = await going(({ path }) => (path === "/auth/login" ? started() : expired(reason)));
    await pass(30 * MINUTE, 5_000);
    sessions.stop();
    assert.deepEqual(events, [["ended", ID, null], ["loginNeeded"]]);
    assert.deepEqual([asked.length, sessions.getSnapshot()], [1, over(null)]);
  });
}

for (const reason of ["logout", "ended", "ended_others", "limit", "operator", "of a later version"]) {
  test(`a session that was ended (${reason}) says so in each tab, and wants no login`, async () => {
    const shared = storage();
    const answer = ({ path }) => (path === "/auth/login" ? started() : expired(reason));
    const tabs = [await going(answer, { storage: shared }), client(answer, { storage: shared })];
    tabs[1].sessions.start();
    await settle();
    await pass(30 * MINUTE, 5_000);
    // Without channels a tab looks when it is asked for something.
    for (const { sessions } of tabs) await during(sessions.list()).catch(() => {});
    for (const { sessions, events } of tabs) {
      sessions.stop();
      assert.deepEqual([events, sessions.getSnapshot()], [[["ended", ID, reason]], over(reason)]);
    }
    const sent = tabs.flatMap(({ paths }) => paths()).filter((path) => path.startsWith("POST"));
    assert.deepEqual(sent, [`POST /user-sessions/heartbeat/${ID}`]);
    // Whoever opens the page anew is told, too.
    const reloaded = client(answer, { storage: shared });
    await during(reloaded.sessions.list()).catch(() => {});
    assert.deepEqual([reloaded.sessions.getSnapshot(), reloaded.events], [over(reason), []]);
  });
}

test("another login takes the reason away", async () => {
  let isOver = true;
  const { sessions, shared } = await going(({ path }) => {
    if (path === "/auth/login") return started(isOver ? ID : NEXT);
    return isOver ? expired("limit") : active;
  });
  await pass(6 * MINUTE, 5_000);
  assert.deepEqual(sessions.getSnapshot(), over("limit"));
  isOver = false;
  await during(sessions.login());
  sessions.stop();
  assert.deepEqual(sessions.getSnapshot(), { id: NEXT, state: "live", endReason: null });
  assert.deepEqual([shared.record().over, shared.record().reason], [undefined, undefined]);
});

test("a login returns the session that is stored, and its key is sent again until it is answered", async () => {
  let isDown = true;
  const keys = [];
  const { sessions, shared } = client(({ path, headers }) => {
    if (path !== "/auth/login") return active;
    keys.push(headers["idempotency-key"]);
    return isDown ? new TypeError("fetch failed") : started();
  });
  await assert.rejects(during(sessions.login()), { name: "SessionsError", status: 0 });
  isDown = false;
  assert.equal(await during(sessions.login()), ID);
  assert.equal(await during(sessions.login()), ID);
  assert.equal(new Set(keys).size, 1);
  assert.match(keys[0], /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  assert.equal(shared.record().key, undefined);
});

test("a key whose session was ended is forgotten, once", async () => {
  let ended = 1;
  const { sessions, asked, shared } = client(({ path }) =>
    path !== "/auth/login" ? active : ended-- > 0 ? refused(409, "session_ended") : started(),
  );
  shared.setItem(`user-sessions ${baseUrl}  alice`, JSON.stringify({ key: NEXT }));
  assert.equal(await during(sessions.login()), ID);
  assert.equal(asked[0].headers["idempotency-key"], NEXT);
  assert.notEqual(asked[1].headers["idempotency-key"], NEXT);
  await during(sessions.logout());
  ended = 9;
  await assert.rejects(during(sessions.login()), { status: 409 });
  assert.equal(asked.filter(({ path }) => path === "/auth/login").length, 3, "a key of its own is not tried again");
});

test("logins at the same time open one session", async () => {
  const { sessions, paths } = client(usual);
  const ids = await during(Promise.all([sessions.login(), sessions.login(), sessions.login()]), 4_000);
  assert.deepEqual(new Set(ids), new Set([ID]));
  assert.ok(paths().length <= 3);
});

test("a late login is undone if the user has logged out meanwhile", async () => {
  let answer;
  const { sessions, paths } = client(({ path }) =>
    path === "/auth/login" ? new Promise((resolve) => (answer = () => resolve(started()))) : { body: {} },
  );
  const login = sessions.login();
  await settle();
  await pass(200, 50);
  await during(sessions.logout());
  answer();
  await assert.rejects(during(login), /Logged out meanwhile/);
  assert.deepEqual([sessions.current, paths().at(-1)], [null, "POST /auth/logout"]);
});

test("a late heartbeat's answer does not bring back a session that was logged out", async () => {
  let answer;
  const { sessions, shared, events } = await going(({ path }) => {
    if (path === "/auth/login") return started();
    if (path === "/auth/logout") return { body: { status: "success" } };
    return new Promise((resolve) => (answer = () => resolve(renewed())));
  });
  await pass(5 * MINUTE + 2_000, 1_000);
  await during(sessions.logout());
  answer();
  await settle();
  sessions.stop();
  assert.deepEqual([shared.record(), sessions.current], [{ over: ID, reason: "logout" }, null]);
  assert.deepEqual(events, [["ended", ID, "logout"]]);
});

test("logout holds in this browser even where the service cannot be reached, and says so", async () => {
  const { sessions, events } = await going(({ path }) => (path === "/auth/logout" ? new TypeError("x") : usual({ path })));
  await assert.rejects(during(sessions.logout()), { name: "SessionsError", status: 0 });
  sessions.stop();
  assert.deepEqual([sessions.getSnapshot(), events], [over("logout"), [["ended", ID, "logout"]]]);
});

test("failures are tried again after 2 seconds, then twice as long each time, up to the interval", async () => {
  const times = [];
  const { sessions } = await going(({ path }) => {
    if (path === "/auth/login") return started();
    times.push(Date.now());
    return refused(503, "unavailable");
  });
  await pass(25 * MINUTE, 500);
  sessions.stop();
  const pauses = times.slice(1).map((time, index) => Math.round((time - times[index]) / 1_000));
  assert.deepEqual(pauses.slice(0, 9), [2, 4, 8, 16, 32, 64, 128, 256, 300].map((wait) => wait));
});

test("Retry-After is kept to", async () => {
  const times = [];
  const { sessions } = await going(({ path }) => {
    if (path === "/auth/login") return started();
    times.push(Date.now());
    return times.length > 1 ? active : refused(429, "too_many", { "retry-after": "90" });
  });
  await pass(8 * MINUTE, 500);
  sessions.stop();
  assert.ok(times[1] - times[0] >= 90_000 && times[1] - times[0] < 95_000, `${times[1] - times[0]} ms`);
});

test("a user who has started too many sessions keeps the id, known or not, and waits as long as is said", async () => {
  for (const isKnown of [true, false]) {
    const times = [];
    const { sessions, events, asked, paths } = await going(({ path }) => {
      if (path === "/auth/login") return started();
      if (path.endsWith("/content-engaged")) return isKnown ? { body: { sessionId: ID } } : refused(404, "session_not_found");
      times.push(Date.now());
      // A heartbeat on an id that is not known is a start.
      return times.length > 1 ? (isKnown ? active : renewed()) : refused(429, "too_many_sessions", { "retry-after": "60" });
    });
    await pass(5 * MINUTE + 2_000, 500);
    assert.deepEqual([sessions.getSnapshot(), events], [{ id: ID, state: "live", endReason: null }, [["error", 429]]]);
    // Nothing that a person does makes it ask sooner.
    await during(sessions.engaged()).catch(({ code }) => assert.equal(code, "session_not_found"));
    assert.equal(times.length, 1);
    await pass(2 * MINUTE, 500);
    sessions.stop();
    assert.ok(times[1] - times[0] >= 60_000 && times[1] - times[0] < 65_000, `${times[1] - times[0]} ms`);
    assert.ok(paths().filter((path) => path.includes("/heartbeat/")).every((path) => path.endsWith(ID)));
    assert.deepEqual([times.length, sessions.current], [2, isKnown ? ID : NEXT]);
    assert.ok(asked.every(({ path }) => path !== "/auth/login"));
  }
});

test("a login that is refused for a while is not asked for again meanwhile, in no tab, whatever calls it", async () => {
  const shared = storage();
  let isFull = true;
  const answer = ({ path }) =>
    path !== "/auth/login" ? active : isFull ? refused(429, "too_many_sessions", { "retry-after": "60" }) : started();
  const [one, other] = [client(answer, { storage: shared }), client(answer, { storage: shared })];
  const failed = async ({ sessions }) => {
    const error = await during(sessions.login()).catch((error) => error);
    assert.ok(error instanceof SessionsError);
    assert.deepEqual([error.status, error.code], [429, "too_many_sessions"]);
    return error.retryAfterMs;
  };
  one.sessions.start();
  let last = await failed(one);
  assert.equal(last, 60_000);
  for (const tab of [one, other, one, other]) {
    const left = await failed(tab);
    assert.ok(left > 0 && left < last, `${left} ms are left of ${last}`);
    last = left;
  }
  // A page that is loaded anew knows of it.
  await failed(client(answer, { storage: shared }));
  await pass(MINUTE, 500);
  assert.deepEqual([one.paths(), other.paths()], [["POST /auth/login"], []], "and nothing logs in by itself");
  isFull = false;
  assert.equal(await during(other.sessions.login()), ID);
  one.sessions.stop();
  assert.equal(one.asked[0].headers["idempotency-key"], other.asked[0].headers["idempotency-key"]);
  assert.equal(shared.record().refused, undefined);
});

test("a login that fails without word of a wait is tried again when it is called", async () => {
  let isDown = true;
  const { sessions, asked } = client(() => (isDown ? refused(503, "unavailable") : started()));
  await assert.rejects(during(sessions.login()), { status: 503 });
  isDown = false;
  assert.equal(await during(sessions.login()), ID);
  assert.equal(asked.length, 2);
});

test("a browser that blocks the calls is asked less and less", async () => {
  const { sessions, asked } = await going(({ path }) => (path === "/auth/login" ? started() : new TypeError("blocked")));
  await pass(20 * MINUTE, 1_000);
  asked.length = 0;
  await pass(120 * MINUTE, 5_000);
  sessions.stop();
  assert.ok(asked.length <= 5, `${asked.length} calls in two hours`);
});

test("a token that is refused is asked for afresh, once", async () => {
  const asks = [];
  let current = "old";
  const { sessions, asked, events } = await going(
    ({ path, headers }) => {
      if (path === "/auth/login") return started();
      return headers.authorization.endsWith(Buffer.from("new").toString("base64url")) ? active : refused(401, "unauthorized");
    },
    {
      getToken: (options) => {
        if (options) asks.push(options);
        if (options?.fresh) current = "new";
        return token("alice", current);
      },
    },
  );
  await pass(6 * MINUTE, 5_000);
  sessions.stop();
  assert.deepEqual([asks, asked.length, events], [[{ fresh: true }], 2, []]);
});

test("a token that stays refused needs a login, which is said once", async () => {
  const { sessions, events } = await going(({ path }) => (path === "/auth/login" ? started() : refused(401, "unauthorized")));
  await pass(30 * MINUTE, 1_000);
  sessions.stop();
  assert.equal(events.filter(([event]) => event === "loginNeeded").length, 1);
  assert.equal(sessions.current, ID, "the session itself goes on");
});

test("a token that is refused after other failures needs a login all the same, once", async () => {
  let count = 0;
  const { sessions, events } = await going(({ path }) => {
    if (path === "/auth/login") return started();
    return [new TypeError("offline"), refused(401, "unauthorized"), refused(503, "unavailable")][count++ % 3];
  });
  await pass(30 * MINUTE, 1_000);
  sessions.stop();
  assert.equal(events.filter(([event]) => event === "loginNeeded").length, 1);
});

test("a getToken that fails is no sign-out, and is asked again", async () => {
  let isDown = false;
  const { sessions, asked, events } = await going(usual, {
    getToken: () => {
      if (isDown) throw new Error("offline");
      return token();
    },
  });
  isDown = true;
  await pass(6 * MINUTE, 1_000);
  assert.deepEqual([asked.length, sessions.current], [0, ID]);
  assert.ok(events.length > 1 && events.every(([event]) => event === "error"));
  isDown = false;
  await pass(2 * MINUTE, 1_000);
  sessions.stop();
  assert.equal(asked.length, 1);
});

test("a getToken that never answers is given up", async () => {
  const { sessions } = client(usual, { getToken: () => new Promise(() => {}) });
  await assert.rejects(during(sessions.login(), 11_000), /getToken took too long/);
});

test("a service that never answers is given up, and the request is ended", async () => {
  const { sessions, asked, events } = await going(({ path }) => (path === "/auth/login" ? started() : new Promise(() => {})));
  await pass(5 * MINUTE + 20_000, 1_000);
  sessions.stop();
  assert.ok(asked[0].signal.aborted);
  assert.equal(events[0][0], "error");
});

test("another user's token never sends the former user's id", async () => {
  let user = "alice";
  const { sessions, asked, shared } = await going(
    ({ path, headers }) => (path === "/auth/login" ? started(headers.authorization.includes(token("bob")) ? NEXT : ID) : active),
    { getToken: () => token(user) },
  );
  user = "bob";
  await pass(10 * MINUTE, 5_000);
  assert.deepEqual([asked.length, sessions.current], [0, null]);
  assert.equal(await during(sessions.login()), NEXT);
  await during(sessions.list());
  assert.equal(asked.at(-1).headers["x-session-id"], NEXT);
  user = "alice";
  await during(sessions.list());
  sessions.stop();
  assert.equal(asked.at(-1).headers["x-session-id"], ID);
  assert.equal(shared.items.size, 2);
});

test("a change of user is no end and no renewal", async () => {
  let user = "alice";
  const bobs = storage({ [`user-sessions ${baseUrl}  bob`]: JSON.stringify({ over: NEXT }) });
  const { sessions, events } = await going(usual, { storage: bobs, getToken: () => token(user) });
  user = "bob";
  await during(sessions.list());
  sessions.stop();
  assert.deepEqual([sessions.getSnapshot(), events], [over(null), []]);
});

test("a fresh token of another user is not used for what the former one asked", async () => {
  let user = "alice";
  const { sessions, asked, events } = await going(({ path }) => (path === "/auth/login" ? started() : refused(401, "unauthorized")), {
    getToken: (options) => token(options?.fresh ? (user = "bob") : user),
  });
  await pass(5 * MINUTE + 1_000, 1_000);
  sessions.stop();
  assert.deepEqual([asked.length, events[0]], [1, ["error", 401]]);
});

test("nobody signed in: nothing is sent, and a login says so", async () => {
  const { sessions, asked } = client(usual, { getToken: () => null });
  sessions.start();
  await pass(10 * MINUTE, 5_000);
  await assert.rejects(during(sessions.login()), /Nobody is signed in/);
  sessions.stop();
  assert.equal(asked.length, 0);
});

test("a token that is no JWT is an error that says so", async () => {
  for (const bad of ["opaque", "a.b.c", `x.${Buffer.from("{}").toString("base64url")}.y`]) {
    const { sessions } = client(usual, { getToken: () => bad });
    await assert.rejects(during(sessions.login()), /no JWT with a sub/);
  }
});

test("a sub in any script names a record of its own", async () => {
  const { sessions, shared } = client(usual, { getToken: () => token("zoë-日本") });
  await during(sessions.login());
  assert.ok([...shared.items.keys()][0].endsWith("zoë-日本"));
});

test("engagement is sent once per session and value, and a successor's id is adopted", async () => {
  let successor = ID;
  const { sessions, asked, events } = await going(({ path }) =>
    path.endsWith("content-engaged") ? { body: { sessionId: successor, contentEngaged: true } } : usual({ path }),
  );
  await during(sessions.engaged());
  await during(sessions.engaged(true));
  assert.equal(asked.length, 1);
  successor = NEXT;
  await during(sessions.engaged(false));
  assert.deepEqual([asked.length, JSON.parse(asked[1].body), sessions.current], [2, { engaged: false }, NEXT]);
  await during(sessions.engaged(false));
  assert.equal(asked.length, 2);
  sessions.stop();
  assert.deepEqual(events, [["renewed", NEXT, ID]]);
});

test("engagement that was not taken is sent again", async () => {
  let isDown = true;
  const { sessions, asked } = await going(({ path }) => {
    if (!path.endsWith("content-engaged")) return usual({ path });
    return isDown ? refused(503, "unavailable") : { body: { sessionId: ID, contentEngaged: true } };
  });
  await assert.rejects(during(sessions.engaged()), { status: 503, code: "unavailable" });
  isDown = false;
  await during(sessions.engaged());
  sessions.stop();
  assert.equal(asked.length, 2);
});

test("engagement with an id that is no longer known starts a session by a heartbeat", async () => {
  const { sessions, paths } = await going(({ path }) => {
    if (path.startsWith("/user-sessions/heartbeat")) return renewed();
    if (path.includes(ID)) return refused(404, "session_not_found");
    return path.endsWith("content-engaged") ? { body: { sessionId: NEXT, contentEngaged: true } } : usual({ path });
  });
  await during(sessions.engaged());
  sessions.stop();
  assert.deepEqual(paths(), [
    `PATCH /user-sessions/${ID}/content-engaged`,
    `POST /user-sessions/heartbeat/${ID}`,
    `PATCH /user-sessions/${NEXT}/content-engaged`,
  ]);
});

test("engagement with a session that was ended is the end of it here, and a heartbeat tells why", async () => {
  for (const reason of ["limit", null]) {
    const { sessions, events, paths } = await going(({ path }) => {
      if (path.endsWith("content-engaged")) return refused(409, "session_ended");
      return path.includes("heartbeat") ? expired(reason) : usual({ path });
    });
    await assert.rejects(during(sessions.engaged()), { code: "session_ended" });
    await assert.rejects(during(sessions.engaged()), /No session/);
    sessions.stop();
    assert.deepEqual(paths(), [`PATCH /user-sessions/${ID}/content-engaged`, `POST /user-sessions/heartbeat/${ID}`]);
    assert.deepEqual(events, reason ? [["ended", ID, reason]] : [["ended", ID, null], ["loginNeeded"]]);
    assert.deepEqual(sessions.getSnapshot(), over(reason));
  }
});

test("ending this browser's session ends it here, by its own id or by its successor's", async () => {
  for (const ended of [ID, NEXT]) {
    const { sessions, events } = await going(({ path }) =>
      path.includes("/end/") ? { body: { status: "success", sessionId: ended } } : usual({ path }),
    );
    await during(sessions.end(ID));
    sessions.stop();
    assert.deepEqual([events, sessions.getSnapshot()], [[["ended", ID, "logout"]], over("logout")]);
  }
});

test("ending another session leaves this one alone", async () => {
  const { sessions, events } = await going(({ path }) =>
    path.includes("/end/") ? { body: { status: "success", sessionId: NEXT } } : usual({ path }),
  );
  await during(sessions.end(NEXT));
  sessions.stop();
  assert.deepEqual([events, sessions.current], [[], ID]);
});

test("a clock that was set back makes a heartbeat due", async () => {
  const { sessions, asked, shared } = await going();
  const [name] = shared.items.keys();
  shared.setItem(name, JSON.stringify({ ...shared.record(), sent: Date.now() + 3_600_000 }));
  await pass(2 * MINUTE, 1_000);
  sessions.stop();
  assert.equal(asked.length, 1);
});

test("another tab's claim is respected for as long as a request may take, and no longer", async () => {
  const { sessions, asked, shared } = await going();
  const [name] = shared.items.keys();
  await pass(4 * MINUTE + 58_000, 1_000);
  shared.setItem(name, JSON.stringify({ ...shared.record(), claim: Date.now() }));
  await pass(9_000, 500);
  assert.equal(asked.length, 0);
  await pass(12_000, 500);
  sessions.stop();
  assert.equal(asked.length, 1);
});

test("what a slow tab gives up after another has taken over is no failure", async () => {
  const later = (ms, value) => new Promise((resolve) => setTimeout(() => resolve(value), ms));
  let isFresh = false;
  const slow = await going(
    ({ path }) => {
      if (path === "/auth/login") return started();
      return isFresh ? refused(503, "unavailable") : later(8_000, refused(401, "unauthorized"));
    },
    {
      getToken: (options) => {
        if (!options?.fresh) return token();
        isFresh = true;
        return later(6_000, token("alice", "fresh"));
      },
    },
  );
  const quick = client(usual, { storage: slow.shared });
  quick.sessions.start();
  await pass(5 * MINUTE + 20_000, 1_000);
  slow.sessions.stop();
  quick.sessions.stop();
  assert.deepEqual([slow.asked.length, quick.asked.length], [2, 1], "one was given up, the other taken over");
  assert.deepEqual([slow.events, slow.shared.record().failed], [[], undefined]);
});

test("garbage in storage is passed over", async () => {
  for (const garbage of ["", "x", "null", "[]", "7", '{"id":5}', '{"id":"<script>"}', '{"id":null}', '{"sent":"x","interval":"y"}']) {
    const shared = storage({ [`user-sessions ${baseUrl}  alice`]: garbage });
    const { sessions, asked } = await going(usual, { storage: shared });
    await pass(6 * MINUTE, 5_000);
    sessions.stop();
    assert.deepEqual([sessions.current, asked.length], [ID, 1], garbage);
  }
});

test("garbage beside an id sends no flood", async () => {
  const garbage = { id: ID, sent: "x", interval: -1, failed: 7, claim: "y", left: {} };
  const shared = storage({ [`user-sessions ${baseUrl}  alice`]: JSON.stringify(garbage) });
  const { sessions, asked } = client(usual, { storage: shared });
  sessions.start();
  await pass(11 * MINUTE, 1_000);
  sessions.stop();
  assert.equal(asked.length, 3);
});

test("storage that throws leaves the session in memory", async () => {
  const fail = () => {
    throw new Error("SecurityError");
  };
  for (const broken of [{ getItem: fail, setItem: fail }, { getItem: () => null, setItem: fail }]) {
    const { sessions, asked } = await going(usual, { storage: broken });
    await pass(6 * MINUTE, 5_000);
    sessions.stop();
    assert.deepEqual([sessions.current, asked.length], [ID, 1]);
  }
});

test("a storage that was full for a moment is shared again after it", async () => {
  let isFull = false;
  const shared = storage();
  const store = shared.setItem;
  shared.setItem = (name, text) => {
    if (isFull) throw new Error("QuotaExceededError");
    store(name, text);
  };
  const one = await going(usual, { storage: shared });
  const other = client(usual, { storage: shared });
  other.sessions.start();
  await settle();
  isFull = true;
  await pass(5 * MINUTE + 2_000, 1_000);
  isFull = false;
  one.asked.length = other.asked.length = 0;
  await pass(30 * MINUTE, 1_000);
  assert.ok(one.asked.length + other.asked.length <= 7, "one heartbeat an interval for both");
  await during(other.sessions.logout());
  await during(one.sessions.engaged()).catch(() => {});
  one.sessions.stop();
  other.sessions.stop();
  assert.deepEqual(one.sessions.getSnapshot(), over("logout"));
});

test("a storage that was cleared is filled again", async () => {
  const { sessions, asked, shared } = await going();
  shared.items.clear();
  await pass(6 * MINUTE, 5_000);
  sessions.stop();
  assert.deepEqual([sessions.current, asked.length, shared.record().id], [ID, 1, ID]);
});

test("a first failure after a long sleep is tried again in seconds, and a refusal told of again", async () => {
  let isDown = true;
  const times = [];
  const { sessions, events } = await going(({ path }) => {
    if (path === "/auth/login") return started();
    times.push(Date.now());
    return isDown ? new TypeError("offline") : refused(401, "unauthorized");
  });
  await pass(40 * MINUTE, 1_000);
  mock.timers.setTime(Date.now() + 8 * 60 * MINUTE);
  times.length = 0;
  await pass(2 * MINUTE, 1_000);
  assert.ok(times[1] - times[0] <= 3_000, `${times[1] - times[0]} ms`);
  for (let day = 1; day <= 2; day++) {
    isDown = false;
    await pass(10 * MINUTE, 1_000);
    assert.equal(events.filter(([event]) => event === "loginNeeded").length, day);
    mock.timers.setTime(Date.now() + 24 * 60 * MINUTE);
  }
  sessions.stop();
});

/** A window of which the client hears, for as long as the test runs. */
function openWindow(context) {
  const window = new EventTarget();
  globalThis.document = { hidden: false };
  for (const name of ["addEventListener", "removeEventListener"]) globalThis[name] = window[name].bind(window);
  context.after(() => {
    for (const name of ["document", "addEventListener", "removeEventListener"]) delete globalThis[name];
  });
  return window;
}

test("each time the network comes back, one tab tries at once, unless Retry-After says otherwise", async (context) => {
  const window = openWindow(context);
  for (const [answer, expected] of [
    [refused(429, "too_many", { "retry-after": "600" }), 0],
    [new TypeError("offline"), 1],
  ]) {
    const shared = storage();
    const answers = ({ path }) => (path === "/auth/login" ? started() : answer);
    const tabs = [await going(answers, { storage: shared }), client(answers, { storage: shared })];
    tabs[1].sessions.start();
    const count = () => tabs.reduce((sum, { asked }) => sum + asked.length, 0);
    await pass(6 * MINUTE, 1_000);
    const before = count();
    window.dispatchEvent(new Event("online"));
    await settle();
    assert.equal(count() - before, expected);
    for (const { sessions } of tabs) sessions.stop();
  }
});

test("who types keeps a session alive, whatever the clock said before", async (context) => {
  const window = openWindow(context);
  const { sessions, asked, shared } = await going(usual, { activity: "input" });
  const [name] = shared.items.keys();
  shared.setItem(name, JSON.stringify({ ...shared.record(), sent: Date.now() + 86_400_000 }));
  for (let minute = 0; minute < 11; minute++) {
    window.dispatchEvent(new Event("keydown"));
    await pass(MINUTE, 5_000);
  }
  assert.ok(asked.length >= 2, `${asked.length} heartbeats`);
  asked.length = 0;
  await pass(60 * MINUTE, 10_000);
  sessions.stop();
  assert.ok(asked.length <= 1, "and who has stopped does not");
});

test("a key that is garbage is no key", async () => {
  for (const key of ["garbage", 5, "日本", null]) {
    const shared = storage({ [`user-sessions ${baseUrl}  alice`]: JSON.stringify({ key }) });
    const { sessions, asked } = client(usual, { storage: shared });
    assert.equal(await during(sessions.login()), ID);
    assert.match(asked[0].headers["idempotency-key"], /^[\da-f-]{36}$/);
  }
});

test("a logout does not wait for a token", async () => {
  let hangs = false;
  const { sessions, events, paths, shared } = await going(usual, { getToken: () => (hangs ? new Promise(() => {}) : token()) });
  hangs = true;
  const logout = sessions.logout();
  await settle();
  assert.deepEqual([sessions.getSnapshot(), paths()], [over("logout"), ["POST /auth/logout"]]);
  await during(logout);
  await during(sessions.logout());
  sessions.stop();
  assert.deepEqual([events, sessions.getSnapshot()], [[["ended", ID, "logout"]], over("logout")]);
  assert.deepEqual(shared.record(), { over: ID, reason: "logout" }, "a second one changes nothing");
});

test("a tab that slept through a logout and a login hears of the end", async () => {
  const { sessions, events, shared } = await going();
  const [name] = shared.items.keys();
  shared.setItem(name, JSON.stringify({ id: NEXT, login: "another", sent: Date.now() }));
  await during(sessions.list());
  sessions.stop();
  assert.deepEqual([events, sessions.current], [[["ended", ID, null]], NEXT]);
});

test("an answer that is none of the API's is an error", async () => {
  for (const text of ["<!doctype html>", "null", ""]) {
    const page = () => Promise.resolve(new Response(text, { status: 200 }));
    const { sessions } = client(usual, { fetch: page });
    await assert.rejects(during(sessions.login()), { name: "SessionsError", status: 200 });
    await assert.rejects(during(sessions.list()), { name: "SessionsError" });
  }
});

test("a listener that throws harms nobody else", async () => {
  const thrown = [];
  // The test runner takes what is thrown to nobody for a failure.
  mock.method(globalThis, "queueMicrotask", (task) =>
    Promise.resolve()
      .then(task)
      .catch((error) => thrown.push(error.message)),
  );
  const { sessions } = await going(({ path }) => (path === "/auth/login" ? started() : renewed()), {
    onRenewed: () => {
      throw new Error("an application's own");
    },
  });
  await pass(6 * MINUTE, 5_000);
  sessions.stop();
  assert.deepEqual([thrown, sessions.current], [["an application's own"], NEXT]);
});

test("errors have what the service said", async () => {
  const { sessions } = await going(({ path }) =>
    path === "/user-sessions" ? refused(503, "unavailable", { "retry-after": "1", "x-request-id": "abc" }) : usual({ path }),
  );
  const error = await during(sessions.list()).catch((error) => error);
  sessions.stop();
  assert.ok(error instanceof SessionsError);
  const { status, code, message, requestId, retryAfterMs } = error;
  assert.deepEqual([status, code, message, requestId, retryAfterMs], [503, "unavailable", "It is unavailable", "abc", 1_000]);
});
