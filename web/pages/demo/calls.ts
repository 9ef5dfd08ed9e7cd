/** What the page says to the server, and hears: a `fetch` that remembers, and calls as curl. */

/** A call that is over. */
export interface Call {
  method: string;
  url: string;
  /** The request's headers, whose `authorization` names a variable of a shell and no token. */
  headers: Record<string, string>;
  body: string;
  /** 0 if there was no answer. */
  status: number;
  /** What was answered, without tokens. */
  answer: string;
  /** When it was sent, by this machine's clock. */
  at: number;
  ms: number;
}

export interface Calls {
  fetch: typeof fetch;
  /** Calls `listener` with each call, once it is over. */
  onCall(listener: (call: Call) => void): void;
}

export const LOSE_ANSWER = "demo-lose-answer";

export function createCalls(): Calls {
  const listeners: ((call: Call) => void)[] = [];
  async function remembered(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
    const request = { method: init.method ?? "GET", url: String(input), headers: headersOf(init), body: bodyOf(init) };
    const at = Date.now();
    const began = performance.now();
    const tell = (status: number, answer: string) => {
      const ms = Math.max(1, Math.round(performance.now() - began));
      const call = { ...request, status, answer, at, ms };
      for (const listener of listeners) listener(call);
    };
    try {
      const response = await fetch(input, init);
      const answer = await response.clone().text();
      tell(response.status, withoutTokens(answer));
      return response;
    } catch (error) {
      tell(0, "");
      throw error;
    }
  }
  return { fetch: remembered, onCall: (listener) => void listeners.push(listener) };
}

/** The path, without the origin. */
export const pathOf = ({ url }: Call) => new URL(url, location.href).pathname;

/** The session whose heartbeat this call was. */
export const heartbeatOf = (call: Call) => /\/user-sessions\/heartbeat\/([^/]+)$/.exec(pathOf(call))?.[1];

/** For a terminal, with `$token` and `$reader` where tokens are. A token's own call puts it there. */
export function curlOf(call: Call): string {
  const { method, url, headers, body } = call;
  const to = /[?&]/.test(url) ? quoted(url) : url;
  if (isForToken(call)) {
    const fields = [...new URLSearchParams(body)].map(([name, value]) => field(name, value));
    const taken = `sed -n 's/.*"access_token":"\\([^"]*\\)".*/\\1/p'`;
    return `${variableOf(body)}=$(curl -s ${to}${fields.join("")} |\n  ${taken})`;
  }
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${to}`];
  for (const [name, value] of Object.entries(headers)) {
    // Double quotes, for the variable in it.
    lines.push(name === "authorization" ? `-H "Authorization: ${value}"` : `-H ${quoted(`${name}: ${value}`)}`);
  }
  if (body) lines.push(`-d ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

export const isForToken = (call: Call) => pathOf(call) === "/oauth2/token";

/** The token that may read metrics is another. */
const variableOf = (form: string) => (new URLSearchParams(form).get("permissions") ? "reader" : "token");

function headersOf({ headers }: RequestInit): Record<string, string> {
  const all = Object.fromEntries(new Headers(headers));
  if (all["authorization"]) all["authorization"] = `Bearer $${isReaders(all["authorization"]) ? "reader" : "token"}`;
  return all;
}

/** Whether a token says that it has a permission. */
function isReaders(authorization: string): boolean {
  try {
    const claims = authorization.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    return !!(JSON.parse(atob(claims)) as { permissions?: string[] }).permissions?.length;
  } catch {
    return false;
  }
}

function bodyOf({ body }: RequestInit): string {
  return body instanceof URLSearchParams ? body.toString() : typeof body === "string" ? body : "";
}

const withoutTokens = (answer: string) => answer.replace(/("(?:access|refresh|id)_token":")[^"]*/g, "$1…");

const quoted = (text: string) => `'${text.replace(/'/g, "'\\''")}'`;
const field = (name: string, value: string) =>
  /^[\w.:-]+$/.test(value) ? ` -d ${name}=${value}` : ` --data-urlencode ${quoted(`${name}=${value}`)}`;
