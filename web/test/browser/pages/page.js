// A page as an application has it. What it is to do comes after the # of its address; what happens is kept for tests.

import { createSessions } from "/client/index.js";

// `isEager`: signed in again without a question, as by a provider that still knows the user.
const { api, token, isEager, ...options } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const name = `user-sessions ${api}  `;

window.events = [];
const note = (...event) => window.events.push([...event, Date.now()]);

window.token = token;
const subject = () => JSON.parse(atob(window.token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sub;
Object.defineProperty(window, "nameOfRecord", { get: () => name + subject() });

for (const type of ["freeze", "resume", "visibilitychange"]) {
  document.addEventListener(type, () => note(type, document.visibilityState));
}
for (const type of ["pagehide", "pageshow"]) addEventListener(type, ({ persisted }) => note(type, persisted));
for (const type of ["online", "offline"]) addEventListener(type, () => note(type));

window.sessions = createSessions({
  baseUrl: api,
  getToken: () => window.token,
  onRenewed: (id, former) => note("renewed", id, former),
  onEnded: (id, reason) => note("ended", id, reason),
  onLoginNeeded: () => {
    note("loginNeeded");
    if (isEager) window.sessions.login();
  },
  onError: (error) => note("error", error.message),
  ...options,
});
window.sessions.start();
