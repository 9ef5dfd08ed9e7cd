/** The panel of what was said: each call as curl, with its answer. */

import { type Call, type Calls, curlOf, isForToken, pathOf } from "./calls.js";
import { copy, find, make, makeButton, short } from "./dom.js";
import { second } from "./times.js";

const MOST = 50;
/** Characters of an answer that are shown at once. */
const LONG = 240;

export interface Said {
  /** Forgets all. */
  clear(): void;
}

/** Shows calls as they come. `shift` turns a time of this machine into one of the server. */
export function showSaid({ onCall }: Calls, shift: (at: number) => number): Said {
  const list = find("#said");
  const empty = find("#said-empty");
  /** What each read was last answered. */
  const known = new Map<string, string>();
  let wasAnswered = true;
  let cleared = 0;
  onCall((call) => {
    // It was under way when all was forgotten.
    if (call.at <= cleared) return;
    const isGone = !call.status && !wasAnswered;
    wasAnswered = call.status > 0;
    // Of a server that does not answer, once is enough.
    if (isGone) return;
    if (call.method === "GET") {
      const answer = `${call.status} ${withoutLag(call.answer)}`;
      const isKnown = known.get(call.url) === answer;
      known.set(call.url, answer);
      if (isKnown) return;
    }
    if (isForToken(call) && call.status === 200) showToken(call);
    list.prepend(entry(call, shift(call.at)));
    while (list.children.length > MOST) list.lastElementChild!.remove();
    empty.hidden = true;
  });
  return {
    clear() {
      cleared = Date.now();
      list.replaceChildren();
      known.clear();
      empty.hidden = false;
      for (const row of ["#token", "#reader"]) find(row).hidden = true;
    },
  };
}

/** When the figures were last touched is no news, if they are the same. */
const withoutLag = (answer: string) => answer.replace(/"asOf":"[^"]*"/, "");

/** What has to be said first in a terminal: it stays when the call itself has gone out at the end. */
function showToken(call: Call): void {
  const text = curlOf(call);
  const isReader = text.startsWith("reader=");
  const row = find(isReader ? "#reader" : "#token");
  const command = make("code", "", text.replace(/\s*\n\s*/, " "));
  row.replaceChildren(make("span", "", isReader ? "To read metrics:" : "First, a token:"), command, copier(text));
  row.hidden = false;
}

function entry(call: Call, at: number): HTMLLIElement {
  const when = make("time", "numbers", second(at));
  const command = make("pre", "", ...pieces(curlOf(call), pathOf(call)));
  const status = make(
    "b",
    call.status >= 200 && call.status < 400 ? "" : "bad",
    call.status ? `${call.status}` : "no answer",
  );
  const answered = make("div", "answer", status, ` ${call.ms} ms`);
  if (call.answer.length > LONG) {
    const size = `${(call.answer.length / 1_000).toFixed(1)} kB`;
    const summary = make("summary", "", ...pieces(`${call.answer.slice(0, 90)}… (${size})`));
    answered.append(make("details", "", summary, make("pre", "", ...pieces(indented(call.answer)))));
  } else if (call.answer) {
    answered.append(make("pre", "", ...pieces(call.answer)));
  }
  return make("li", "", when, copier(curlOf(call)), command, answered);
}

function copier(text: string): HTMLButtonElement {
  const button = makeButton("Copy", () => void copy(text, button), "quiet");
  button.setAttribute("aria-label", `Copy: ${text.split("\n")[0]}`);
  return button;
}

/** A text with its path marked, and its ids by their last digits: what is selected and copied has them whole. */
function* pieces(text: string, path?: string): Generator<Node | string> {
  if (path && text.includes(path)) {
    const [before, ...after] = text.split(path);
    yield before!;
    yield make("em", "", ...pieces(path));
    yield* pieces(after.join(path));
    return;
  }
  let end = 0;
  for (const { 0: id, index } of text.matchAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g)) {
    yield text.slice(end, index);
    const whole = make("span", "shortened", make("span", "", id.slice(0, -4)), short(id).slice(1));
    whole.title = id;
    yield whole;
    end = index + id.length;
  }
  yield text.slice(end);
}

function indented(answer: string): string {
  try {
    return JSON.stringify(JSON.parse(answer), null, 2);
  } catch {
    return answer;
  }
}
