// A service and a browser's storage for tests of the client in Node, where time passes when a test says so.

import { mock } from "node:test";

/** The service's answers, each a function of the request; what was asked is kept. */
export function service(answer) {
  const asked = [];
  const fetch = async (url, init) => {
    const request = { url: String(url), path: new URL(url).pathname, ...init };
    asked.push(request);
    const made = await answer(request, asked.length);
    if (made instanceof Error) throw made;
    const { status = 200, body = {}, headers = {} } = made;
    return new Response(JSON.stringify(body), { status, headers });
  };
  return { asked, fetch, paths: () => asked.map(({ method, path }) => `${method} ${path}`) };
}

export const ID = "0198c0de-0000-7000-8000-000000000001";
export const NEXT = "0198c0de-0000-7000-8000-000000000002";

export const started = (sessionId = ID, seconds = 3_600) => ({
  body: {
    status: "success",
    body: {
      sessionId,
      startTime: "2026-01-01T00:00:00.000Z",
      expiresAt: new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString(),
    },
  },
});
export const active = { body: { status: "active", needsNewSession: false } };
export const renewed = (sessionId = NEXT) => ({ body: { status: "renewed", needsNewSession: false, sessionId } });
/** Without a reason: what was asked about is no session. */
export const expired = (endReason) => ({ body: { status: "expired", needsNewSession: true, endReason } });
export const refused = (status, code, headers = {}) => ({
  status,
  headers,
  body: { status: "error", code, message: `It is ${code}` },
});

export const token = (sub = "alice", salt = "") =>
  ["{}", JSON.stringify({ sub }), salt].map((part) => Buffer.from(part).toString("base64url")).join(".");

/** What tabs share. */
export function storage(initial = {}) {
  const items = new Map(Object.entries(initial));
  return {
    items,
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, text) => void items.set(name, text),
    record: () => JSON.parse([...items.values()][0] ?? "{}"),
  };
}

/** Stops time. Locks and channels are not what is tested here, and would keep Node alive. */
export function standStill() {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 0, 1) });
  mock.method(Math, "random", () => 0);
  globalThis.BroadcastChannel = undefined;
  // Later versions of Node have locks there.
  Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });
}

export function goOn() {
  mock.timers.reset();
  mock.restoreAll();
}

/** Lets everything happen that waits for no time. */
export async function settle() {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass, in steps so small that a timer is late by no more than one. */
export async function pass(ms, step = 500) {
  for (let passed = 0; passed < ms; passed += step) {
    mock.timers.tick(Math.min(step, ms - passed));
    await settle();
  }
}

/** `promise` while time passes. */
export async function during(promise, ms = 2_000) {
  const outcome = promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  await settle();
  await pass(ms, 50);
  const { value, error } = await outcome;
  if (error) throw error;
  return value;
}
