/**
 * `<user-sessions>`: the user's sessions on all devices, for the security page of an application. Importing this
 * registers it; on a server, which has no elements, nothing happens.
 */

import { createDialog, type Question } from "./element/dialog.js";
import { arrange, make, makeButton, write } from "./element/dom.js";
import { createList } from "./element/list.js";
import { styles } from "./element/styles.js";
import { english, type Texts } from "./element/texts.js";
import { timesIn } from "./element/times.js";
import type { Sessions } from "./sessions.js";
import type { Session } from "./types.js";

export { english, type Texts };

/** What an `ended` event tells. */
export interface EndedDetail extends Pick<Question, "what" | "id"> {
  /** How many sessions ended. */
  count: number;
}

declare global {
  interface HTMLElementTagNameMap {
    "user-sessions": UserSessionsElement;
  }
}

const NAME = "user-sessions";
/** How often it is said anew how long ago something was. */
const AGEING_MS = 30_000;

const Base = globalThis.HTMLElement ?? (class {} as unknown as typeof HTMLElement);

export class UserSessionsElement extends Base {
  #sessions: Sessions | null = null;
  #texts = english;
  #now = Date.now;
  /** While the element is in a page. */
  #connection: AbortController | undefined;

  /** The last answer, without what has been ended since. */
  #listed: Session[] | undefined;
  #error: unknown;
  /** Counts loads: only what the last one is answered is shown. */
  #loads = 0;
  #isLoading = false;
  /** This browser's session has become another since the list was asked for. */
  #isOutdated = false;
  /** What was done last. */
  #notice = "";
  /** What had the focus before the last question, and in which row. */
  #asker: Element | null = null;
  #place = -1;
  /** The ids of what is being ended. */
  readonly #ending = new Set<string | null>();

  readonly #list = createList((session, name, details) => {
    this.#ask(session.current ? "current" : "one", session.sessionId, name, details);
  });
  readonly #status = make("p", "status");
  readonly #retry = makeButton("retry", () => this.#isLoading || this.reload());
  readonly #others = makeButton("sign-out-others", () => this.#ask("others", null));
  readonly #content = make("div", "content", this.#status);
  readonly #dialog = createDialog((question) => this.#end(question));

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles()];
    root.append(this.#content, this.#dialog.element);
    this.#status.setAttribute("role", "status");
    this.#status.tabIndex = -1;
    // The browser gives the focus back, but not to what is gone.
    this.#dialog.element.addEventListener("close", () => {
      if (this.#asker?.isConnected === false) this.#focus(this.#place);
    });
    // What was set before this class was there hides the accessors.
    for (const name of ["sessions", "texts", "now"] as const) {
      const { value } = Object.getOwnPropertyDescriptor(this, name) ?? {};
      if (delete (this as Partial<this>)[name] && value) Object.assign(this, { [name]: value });
    }
  }

  /** The client whose user's sessions are shown. */
  get sessions(): Sessions | null {
    return this.#sessions;
  }

  set sessions(sessions: Sessions | null | undefined) {
    if (sessions === this.#sessions) return;
    const isConnected = this.#connection;
    this.disconnectedCallback();
    this.#sessions = sessions ?? null;
    this.#listed = this.#error = undefined;
    this.#notice = "";
    if (isConnected) this.connectedCallback();
  }

  /** What it says. What is missing of what is set is English. */
  get texts(): Texts {
    return this.#texts;
  }

  set texts(texts: Partial<Texts> | null | undefined) {
    this.#texts = { ...english, ...texts };
    this.#render();
  }

  /** The time in milliseconds, for a service whose clock is not this machine's. */
  get now(): () => number {
    return this.#now;
  }

  set now(now: (() => number) | null | undefined) {
    this.#now = now ?? Date.now;
    this.#render();
  }

  connectedCallback(): void {
    const { signal } = (this.#connection = new AbortController());
    const unsubscribe = this.#sessions?.subscribe(() => this.#follow());
    const ageing = setInterval(() => this.#render(), AGEING_MS);
    signal.onabort = () => {
      unsubscribe?.();
      clearInterval(ageing);
    };
    document.addEventListener("visibilitychange", () => this.reload(), { signal });
    this.reload();
  }

  disconnectedCallback(): void {
    this.#connection?.abort();
    this.#connection = undefined;
    this.#drop();
    this.#dialog.close();
  }

  /** Asks for the list again. It does so by itself when the page is shown again and when something has changed. */
  async reload(): Promise<void> {
    const sessions = this.#sessions;
    // A page that nobody sees asks when it is seen.
    if (!sessions || !this.#connection || document.hidden || isOver(sessions)) return this.#render();
    const load = ++this.#loads;
    this.#isLoading = true;
    this.#isOutdated = false;
    this.#render();
    const { value: listed, error } = await outcome(sessions.list());
    if (load !== this.#loads) return;
    const current = listed?.find((session) => session.current)?.sessionId ?? null;
    if (this.#isOutdated && listed && current !== sessions.current) return this.reload();
    this.#isLoading = false;
    this.#listed = listed;
    this.#error = error;
    this.#render();
  }

  /** What is still to be answered is not shown. */
  #drop(): void {
    this.#loads++;
    this.#isLoading = false;
  }

  /** This browser's session has begun, been renewed, or ended, here or in another tab. */
  #follow(): void {
    const { state } = this.#sessions!.getSnapshot();
    if (state !== "live") {
      this.#listed = undefined;
      this.#notice = "";
    }
    if (state === "over") {
      this.#drop();
      this.#dialog.close();
      this.#render();
    } else if (this.#isLoading) {
      // It may have been found on the way to the list: the answer will tell.
      this.#isOutdated = true;
    } else this.reload();
  }

  // Ending.

  #ask(what: Question["what"], id: string | null, name = "", details = ""): void {
    const { askOne, askCurrent, askOthers } = this.#texts;
    const text =
      what === "one"
        ? askOne(name)
        : what === "current"
          ? askCurrent
          : askOthers(this.#listed!.filter(({ current }) => !current).length);
    this.#notice = "";
    this.#asker = this.shadowRoot!.activeElement;
    this.#place = this.#list.focused();
    this.#dialog.ask({ what, id, name, text, details });
    this.#render();
  }

  async #end({ what, id, name }: Question): Promise<void> {
    if (this.#ending.has(id)) return;
    this.#ending.add(id);
    this.#dialog.fail("");
    this.#render();
    const sessions = this.#sessions!;
    const { value, error } = await outcome<number | void>(
      id === null ? sessions.endOthers() : what === "one" ? sessions.end(id).catch(passOver) : leave(sessions),
    );
    const count = value ?? 1;
    this.#ending.delete(id);
    if (sessions !== this.#sessions) return;
    const { notEnded, endedOne, endedOthers } = this.#texts;
    // It may have been closed meanwhile, or ask something else.
    const isAsked = this.#dialog.asked()?.id === id;
    if (error) {
      if (isAsked) this.#dialog.fail(notEnded(error));
      else this.#notice = notEnded(error);
    } else {
      this.#listed = this.#listed?.filter(({ sessionId, current }) => (id ? sessionId !== id : current));
      if (what !== "current") this.#notice = id ? endedOne(name) : endedOthers(count);
      if (isAsked) this.#dialog.close();
    }
    // A failed end of all others may have ended some.
    void this.reload();
    if (error) return;
    const detail: EndedDetail = { what, id, count };
    this.dispatchEvent(new CustomEvent("ended", { detail, bubbles: true, composed: true }));
  }

  // Showing.

  #render(): void {
    const texts = this.#texts;
    const root = this.shadowRoot!;
    const focused = root.activeElement as HTMLElement | null;
    const place = this.#list.focused();
    const { state, endReason } = this.#sessions?.getSnapshot() ?? {};
    const isSignedOut = state === "over";
    const listed = isSignedOut ? undefined : this.#listed;
    const hasFailed = this.#error && !isSignedOut;
    const hasOthers = listed?.some(({ current }) => !current);

    if (listed) this.#list.show(listed, texts, timesIn(this, this.#now()));
    write(this.#status, `${this.#notice} ${isSignedOut ? texts.over(endReason!) : this.#state(listed)}`.trim());
    write(this.#retry, texts.retry);
    write(this.#others, texts.signOutOthers);
    this.#dialog.show(texts, this.#ending);
    arrange(this.#content, [
      ...(listed?.length ? [this.#list.element] : []),
      this.#status,
      ...(hasFailed ? [this.#retry] : []),
      ...(hasOthers ? [this.#others] : []),
    ]);
    if (!focused || focused === root.activeElement) return;
    // It was moved, or is gone.
    if (focused.isConnected) focused.focus();
    else this.#focus(place);
  }

  /** What is to be said in the place of a list, or about it. */
  #state(listed: Session[] | undefined): string {
    const texts = this.#texts;
    if (this.#error && !this.#isLoading) return texts.failed(this.#error);
    if (!listed) return texts.loading;
    if (!listed.length) return texts.empty;
    return listed.every(({ current }) => current) ? texts.alone : "";
  }

  #focus(place: number): void {
    if (this.#list.element.isConnected) this.#list.focus(place);
    else this.#status.focus();
  }
}

/** What a promise comes to, either way. */
const outcome = <T>(promise: Promise<T>): Promise<{ value?: T; error?: unknown }> =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error: error || true }),
  );

const isOver = (sessions: Sessions) => sessions.getSnapshot().state === "over";

/** Ends this browser's session, which is over here even if the service could not be told. */
const leave = (sessions: Sessions) =>
  sessions.logout().catch((error: unknown) => {
    if (sessions.current) throw error;
  });

/** What the service no longer knows has ended. */
function passOver(error: unknown): void {
  if ((error as { code?: string }).code !== "session_not_found") throw error;
}

if (globalThis.customElements && !customElements.get(NAME)) customElements.define(NAME, UserSessionsElement);
