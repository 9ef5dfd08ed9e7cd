/** The dashboard: how many came, how long they stayed, how engaged they were, and how that was before. */

import { createMetrics, SessionsError } from "../../client/src/metrics.js";
import { createChart } from "./chart.js";
import { contentOf } from "./charts.js";
import { download } from "./csv.js";
import { byId, element } from "./dom.js";
import { comparisonSentence, showFigures } from "./figures.js";
import * as periods from "./periods.js";
import type { Choice, Preset, Span } from "./periods.js";
import { patient } from "./patient.js";
import { readReport, type Report } from "./report.js";
import { readSettings, type Settings } from "./settings.js";
import { createSignIn, SignInError, takeCallback, type SignIn } from "./sign-in.js";
import { CHARTS, readView, spanOf, writeView, type View } from "./view.js";
import * as words from "./words.js";

/** Figures older than this are read anew when somebody comes back to the page. */
const STALE_MS = 5_000;

const callback = takeCallback();
const main = document.querySelector("main")!;
const charts = CHARTS.map((name) => {
  const card = byId(name);
  const part = (selector: string) => card.querySelector<HTMLElement>(selector)!;
  const chart = createChart(part(".plot"), part(".readout"), part("[role=status]"));
  return { name, chart, title: part("h2"), button: part("button"), table: part(".table") };
});

// Neither is there before the page has begun; until then nothing that a reader does has an effect.
let settings: Settings;
let signIn: SignIn;
let view: View;
let report: Report | undefined;
let asked: AbortController | undefined;
let askedAt = 0;

const now = () => Date.now() + settings.clockAheadMs;
const today = () => periods.dayAt(settings.timeZone, now());

async function begin() {
  try {
    settings = await readSettings();
  } catch {
    return say("error", "The page's settings could not be read.", "The server did not give them.", "Try again", begin);
  }
  byId("demo").hidden = !settings.isLocal;
  byId("zone").textContent = byId("zone-again").textContent = settings.timeZone;
  if (!settings.clientId) {
    const text =
      "This deployment does not say as which client the page signs in. Set the parameter PagesClientId to the " +
      `id of a public client at ${settings.issuer}, with ${location.origin}${location.pathname} among its callbacks.`;
    return say("signed-out", "Signing in is not set up", text);
  }
  signIn = await createSignIn(settings);
  let failed: string | undefined;
  if (callback && !signIn.who()) {
    const query = await signIn.finish(callback).catch((error: unknown) => {
      if (!(error instanceof SignInError)) throw error;
      failed = error.message;
      return error.query ?? "";
    });
    history.replaceState(null, "", location.pathname + query);
  }
  look();
  if (failed) return signedOut("That sign-in did not work", failed, "Sign in again");
  await refresh();
}

// What is looked at.

/** Takes the view from the address. */
function look() {
  view = readView(location.search, today());
  showControls();
}

/** Changes the view, and with it the address. */
function change(changes: Partial<View>) {
  if (!view) return;
  const isMore = !("tables" in changes);
  view = { ...view, ...changes };
  const query = writeView(view);
  if (query !== location.search) history.pushState(null, "", location.pathname + query);
  showControls();
  if (isMore) void refresh();
}

function showControls() {
  const range = periods.rangeOf(view.choice, today());
  const span = spanOf(view, today());
  for (const button of byId("presets").querySelectorAll("button")) {
    button.ariaPressed = String(button.value === view.choice);
    const short = button.querySelector(".short");
    if (short && button.value.endsWith("month")) {
      short.textContent = words.month(periods.rangeOf(button.value as Preset, today()).startDate);
    }
  }
  for (const button of byId("spans").querySelectorAll("button")) {
    button.ariaPressed = String(button.value === span);
    button.disabled = periods.lengthOf(range) === 1;
  }
  const isThisYear = range.startDate.slice(0, 4) === today().slice(0, 4);
  const short = isThisYear ? words.shortRange(range) : words.longRange(range);
  byId("range").replaceChildren(
    element("span", { className: "long" }, words.longRange(range)),
    element("span", { className: "short" }, short),
  );
  for (const { name, button, table } of charts) {
    const isShown = view.tables.includes(name);
    button.ariaExpanded = String(isShown);
    button.textContent = isShown ? "Hide the table" : "Show as table";
    table.hidden = !isShown;
  }
}

// What is read.

/** Reads the figures of the view. An answer that another view has overtaken is dropped. */
async function refresh() {
  asked?.abort();
  const reading = (asked = new AbortController());
  const { signal } = reading;
  askedAt = Date.now();
  main.ariaBusy = "true";
  try {
    // The demo's clock is moved on by hand.
    if (settings.isLocal) settings = await readSettings();
    const api = createMetrics({
      baseUrl: settings.apiUrl,
      getToken: (options) => {
        signal.throwIfAborted();
        return signIn.getToken(options);
      },
      fetch: (target, init) => fetch(target, { ...init, signal: AbortSignal.any([signal, init!.signal!]) }),
    });
    if (!(await signIn.getToken())) {
      if (!signal.aborted) signedOut();
      return;
    }
    showName();
    const read = await readReport(patient(api, signal), view, today());
    if (signal.aborted) return;
    report = read;
    showReport(report);
  } catch (error) {
    if (signal.aborted) return;
    // The others have nobody to be read for.
    reading.abort();
    showError(error);
  }
}

function showError(error: unknown) {
  const { status = 0, message = "" } = error as Partial<SessionsError>;
  if (!signIn.who()) return signedOut();
  if (status === 401) {
    void signIn.forget();
    return signedOut("Your sign-in is no longer valid", "The API does not accept it any more.", "Sign in again");
  }
  if (status === 403) {
    // A token gets the permission when it is given out.
    return say("message", "No permission", howToBePermitted(), "Sign in again", leave);
  }
  const text =
    status === 429 || status === 503
      ? "The API has too much to do at the moment."
      : error instanceof SessionsError && status > 0
        ? `The API answered: ${message}`
        : "The API could not be reached.";
  say("message", "The figures could not be read", text, "Try again", refresh);
}

// What is shown.

function showReport(report: Report) {
  const { totals, range, rows } = report;
  if (rows.every(({ figures }) => figures.sessions === 0) && totals.totalSessions === 0) {
    const isOver = range.endDate < report.today;
    if (!isOver) return say("message", "No sessions yet", howToBegin(), "Look again", refresh);
    const text = `Nobody started one: ${words.longRange(range)}. Choose another range.`;
    return say("message", "No sessions in this range", text, "Look again", refresh);
  }
  showState("ready");
  showFigures(byId("figures"), report);
  byId("comparison").textContent = comparisonSentence(report);
  const content = contentOf(report);
  for (const { name, chart, title, table } of charts) {
    const { title: text, drawing, table: figures } = content[name];
    title.textContent = text;
    chart.draw(drawing);
    showTable(table, text, figures);
  }
  byId("as-of").textContent = asOf(report);
  byId("status").textContent = `${words.longRange(range)}: ${words.plural(totals.totalSessions, "session")}.`;
}

/** Where the first sessions come from. The local server's demo has tables of its own, and so a dashboard. */
function howToBegin(): (Node | string)[] {
  const demo = element("a", { href: "/" }, "demo");
  if (settings.isDemo) return ["Sign in to the ", demo, ": they appear here within seconds."];
  if (!settings.isLocal) return ["They appear here within a minute of the first login."];
  return ["Start the server with --sample-data, or open the ", demo, ", which has a dashboard of its own."];
}

function howToBePermitted(): string {
  const { metricsPermission, isLocal } = settings;
  if (!metricsPermission) return "Nobody may read metrics: this deployment names no permission for it.";
  const how = isLocal ? "Sign in again, with “May read metrics” ticked." : `Ask for ${metricsPermission}.`;
  return `Your token has no permission to read metrics. ${how}`;
}

function showTable(place: HTMLElement, name: string, { columns, rows }: { columns: string[]; rows: string[][] }) {
  const cell = (text: string, at: number) =>
    at === 0 ? element("th", { scope: "row" }, text) : element("td", {}, text);
  const table = element(
    "table",
    { className: "numbers" },
    element("caption", { className: "visually-hidden" }, name),
    element("thead", {}, element("tr", {}, ...columns.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell)))),
  );
  // It scrolls, so that the keyboard has to get there.
  Object.assign(place, { tabIndex: 0, role: "region", ariaLabel: `${name}, as a table` });
  place.replaceChildren(table);
}

/** How new the figures are. Those of days that are over stay as they are. */
function asOf({ totals, range, today }: Report): string {
  if (!totals.asOf) return "Nothing has been counted yet.";
  const { timeZone } = settings;
  const instant = Date.parse(totals.asOf);
  const day = periods.dayAt(timeZone, instant);
  const time = `${day === today ? "" : `${words.shortDay(day)}, `}${words.timeIn(timeZone, instant)}`;
  if (range.endDate < today) return `As of ${time}`;
  const behind = now() - instant;
  return behind < 120_000
    ? `As of ${time}, ${words.age(behind)} behind`
    : `As of ${time}: nothing newer has been counted for ${words.age(behind)}`;
}

function showName() {
  const name = signIn.who();
  byId("who").hidden = name === undefined;
  byId("name").textContent = name ? `${name} ·` : "";
}

function signedOut(
  title = "Sign in to see the figures",
  text = "They tell about all users, so you need the permission to read metrics.",
  button = "Sign in",
) {
  forgetReport();
  showName();
  say("signed-out", title, text, button, leave);
}

/** Leaves for the identity provider, to come back to this view. */
async function leave() {
  try {
    await signIn.start(writeView(view));
  } catch {
    signedOut("Signing in did not work", "The identity provider could not be reached.", "Try again");
  }
}

/** Leaves no figure in the page, where whoever comes next would find it. */
function forgetReport() {
  asked?.abort();
  report = undefined;
  showFigures(byId("figures"), undefined);
  for (const { chart, table } of charts) {
    chart.clear();
    table.replaceChildren();
    for (const name of ["tabindex", "role", "aria-label"]) table.removeAttribute(name);
  }
  byId("comparison").textContent = byId("as-of").textContent = "\u00a0";
  byId("status").textContent = "";
}

/** Shows a message in the place of the figures. */
function say(
  state: "message" | "signed-out" | "error",
  title: string,
  text: string | (Node | string)[],
  button?: string,
  act?: () => unknown,
) {
  const isAbout = document.activeElement === byId("message-button");
  byId("message-title").textContent = title;
  byId("message-text").replaceChildren(...[text].flat());
  const element = byId<HTMLButtonElement>("message-button");
  element.hidden = button === undefined;
  element.textContent = button ?? "";
  element.onclick = () => act?.();
  showState(state === "error" ? "signed-out" : state);
  byId("status").textContent = `${title}. ${byId("message-text").textContent}`;
  if (isAbout) byId("message").focus();
}

function showState(state: "ready" | "message" | "signed-out") {
  // Its button goes away; whoever pressed it is led to the figures.
  if (state === "ready" && document.activeElement === byId("message-button")) byId("title").focus();
  main.dataset.state = state;
  main.ariaBusy = "false";
  byId("message").hidden = state === "ready";
}

// What a reader does.

function isPicking(isOpen: boolean) {
  if (!view) return;
  const form = byId<HTMLFormElement>("picker");
  form.hidden = !isOpen;
  byId("range").ariaExpanded = String(isOpen);
  byId("wrong").textContent = "";
  if (!isOpen) return;
  const { startDate, endDate } = periods.rangeOf(view.choice, today());
  for (const [id, value] of [
    ["first", startDate],
    ["last", endDate],
  ] as const) {
    Object.assign(byId<HTMLInputElement>(id), { value, max: today() });
  }
  byId("first").focus();
}

byId("presets").addEventListener("click", ({ target }) => {
  const button = (target as HTMLElement).closest("button");
  if (button) change({ choice: button.value as Preset, span: undefined });
});
byId("spans").addEventListener("click", ({ target }) => {
  const button = (target as HTMLElement).closest("button");
  if (button) change({ span: button.value as Span });
});
byId("range").addEventListener("click", () => isPicking(byId("picker").hidden));
byId("close").addEventListener("click", () => {
  isPicking(false);
  byId("range").focus();
});
byId("picker").addEventListener("keydown", ({ key }) => key === "Escape" && byId("close").click());
byId("picker").addEventListener("submit", (event) => {
  event.preventDefault();
  const [startDate, endDate] = ["first", "last"].map((id) => byId<HTMLInputElement>(id).value);
  const choice: Choice = { startDate: startDate!, endDate: endDate! };
  const wrong = periods.whatIsWrong(choice, today());
  byId("wrong").textContent = wrong ?? "";
  if (wrong) return;
  byId("close").click();
  change({ choice, span: undefined });
});
document.addEventListener("pointerdown", ({ target }) => {
  if (!byId("picker").hidden && !(target as HTMLElement).closest(".picker")) isPicking(false);
});
for (const { name, button } of charts) {
  button.addEventListener("click", () => {
    const isShown = view.tables.includes(name);
    change({ tables: CHARTS.filter((other) => (other === name ? !isShown : view.tables.includes(other))) });
  });
}
byId("refresh").addEventListener("click", () => signIn && void refresh());
byId("csv").addEventListener("click", () => report && download(report));
byId("sign-out").addEventListener("click", async () => {
  // Before the page is left: the way back leads to it as it was.
  forgetReport();
  await signIn.signOut();
  signedOut("You are signed out", "The figures are here when you come back.");
});
addEventListener("popstate", () => {
  if (!view) return;
  const before = { ...view, tables: [] };
  look();
  if (writeView(before) !== writeView({ ...view, tables: [] })) void refresh();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && signIn?.who() !== undefined && Date.now() - askedAt > STALE_MS) void refresh();
});

void begin();
