/** This browser's session, by the client that an application would use, and what the server says of it. */

import {
  createSessions,
  type Session,
  type SessionDetail,
  type Sessions,
  SessionsError,
} from "../../client/src/index.js";
import type { Heartbeat } from "../../client/src/types.js";
import { type Call, type Calls, heartbeatOf, LOSE_ANSWER } from "./calls.js";
import { addToChain, chainOf } from "./chain.js";
import type { Person } from "./person.js";
import { BASE, type Clock } from "./server.js";

/** What a heartbeat was answered, and when. */
export interface LastAnswer {
  text: string;
  at: number;
}

/** A session as the list has it, or by itself. */
type AnySession = Session | SessionDetail;

/** What there is to show. */
export type Standing =
  /** Not known yet, or nobody is signed in. */
  | { state: "none"; session: null }
  | { state: "live" | "expired"; session: AnySession }
  | { state: "over"; session: SessionDetail | null };

const NONE: Standing = { state: "none", session: null };
const OVER: Standing = { state: "over", session: null };

export interface Visit {
  readonly sessions: Sessions;
  readonly standing: Standing;
  readonly chain: string[];
  readonly lastAnswer: LastAnswer | null;
  /** Reads what the server says; `onChange` hears of it. */
  refresh(): Promise<void>;
  /** Sends a heartbeat now. */
  heartbeat(): Promise<Heartbeat>;
  /** A heartbeat on any id, past the client, whose answer may be lost on purpose. */
  heartbeatOn(id: string, isLost?: boolean): Promise<Heartbeat>;
  /** Opens a session that is not this browser's. */
  openAnother(): Promise<void>;
  /** Nothing is known of anybody. */
  forget(): void;
}

const MINUTE_MS = 60_000;
/** A heartbeat that has not begun by then is another tab's, which has the lock. */
const BEGUN_MS = 3_000;

export function createVisit(calls: Calls, person: Person, clock: Clock, onChange: () => void): Visit {
  let standing = NONE;
  let lastAnswer: LastAnswer | null = null;
  let reads = 0;
  /** A heartbeat was asked for that has not been sent. */
  let isAsked = false;
  const heard = new Set<(outcome: Heartbeat | Error) => void>();

  const sessions = createSessions({
    baseUrl: BASE,
    app: "demo",
    getToken: (options) => person.token(options),
    // Read by the client whenever it counts: one that is asked for is due at once.
    get heartbeatMs() {
      return isAsked ? 1 : Math.min(5 * MINUTE_MS, clock.timeoutMs / 3);
    },
    onRenewed: (id, former) => {
      if (person.name) addToChain(person.name, id, former);
      onChange();
    },
    onError: (error) => heard.forEach((hear) => hear(error as Error)),
    fetch(input, init) {
      if (String(input).includes("/user-sessions/heartbeat/")) isAsked = false;
      return calls.fetch(input, init);
    },
  });
  sessions.subscribe(() => void refresh().catch(() => undefined));

  calls.onCall((call: Call) => {
    if (!heartbeatOf(call)) return;
    const answer = call.status === 200 ? (JSON.parse(call.answer) as Heartbeat) : null;
    lastAnswer = { text: answer?.status ?? (call.status ? `error ${call.status}` : "none came"), at: call.at };
    if (answer && !(LOSE_ANSWER in call.headers)) heard.forEach((hear) => hear(answer));
  });

  async function refresh(): Promise<void> {
    const turn = ++reads;
    const user = person.name;
    if (!user) return;
    const live = await sessions.list();
    // After the list, which asks who is signed in: before that the client knows of no session.
    const { current: id } = sessions;
    const own = live.find(({ current }) => current);
    let next: Standing;
    if (own && id) next = { state: "live", session: own };
    else next = await withoutLive(id ?? chainOf(user).at(-1) ?? null, id);
    if (turn !== reads || user !== person.name) return;
    standing = next;
    const head = standing.session?.sessionId;
    if (id && head) {
      addToChain(user, id, chainOf(user).includes(id) ? null : await formerOf(id));
      // Renewed where the client does not know of it, or ended elsewhere: its next heartbeat says so.
      if ((head !== id || standing.state === "over") && !document.hidden) await heartbeat().catch(() => undefined);
    }
    onChange();
  }

  /** What became of a session that is in no list of live ones. */
  async function withoutLive(known: string | null, id: string | null): Promise<Standing> {
    if (!known) return sessions.getSnapshot().state === "over" ? OVER : NONE;
    try {
      const session = await sessions.get(known);
      if (!id || session.state === "ended") return { state: "over", session };
      return { state: session.state === "live" ? "live" : "expired", session };
    } catch (error) {
      if ((error as SessionsError).status !== 404) throw error;
      // The server has started anew: a heartbeat on the id that it does not know starts a session.
      if (id && !document.hidden) await heartbeat().catch(() => undefined);
      return id ? NONE : OVER;
    }
  }

  const formerOf = async (id: string) => (await sessions.get(id).catch(() => null))?.renewedFrom ?? null;

  /** The client sends what is due when it hears of a network, whatever failed before. */
  async function heartbeat(): Promise<Heartbeat> {
    const outcome = new Promise<Heartbeat>((resolve, reject) => {
      const timer = setTimeout(() => isAsked && done(new Error("Another tab is sending one: try again")), BEGUN_MS);
      const done = (result: Heartbeat | Error) => {
        clearTimeout(timer);
        heard.delete(done);
        isAsked = false;
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      heard.add(done);
    });
    isAsked = true;
    dispatchEvent(new Event("online"));
    const answer = await outcome;
    // What it was answered is the client's a moment later.
    await new Promise((resolve) => setTimeout(resolve, 50));
    return answer;
  }

  async function send(path: string, headers: Record<string, string>): Promise<Response> {
    const token = await person.token();
    return calls.fetch(`${BASE}${path}`, { method: "POST", headers: { authorization: `Bearer ${token}`, ...headers } });
  }

  return {
    sessions,
    get standing() {
      return standing;
    },
    get chain() {
      return person.name && standing.state !== "none" ? chainOf(person.name) : [];
    },
    get lastAnswer() {
      return lastAnswer;
    },
    refresh,
    heartbeat,
    async heartbeatOn(id, isLost = false) {
      const response = await send(`/user-sessions/heartbeat/${id}`, isLost ? { [LOSE_ANSWER]: "true" } : {});
      return (await response.json()) as Heartbeat;
    },
    async openAnother() {
      await send("/auth/login", { "idempotency-key": crypto.randomUUID() });
    },
    forget() {
      reads++;
      standing = NONE;
      lastAnswer = null;
    },
  };
}
