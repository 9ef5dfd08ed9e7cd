export { type Connection, type GetToken, SessionsError } from "./api.js";
export { type Activity, createSessions, type Options, type Sessions, type Snapshot } from "./sessions.js";
export type { Storage } from "./record.js";
export type { EndReason, Session, SessionDetail } from "./types.js";
