/** Calls to the API: the caller's token, a time limit, and errors that say what happened. */

/** What a call waits for at the most, the token and the answer each. */
export const LIMIT_MS = 10_000;

/** Gives an access token, or nothing while nobody is signed in. With `fresh` a cached one will not do: it was refused. */
export type GetToken = (options?: { fresh?: boolean }) => Token | Promise<Token>;
type Token = string | null | undefined;

/** How to reach the API. */
export interface Connection {
  /** Where the API is, without a slash at the end. */
  baseUrl: string;
  getToken: GetToken;
  /** In the place of the global `fetch`. */
  fetch?: typeof fetch;
}

/** A call that was not answered as it wished. */
export class SessionsError extends Error {
  constructor(
    message: string,
    /** The HTTP status; 0 if there was no answer, or none that a page may read. */
    readonly status: number = 0,
    /** The error's name, `session_not_found` for one; empty if the function did not answer. */
    readonly code: string = "",
    /** The id that the service's logs have of this request. */
    readonly requestId: string | null = null,
    /** For how long the service does not want to be asked again. */
    readonly retryAfterMs: number = 0,
  ) {
    super(message);
    this.name = "SessionsError";
  }
}

/** A token and the user that it is of. */
export interface Identity {
  token: string;
  user: string;
}

/** What a call sends. */
export interface Call {
  method?: string;
  headers?: Record<string, string>;
  body?: object;
  /** The page may be left meanwhile. */
  keepalive?: boolean;
}

/** `promise`, unless it takes too long. */
export function limited<T>(promise: Promise<T>, what: string, onLimit?: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      onLimit?.();
      reject(new SessionsError(`${what} took too long`));
    }, LIMIT_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Who is signed in; `null` if nobody is. */
export async function identify({ getToken }: Connection, fresh = false): Promise<Identity | null> {
  const token = await limited(Promise.resolve(fresh ? getToken({ fresh }) : getToken()), "getToken");
  return token ? { token, user: subject(token) } : null;
}

/** The `sub` of a token, as it says itself: it only names what is stored. The API verifies it. */
function subject(token: string): string {
  try {
    const claims = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(claims), (character) => character.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    if (typeof sub === "string") return sub;
  } catch {
    // Told apart from no token by what follows.
  }
  throw new SessionsError("The token is no JWT with a sub");
}

/** One call with the token at hand. */
export async function send<T>(connection: Connection, token: string, path: string, call: Call = {}): Promise<T> {
  const { method = "POST", headers, body, keepalive } = call;
  const abort = new AbortController();
  const exchange = async () => {
    const response = await (connection.fetch ?? fetch)(connection.baseUrl.replace(/\/+$/, "") + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { "content-type": "application/json" }),
        ...headers,
      },
      body: JSON.stringify(body),
      keepalive: keepalive!,
      signal: abort.signal,
    });
    const text = await response.text();
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      // A page, say, of something between.
    }
    if (response.ok && answer) return answer as T;
    const { message, code } = (answer ?? {}) as { message?: string; code?: string };
    const { status } = response;
    const seconds = +response.headers.get("retry-after")! || 0;
    throw new SessionsError(
      message ?? `The API answered ${status}`,
      status,
      code,
      response.headers.get("x-request-id"),
      seconds * 1_000,
    );
  };
  try {
    return await limited(exchange(), path, () => abort.abort());
  } catch (cause) {
    if (cause instanceof SessionsError) throw cause;
    throw Object.assign(new SessionsError("The API did not answer"), { cause });
  }
}

/**
 * A call with the caller's token. One that is refused, or fails without a status, asks for a fresh token once: the
 * gateway's own refusals may be hidden from pages.
 */
export async function request<T>(connection: Connection, identity: Identity, path: string, call?: Call): Promise<T> {
  try {
    return await send<T>(connection, identity.token, path, call);
  } catch (error) {
    if (!mayBeTheToken(error)) throw error;
    const fresh = await identify(connection, true).catch(() => null);
    if (fresh?.user !== identity.user || fresh.token === identity.token) throw error;
    return send<T>(connection, fresh.token, path, call);
  }
}

function mayBeTheToken(error: unknown): boolean {
  const status = (error as SessionsError).status;
  return status === 401 || (status === 0 && globalThis.navigator?.onLine !== false);
}
