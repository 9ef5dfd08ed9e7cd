/** The little that the element needs to make and change nodes. */

/** An element that can be styled from outside by the name of its part. */
export function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, part: string, ...children: Node[]) {
  const element = document.createElement(tag);
  element.setAttribute("part", part);
  element.append(...children);
  return element;
}

/** All have the part `button`, too. */
export function makeButton(part: string, onClick: () => void): HTMLButtonElement {
  const button = make("button", `button ${part}`);
  button.type = "button";
  // The second click of a double one was meant for what stood there before.
  button.addEventListener("click", ({ detail }) => detail > 1 || onClick());
  return button;
}

/** Leaves alone what says that already: a selection in it stays, and nobody hears it twice. */
export function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Gives `parent` these children. Those that are in their place are not touched, for they would lose the focus. */
export function arrange(parent: HTMLElement, children: HTMLElement[]): void {
  for (const child of [...parent.children]) if (!children.includes(child as HTMLElement)) child.remove();
  children.forEach((child, index) => {
    const there = parent.children[index];
    if (there !== child) parent.insertBefore(child, there ?? null);
  });
}
