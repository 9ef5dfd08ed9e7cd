//! A development identity provider: lets anybody in as anybody, so that the API can be tried without a real one.

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use axum::{
    Form, Json, Router,
    extract::{State, rejection::FormRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::clock::Clock;
use tokio::{sync::OnceCell, task::JoinError};

use super::{key_file, signer::Signer};

/// What access tokens are for, unless their `claims` say otherwise.
pub const AUDIENCE: &str = "user-sessions";

/// What refresh tokens are for: nothing but this provider.
const REFRESH_AUDIENCE: &str = "refresh";

const TOKEN_SECONDS: i64 = 3_600;
const REFRESH_SECONDS: i64 = 30 * 86_400;

/// Signs whatever it is asked for, with a key of its own.
pub(crate) struct DevelopmentProvider {
    pub(crate) issuer: String,
    clock: Clock,
    key_file: Option<PathBuf>,
    signer: OnceCell<Signer>,
}

impl DevelopmentProvider {
    /// A provider whose key is in `key_file`, or lives as long as this process. A new one is made in the background:
    /// that takes a moment.
    pub(crate) fn start(issuer: String, clock: Clock, key_file: Option<PathBuf>) -> Result<Arc<Self>> {
        let stored = key_file.as_deref().map(key_file::stored).transpose()?.flatten();
        let signer = OnceCell::new_with(stored.as_ref().map(Signer::new).transpose()?);
        let provider = Arc::new(Self { issuer, clock, key_file, signer });
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

    /// Discovery, keys and tokens, at the paths where providers have them.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/.well-known/jwks.json", get(key_set))
            .route("/oauth2/token", post(token))
            .with_state(self)
    }

    /// The claims of the access token that is asked for, or the error and its description.
    async fn claims(&self, request: &TokenRequest) -> Result<Map<String, Value>, (&str, &str)> {
        match request.grant_type.as_str() {
            "password" => password_claims(request).map_err(|description| ("invalid_request", description)),
            "refresh_token" => {
                let claims = self.refreshed(request.refresh_token.as_deref().unwrap_or_default()).await;
                claims.ok_or(("invalid_grant", "the refresh_token is not a good one"))
            }
            _ => Err(("unsupported_grant_type", "grant_type must be password or refresh_token")),
        }
    }

    /// An access token with these claims and a refresh token that remembers them.
    async fn tokens(&self, claims: Map<String, Value>) -> Result<Value> {
        let refresh = Map::from_iter([
            ("aud".to_owned(), json!(REFRESH_AUDIENCE)),
            ("access".to_owned(), Value::Object(claims.clone())),
        ]);
        let scope = claims.get("scope").cloned().unwrap_or_default();
        Ok(json!({
            "access_token": self.sign(claims, TOKEN_SECONDS).await?,
            "refresh_token": self.sign(refresh, REFRESH_SECONDS).await?,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": scope,
        }))
    }

    async fn sign(&self, mut claims: Map<String, Value>, seconds: i64) -> Result<String> {
        let signer = self.signer().await?;
        let now = self.clock.now().timestamp();
        for (name, value) in [("iss", json!(self.issuer)), ("iat", json!(now)), ("exp", json!(now + seconds))]
        {
            claims.entry(name).or_insert(value);
        }
        claims.retain(|_, value| !value.is_null());
        signer.sign(&claims)
    }

    /// The access token's claims that a refresh token holds, if it is a good one.
    async fn refreshed(&self, token: &str) -> Option<Map<String, Value>> {
        let mut claims = self.signer().await.ok()?.verified(token, &self.issuer, REFRESH_AUDIENCE)?;
        match claims.remove("access") {
            Some(Value::Object(access)) => Some(access),
            _ => None,
        }
    }
}

async fn configuration(State(provider): State<Arc<DevelopmentProvider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "grant_types_supported": ["password", "refresh_token"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
    }))
}

async fn key_set(State(provider): State<Arc<DevelopmentProvider>>) -> Json<JwkSet> {
    Json(provider.key_set().await)
}

/// What a token is asked for with, as OAuth names it.
#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    username: Option<String>,
    refresh_token: Option<String>,
    scope: Option<String>,
    client_id: Option<String>,
    /// A JSON object: claims to add, to replace, or (null) to leave out.
    claims: Option<String>,
}

async fn token(
    State(provider): State<Arc<DevelopmentProvider>>,
    form: Result<Form<TokenRequest>, FormRejection>,
) -> Response {
    let Ok(Form(request)) = form else {
        return refusal("invalid_request", "the body must be a form with a grant_type");
    };
    let claims = match provider.claims(&request).await {
        Ok(claims) => claims,
        Err((error, description)) => return refusal(error, description),
    };
    match provider.tokens(claims).await {
        Ok(answer) => Json(answer).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn password_claims(request: &TokenRequest) -> Result<Map<String, Value>, &'static str> {
    let username = request.username.as_deref().filter(|name| !name.is_empty());
    let mut claims = Map::from_iter([
        ("sub".to_owned(), json!(username.ok_or("username is missing")?)),
        ("aud".to_owned(), json!(AUDIENCE)),
    ]);
    if let Some(scope) = &request.scope {
        claims.insert("scope".to_owned(), json!(scope));
    }
    if let Some(client_id) = &request.client_id {
        claims.insert("client_id".to_owned(), json!(client_id));
    }
    if let Some(extra) = &request.claims {
        let extra: Map<String, Value> =
            serde_json::from_str(extra).map_err(|_| "claims must be a JSON object")?;
        claims.extend(extra);
    }
    Ok(claims)
}

fn refusal(error: &str, description: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error, "error_description": description })))
        .into_response()
}
