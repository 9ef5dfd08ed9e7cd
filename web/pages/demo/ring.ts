/** The ring that runs down until the session expires. */

import { find, setText } from "./dom.js";
import { countdown, words } from "./times.js";

const MINUTE_MS = 60_000;

let named = { state: "", at: 0 };

/** Shows what is left of `timeout`, or why nothing is. The name for screen readers is told once a minute at most. */
export function showRing(state: "live" | "expired" | "over", left: number, timeout: number): void {
  const ring = find("#ring");
  const isLive = state === "live";
  ring.dataset["state"] = state;
  const share = isLive ? Math.min(1, Math.max(0, left / timeout)) : 0;
  find<SVGElement>(".arc", ring).style.strokeDashoffset = String(100 - 100 * share);
  setText(find(".left", ring), isLive ? countdown(left) : state === "expired" ? "0:00" : "–");
  setText(find(".of", ring), isLive ? "until it expires" : state === "expired" ? "expired" : "ended");
  const now = Date.now();
  if (named.state === state && Math.abs(now - named.at) < MINUTE_MS) return;
  named = { state, at: now };
  const name = isLive
    ? `${words(left)} until it expires`
    : state === "expired"
      ? "The session has expired"
      : "No live session";
  ring.setAttribute("aria-label", name);
}
