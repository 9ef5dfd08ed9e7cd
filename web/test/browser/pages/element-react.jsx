// The README's recipe: React 19 sets what is a property of the element as a property.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createSessions } from "user-sessions-client";
import "user-sessions-client/element";

const { api, token } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const sessions = createSessions({ baseUrl: api, getToken: () => token });
const texts = { signOutOthers: "Everywhere else" };

window.ended = [];
await sessions.login();
createRoot(document.querySelector("main")).render(
  <StrictMode>
    <user-sessions sessions={sessions} texts={texts} onended={({ detail }) => window.ended.push(detail)} />
  </StrictMode>,
);
Object.defineProperty(window, "element", { get: () => document.querySelector("user-sessions") });
window.isReady = true;
