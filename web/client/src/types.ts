/** The shapes of the API's answers, by their names in its OpenAPI document. */

import type { components } from "./schema.js";

type Schemas = components["schemas"];

/** A live session, as the list has it. */
export type Session = Schemas["Session"];
/** One session, live or over. */
export type SessionDetail = Schemas["SessionDetail"];
/** What ended a session. */
export type EndReason = Schemas["EndReason"];
export type Login = Schemas["Login"];
export type Heartbeat = Schemas["Heartbeat"];
export type ContentEngaged = Schemas["ContentEngaged"];
export type EndedSession = Schemas["EndedSession"];
export type EndedSessions = Schemas["EndedSessions"];
/** What the metrics say of a range of days. */
export type SessionTotals = Schemas["SessionTotals"];
/** What they say of one day. */
export type DayFigures = Schemas["DayFigures"];
/** What they say of a day, a week or a month of the range. */
export type PeriodFigures = Schemas["PeriodFigures"];
