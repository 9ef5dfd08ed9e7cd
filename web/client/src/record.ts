/** What a browser keeps of a user's session, for all its tabs. */

import type { SessionsError } from "./api.js";
import type { EndReason } from "./types.js";

/** Where records are kept: `localStorage`, or what is like it. */
export type Storage = Pick<globalThis.Storage, "getItem" | "setItem">;

/** The record of one user. Each field is missing until it is known. */
export interface Record {
  /** The id to use from now on. */
  id?: string;
  /** What the session began with. Ids that follow it by renewal share it; another login has another. */
  login?: string;
  /** The key of a login that has no answer yet. */
  key?: string;
  /** What it failed with, and when: for so long the service may not want to be asked again. */
  refused?: Pick<SessionsError, "status" | "code" | "requestId" | "retryAfterMs"> & { at: number };
  /** The id that is over, and why, where that is known. */
  over?: string | undefined;
  reason?: EndReason | null | undefined;
  /** The time between heartbeats, in milliseconds. */
  interval?: number;
  /** When the last heartbeat that was answered was sent, by this machine's clock: a tab may sleep before it hears. */
  sent?: number;
  /**
   * When the last one was given up, how many have been in a row, how long to wait and what the service said of that, and
   * if one was a 401.
   */
  failed?: { at: number; count: number; wait: number; told: number; refused: boolean };
  /** When a tab took it on itself to send. */
  claim?: number;
  /** When a page sent one on leaving. */
  left?: number;
  /** What was last said of the user's engagement with this id. */
  engaged?: boolean;
}

/** Records by name. */
export interface Records {
  read(name: string): Record;
  write(name: string, record: Record): void;
}

/** Reads and writes records; in memory where the browser keeps none. */
export function openRecords(storage?: Storage): Records {
  const memory = new Map<string, Record>();
  /** What is still stored of a record that could not be written. */
  const outdated = new Map<string, string | null | undefined>();
  const stored = (name: string) => attempt(() => storage!.getItem(name));
  // The very name throws where storage is forbidden. Node has one that does not work.
  storage ??= attempt(() => globalThis.localStorage);
  return {
    read(name) {
      const text = stored(name);
      const record = text !== outdated.get(name) && attempt(() => parse(text!));
      // Cleared while a tab was open, garbage, or full: what the tab remembers goes on.
      if (!record) return memory.get(name) ?? {};
      memory.set(name, record);
      return record;
    },
    write(name, record) {
      memory.set(name, record);
      outdated.delete(name);
      try {
        storage!.setItem(name, JSON.stringify(record));
      } catch {
        outdated.set(name, stored(name));
      }
    },
  };
}

function attempt<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}

const isId = (id: unknown) => id == null || /^[\da-f-]{36}$/i.test(id as string);

function parse(text: string): Record | undefined {
  const record = JSON.parse(text) as Record;
  return typeof record === "object" && isId(record.id) && isId(record.key) ? record : undefined;
}
