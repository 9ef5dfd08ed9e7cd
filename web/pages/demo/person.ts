/**
 * Who is signed in. The name is in `localStorage`, where every tab finds it, so that another tab is the same user and a
 * reload signs nobody out; `sessionStorage` would be a tab's own. Tokens stay in memory: whoever has the name gets one.
 */

const NAME = "user-sessions demo name";
/** Before a token's end: what is sent with it takes a moment. */
const EARLY_MS = 60_000;

export interface Person {
  readonly name: string | null;
  /** Becomes that user if the provider gives a token. */
  signIn(name: string): Promise<void>;
  signOut(): void;
  /** A token of whoever is signed in, another one if `fresh`; `null` if nobody is. */
  token(options?: { fresh?: boolean; permissions?: string }): Promise<string | null>;
}

interface Kept {
  token: string;
  until: number;
}

/** `onChange` hears of other tabs' sign-ins and sign-outs. */
export function createPerson(remembered: typeof fetch, onChange: () => void): Person {
  let name = stored();
  /** By permissions. */
  const kept = new Map<string, Promise<Kept>>();
  function become(next: string | null): void {
    name = next;
    kept.clear();
    try {
      if (next) localStorage.setItem(NAME, next);
      else localStorage.removeItem(NAME);
    } catch {
      // The sign-in is this tab's own then.
    }
  }
  addEventListener("storage", ({ key }) => {
    if (key !== NAME && key !== null) return;
    if (stored() === name) return;
    name = stored();
    kept.clear();
    onChange();
  });
  return {
    get name() {
      return name;
    },
    async signIn(next) {
      const granted = await grant(remembered, next, "");
      become(next);
      kept.set("", Promise.resolve(granted));
    },
    signOut: () => become(null),
    async token({ fresh = false, permissions = "" } = {}) {
      if (!name) return null;
      let asked = kept.get(permissions);
      const known = await asked?.catch(() => undefined);
      if (fresh || !known || known.until < Date.now()) {
        // Whoever asks meanwhile waits for the same.
        if (kept.get(permissions) === asked) kept.set(permissions, grant(remembered, name, permissions));
        asked = kept.get(permissions);
      }
      return (await asked)!.token;
    },
  };
}

/** What is stored is a name that can be one, or nobody. */
function stored(): string | null {
  try {
    const name = localStorage.getItem(NAME);
    return name && !whatIsWrong(name) ? name : null;
  } catch {
    return null;
  }
}

/** The longest user id that the API takes. */
const USER_BYTES = 255;

/**
 * The id of the user of that name, as the provider's own page makes it: the API takes visible ASCII, and everything else
 * is escaped as in a URL.
 */
export function userOf(name: string): string {
  const bytes = [...new TextEncoder().encode(name.trim())];
  const escaped = (byte: number) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return bytes.map((byte) => (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : escaped(byte))).join("");
}

/** Why a name can be no user's; empty if it can. */
export function whatIsWrong(name: string): string {
  const { length } = userOf(name);
  if (length === 0) return "Any name will do, but it takes one.";
  const escaped = "signs beyond Latin letters, and spaces, take several";
  return length > USER_BYTES ? `Too long: it becomes the user’s id, of ${USER_BYTES} characters; ${escaped}.` : "";
}

async function grant(remembered: typeof fetch, name: string, permissions: string): Promise<Kept> {
  const username = userOf(name);
  const fields = { grant_type: "password", username, password: "x", ...(permissions && { permissions }) };
  const response = await remembered(`${location.origin}/oauth2/token`, {
    method: "POST",
    body: new URLSearchParams(fields),
  });
  if (response.status === 404) {
    throw new Error("This server takes the tokens of another provider. Start it without --issuer to use the demo.");
  }
  const answer = (await response.json().catch(() => ({}))) as {
    access_token?: string;
    expires_in?: number;
    error_description?: string;
  };
  if (!answer.access_token) throw new Error(answer.error_description ?? `The provider answered ${response.status}`);
  return { token: answer.access_token, until: Date.now() + (answer.expires_in ?? 300) * 1_000 - EARLY_MS };
}
