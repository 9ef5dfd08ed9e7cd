/** The list of the user's sessions, on all devices. */

import { find, make, makeButton, setText, short } from "./dom.js";
import { ago, time } from "./times.js";
import type { AnySession } from "./visit.js";

/** As a sentence: "Chrome on Linux". */
function deviceOf({ device: { browser, os } }: AnySession): string {
  if (browser && os) return `${browser} on ${os}`;
  return browser ?? os ?? "Unknown device";
}

/** Shows the session of this browser, if it is live, and the others. */
export function showOthers(
  own: AnySession | null,
  others: AnySession[],
  now: number,
  onEnd: (id: string) => void,
): void {
  const list = find("#sessions");
  const sessions = own ? [own, ...others] : others;
  const known = new Map([...list.children].map((item) => [(item as HTMLElement).dataset["id"], item as HTMLElement]));
  const items = sessions.map((session) => {
    const item = known.get(session.sessionId) ?? makeItem(session, session === own, onEnd);
    const started = `Started ${time(Date.parse(session.startTime), now)}`;
    setText(find(".times", item), `${started} · active ${ago(Date.parse(session.lastActiveTime), now)}`);
    return item;
  });
  const isSame = items.length === list.children.length && items.every((item, index) => item === list.children[index]);
  if (!isSame) keepingFocus(list, () => list.replaceChildren(...items));
}

function makeItem(session: AnySession, isOwn: boolean, onEnd: (id: string) => void): HTMLElement {
  const device = deviceOf(session);
  const title = make("span", "", device);
  const item = make("li", "", title);
  if (isOwn) title.append(" ", make("span", "pill", "this browser"));
  else {
    const button = makeButton("Sign out", () => onEnd(session.sessionId), "quiet bad");
    button.setAttribute("aria-label", `Sign out ${device}, ${short(session.sessionId)}`);
    item.append(button);
  }
  const id = make("span", "mono", short(session.sessionId));
  id.title = session.sessionId;
  item.append(make("small", "numbers", id, " · ", make("span", "times")));
  item.dataset["id"] = session.sessionId;
  return item;
}

/** An item that goes takes the focus along; the next button gets it. */
function keepingFocus(list: HTMLElement, change: () => void): void {
  const focused = document.activeElement;
  const had = list.contains(focused);
  change();
  if (!had) return;
  if (list.contains(focused)) (focused as HTMLElement).focus();
  else find("#sessions button, #end-others").focus();
}
