/** The ids of a visit, oldest first, for all tabs: the API keeps which id each renewed, the page remembers the way. */

import { find, make, makeId, setText } from "./dom.js";

const MOST = 50;
/** How many are shown beside the first. */
const SHOWN = 6;

const nameOf = (user: string) => `user-sessions demo ids ${user}`;

export function chainOf(user: string): string[] {
  try {
    const ids: unknown = JSON.parse(localStorage.getItem(nameOf(user)) ?? "[]");
    return Array.isArray(ids) && ids.every((id) => typeof id === "string" && /^[\da-f-]{36}$/.test(id)) ? ids : [];
  } catch {
    return [];
  }
}

/** The visit goes on as `id`, which renewed `former` if that is known. Every tab says so, and the first one counts. */
export function addToChain(user: string, id: string, former: string | null): void {
  const ids = chainOf(user);
  if (ids.includes(id)) return;
  if (former === null) return store(user, [id]);
  // What came before a renewal that no tab saw is not known.
  const known = ids.includes(former) ? ids : [former];
  const [first, ...rest] = [...known, id];
  store(user, [first!, ...rest.slice(1 - MOST)]);
}

export const forgetChain = (user: string) => store(user, []);

function store(user: string, ids: string[]): void {
  try {
    localStorage.setItem(nameOf(user), JSON.stringify(ids));
  } catch {
    // Then there is none.
  }
}

const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/** Shows the ids; one that was not there before slides in. */
export function showChain(ids: string[]): void {
  const list = find("#chain");
  const before = [...list.children].map((item) => (item as HTMLElement).dataset["id"]!);
  const shown = ids.length > SHOWN + 2 ? [ids[0]!, "", ...ids.slice(-SHOWN)] : ids;
  if (before.join() !== shown.join()) {
    const items = shown.map((id) => {
      const known = id && [...list.children].find((item) => (item as HTMLElement).dataset["id"] === id);
      if (known) return known;
      const item = id
        ? make("li", before.length ? "new" : "", makeId(id))
        : make("li", "", `${ids.length - SHOWN - 1} more`);
      item.dataset["id"] = id;
      return item;
    });
    list.replaceChildren(...items);
  }
  const count = NUMBERS[ids.length] ?? String(ids.length);
  const note =
    ids.length > 1
      ? `One visit, ${count} ids: each old id still answers with the newest.`
      : "One visit, one id so far. After an hour’s pause it goes on under another.";
  setText(find("#chain-note"), ids.length ? note : "");
}
