/** What tabs of one browser share: a lock for a moment, and word that a record has changed. */

/** Within this time what one tab stored is what the others read: each has a copy, and word of a lock may be faster. */
const SETTLING_MS = 50;

/** Waits until other tabs' writes are here. */
export const settled = (ms = SETTLING_MS) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The same where there are no locks, and what is read then decides which of several tabs' writes holds. */
export const agreed = () => globalThis.navigator?.locks || settled(6 * SETTLING_MS);

/**
 * Runs `task` if no other tab is at one; `undefined` if one is. Nothing is held while idle, nothing queues, and nothing is
 * stolen: a page that holds a lock, or waits for one, is neither frozen nor kept for going back. Without locks (on an
 * insecure origin) it runs, and what the record says must do.
 */
export async function alone<T>(name: string, task: () => Promise<T>): Promise<T | undefined> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return task();
  let began = false;
  try {
    return await locks.request(name, { ifAvailable: true }, async (lock) => {
      if (!lock) return undefined;
      began = true;
      await settled();
      return task();
    });
  } catch (error) {
    // A sandboxed frame has locks that may not be asked for.
    if (began) throw error;
    return task();
  }
}

/** The way to the other tabs. */
export interface Channel {
  name: string;
  /** Says that the record has changed. */
  tell(): void;
  close(): void;
}

/** Tells the other tabs that a record has changed, and hears of it. */
export function openChannel(name: string, onChange: () => void): Channel {
  const channel = open(name);
  if (channel) channel.onmessage = onChange;
  const onStorage = ({ key }: StorageEvent) => {
    // No key: all was cleared.
    if (key === name || key === null) onChange();
  };
  globalThis.addEventListener?.("storage", onStorage);
  return {
    name,
    tell: () => channel?.postMessage(0),
    close() {
      channel?.close();
      globalThis.removeEventListener?.("storage", onStorage);
    },
  };
}

/** The same from a tab that does not listen. */
export function tell(name: string): void {
  const channel = open(name);
  channel?.postMessage(0);
  channel?.close();
}

function open(name: string): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel(name);
  } catch {
    return undefined;
  }
}
