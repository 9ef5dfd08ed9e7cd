// The page: an index, the calls by what they are for, and what every call may get.

import { html, inline, json, paragraphs } from "./html.mjs";
import { read, type } from "./document.mjs";

/** The whole page of a parsed OpenAPI document. */
export function page(source) {
  const api = read(source);
  const tags = api.tags.map((tag) => ({
    ...tag,
    id: slug(tag.name),
    operations: api.operations.filter((operation) => operation.tags.includes(tag.name)),
  }));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${api.info.summary}">
<title>${api.info.title}: the API</title>
<link rel="stylesheet" href="docs.css">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<b>${api.info.title}</b>
<span class="where">API ${api.info.version}</span>
<a class="file" href="openapi.json">openapi.json</a>
</header>
<div class="sheet">
${index(tags)}
<main id="main" tabindex="-1">
<section class="intro" aria-labelledby="title">
<h1 id="title">The API</h1>
<p class="lead">${api.info.summary}</p>
${paragraphs(api.info.description)}
</section>
${access(api)}
${tags.map((tag) => section(tag, api))}
${errors(api)}
</main>
</div>
<footer class="foot"><p>Made from <a href="openapi.json">openapi.json</a>, OpenAPI ${api.openapi}.</p></footer>
</body>
</html>
`;
}

const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-");

function index(tags) {
  return html`<nav class="index" aria-label="Contents">
<p><a href="#access">Who may call</a></p>
${tags.map(
  (tag) => html`<p><a href="#${tag.id}">${tag.name}</a></p>
<ul>${tag.operations.map(
    (operation) => html`
<li><a href="#${operation.operationId}">${operation.summary}</a></li>`,
  )}
</ul>
`,
)}<p><a href="#errors">What every call may get</a></p>
</nav>`;
}

function access(api) {
  const [scheme] = Object.values(api.components.securitySchemes);
  return html`<section class="card" aria-labelledby="access">
<h2 id="access">Who may call</h2>
<p>Every call carries a token: <code>Authorization: Bearer …</code></p>
${paragraphs(scheme.description)}
<h3>Where it is</h3>
<ul class="servers">${api.servers.map(
    (server) => html`
<li><code>${server.url}</code> <span>${inline(server.description)}</span></li>`,
  )}
</ul>
</section>`;
}

function section(tag, api) {
  return html`<section class="group" aria-labelledby="${tag.id}">
<h2 id="${tag.id}">${tag.name}</h2>
${paragraphs(tag.description, "about")}
${tag.operations.map((operation) => call(operation, api))}
</section>
`;
}

function call(operation, api) {
  const id = operation.operationId;
  const [good, ...others] = operation.answers.filter((answer) => !api.isCommon(answer));
  return html`<article class="card" aria-labelledby="${id}">
<h3 id="${id}">${operation.summary} <a class="anchor" href="#${id}" aria-label="Link to: ${operation.summary}">#</a></h3>
<p class="route"><span class="method">${operation.method}</span> <code>${path(operation.path)}</code></p>
${paragraphs(operation.description)}
${operation.permissions.length > 0 &&
  html`<p>The token must hold the permission ${operation.permissions.map((name) => html`<code>${name}</code>`)}.</p>`}
${request(operation, api)}
<h4>Answer</h4>
${answer(good, operation, api)}
${others.length > 0 && html`<h4>Refusals</h4>`}
${others.map((other) => refusal(other, api))}
<p class="also">And what every call may get: ${operation.answers.filter(api.isCommon).map(
    (common, place) => html`${place > 0 && ", "}<a href="#${anchor(common)}">${common.status}</a>`,
  )}.</p>
</article>
`;
}

const anchor = (common) => `answer-${common.reference.split("/").at(-1)}`;

/** A path may be broken before each slash. */
const path = (text) => text.split(/(?=\/)/).map((part) => html`<wbr>${part}`);

function request(operation, api) {
  const parameters = operation.parameters.map((parameter) => ({
    name: parameter.name,
    type: [type(parameter.schema, api.follow), parameter.schema.default && `default ${parameter.schema.default}`]
      .filter(Boolean)
      .join(", "),
    where: parameter.in,
    required: parameter.required ?? false,
    description: parameter.description,
  }));
  const body = operation.requestBody;
  const media = body?.content["application/json"];
  return html`${parameters.length > 0 && table("Parameters", parameters)}
${media && table(`Body, JSON${body.required ? "" : ", optional"}`, api.variants(media.schema)[0].fields, body.description)}
${example("Request", curl(operation, media))}`;
}

/** The request as one would type it. */
function curl(operation, media) {
  const of = (place) => operation.parameters.filter((parameter) => parameter.in === place);
  const path = of("path").reduce((text, { name, example }) => text.replace(`{${name}}`, example), operation.path);
  const query = of("query").map(({ name, example }) => `${name}=${example}`).join("&");
  const target = `$api${path}${query && `?${query}`}`;
  const [body] = Object.values(media?.examples ?? {});
  return [
    `curl ${operation.method === "GET" ? "" : `-X ${operation.method} `}"${target}"`,
    `-H "Authorization: Bearer $token"`,
    ...of("header").map(({ name, example }) => `-H "${name}: ${example}"`),
    ...(body ? [`-d '${JSON.stringify(body.value)}'`] : []),
  ].join(" \\\n  ");
}

function answer(answer, operation, api) {
  const media = answer.content["application/json"];
  const shapes = api.variants(media.schema);
  return html`${status(answer)}
${headers(answer)}
${shapes.map((shape) =>
    shapes.length > 1 ? table(shape.description, shape.fields) : table("Fields", shape.fields),
  )}
${examples(media)}
${links(answer, api)}`;
}

function refusal(answer, api) {
  const media = answer.content["application/json"];
  return html`${status(answer, api.codes(media.schema))}
${headers(answer)}
${examples(media)}`;
}

function status(answer, codes = []) {
  return html`<p class="status"><span class="number ${answer.status < 300 ? "good" : "bad"}">${answer.status}</span> ${codes.map(
    (code) => html`<code>${code}</code> `,
  )}<span>${inline(answer.description)}</span></p>`;
}

function headers(answer) {
  const names = Object.keys(answer.headers ?? {});
  return (
    names.length > 0 &&
    html`<p class="note">Headers: ${names.map((name, place) => html`${place > 0 && ", "}<a href="#headers"><code>${name}</code></a>`)}</p>`
  );
}

function examples(media) {
  return Object.values(media.examples ?? {}).map(({ summary, value }) => example(summary, json(value)));
}

function example(title, text) {
  return html`<figure><figcaption>${title}</figcaption><pre tabindex="0" role="region" aria-label="Example: ${title}"><code>${text}</code></pre></figure>`;
}

function links(answer, api) {
  const all = Object.values(answer.links ?? {});
  return (
    all.length > 0 &&
    html`<p class="note">Then:</p>
<ul class="links">${all.map(({ operationId, description }) => {
      const { method, path } = api.operations.find((operation) => operation.operationId === operationId);
      return html`
<li>${inline(description)} <a href="#${operationId}"><code>${method} ${path}</code></a></li>`;
    })}
</ul>`
  );
}

/** Rows are told by their roles too: on a phone each is a block, which would cost the table its meaning otherwise. */
function table(caption, rows, note) {
  return html`<table role="table">
<caption>${inline(caption)}${note && html` <span class="note">${inline(note)}</span>`}</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Name</th><th role="columnheader" scope="col">Type</th><th role="columnheader" scope="col">Meaning</th></tr></thead>
<tbody role="rowgroup">${rows.map(
    (row) => html`
<tr role="row"><th role="rowheader" scope="row"><code>${wrapped(row.name)}</code></th><td role="cell" class="type">${row.type}${row.where && html`, in the ${row.where}`}${row.required || html`, optional`}</td><td role="cell">${inline(row.description)}</td></tr>`,
  )}
</tbody>
</table>`;
}

/** A long name may be broken before a part of it. */
const wrapped = (name) => name.split(/(?<=\.)|(?=[A-Z][a-z])/).map((part, place) => html`${place > 0 && html`<wbr>`}${part}`);

function errors(api) {
  const used = Object.fromEntries(
    api.operations.flatMap(({ answers }) => answers.flatMap((answer) => Object.entries(answer.headers ?? {}))),
  );
  const rows = Object.entries(used).map(([name, header]) => {
    const { description, schema } = api.follow(header);
    return { name, type: type(schema, api.follow), description, required: true };
  });
  const { Error: own, GatewayError: gateways } = api.components.schemas;
  return html`<section class="group" aria-labelledby="errors">
<h2 id="errors">What every call may get</h2>
<p class="about">An error has a status, a code for programs and a message for people. Answers that the gateway gives before or without a function have the message alone.</p>
<section class="card" aria-labelledby="shapes">
<h3 id="shapes">How errors look</h3>
${table(own.description, api.variants(own)[0].fields)}
${table(gateways.description, api.variants(gateways)[0].fields)}
</section>
${api.common.map(
    (common) => html`<article class="card" aria-labelledby="${anchor(common)}">
<h3 id="${anchor(common)}" class="visually-hidden">${common.status}</h3>
${refusal(common, api)}
</article>
`,
  )}
<section class="card" aria-labelledby="headers">
<h3 id="headers">Headers of answers</h3>
${table("Headers", rows)}
</section>
</section>`;
}
