/** What the metrics say of all users' sessions. The token needs the permission to read them. */

import { type Connection, identify, request, SessionsError } from "./api.js";
import type { DayFigures, PeriodFigures, SessionTotals } from "./types.js";

export { type Connection, type GetToken, SessionsError } from "./api.js";
export type { DayFigures, PeriodFigures, SessionTotals } from "./types.js";

/** Both days included, as in 2026-01-31, in the reporting time zone. */
export interface Range {
  startDate: string;
  endDate: string;
}

/** What a period is. */
export type Span = "daily" | "weekly" | "monthly";

/** A reader of the metrics. */
export interface Metrics {
  /** The figures of the whole range; with `compare`, in `previous` those of as many days just before. */
  totals(range: Range & { compare?: "previous" }): Promise<SessionTotals>;
  /** The figures of each day. */
  daily(range: Range): Promise<DayFigures[]>;
  /** The figures of each period; those that the range cuts have only its days. */
  byTimespan(range: Range & { span?: Span }): Promise<PeriodFigures[]>;
}

/** A reader of the metrics for whoever is signed in. */
export function createMetrics(connection: Connection): Metrics {
  async function read<T>(path: string, query: Range): Promise<T> {
    const identity = await identify(connection);
    if (!identity) throw new SessionsError("Nobody is signed in");
    const target = `/metrics/sessions${path}?${new URLSearchParams({ ...query })}`;
    return (await request<{ data: T }>(connection, identity, target, { method: "GET" })).data;
  }
  return {
    totals: (range) => read("", range),
    daily: (range) => read("/daily", range),
    byTimespan: ({ span = "daily", ...range }) => read("/by-timespan", { ...range, span } as Range),
  };
}
