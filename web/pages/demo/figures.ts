/** The line that tells what the metrics make of it all: today's figures, of all users, by the demo's clock. */

import { createMetrics } from "../../client/src/metrics.js";
import { find, setText } from "./dom.js";
import type { Person } from "./person.js";
import { BASE, type Clock, reportingZone } from "./server.js";
import { dateIn, shortDate } from "./times.js";

/** When to look after something was done: the figures follow within seconds. */
const LOOKS_MS = [200, 700, 1_500, 3_000, 6_000];

export interface Figures {
  /** Something was done that they may tell of. */
  follow(): void;
  read(): Promise<void>;
}

export function createFigures(remembered: typeof fetch, person: Person, clock: Clock): Figures {
  const metrics = createMetrics({
    baseUrl: BASE,
    getToken: (options) => person.token({ ...options, permissions: "metrics:read" }),
    fetch: remembered,
  });
  let zone: string | undefined;
  let timers: ReturnType<typeof setTimeout>[] = [];
  async function read(): Promise<void> {
    if (document.hidden || !person.name) return;
    zone ??= await reportingZone();
    const today = dateIn(zone, clock.now());
    const { totalSessions, renewedSessions, engagementRate } = await metrics.totals({
      startDate: today,
      endDate: today,
    });
    const sessions = `${totalSessions.toLocaleString("en")} ${totalSessions === 1 ? "session" : "sessions"}`;
    const engaged = `${Math.round(engagementRate)}\u00a0% engaged`;
    setText(
      find("#figures"),
      `Today, ${shortDate(today)}: ${sessions}, ${renewedSessions.toLocaleString("en")} renewed, ${engaged}`,
    );
  }
  // A look that fails says so in the page's notice, and the next one may not.
  const look = () => void read().catch(() => undefined);
  return {
    read,
    follow() {
      timers.forEach(clearTimeout);
      timers = LOOKS_MS.map((ms) => setTimeout(look, ms));
    },
  };
}
