/** A user's session in a React component. */

import { useEffect, useSyncExternalStore } from "react";
import type { Sessions, Snapshot } from "./sessions.js";

const ON_A_SERVER: Snapshot = { id: null, state: "none", endReason: null };

/** The session as it is now. While a component uses it, heartbeats are sent. */
export function useSessions(sessions: Sessions): Snapshot {
  useEffect(() => sessions.start(), [sessions]);
  return useSyncExternalStore(sessions.subscribe, sessions.getSnapshot, () => ON_A_SERVER);
}
