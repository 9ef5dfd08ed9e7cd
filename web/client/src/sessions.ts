/** One user's session in one browser, whatever number of tabs show it. */

import { type Connection, type Identity, identify, LIMIT_MS, request, send, SessionsError } from "./api.js";
import { openRecords, type Record, type Records, type Storage } from "./record.js";
import { agreed, alone, type Channel, openChannel, settled, tell } from "./tabs.js";
import type { ContentEngaged, EndedSession, EndedSessions, EndReason, Heartbeat, Login } from "./types.js";
import type { Session, SessionDetail } from "./types.js";

/** Which tabs send heartbeats. */
export type Activity =
  /** Those that were visible or used since the last one. */
  | "visible"
  /** Those that a pointer, a key, a scroll or a touch has used since the last one. */
  | "input"
  /** All. */
  | "always";

/** What {@link createSessions} takes. */
export interface Options extends Connection {
  /** Tells applications apart that share an origin and an API. */
  app?: string;
  /** In the place of `localStorage`. */
  storage?: Storage;
  /** The time between heartbeats; 5 minutes, or a third of the service's timeout where that is less. */
  heartbeatMs?: number;
  /** Which tabs send heartbeats; `visible` unless it is given. */
  activity?: Activity;
  /** The session goes on under another id. In each tab. */
  onRenewed?: (id: string, former: string) => void;
  /**
   * The session is over. In each tab. A `reason` says that it was ended on purpose (`logout`: in this browser): tell the
   * user, and leave another login to them. It is `null` where nothing is known.
   */
  onEnded?: (id: string, reason: EndReason | null) => void;
  /** The API wants a new login, or a new token, and nobody ended the session on purpose. In one tab of the browser. */
  onLoginNeeded?: () => void;
  /** A heartbeat, or the token for one, failed; it is tried again. */
  onError?: (error: unknown) => void;
}

/** What a page shows of the session. The object is the same until something changes. */
export interface Snapshot {
  readonly id: string | null;
  /** `none` before a login, `over` after the session's end. */
  readonly state: "none" | "live" | "over";
  /** Why it is over, where that is known. */
  readonly endReason: EndReason | null;
}

/** A user's session in this browser. */
export interface Sessions {
  /** Opens a session unless this browser has one, and gives its id. Once, however often and wherever it is called. */
  login(): Promise<string>;
  /** Ends the session: in this browser at once, and at the service. */
  logout(): Promise<void>;
  /** Says whether the user engaged with the content. Sent once per session and value. */
  engaged(value?: boolean): Promise<void>;
  /** The user's live sessions, on all devices. */
  list(): Promise<Session[]>;
  /** One of the user's sessions, live or over. */
  get(id: string): Promise<SessionDetail>;
  /** Ends one of the user's sessions. */
  end(id: string): Promise<void>;
  /** Ends all others; tells how many. */
  endOthers(): Promise<number>;
  /** Sends heartbeats from now on, and opens no session. What it returns stops that, as {@link stop} does. */
  start(): () => void;
  /** Takes one `start` back. */
  stop(): void;
  /** The session's id. */
  readonly current: string | null;
  /** Calls `listener` after each change, until what it returns is called. */
  subscribe(listener: () => void): () => void;
  getSnapshot(): Snapshot;
}

const MINUTE_MS = 60_000;
const NONE: Snapshot = { id: null, state: "none", endReason: null };
const INPUT = "pointerdown pointermove keydown scroll touchstart";

/** A session of whoever is signed in. Nothing is opened, read or sent before a method is called. */
export function createSessions(options: Options): Sessions {
  const { activity = "visible", app = "", baseUrl } = options;
  const listeners = new Set<() => void>();
  let records: Records | undefined;
  /** Who was signed in when that was last asked. */
  let me: Identity | null = null;
  let shown = NONE;
  /** What the record shown began with. */
  let login: string | undefined;
  let starts = 0;
  let listening: AbortController | undefined;
  let channel: Channel | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** When this tab was last visible, or used. */
  let used = 0;
  /** How many tries to get a token have failed in a row. */
  let stumbles = 0;

  // Who, and what is kept of them.

  const nameOf = (user: string) => `user-sessions ${baseUrl} ${app} ${user}`;
  const store = () => (records ??= openRecords(options.storage));
  const read = (name: string): Record => store().read(name);
  const readMine = (): Record => (me ? read(nameOf(me.user)) : {});

  async function who(): Promise<Identity | null> {
    const found = await identify(options);
    const isSame = found?.user === me?.user;
    me = found;
    if (!isSame) {
      mute();
      tune();
    }
    look(isSame);
    return found;
  }

  async function signedIn(): Promise<Identity> {
    const identity = await who();
    if (!identity) throw new SessionsError("Nobody is signed in");
    return identity;
  }

  function write(name: string, record: Record): void {
    store().write(name, record);
    if (channel?.name === name) channel.tell();
    else tell(name);
    look();
  }

  /** Reads what is stored, shows it, and says what has changed of the same user's session. */
  function look(isSame = true): void {
    const record = readMine();
    const { id = null, over, reason = null } = record;
    const state = id ? "live" : over ? "over" : "none";
    const former = shown;
    const isRenewed = isSame && login === record.login;
    login = record.login;
    if (former.id === id && former.state === state) return;
    shown = { id, state, endReason: reason };
    if (isRenewed && former.id && id) after(() => options.onRenewed?.(id, former.id!));
    else if (isSame && former.id) after(() => options.onEnded?.(over ?? former.id!, reason));
    for (const listener of listeners) after(listener);
  }

  // Heartbeats.

  const intervalOf = ({ interval }: Record) =>
    options.heartbeatMs ?? Math.max(1_000, interval! > 0 ? interval! : 5 * MINUTE_MS);

  /** Since the tab was used, or is: a page that nobody looks at does not keep a session alive. */
  function isUsed({ sent = 0 }: Record): boolean {
    const isSeen = activity === "always" || !globalThis.document || (activity === "visible" && !document.hidden);
    // Clocks are set back and forth: what is said of later counts for nothing.
    return isSeen || sent > Date.now() || (used > sent && used <= Date.now());
  }

  /** How long until the next heartbeat is due; 0 if it is. What failed before `online` is no reason to wait. */
  function untilDue(record: Record, online = 0): number {
    const { failed, sent } = record;
    if (!failed) return remaining(sent, intervalOf(record));
    return remaining(failed.at, failed.at < online && !failed.told ? 0 : failed.wait);
  }

  const isDue = (record: Record, online?: number) => isUsed(record) && !untilDue(record, online);

  async function beat(online?: number): Promise<void> {
    const known = readMine();
    // No token is asked for in vain.
    if (known.id && !isDue(known, online)) return;
    let identity;
    try {
      identity = await who();
      stumbles = 0;
    } catch (error) {
      stumbles++;
      return after(() => options.onError?.(error));
    }
    if (!identity) return;
    const name = nameOf(identity.user);
    const { claim, failed, sent } = read(name);
    // Each heartbeat has a lock of its own: a tab that was frozen holds one as long as it sleeps.
    await alone([name, claim, failed?.at, sent].join(), () => pulse(identity, name, online));
  }

  async function pulse(identity: Identity, name: string, online?: number): Promise<void> {
    const record = read(name);
    const { id } = record;
    if (!id || remaining(record.claim, LIMIT_MS) || !isDue(record, online)) return;
    const claim = Date.now();
    write(name, { ...record, claim });
    try {
      settle(name, id, claim, await request<Heartbeat>(options, identity, pathOf(id)));
    } catch (error) {
      // A tab that was frozen meanwhile gives up what others have taken over.
      if (read(name).claim === claim) fail(name, id, error as SessionsError);
    }
  }

  /** Takes an answer, unless the session of which it tells is no longer this browser's. */
  function settle(name: string, id: string, mine: number, answer: Heartbeat): void {
    const { claim, failed, engaged, ...record } = read(name);
    if (record.id !== id) return;
    if (answer.needsNewSession) return finish(name, id, answer.endReason);
    const next = answer.status === "renewed" ? answer.sessionId : id;
    if (next === id && claim !== mine) return;
    write(name, { ...record, id: next, sent: mine, ...(next === id && { engaged }) });
  }

  function fail(name: string, id: string, error: SessionsError): void {
    const { claim, ...record } = read(name);
    if (record.id !== id) return;
    const { failed } = record;
    const interval = intervalOf(record);
    // What failed before a sleep says nothing of now.
    const isRow = failed && remaining(failed.at, failed.wait + interval);
    const { count = 0, refused = false } = isRow ? failed : {};
    const isRefused = error.status === 401;
    const told = error.retryAfterMs;
    // Whatever blocks a page's requests goes on doing so.
    const most = interval * (!error.status && count > 5 ? 6 : 1);
    const wait = Math.max(told, Math.min(most, backOff(count)));
    write(name, {
      ...record,
      failed: { at: Date.now(), count: count + 1, wait, told, refused: refused || isRefused },
    });
    after(() => options.onError?.(error));
    if (isRefused && !refused) after(() => options.onLoginNeeded?.());
  }

  /** Without a reason it needs a login. With one, devices that log in by themselves would end each other for ever. */
  function finish(name: string, id: string, reason: EndReason | null | undefined): void {
    if (read(name).id !== id) return;
    write(name, { over: id, reason });
    if (!reason) after(() => options.onLoginNeeded?.());
  }

  /** A last heartbeat while that is still possible: it may never be known whether it arrived. */
  function leave(): void {
    const record = readMine();
    const isVisible = activity === "visible";
    const isWorthIt = isVisible || isUsed(record);
    if (isVisible) used = Date.now();
    if (!me || !isWorthIt) return;
    const name = nameOf(me.user);
    const { id, sent, claim, failed } = record;
    const interval = intervalOf(record);
    const isRecent = remaining(sent, Math.min(MINUTE_MS, interval)) || remaining(record.left, interval);
    if (!id || isRecent || failed || remaining(claim, LIMIT_MS)) return;
    const now = Date.now();
    write(name, { ...record, left: now, claim: now });
    send<Heartbeat>(options, me.token, pathOf(id), { keepalive: true }).then(
      (answer) => settle(name, id, now, answer),
      () => {
        const { claim, ...rest } = read(name);
        if (claim === now) write(name, rest);
      },
    );
  }

  // Opened by `start`, closed by `stop`.

  function arm(): void {
    clearTimeout(timer);
    if (!starts) return;
    const record = readMine();
    const due = record.id && isUsed(record) ? untilDue(record) : intervalOf(record);
    const wait = stumbles ? backOff(stumbles - 1) : due || 5_000;
    // No longer than a minute, because a timer stands still while the machine sleeps; and not all tabs at once.
    timer = setTimeout(() => void tick(), Math.min(wait, MINUTE_MS) + Math.random() * Math.min(1_000, wait / 10));
  }

  async function tick(online?: number): Promise<void> {
    await beat(online);
    arm();
  }

  function tune(): void {
    if (!starts || !me || channel) return;
    channel = openChannel(nameOf(me.user), () => {
      look();
      arm();
    });
  }

  function mute(): void {
    channel?.close();
    channel = undefined;
  }

  /** Hears of the other tabs again, and of what they did meanwhile. */
  function wake(): void {
    tune();
    look();
    void tick();
  }

  function open(): void {
    const { document } = globalThis;
    used = document?.hidden ? 0 : Date.now();
    if (document) {
      const { signal } = (listening = new AbortController());
      // What happens to the document passes the window on its way down.
      const on = (types: string, listener: () => void) => {
        for (const type of types.split(" ")) addEventListener(type, listener, { signal, capture: true, passive: true });
      };
      on("visibilitychange", () => (document.hidden ? leave() : void tick()));
      // An open channel bars the way back to a page that was left.
      on("pagehide", mute);
      on("pageshow resume", wake);
      on("online", () => void tick(Date.now()));
      if (activity === "input") on(INPUT, () => (used = Date.now()));
    }
    wake();
  }

  function stop(): void {
    if (!starts || --starts) return;
    clearTimeout(timer);
    listening?.abort();
    mute();
  }

  // What a page asks for.

  async function call<T>(path: string, method = "GET"): Promise<T> {
    const identity = await signedIn();
    const { id } = read(nameOf(identity.user));
    return request<T>(options, identity, path, { method, headers: { ...(id && { "x-session-id": id }) } });
  }

  /** Under the lock, or where a repeat does no harm because all tabs have one key. */
  async function openSession(identity: Identity, name: string): Promise<string> {
    for (;;) {
      const stored = read(name);
      const { id, refused } = stored;
      if (id) return id;
      // A page that logs in whenever it is loaded, or an effect that does so when it runs, asks for nothing meanwhile.
      const retryAfterMs = remaining(refused?.at, refused?.retryAfterMs ?? 0);
      if (retryAfterMs) throw Object.assign(new SessionsError("Too early for a login"), refused, { retryAfterMs });
      let key = stored.key ?? uuid();
      // Before it is sent: an answer that is lost is asked for again under the same key.
      write(name, { ...stored, key, claim: Date.now() });
      await agreed();
      if (read(name).id) continue;
      key = read(name).key ?? key;
      try {
        const headers = { "idempotency-key": key };
        const answer = await request<Login>(options, identity, "/auth/login", { headers });
        const { sessionId, startTime, expiresAt } = answer.body;
        if (read(name).key === key) {
          const interval = Math.min(5 * MINUTE_MS, (Date.parse(expiresAt) - Date.parse(startTime)) / 3);
          write(name, { id: sessionId, login: key, interval, sent: Date.now() });
          await agreed();
        }
        const record = read(name);
        if (record.login !== key) {
          // Another login is this browser's by now, or none is wanted.
          await request(options, identity, "/auth/logout", { body: { sessionId } });
          if (!record.id && !record.key) throw new SessionsError("Logged out meanwhile");
        }
        if (record.id) return record.id;
      } catch (error) {
        const { key: kept, claim, ...now } = read(name);
        // An earlier login of that key was answered to nobody, and its session has been ended since.
        const isOver = stored.key && (error as SessionsError).code === "session_ended";
        const refused = { ...(error as SessionsError), at: Date.now() };
        if (kept === key) write(name, isOver ? now : { ...now, key, refused });
        if (!isOver && !now.id) throw error;
      }
    }
  }

  return {
    async login() {
      const identity = await signedIn();
      const name = nameOf(identity.user);
      const since = Date.now();
      for (;;) {
        const task = () => openSession(identity, name);
        const id = read(name).id ?? (await (remaining(since, LIMIT_MS) ? alone(name, task) : task()));
        if (id) {
          arm();
          return id;
        }
        // Another tab is at it.
        await settled();
      }
    },
    async logout() {
      // At once, and of who is shown here: an application may have dropped its token first.
      const identity = me ?? (await who());
      if (!identity) return;
      const name = nameOf(identity.user);
      const { id, over, reason } = read(name);
      write(name, id ? { over: id, reason: "logout" } : { over, reason });
      if (id) await request(options, identity, "/auth/logout", { body: { sessionId: id }, keepalive: true });
    },
    async engaged(value = true) {
      const identity = await signedIn();
      const name = nameOf(identity.user);
      for (let isFirst = true; ; isFirst = false) {
        const record = read(name);
        const { id } = record;
        if (!id) throw new SessionsError("No session");
        if (record.engaged === value) return;
        write(name, { ...record, engaged: value });
        try {
          const path = `/user-sessions/${id}/content-engaged`;
          const { sessionId } = await request<ContentEngaged>(options, identity, path, {
            method: "PATCH",
            body: { engaged: value },
            keepalive: true,
          });
          const now = read(name);
          if (sessionId !== id && (now.id === id || now.id === sessionId)) {
            write(name, { ...now, id: sessionId, engaged: value, sent: Date.now() });
          }
          return;
        } catch (error) {
          const { engaged, ...now } = read(name);
          if (now.id === id) write(name, now);
          const { code } = error as SessionsError;
          const isOver = code === "session_ended";
          if (!isOver && (code !== "session_not_found" || !isFirst)) throw error;
          // A heartbeat tells what ended it, and starts a session for an id that the service no longer knows.
          used = Date.now();
          write(name, { ...read(name), sent: 0 });
          await beat();
          if (isOver) throw error;
        }
      }
    },
    list: () => call("/user-sessions"),
    get: (id) => call(`/user-sessions/${encodeURIComponent(id)}`),
    async end(id) {
      const { user } = await signedIn();
      const { sessionId } = await call<EndedSession>(`/user-sessions/end/${encodeURIComponent(id)}`, "POST");
      // This browser's own may be known here by an id that has been renewed since.
      for (const ended of [id, sessionId]) finish(nameOf(user), ended, "logout");
    },
    async endOthers() {
      return (await call<EndedSessions>("/user-sessions/end-others", "POST")).endedSessions;
    },
    start() {
      if (!starts++) open();
      let isStarted = true;
      return () => {
        if (isStarted) stop();
        isStarted = false;
      };
    },
    stop,
    get current() {
      return shown.id;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getSnapshot: () => shown,
  };
}

const pathOf = (id: string) => `/user-sessions/heartbeat/${id}`;

/** How much is left of `wait` since `at`. A clock that was set back leaves nothing; nor does an `at` that is none. */
function remaining(at: number | undefined, wait: number): number {
  const passed = Date.now() - at!;
  return passed >= 0 && passed < wait ? wait - passed : 0;
}

/** Twice as long each time: 2 to 5 seconds at first, which is when a machine that wakes has a network again. */
const backOff = (count: number) => (2_000 + 3_000 * Math.random()) * 2 ** count;

/** In a task of its own, so that what a listener throws is its own fault alone. */
const after = (task: () => void) => queueMicrotask(task);

/** Random, version 4. `crypto.randomUUID` is missing on insecure origins. */
function uuid(): string {
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (+digit ^ (crypto.getRandomValues(new Uint8Array(1))[0]! & (15 >> (+digit / 4)))).toString(16),
  );
}
