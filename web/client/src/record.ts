/** What a browser keeps of a user's session, for all its tabs. */

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
  /** The id that is over. */
  over?: string;
  /** The time between heartbeats, in milliseconds. */
  interval?: number;
  /** When the last heartbeat that was answered was sent, by this machine's clock: a tab may sleep before it hears. */
  sent?: number;
  /** When the last one was given up, how many have been since one was answered, how long to wait, and if by a 401. */
  failed?: { at: number; count: number; wait: number; refused: boolean };
  /** When a tab took it on itself to send. */
  claim?: number;
  /** When a page sent one on leaving. */
  left?: number;
  /** What was last said of the user's engagement with this id. */
  engaged?: boolean;
}

/** Reads and writes records; in memory where the browser keeps none. */
export class Records {
  private readonly memory = new Map<string, Record>();
  private storage: Storage | undefined;

  constructor(storage?: Storage) {
    try {
      // The very name throws where storage is forbidden. Node has one that does not work.
      this.storage = storage ?? globalThis.localStorage;
    } catch {
      // In memory.
    }
  }

  read(name: string): Record {
    let text: string | null | undefined;
    try {
      text = this.storage?.getItem(name);
    } catch {
      this.storage = undefined;
    }
    const record = parse(text);
    // Cleared while a tab was open, or garbage: what the tab remembers goes on.
    if (!record) return this.memory.get(name) ?? {};
    this.memory.set(name, record);
    return record;
  }

  write(name: string, record: Record): Record {
    this.memory.set(name, record);
    try {
      this.storage?.setItem(name, JSON.stringify(record));
    } catch {
      // It is full or forbidden. What it still has would be read again, so that it is done with.
      this.storage = undefined;
    }
    return record;
  }
}

function parse(text: string | null | undefined): Record | undefined {
  try {
    const record = JSON.parse(text!) as Record;
    if (typeof record === "object" && (record.id === undefined || /^[\da-f-]{36}$/i.test(record.id))) return record;
  } catch {
    // Garbage.
  }
  return undefined;
}
