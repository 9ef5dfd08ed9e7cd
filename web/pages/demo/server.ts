/** The local server's own: its clock, which only goes forward, and what moves it. Nothing of it is deployed. */

import type { Heartbeat } from "../../client/src/types.js";

/** Where the demo's API is. */
export const BASE = `${location.origin}/demo`;

/** The server's time: its difference to this machine's, which is asked for now and then. */
export interface Clock {
  now(): number;
  /** What was `at` here, there. */
  shift(at: number): number;
  readonly timeoutMs: number;
  /** How far the demo's clock is ahead of the world's; 0 if it was never moved. */
  readonly aheadMs: number;
  read(): Promise<void>;
  /** Lets as much pass as expires a session, and a minute. */
  passTheHour(): Promise<void>;
}

interface Reading {
  now: string;
  timeoutSeconds: number;
}

/** The fetch of the reading is the plain one: it answers something else each time, and is nobody's to paste. */
export function createClock(remembered: typeof fetch): Clock {
  let ahead = 0;
  let timeoutMs = 3_600_000;
  function take({ now, timeoutSeconds }: Reading, asked: number): void {
    // Half way, so that a slow answer makes no difference. Not `performance.now()`, which stops while a machine sleeps.
    ahead = Date.parse(now) - (asked + Date.now()) / 2;
    timeoutMs = timeoutSeconds * 1_000;
  }
  const url = `${BASE}/controls/clock`;
  return {
    now: () => Date.now() + ahead,
    shift: (at) => at + ahead,
    get timeoutMs() {
      return timeoutMs;
    },
    get aheadMs() {
      return ahead > 30_000 ? ahead : 0;
    },
    async read() {
      const asked = Date.now();
      take(await answerOf<Reading>(await fetch(url)), asked);
    },
    async passTheHour() {
      const advanceSeconds = timeoutMs / 1_000 + 60;
      const asked = Date.now();
      take(await post<Reading>(remembered, url, { advanceSeconds }), asked);
    },
  };
}

/** An answer, an error's body, or neither. */
export type WakeAnswer = Heartbeat | { code?: string; message?: string } | null;

/** Heartbeats that are sent at once, inside the server: a browser opens six connections. */
export async function wakeAll(
  remembered: typeof fetch,
  token: string,
  sessionId: string,
  count: number,
): Promise<WakeAnswer[]> {
  const url = `${BASE}/controls/heartbeats`;
  const headers = { authorization: `Bearer ${token}` };
  const { answers } = await post<{ answers: WakeAnswer[] }>(remembered, url, { sessionId, count }, headers);
  return answers;
}

/** Empties the tables. */
export async function empty(remembered: typeof fetch): Promise<void> {
  await post(remembered, `${BASE}/controls/reset`, {});
}

/** The zone whose days the metrics count. */
export async function reportingZone(): Promise<string> {
  const { timeZone } = await answerOf<{ timeZone: string }>(await fetch(`${BASE}/settings.json`));
  return timeZone;
}

async function post<T>(remembered: typeof fetch, url: string, body: object, headers = {}): Promise<T> {
  return answerOf(
    await remembered(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    }),
  );
}

/** An answer, or the error that it says it is. */
export async function answerOf<T>(response: Response): Promise<T> {
  const answer = (await response.json().catch(() => ({}))) as T & { message?: string };
  if (!response.ok) throw new Error(answer.message ?? `The server answered ${response.status}`);
  return answer;
}
