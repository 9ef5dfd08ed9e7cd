/**
 * Signing in at the identity provider: the authorization code flow with PKCE, by way of this very page. Tokens stay in
 * this tab's storage and are renewed with a refresh token alone: the frame in which the library would ask otherwise is
 * not allowed here.
 */

import { ErrorResponse, type User, UserManager, WebStorageStateStore } from "oidc-client-ts";
import type { Settings } from "./settings.js";

/** A token with less left is renewed before it is used. */
const LEAST_SECONDS = 30;
/** A token that is younger than this is not renewed again, whatever the API says of it. */
const YOUNG_MS = 10_000;

export interface SignIn {
  /** Who is signed in, to be shown; `undefined` if nobody is. */
  who(): string | undefined;
  /** A token for the API; `null` if nobody is signed in any more. */
  getToken(options?: { fresh?: boolean }): Promise<string | null>;
  /** Forgets the tokens, and leaves for the provider. `query` is the page's own, to come back to. */
  start(query: string): Promise<void>;
  /** Ends a sign-in that the provider has answered with `callback`; gives the query that it began with. */
  finish(callback: string): Promise<string>;
  /** Forgets the tokens, and leaves for the provider to sign out there too, if that is possible. */
  signOut(): Promise<void>;
  /** Forgets the tokens. */
  forget(): Promise<void>;
}

/** A sign-in that did not come about. The message is for people. */
export class SignInError extends Error {
  constructor(
    message: string,
    /** The query with which it began, if that is known. */
    readonly query: string | undefined,
  ) {
    super(message);
  }
}

/** This page's address as the provider knows it. */
const pageUrl = () => location.origin + location.pathname;

/**
 * The address with the provider's answer, if that is where the browser comes from. It is taken out of the browser's own
 * at once, so that neither a reload nor a copy of that has it.
 */
export function takeCallback(): string | undefined {
  const query = new URLSearchParams(location.search);
  if (!query.has("code") && !query.has("error")) return undefined;
  const callback = location.href;
  history.replaceState(null, "", location.pathname);
  return callback;
}

export async function createSignIn(settings: Settings): Promise<SignIn> {
  const { issuer, clientId, scope, audience, signOutUrl } = settings;
  const manager = new UserManager({
    authority: issuer,
    client_id: clientId,
    redirect_uri: pageUrl(),
    post_logout_redirect_uri: pageUrl(),
    scope,
    ...(audience && { extraQueryParams: { audience } }),
    automaticSilentRenew: false,
    monitorSession: false,
    requestTimeoutInSeconds: 10,
    userStore: new WebStorageStateStore({ prefix: "oidc.user.", store: sessionStorage }),
    stateStore: new WebStorageStateStore({ prefix: "oidc.state.", store: sessionStorage }),
  });
  let user: User | null = await manager.getUser().catch(() => null);
  let renewal: Promise<void> | undefined;
  let renewedAt = -YOUNG_MS;

  async function forget() {
    user = null;
    await manager.removeUser();
  }

  /** Uses the refresh token. One that the provider refuses is the end of the sign-in; a failing network is not. */
  async function renew() {
    try {
      user = await manager.signinSilent();
      renewedAt = performance.now();
    } catch (error) {
      if (!(error instanceof ErrorResponse)) throw error;
      await forget();
    }
  }

  return {
    who: () => user?.profile && nameOf(user.profile),
    async getToken({ fresh = false } = {}) {
      if (!user) return null;
      const isShort = (user.expires_in ?? Infinity) < LEAST_SECONDS;
      if (isShort || (fresh && performance.now() - renewedAt > YOUNG_MS)) {
        if (user.refresh_token) await (renewal ??= renew().finally(() => (renewal = undefined)));
        else if (user.expired) await forget();
      }
      return user?.access_token ?? null;
    },
    async start(query) {
      await forget();
      await manager.signinRedirect({ state: query });
    },
    async finish(callback) {
      try {
        user = await manager.signinRedirectCallback(callback);
        return typeof user.state === "string" ? user.state : "";
      } catch (error) {
        throw new SignInError(...whatFailed(error));
      }
    },
    async signOut() {
      const hint = user?.id_token;
      await forget();
      if (signOutUrl) {
        // Cognito has an endpoint of its own kind, which its discovery document does not name.
        location.assign(`${signOutUrl}?${new URLSearchParams({ client_id: clientId, logout_uri: pageUrl() })}`);
      } else if (await manager.metadataService.getEndSessionEndpoint().catch(() => undefined)) {
        await manager.signoutRedirect(hint ? { id_token_hint: hint } : {});
      }
    },
    forget,
  };
}

function nameOf(profile: User["profile"]): string {
  const names = [profile.preferred_username, profile.name, profile.email, profile["cognito:username"], profile.sub];
  return names.find((name): name is string => typeof name === "string" && name !== "") ?? "";
}

function whatFailed(error: unknown): [message: string, query: string | undefined] {
  if (!(error instanceof ErrorResponse)) {
    const isStale = error instanceof Error && /state/i.test(error.message);
    const message = isStale
      ? "This sign-in was begun in another tab, or too long ago."
      : "The identity provider did not answer as it should.";
    return [message, undefined];
  }
  const query = typeof error.state === "string" ? error.state : undefined;
  if (error.error === "access_denied") return ["The identity provider did not let you in.", query];
  return [`The identity provider refused: ${error.error_description ?? error.error ?? "it gave no reason"}.`, query];
}
