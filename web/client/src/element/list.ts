/** The list: a row for each session, which stays the same one while the list is shown anew. */

import type { Session } from "../types.js";
import { arrange, make, makeButton, write } from "./dom.js";
import type { Texts } from "./texts.js";
import type { Times } from "./times.js";

export interface List {
  element: HTMLElement;
  show(sessions: Session[], texts: Texts, times: Times): void;
  /** The place of the row that has the focus; -1 if none has. */
  focused(): number;
  /** Gives the focus to the row that is at a place by now, or to the list where there is no other to go to. */
  focus(place: number): void;
}

interface Row {
  item: HTMLElement;
  button: HTMLButtonElement;
  show(session: Session, texts: Texts, times: Times): void;
}

/** A row's button was used: of which session, and what the row says of it. */
type OnSignOut = (session: Session, name: string, details: string) => void;

export function createList(onSignOut: OnSignOut): List {
  let rows = new Map<string, Row>();
  const element = make("ul", "list");
  // Safari takes a list without bullets for none.
  element.setAttribute("role", "list");
  element.tabIndex = -1;
  return {
    element,
    show(sessions, texts, times) {
      const former = rows;
      rows = new Map();
      // This browser's first.
      for (const session of [...sessions].sort((one, other) => +other.current - +one.current)) {
        const { sessionId } = session;
        const row = former.get(sessionId) ?? createRow(onSignOut);
        row.show(session, texts, times);
        rows.set(sessionId, row);
      }
      element.setAttribute("aria-label", texts.list);
      arrange(
        element,
        [...rows.values()].map(({ item }) => item),
      );
    },
    focused: () => [...element.children].findIndex((item) => item.matches(":focus-within")),
    focus(place) {
      const all = [...rows.values()];
      (place > 0 && all.length > 1 ? (all[place] ?? all.at(-1)!).button : element).focus();
    },
  };
}

function createRow(onSignOut: OnSignOut): Row {
  let shown: Session;
  const device = make("span", "device");
  const current = make("span", "current");
  const details = make("p", "details");
  const button = makeButton("sign-out", () => onSignOut(shown, device.textContent!, details.textContent!));
  const item = make("li", "session", make("p", "name", device, current), details, button);
  return {
    item,
    button,
    show(session, texts, { ago, exact }) {
      shown = session;
      const { device: told, startTime, lastActiveTime } = session;
      const name = texts.device(told.browser, told.os, told.isMobile);
      const active = session.current ? texts.activeNow : texts.active(ago(lastActiveTime), exact(lastActiveTime));
      write(device, name);
      write(current, session.current ? texts.current : "");
      write(details, `${texts.started(exact(startTime))} · ${active}`);
      write(button, texts.signOut);
      button.setAttribute("aria-label", texts.signOutOf(name));
    },
  };
}
