// The package as npm packs it, in a project of somebody else: installed, type-checked, bundled, and seen alive.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { active, ID, started, token } from "./support.mjs";

const here = new URL("..", import.meta.url).pathname;
const project = mkdtempSync(join(tmpdir(), "user-sessions-client-"));
const run = (command, ...args) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
};

before(() => {
  const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", "--json", "--pack-destination", project], { cwd: here }));
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "scratch", private: true, type: "module" }));
  run("npm", "install", "--offline", "--no-audit", "--no-fund", "--legacy-peer-deps", `./${filename}`);
});
after(() => rmSync(project, { recursive: true }));

const source = `
import { createSessions, type EndReason, SessionsError, type Session, type Snapshot } from "user-sessions-client";
import { type EndedDetail, english, type Texts, UserSessionsElement } from "user-sessions-client/element";
import { createMetrics, type SessionTotals } from "user-sessions-client/metrics";

export async function live(baseUrl: string, token: string): Promise<[string, Snapshot]> {
  const sessions = createSessions({ baseUrl, getToken: () => token, onEnded, onError: (error) => { throw error; } });
  const stop = sessions.start();
  const id: string = await sessions.login();
  const rows: Session[] = await sessions.list();
  const browser: string | null | undefined = rows[0]?.device?.browser;
  if (browser) throw new SessionsError("unexpected");
  stop();
  return [id, sessions.getSnapshot()];
}

function onEnded(id: string, reason: EndReason | null) {
  if (reason === "limit") throw new SessionsError(id);
  // @ts-expect-error: nothing ends for that
  if (reason === "nonsense") return;
}

export async function read(baseUrl: string): Promise<number> {
  const metrics = createMetrics({ baseUrl, getToken: async () => null });
  const totals: SessionTotals = await metrics.totals({ startDate: "2026-01-01", endDate: "2026-01-31" });
  // @ts-expect-error: there is no such figure
  totals.nonsense;
  return totals.totalSessions;
}

export function show(sessions: Session[], element: UserSessionsElement): string[] {
  const made: UserSessionsElement = document.createElement("user-sessions");
  made.sessions = createSessions({ baseUrl: "", getToken: () => null });
  made.texts = { cancel: "Abbrechen", askOthers: (count) => \`\${count} abmelden?\` };
  // @ts-expect-error: there is no such text
  made.texts = { nonsense: "" };
  const texts: Texts = element.texts;
  texts.over(made.sessions.getSnapshot().endReason);
  element.addEventListener("ended", (event) => {
    const { what, count } = (event as CustomEvent<EndedDetail>).detail;
    if (what === "others") throw new SessionsError(english.endedOthers(count));
  });
  return sessions.map(({ device }) => texts.device(device.browser, device.os, device.isMobile));
}
`;

for (const moduleResolution of ["node16", "bundler", "node10"]) {
  test(`its types are found with moduleResolution ${moduleResolution}`, () => {
    writeFileSync(join(project, "main.ts"), source);
    const module = moduleResolution === "node16" ? "node16" : "esnext";
    const tsc = join(here, "../node_modules/typescript/bin/tsc");
    const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom"];
    run("node", tsc, ...options, "--module", module, "--moduleResolution", moduleResolution, "main.ts");
  });
}

test("bundled, it opens a session", async (context) => {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const { body } = request.url === "/auth/login" ? started() : request.url === "/user-sessions" ? { body: [] } : active;
    response.setHeader("content-type", "application/json").end(JSON.stringify(body));
  });
  context.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  writeFileSync(join(project, "main.ts"), source);
  const outfile = join(project, "main.mjs");
  await build({ entryPoints: [join(project, "main.ts")], bundle: true, format: "esm", outfile });
  const { live } = await import(pathToFileURL(outfile));
  const [id, snapshot] = await live(`http://127.0.0.1:${server.address().port}/`, token());
  assert.deepEqual([id, snapshot], [ID, { id: ID, state: "live", endReason: null }]);
  assert.deepEqual(asked, ["POST /auth/login", "GET /user-sessions"]);
});

test("on a server the element's import does nothing and throws nothing", () => {
  const script = 'const before = Object.keys(globalThis).join(); await import("user-sessions-client/element");';
  run("node", "--input-type=module", "-e", `${script} if (Object.keys(globalThis).join() !== before) throw 1;`);
});

test("the element's import is in the bundle whether its names are used or not", async () => {
  for (const [name, resolveDir] of [
    ["user-sessions-client/element", project],
    // As this project's own pages import it.
    ["./src/element.js", here],
  ]) {
    const stdin = { contents: `import "${name}";`, resolveDir };
    const { outputFiles } = await build({ stdin, bundle: true, format: "esm", write: false });
    assert.match(outputFiles[0].text, /customElements\.define\(/, name);
  }
});

test("what is imported and not used is not in the bundle", async () => {
  const contents = 'import "user-sessions-client"; import "user-sessions-client/metrics"; console.log(1);';
  const stdin = { contents, resolveDir: project };
  const { outputFiles, warnings } = await build({ stdin, bundle: true, format: "esm", write: false, logLevel: "silent" });
  assert.equal(outputFiles[0].text.replace(/\/\/.*\n/g, "").trim(), "console.log(1);");
  assert.ok(warnings.every(({ id }) => id === "ignored-bare-import"));
});
