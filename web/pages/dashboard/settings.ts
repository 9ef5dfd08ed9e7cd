/** What the page is told by the server that serves it. */

export interface Settings {
  apiUrl: string;
  issuer: string;
  /** Empty where nobody set one. */
  clientId: string;
  scope: string;
  /** Empty: none is asked for. */
  audience: string;
  /** Amazon Cognito's address for signing out. Empty: what the issuer itself names. */
  signOutUrl: string;
  /** The permission that readers of metrics need. */
  metricsPermission: string;
  /** The reporting time zone, an IANA name. */
  timeZone: string;
  /** How far the server's clock is ahead of this machine's, in milliseconds. */
  clockAheadMs: number;
  /**
   * The page is of the local server and signs in there, where there is a demo too, whose clock is moved on by hand. With
   * another issuer the local server has neither.
   */
  isLocal: boolean;
  /** The page is of that demo. */
  isDemo: boolean;
}

type Served = Omit<Settings, "clockAheadMs" | "isLocal" | "isDemo"> & { now: string };

/** The settings as the server has them now. */
export async function readSettings(): Promise<Settings> {
  const response = await fetch("settings.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`settings.json: ${response.status}`);
  return settingsOf((await response.json()) as Served, location.origin, Date.now());
}

/** The settings that were served to a page of that origin. */
export function settingsOf({ now, ...settings }: Served, origin: string, at: number): Settings {
  const api = new URL(settings.apiUrl);
  const isLocal = new URL(settings.issuer).origin === origin;
  const isDemo = isLocal && api.origin === origin && api.pathname === "/demo";
  return { ...settings, clockAheadMs: Date.parse(now) - at, isLocal, isDemo };
}
