// Text that becomes HTML. Whatever is put into a template is escaped, unless it is HTML that a template made.

class Html {
  constructor(text) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(value) {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(escaped).join("");
  if (value === undefined || value === null || typeof value === "boolean") return "";
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** The one way to make HTML: html`<p>${text}</p>`. Lists are joined; null, undefined and truth values are nothing. */
export function html(strings, ...values) {
  return new Html(strings.reduce((text, string, index) => text + escaped(values[index - 1]) + string));
}

/** A description's text: `code` and *emphasis*, which is all of CommonMark that the document uses. */
export function inline(text = "") {
  const marked = escaped(text)
    .replace(/`([^`]+)`/g, "<code>$1</code>")
    .replace(/\*([^*]+)\*/g, "<em>$1</em>");
  return new Html(marked);
}

/** The same in paragraphs, which empty lines set apart. */
export function paragraphs(text = "", classes = "") {
  const attribute = classes && html` class="${classes}"`;
  return text.split(/\n{2,}/).filter(Boolean).map((part) => html`<p${attribute}>${inline(part)}</p>`);
}

/** A value as JSON, names and values told apart by colour. */
export function json(value) {
  const text = escaped(JSON.stringify(value, null, 2));
  const coloured = text
    .replace(/^(\s*)(&quot;.*?&quot;):/gm, '$1<span class="name">$2</span>:')
    .replace(/(: |^\s*)(&quot;.*&quot;)(,?)$/gm, '$1<span class="text">$2</span>$3');
  return new Html(coloured);
}
