/** Reads of the metrics that wait their turn, and for an API that has too much to do. */

import type { Metrics, SessionsError } from "../../client/src/metrics.js";

/** How many are read at once. */
const AT_ONCE = 3;
/** How often one is read again. */
const AGAIN = 4;
const LEAST_MS = 500;
/** Nobody looks at an empty page for longer; whoever does can press the button. */
const MOST_MS = 10_000;

/** Waits, unless `signal` puts an end to it. */
type Wait = (ms: number, signal: AbortSignal) => Promise<void>;

/** For one view: until `signal` says that it is another's turn. What was read once is not read again. */
export function patient(metrics: Metrics, signal: AbortSignal, wait: Wait = pause): Metrics {
  const known = new Map<string, Promise<unknown>>();
  const waiting: (() => void)[] = [];
  let reading = 0;

  async function inTurn<T>(read: () => Promise<T>): Promise<T> {
    if (reading === AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
    else reading++;
    try {
      return await untilAnswered(read);
    } finally {
      // The place is handed on.
      const next = waiting.shift();
      if (next) next();
      else reading--;
    }
  }

  async function untilAnswered<T>(read: () => Promise<T>): Promise<T> {
    for (let again = 0; ; again++) {
      signal.throwIfAborted();
      try {
        return await read();
      } catch (error) {
        const ms = again < AGAIN ? pauseAfter(error) : undefined;
        if (ms === undefined) throw error;
        // Not all at once again, those of other readers neither.
        await wait(ms * (1 + Math.random() / 4), signal);
      }
    }
  }

  const once =
    <Q extends object, T>(name: string, read: (query: Q) => Promise<T>) =>
    (query: Q): Promise<T> => {
      const key = `${name} ${JSON.stringify(Object.entries(query).sort())}`;
      const asked = (known.get(key) as Promise<T> | undefined) ?? inTurn(() => read(query));
      known.set(key, asked);
      return asked;
    };

  return {
    totals: once("totals", metrics.totals),
    daily: once("daily", metrics.daily),
    byTimespan: once("byTimespan", metrics.byTimespan),
  };
}

/** For how long the API wants to be left alone after that; `undefined` if asking again is no use. */
function pauseAfter(error: unknown): number | undefined {
  const { status, retryAfterMs } = error as SessionsError;
  if ((status !== 503 && status !== 429) || retryAfterMs > MOST_MS) return undefined;
  return Math.max(LEAST_MS, retryAfterMs);
}

const pause: Wait = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
