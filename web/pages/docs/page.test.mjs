// `npm run test:pages`: nothing in the document becomes markup, and the page holds together.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { page } from "./page.mjs";

const text = await readFile(new URL("../../openapi.json", import.meta.url), "utf8");
const MARKUP = `<img src=x onerror="alert('1')">&`;

/** The document with markup at the end of every text that people read. */
function hostile(value, name) {
  if (Array.isArray(value)) return value.map((item) => hostile(item, name));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hostile(item, key)]));
  }
  const isRead = ["title", "version", "summary", "description", "url", "example", "message", "userAgent"].includes(name);
  return isRead && typeof value === "string" ? value + MARKUP : value;
}

test("nothing in the document becomes markup", () => {
  const made = String(page(hostile(JSON.parse(text))));
  assert(made.includes("&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;"));
  assert(!made.includes("<img"));
  // Where the text is JSON, the quotes of the markup are escaped once more.
  assert(!/<(?!\/?(?:!doctype|html|head|meta|title|link|body|a|header|b|span|div|nav|main|section|h[1-4]|p|ul|li|article|code|em|wbr|table|caption|thead|tbody|tr|th|td|figure|figcaption|pre|footer)\b)/.test(made));
});

test("names, paths and codes are escaped too", () => {
  const document = JSON.parse(text.replaceAll("X-Session-ID", "X<i>").replaceAll("invalid_range", "a<i>"));
  document.paths["/auth/<i>"] = document.paths["/auth/login"];
  delete document.paths["/auth/login"];
  assert(!String(page(document)).includes("<i>"));
});

test("every link within the page leads somewhere, and no name is there twice", () => {
  const made = String(page(JSON.parse(text)));
  const ids = [...made.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length);
  const targets = [...made.matchAll(/(?:href="#|aria-labelledby=")([^"]*)"/g)].map(([, id]) => id);
  assert(targets.length > 50);
  assert.deepEqual(targets.filter((id) => !ids.includes(id)), []);
});
