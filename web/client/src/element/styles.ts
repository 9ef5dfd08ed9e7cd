/** The element's one style sheet: a strict Content-Security-Policy blocks a `<style>`, but not this. */

let sheet: CSSStyleSheet | undefined;

/** The same for all elements of a page. */
export function styles(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(RULES);
  }
  return sheet;
}

// Greys are made of the text's colour, whatever the page's background is; the rest follows the page's `color-scheme`.
const RULES = `
:host { display: block; line-height: 1.5 }
:host([hidden]) { display: none }
ul, p { margin: 0; padding: 0 }
ul, [part=status]:not(:empty) { margin-bottom: 16px }
li {
  display: grid;
  grid-template-columns: minmax(0, 1fr) auto;
  column-gap: 8px;
  align-items: center;
  padding: 12px 0;
  border-top: 1px solid var(--user-sessions-line, color-mix(in srgb, currentcolor 16%, transparent));
}
li:first-child { border: 0 }
li button { grid-area: 1 / 2 / span 2 }
[part=device] { margin-inline-end: 8px }
[part=current]:not(:empty) {
  display: inline-block;
  padding: 1px 10px;
  border-radius: 99px;
  background: var(--user-sessions-accent-soft, light-dark(#d6ece8, #17403b));
  color: var(--user-sessions-accent, light-dark(#0f6b63, #2dd4bf));
  font-size: .867em;
  font-weight: 600;
}
[part=details] {
  color: var(--user-sessions-muted, color-mix(in srgb, currentcolor 72%, transparent));
  font-size: .867em;
  font-variant-numeric: tabular-nums;
}
button {
  padding: 7px 14px;
  border: 1px solid var(--user-sessions-edge, color-mix(in srgb, currentcolor 56%, transparent));
  border-radius: 8px;
  background: none;
  color: inherit;
  font: inherit;
  cursor: pointer;
}
li button, [part~=confirm], [part=failure] { color: var(--user-sessions-bad, light-dark(#b42318, #f97066)) }
li button { margin-inline-end: -8px; padding: 4px 8px; border-color: transparent }
li button:hover, [part~=confirm] { border-color: currentcolor }
[aria-disabled=true] { opacity: .6; cursor: progress }
[tabindex] { outline: 0 }
button:focus-visible {
  outline: 2px solid var(--user-sessions-accent, light-dark(#0f6b63, #2dd4bf));
  outline-offset: 2px;
}
dialog { box-sizing: border-box; width: 26em; padding: 24px; border: 0; border-radius: 12px }
::backdrop { background: rgb(0 0 0 / .5) }
[part=question], [part~=confirm] { font-weight: 600 }
[part=choice] { display: flex; flex-wrap: wrap; justify-content: end; gap: 8px; margin-top: 16px }
`;
