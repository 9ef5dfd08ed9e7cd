/** What the element says, in English. */

import type { EndReason } from "../types.js";

/** The words of `<user-sessions>`. Functions are given what goes into the sentence, times as they are shown. */
export interface Texts {
  /** What the list is called, for those who hear it. */
  list: string;
  loading: string;
  /** Why there is no list. */
  failed: (error: unknown) => string;
  retry: string;
  /** There is no session. */
  empty: string;
  /** There is no other session than this browser's. */
  alone: string;
  /** This browser's session is over, and why, where that is known. */
  over: (reason: EndReason | null) => string;
  device: (browser: string | null, os: string | null, isMobile: boolean) => string;
  current: string;
  started: (time: string) => string;
  active: (ago: string, time: string) => string;
  /** Of this browser, in the place of `active`. */
  activeNow: string;
  signOut: string;
  /** What that button is called for those who do not see beside what it stands. */
  signOutOf: (device: string) => string;
  signOutOthers: string;
  askOne: (device: string) => string;
  askCurrent: string;
  askOthers: (count: number) => string;
  cancel: string;
  endedOne: (device: string) => string;
  endedOthers: (count: number) => string;
  notEnded: (error: unknown) => string;
}

const counted = (count: number) => (count === 1 ? "1 other session" : `${count} other sessions`);

export const english: Texts = {
  list: "Your sessions",
  loading: "Loading your sessions…",
  failed: () => "Your sessions could not be loaded.",
  retry: "Try again",
  empty: "You are signed in nowhere.",
  alone: "You are signed in nowhere else.",
  over: (reason) => {
    const why =
      reason === "limit"
        ? "too many sessions"
        : reason === "operator"
          ? "ended by an administrator"
          : reason && reason !== "logout" && "ended on another device";
    return `You are signed out in this browser${why ? `: ${why}` : ""}.`;
  },
  device: (browser, os, isMobile) =>
    browser && os ? `${browser} on ${os}` : (browser ?? os ?? (isMobile ? "Unknown phone" : "Unknown device")),
  current: "this browser",
  started: (time) => `Started ${time}`,
  active: (ago, time) => `last active ${ago}, ${time}`,
  activeNow: "active now",
  signOut: "Sign out",
  signOutOf: (device) => `Sign out of ${device}`,
  signOutOthers: "Sign out everywhere else",
  askOne: (device) => `Sign out of ${device}?`,
  askCurrent: "Sign out of this browser?",
  askOthers: (count) => `Sign out of ${counted(count)}?`,
  cancel: "Cancel",
  endedOne: (device) => `Signed out of ${device}.`,
  endedOthers: (count) => `Signed out of ${counted(count)}.`,
  notEnded: () => "That did not work. Try again.",
};
