/** For a plain script tag: what it says in `data-` attributes becomes `window.userSessions`, which has started. */

import { type Activity, createSessions, type Sessions } from "./sessions.js";

declare global {
  interface Window {
    userSessions?: Sessions;
  }
}

const { api, app, activity, token, login } = (document.currentScript as HTMLScriptElement).dataset;

if (!api || !token) {
  console.error("user-sessions: the script tag needs data-api, the API's URL, and data-token, the name of a global");
} else {
  const sessions = createSessions({
    baseUrl: api,
    ...(app && { app }),
    ...(activity && { activity: activity as Activity }),
    // A token, or a function that gives one; looked up each time, because it may not be there yet.
    getToken: (options) => {
      const value = (window as unknown as { [name: string]: unknown })[token];
      return typeof value === "function" ? value(options) : value;
    },
  });
  window.userSessions = sessions;
  sessions.start();
  if (login !== undefined) sessions.login().catch((error: unknown) => console.error("user-sessions:", error));
}
