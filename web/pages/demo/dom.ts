/** Elements, and what is shown in them. Text is set as text: nothing that a user or the server said becomes markup. */

/** The element of the page that fits; the page has it. */
export function find(selector: string, within?: ParentNode): HTMLElement;
export function find<E extends Element>(selector: string, within?: ParentNode): E;
export function find(selector: string, within: ParentNode = document): Element {
  const found = within.querySelector(selector);
  if (!found) throw new Error(`The page has no ${selector}`);
  return found;
}

/** A new element with a class and content. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...content: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

export function makeButton(text: string, onClick: () => void, className = ""): HTMLButtonElement {
  const button = make("button", className, text);
  button.type = "button";
  button.addEventListener("click", onClick);
  return button;
}

/** Changes the text where it differs: a status is read out when it is set, even to the same. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * A button that can be used unless there is a reason against it, which stands in `why`. It keeps the focus meanwhile,
 * so that a keyboard stays where it was and a screen reader hears the reason.
 */
export function allow(button: HTMLElement, reason: string, why?: HTMLElement): void {
  if (reason) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
  if (why) say(why, reason);
}

/** Says that, in a place that is there only then. */
export function say(place: HTMLElement, text: string): void {
  setText(place, text);
  place.hidden = !text;
}

/** Runs `task` on clicks that are allowed, one at a time. */
export function onUse(button: HTMLElement, task: () => Promise<void> | void): void {
  let isBusy = false;
  button.addEventListener("click", async () => {
    if (isBusy || button.getAttribute("aria-disabled")) return;
    isBusy = true;
    try {
      await task();
    } finally {
      isBusy = false;
    }
  });
}

/** An id by its last digits. */
export const short = (id: string) => `…${id.slice(-4)}`;

/** Text in which shortened ids are not broken. */
export function setTextWithIds(element: Element, text: string): void {
  const parts = text.split(/(…[\da-f]{4})/);
  element.replaceChildren(...parts.map((part, index) => (index % 2 ? make("span", "unbroken", part) : part)));
}

/** An id that is whole when it has the focus, and copied by a click. */
export function makeId(id: string, hint = ""): HTMLButtonElement {
  const tail = make("span", "tail", short(id));
  const button = makeButton("", () => void copy(id, hint ? note : tail), "id mono");
  const note = make("span", "hint", hint);
  button.append(tail, make("span", "whole", id), ...(hint ? [" ", note] : []));
  button.title = `${id}: copy`;
  return button;
}

/** Copies a text, and says so for a moment in the place of what `shown` says. */
export async function copy(text: string, shown: HTMLElement): Promise<void> {
  const before = (shown.dataset["text"] ??= shown.textContent ?? "");
  try {
    await navigator.clipboard.writeText(text);
    shown.textContent = "copied";
  } catch {
    shown.textContent = "not copied";
  }
  announce(shown.textContent);
  setTimeout(() => (shown.textContent = before), 1_500);
}

let announcer: HTMLElement | undefined;

/** Says something to screen readers alone. */
function announce(text: string): void {
  if (!announcer) {
    announcer = make("p", "visually-hidden");
    announcer.setAttribute("role", "status");
    document.body.append(announcer);
  }
  announcer.textContent = text;
}
