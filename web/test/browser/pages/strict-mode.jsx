// A React application in strict mode, whose effects run twice.

import { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { createSessions } from "user-sessions-client";
import { useSessions } from "user-sessions-client/react";

const { api, token, ...options } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const sessions = createSessions({ baseUrl: api, getToken: () => token, ...options });

window.effects = 0;

function Shown() {
  const { id, state, endReason } = useSessions(sessions);
  useEffect(() => {
    window.effects++;
    sessions.login();
  }, []);
  return (
    <output className={state} title={endReason}>
      {id}
    </output>
  );
}

const root = createRoot(document.querySelector("main"));
root.render(
  <StrictMode>
    <Shown />
    <Shown />
  </StrictMode>,
);
window.unmount = () => root.unmount();
