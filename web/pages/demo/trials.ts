/** What is hard to wait for: an hour, 64 tabs, a lost answer, an old id. Each says what came of it. */

import { addToChain } from "./chain.js";
import type { Calls } from "./calls.js";
import { allow, find, onUse, say, setText, setTextWithIds, short } from "./dom.js";
import type { Person } from "./person.js";
import { type Clock, wakeAll } from "./server.js";
import { words } from "./times.js";
import type { Visit } from "./visit.js";
import { wakeWords } from "./wake.js";

const TABS = 64;

export interface Trials {
  /** Says which of them make sense now. */
  show(): void;
  clear(): void;
  /** One is running: what is read meanwhile would tell its end. */
  readonly isRunning: boolean;
}

/** `onDone` hears when one is over, and whether the clock has moved. */
export function createTrials(
  calls: Calls,
  person: Person,
  clock: Clock,
  visit: Visit,
  onDone: (isClockMoved: boolean) => Promise<void>,
): Trials {
  let isRunning = false;
  let isClockMoved = false;

  async function passTheHour(): Promise<string> {
    await clock.passTheHour();
    isClockMoved = true;
    return `${words(clock.timeoutMs + 60_000)} passed`;
  }

  /** Expired is what the session has to be; what had to be done for that is said. */
  async function expire(): Promise<string> {
    await visit.refresh();
    return visit.standing.state === "live" ? `First ${await passTheHour()}. ` : "";
  }

  /** The client learns the id by which the session goes on. */
  async function adopt(): Promise<void> {
    await visit.heartbeat();
  }

  const own = () => visit.sessions.current!;

  const trials: Record<string, { run: () => Promise<string>; reason?: () => string }> = {
    hour: {
      async run() {
        const passed = await passTheHour();
        return `${passed[0]!.toUpperCase()}${passed.slice(1)}, and the session expired.`;
      },
      reason: () => (visit.standing.state === "expired" ? "It has expired. The next heartbeat renews it." : ""),
    },
    wake: {
      async run() {
        const first = await expire();
        const id = own();
        const answers = await wakeAll(calls.fetch, (await person.token())!, id, TABS);
        await adopt();
        return first + wakeWords(answers);
      },
    },
    lose: {
      async run() {
        const first = await expire();
        const id = own();
        const lost = await visit.heartbeatOn(id, true).catch(() => null);
        if (lost) return `${first}The answer came all the same.`;
        const { sessionId } = await visit.sessions.get(id);
        const repeated = await visit.heartbeat();
        const next = "sessionId" in repeated ? repeated.sessionId : id;
        const same = next === sessionId ? "got the same id" : `got ${short(next)}`;
        return `${first}No answer, but the server had acted: ${short(sessionId)}. The repeat ${same}.`;
      },
    },
    replay: {
      async run() {
        const [oldest] = visit.chain;
        const answer = await visit.heartbeatOn(oldest!);
        if (!("sessionId" in answer)) return `${short(oldest!)} was answered: ${answer.status}.`;
        if (answer.sessionId !== own()) {
          addToChain(person.name!, answer.sessionId, own());
          await adopt();
        }
        return `${short(oldest!)} was answered with the newest: ${short(answer.sessionId)}.`;
      },
      reason: () => (visit.chain.length < 2 ? "One id so far: let the hour pass and send a heartbeat." : ""),
    },
  };

  for (const [name, { run }] of Object.entries(trials)) {
    const out = find(`#${name} .out`);
    onUse(find(`#${name} button`), async () => {
      if (isRunning) return;
      isRunning = true;
      isClockMoved = false;
      show();
      setText(out, "");
      let text: string;
      try {
        text = await run();
        out.classList.remove("bad");
      } catch (error) {
        text = `That failed: ${(error as Error).message}. Try again.`;
        out.classList.add("bad");
      }
      isRunning = false;
      await onDone(isClockMoved).catch(() => undefined);
      setTextWithIds(out, text);
    });
  }

  function show(): void {
    const { state } = visit.standing;
    const common = !person.name
      ? "Sign in to try it."
      : state === "none" || state === "over"
        ? "No session: sign in again."
        : "";
    const busy = isRunning ? "One at a time." : "";
    if (!busy) say(find("#try-why"), common);
    for (const [name, { reason }] of Object.entries(trials)) {
      const own = common ? "" : (reason?.() ?? "");
      allow(find(`#${name} button`), busy || common || own);
      if (!busy) say(find(`#${name}-why`), own);
    }
    setText(find("#hour .what"), `The demo’s clock moves on ${words(clock.timeoutMs + 60_000)}.`);
  }

  return {
    show,
    clear() {
      for (const name of Object.keys(trials)) setText(find(`#${name} .out`), "");
    },
    get isRunning() {
      return isRunning;
    },
  };
}
