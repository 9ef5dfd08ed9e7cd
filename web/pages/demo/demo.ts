/** The demo: one user's session, live, and what happens to it. */

import "../../client/src/element.js";
import { createCalls, LOSE_ANSWER } from "./calls.js";
import { addToChain, forgetChain, showChain } from "./chain.js";
import { allow, find, make, makeId, onUse, setText } from "./dom.js";
import { createFigures } from "./figures.js";
import { createPerson, whatIsWrong } from "./person.js";
import { showRing } from "./ring.js";
import { showSaid } from "./said.js";
import { createClock, empty } from "./server.js";
import { ago, long, time, zone } from "./times.js";
import { createTrials } from "./trials.js";
import { createVisit } from "./visit.js";

/** How often a page that is in view looks what became of the sessions. It keeps none alive by that. */
const LOOK_MS = 5_000;
/** How often it asks for the server's time. */
const CLOCK_MS = 60_000;

const calls = createCalls();
const clock = createClock(calls.fetch);
const person = createPerson(calls.fetch, () => void enter());
const visit = createVisit(calls, person, clock, show);
const figures = createFigures(calls.fetch, person, clock);
const trials = createTrials(calls, person, clock, visit, (isClockMoved) => done(isClockMoved));
const said = showSaid(calls, clock.shift);
/** To the other tabs: that something was done, and that the clock has moved. */
const tabs = new BroadcastChannel("user-sessions demo");

const { sessions } = visit;
const list = find<HTMLElementTagNameMap["user-sessions"]>("user-sessions");
list.now = clock.now;

// What is shown.

let isGone = false;
let problem = "";

function show(): void {
  const { name } = person;
  const { standing } = visit;
  const now = clock.now();
  // Nothing is known yet, unless it is that something went wrong.
  const isWaiting = !!name && standing.state === "none" && !problem;
  find("#skeleton").hidden = !isWaiting;
  find("#sign-in").hidden = !!name;
  find("#mine").hidden = !name || isWaiting;
  find("#who").hidden = !name;
  setText(find("#name"), name ?? "");
  showNotice();
  showClock(now);
  showChain(visit.chain);
  showSession();
  // What one user has is not shown to the next.
  list.sessions = name && !isWaiting ? sessions : null;
  list.hidden = !name;
  allow(find("#second"), name ? "" : "Sign in to see them, on all your devices.", find("#sessions-note"));
  trials.show();
  tick();
}

function showNotice(): void {
  const notice = find("#notice");
  const text = isGone ? "The server does not answer. Trying again every few seconds." : problem;
  setText(notice, text);
  notice.hidden = !text;
}

function showClock(now: number): void {
  const shown = find("#clock");
  const ahead = clock.aheadMs ? `, ${long(clock.aheadMs)} ahead` : "";
  setText(shown, `Demo time ${time(now, now)} (${zone()})${ahead}`);
  shown.hidden = !person.name;
}

const PILLS = { live: "● Live", expired: "Expired", over: "Ended", none: "No session" };

/** Why it is over, as far as the client knows, or the server says. */
const REASONS = {
  logout: "This session was ended.",
  ended: "This session was ended on another device.",
  ended_others: "This session was ended on another device, with all others.",
  limit: "Too many sessions: this one was the least recently active, and was ended.",
  operator: "Whoever runs the service ended this session.",
};

function showSession(): void {
  const { standing } = visit;
  const { state } = standing;
  const pill = find("#state");
  setText(pill, PILLS[state]);
  pill.className = `pill ${{ live: "", expired: "warm", over: "still", none: "still" }[state]}`;
  const isOver = state === "over" || state === "none";
  const focused = document.activeElement;
  find("#again").hidden = !isOver;
  for (const id of ["#beat", "#engage", "#end"]) find(id).hidden = isOver;
  if (isOver && focused instanceof HTMLElement && focused.hidden) find("#again").focus();
  const over = find("#over");
  over.hidden = state !== "over";
  if (state === "over") {
    const reason = sessions.getSnapshot().endReason ?? standing.session?.endReason ?? "logout";
    setText(over, `${REASONS[reason]} Sign in again.`);
  }
  const isEngaged = state === "live" && standing.session.contentEngaged;
  allow(find("#engage"), isEngaged ? "You said so already: this session is engaged." : "", find("#engage-why"));
}

/** What changes with the time alone. */
function tick(): void {
  const { standing, lastAnswer } = visit;
  if (standing.state === "none") return;
  const now = clock.now();
  const { session } = standing;
  const left = session ? Date.parse(session.expiresAt) - now : 0;
  const isPast = standing.state === "live" && left < 0;
  showRing(isPast ? "expired" : standing.state, left, clock.timeoutMs);
  if (isPast) void look();
  if (!session) return;
  const answer = lastAnswer ? `${lastAnswer.text} · ${ago(lastAnswer.at, Date.now())}` : "none yet in this tab";
  showFacts({
    Id: session.sessionId,
    Started: time(Date.parse(session.startTime), now),
    "Last active": ago(Date.parse(session.lastActiveTime), now),
    "Last answer": answer,
    Engaged: session.contentEngaged ? "yes" : "not yet",
  });
  showClock(now);
}

function showFacts(facts: Record<string, string>): void {
  const list = find("#facts");
  if (!list.children.length) {
    for (const name of Object.keys(facts)) list.append(make("dt", "", name), make("dd"));
  }
  const shown = [...list.querySelectorAll("dd")];
  Object.entries(facts).forEach(([name, text], index) => {
    const value = shown[index]!;
    if (name !== "Id") setText(value, text);
    else if (value.dataset["id"] !== text) {
      value.replaceChildren(makeId(text, "copy"));
      value.dataset["id"] = text;
    }
  });
}

// What is done.

/** Shows what became of something that was done, here and in the other tabs. */
async function done(isClockMoved = false): Promise<void> {
  tabs.postMessage({ isClockMoved });
  figures.follow();
  await refresh();
}

/** The client tells the list of this browser's session alone: not of others, nor that the clock has moved. */
async function refresh(): Promise<void> {
  await visit.refresh();
  void list.reload();
}

/** Runs what a button asks for; what fails is said. */
async function attempt(task: () => Promise<unknown>): Promise<void> {
  try {
    problem = "";
    await task();
  } catch (error) {
    problem = isGone ? "" : `${(error as Error).message}.`.replace(/\.\.$/, ".");
    show();
  }
}

/** Looks what became of the sessions, where somebody sees it. */
async function look(): Promise<void> {
  if (document.hidden || !person.name || trials.isRunning) return;
  await refresh().catch(() => undefined);
}

async function login(): Promise<void> {
  const id = await sessions.login();
  if (person.name) addToChain(person.name, id, null);
  await done();
}

/** Shows whoever is signed in now. */
async function enter(): Promise<void> {
  visit.forget();
  show();
  if (!person.name) return find("#username").focus();
  await attempt(async () => {
    await clock.read();
    await visit.refresh();
    // A browser that has lost what it stored is signed in still; a session that was ended stays so.
    if (!sessions.current && sessions.getSnapshot().state === "none") await login();
  });
  figures.follow();
}

async function leave(): Promise<void> {
  const { name } = person;
  // At once here, whatever the server hears of it.
  await sessions.logout().catch(() => undefined);
  if (name) forgetChain(name);
}

find<HTMLFormElement>("#sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = find<HTMLInputElement>("#username");
  const hint = find("#username-hint");
  const name = input.value.trim();
  const wrong = whatIsWrong(name);
  input.setAttribute("aria-invalid", String(!!wrong));
  hint.classList.toggle("bad", !!wrong);
  if (wrong) return setText(hint, wrong);
  try {
    await person.signIn(name);
  } catch (error) {
    hint.classList.add("bad");
    return setText(hint, isGone ? "The server does not answer." : (error as Error).message);
  }
  await attempt(async () => {
    visit.forget();
    show();
    await clock.read();
    await login();
    find("#beat").focus();
  });
});

onUse(find("#sign-out"), async () => {
  await leave();
  person.signOut();
  tabs.postMessage({});
  await enter();
});
onUse(find("#again"), () =>
  attempt(async () => {
    await login();
    find("#beat").focus();
  }),
);
onUse(find("#beat"), () =>
  attempt(async () => {
    await visit.heartbeat();
    await done();
  }),
);
onUse(find("#engage"), () =>
  attempt(async () => {
    await sessions.engaged();
    await done();
  }),
);
onUse(find("#end"), () =>
  attempt(async () => {
    await sessions.end(sessions.current!);
    await done();
  }),
);
list.addEventListener("ended", () => void attempt(done));
onUse(find("#second"), () =>
  attempt(async () => {
    await visit.openAnother();
    await done();
  }),
);
onUse(find("#reset button"), () =>
  attempt(async () => {
    await leave();
    await empty(calls.fetch);
    person.signOut();
    trials.clear();
    said.clear();
    setText(find("#figures"), "Sign in, and see the figures move.");
    tabs.postMessage({});
    await enter();
  }),
);

// What happens elsewhere.

calls.onCall(({ status, headers }) => {
  if (LOSE_ANSWER in headers) return;
  const wasGone = isGone;
  isGone = status === 0;
  if (wasGone === isGone) return;
  showNotice();
  // Another server, perhaps, with another clock.
  if (wasGone) void (visit.standing.state === "none" ? enter() : clock.read().then(show, show));
});

tabs.onmessage = async ({ data }: MessageEvent<{ isClockMoved?: boolean }>) => {
  if (data.isClockMoved) await clock.read().catch(() => undefined);
  if (person.name) await refresh().catch(() => undefined);
  figures.follow();
};

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  figures.follow();
  void clock.read().catch(() => undefined);
  void look();
});

setText(find("#api"), location.origin);
setInterval(() => !document.hidden && tick(), 1_000);
setInterval(() => void look(), LOOK_MS);
setInterval(() => !document.hidden && void clock.read().catch(() => undefined), CLOCK_MS);
sessions.start();
void enter();
