//! A development identity provider: lets anybody in as anybody, so that the API can be tried without a real one. It
//! gives tokens for a name at once, and to pages the way that OpenID Connect providers do: by the authorization code
//! with PKCE.

mod authorize;
mod client;
mod grants;
mod logout;
mod page;
mod pairs;
mod recent;
mod sign_in;
mod token;

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    routing::{get, post},
};
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};
use shared::clock::Clock;
use tokio::{sync::OnceCell, task::JoinError};

use self::{client::Client, grants::Grants};
use super::{key_file, signer::Signer};

/// The one client's id, and what access tokens are for, unless their `claims` say otherwise.
pub const AUDIENCE: &str = "user-sessions";

/// The most that a form of the sign-in has: what is remembered of one is bounded by it.
const FORM_BYTES: usize = 16 * 1_024;

/// What the provider is told at its start.
pub(crate) struct Development {
    /// Where it is: `http://localhost:PORT`.
    pub(crate) url: String,
    /// What time it is for tokens.
    pub(crate) clock: Clock,
    /// Where its key is kept; one that lives as long as this process if `None`.
    pub(crate) key_file: Option<PathBuf>,
    /// Where it may send users back to, beside this server's own pages.
    pub(crate) callback_urls: Vec<String>,
    /// What a token must hold to read metrics: empty if nobody may, `*` if everybody may.
    pub(crate) metrics_permission: String,
}

/// Signs whatever it is asked for, with a key of its own.
pub(crate) struct DevelopmentProvider {
    pub(crate) issuer: String,
    clock: Clock,
    key_file: Option<PathBuf>,
    signer: OnceCell<Signer>,
    client: Client,
    /// What the tick of the sign-in page gives; `None` where nothing can be given.
    permission: Option<String>,
    grants: Grants,
}

impl DevelopmentProvider {
    /// Starts it. A new key is made in the background: that takes a moment.
    pub(crate) fn start(development: Development) -> Result<Arc<Self>> {
        let Development { url, clock, key_file, callback_urls, metrics_permission } = development;
        let stored = key_file.as_deref().map(key_file::stored).transpose()?.flatten();
        let provider = Arc::new(Self {
            client: Client::of(&url, &callback_urls)?,
            issuer: url,
            clock,
            key_file,
            signer: OnceCell::new_with(stored.as_ref().map(Signer::new).transpose()?),
            permission: Some(metrics_permission).filter(|name| !["", "*"].contains(&name.as_str())),
            grants: Grants::new(),
        });
        let maker = Arc::clone(&provider);
        tokio::spawn(async move { maker.signer().await.map(|_| ()) });
        Ok(provider)
    }

    /// The keys, as `/.well-known/jwks.json` shows them.
    pub(crate) async fn key_set(&self) -> JwkSet {
        match self.signer().await {
            Ok(signer) => signer.published.clone(),
            Err(_) => JwkSet { keys: Vec::new() },
        }
    }

    async fn signer(&self) -> Result<&Signer> {
        let made = self.signer.get_or_try_init(|| async {
            let file = self.key_file.clone();
            tokio::task::spawn_blocking(move || Signer::new(&key_file::new(file.as_deref())?)).await?
        });
        made.await.inspect_err(|cause| {
            // The server may end before its key is made.
            if !cause.downcast_ref::<JoinError>().is_some_and(JoinError::is_cancelled) {
                tracing::error!(cause = format!("{cause:#}"), "there is no signing key");
            }
        })
    }

    /// Discovery, keys, tokens and the pages, at the paths where providers have them.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        let limited = DefaultBodyLimit::max(FORM_BYTES);
        Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/.well-known/jwks.json", get(key_set))
            .route("/oauth2/authorize", get(authorize::show).post(authorize::sign_in).layer(limited))
            .route("/oauth2/logout", get(logout::by_link).post(logout::by_form).layer(limited))
            .route("/oauth2/sign-in.css", get(page::style))
            .route("/oauth2/token", post(token::token))
            .with_state(self)
    }
}

async fn configuration(State(provider): State<Arc<DevelopmentProvider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "authorization_endpoint": format!("{issuer}/oauth2/authorize"),
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "end_session_endpoint": format!("{issuer}/oauth2/logout"),
        "grant_types_supported": ["authorization_code", "password", "refresh_token"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": ["openid"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
        "request_uri_parameter_supported": false,
        "claims_supported":
            ["iss", "aud", "sub", "iat", "exp", "auth_time", "nonce", "sid", "token_use", "preferred_username"],
    }))
}

async fn key_set(State(provider): State<Arc<DevelopmentProvider>>) -> Json<JwkSet> {
    Json(provider.key_set().await)
}
