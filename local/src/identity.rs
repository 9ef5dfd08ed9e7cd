//! A development identity provider: lets anybody in as anybody, so that the API can be tried without a real one.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use axum::{
    Form, Json, Router,
    extract::{State, rejection::FormRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode,
    jwk::{Jwk, JwkSet},
};
use rsa::{
    RsaPrivateKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding},
    rand_core::OsRng,
    traits::PublicKeyParts,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::clock::Clock;
use tokio::{sync::OnceCell, task::JoinError};

/// What access tokens are for, unless their `claims` say otherwise.
pub const AUDIENCE: &str = "user-sessions";

/// What refresh tokens are for: nothing but this provider.
const REFRESH_AUDIENCE: &str = "refresh";

const TOKEN_SECONDS: i64 = 3_600;
const REFRESH_SECONDS: i64 = 30 * 86_400;
const KEY_BITS: usize = 2_048;

/// The provider.
pub(crate) struct Identity {
    pub(crate) issuer: String,
    clock: Clock,
    key_file: Option<PathBuf>,
    signer: OnceCell<Signer>,
}

struct Signer {
    key_id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    published: JwkSet,
}

impl Identity {
    /// A provider whose key is in `key_file`, or lives as long as this process. A new one is made in the background:
    /// that takes a moment.
    pub(crate) fn start(issuer: String, clock: Clock, key_file: Option<PathBuf>) -> Result<Arc<Self>> {
        let stored = key_file.as_deref().map(stored_key).transpose()?.flatten();
        let signer = OnceCell::new_with(stored.as_ref().map(Signer::new).transpose()?);
        let identity = Arc::new(Self { issuer, clock, key_file, signer });
        let maker = Arc::clone(&identity);
        tokio::spawn(async move { maker.signer().await.map(|_| ()) });
        Ok(identity)
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
            tokio::task::spawn_blocking(move || Signer::new(&signing_key(file.as_deref())?)).await?
        });
        made.await.inspect_err(|cause| {
            // The server may end before its key is made.
            if !cause.downcast_ref::<JoinError>().is_some_and(JoinError::is_cancelled) {
                tracing::error!(cause = format!("{cause:#}"), "there is no signing key");
            }
        })
    }

    /// The provider's endpoints.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/.well-known/jwks.json", get(key_set))
            .route("/oauth2/token", post(token))
            .with_state(self)
    }

    async fn sign(&self, mut claims: Map<String, Value>, seconds: i64) -> Result<String> {
        let signer = self.signer().await?;
        let now = self.clock.now().timestamp();
        for (name, value) in [("iss", json!(self.issuer)), ("iat", json!(now)), ("exp", json!(now + seconds))]
        {
            claims.entry(name).or_insert(value);
        }
        claims.retain(|_, value| !value.is_null());
        let mut head = Header::new(Algorithm::RS256);
        head.kid = Some(signer.key_id.clone());
        Ok(encode(&head, &claims, &signer.signing)?)
    }

    /// The access token's claims that a refresh token holds, if it is a good one.
    async fn refreshed(&self, token: &str) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[REFRESH_AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        let key = &self.signer().await.ok()?.verifying;
        let mut claims = decode::<Map<String, Value>>(token, key, &validation).ok()?.claims;
        match claims.remove("access") {
            Some(Value::Object(access)) => Some(access),
            _ => None,
        }
    }
}

impl Signer {
    fn new(key: &RsaPrivateKey) -> Result<Self> {
        let pem = key.to_pkcs8_pem(LineEnding::LF)?;
        let part = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
        let (n, e) = (part(key.n()), part(key.e()));
        let key_id = n[n.len() - 16..].to_owned();
        let jwk = json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id, "n": n, "e": e });
        Ok(Self {
            key_id,
            signing: EncodingKey::from_rsa_pem(pem.as_bytes())?,
            verifying: DecodingKey::from_rsa_components(&n, &e)?,
            published: JwkSet { keys: vec![serde_json::from_value::<Jwk>(jwk)?] },
        })
    }
}

/// The key in `file`, if there is such a file.
fn stored_key(file: &Path) -> Result<Option<RsaPrivateKey>> {
    if !file.exists() {
        return Ok(None);
    }
    let key = RsaPrivateKey::read_pkcs8_pem_file(file);
    Ok(Some(key.with_context(|| format!("reading the signing key in {}", file.display()))?))
}

fn signing_key(file: Option<&Path>) -> Result<RsaPrivateKey> {
    let key = RsaPrivateKey::new(&mut OsRng, KEY_BITS)?;
    let Some(file) = file else { return Ok(key) };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // Whole or not at all, and never over another server's that was faster. On systems that know such a thing it is
    // readable by its owner alone.
    let new = file.with_extension(format!("{}.new", std::process::id()));
    key.write_pkcs8_pem_file(&new, LineEnding::LF)
        .with_context(|| format!("writing the signing key to {}", new.display()))?;
    let linked = fs::hard_link(&new, file);
    fs::remove_file(&new)?;
    match linked {
        Ok(()) => Ok(key),
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
            stored_key(file)?.context("the signing key was deleted meanwhile")
        }
        Err(cause) => Err(cause).with_context(|| format!("writing the signing key to {}", file.display())),
    }
}

async fn configuration(State(identity): State<Arc<Identity>>) -> Json<Value> {
    let issuer = &identity.issuer;
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

async fn key_set(State(identity): State<Arc<Identity>>) -> Json<JwkSet> {
    Json(identity.key_set().await)
}

/// The form of a token request.
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
    State(identity): State<Arc<Identity>>,
    form: Result<Form<TokenRequest>, FormRejection>,
) -> Response {
    let Ok(Form(request)) = form else {
        return refusal("invalid_request", "the body must be a form with a grant_type");
    };
    let claims = match request.grant_type.as_str() {
        "password" => match password_claims(&request) {
            Ok(claims) => claims,
            Err(description) => return refusal("invalid_request", description),
        },
        "refresh_token" => {
            match identity.refreshed(request.refresh_token.as_deref().unwrap_or_default()).await {
                Some(claims) => claims,
                None => return refusal("invalid_grant", "the refresh_token is not a good one"),
            }
        }
        _ => return refusal("unsupported_grant_type", "grant_type must be password or refresh_token"),
    };
    let refresh = Map::from_iter([
        ("aud".to_owned(), json!(REFRESH_AUDIENCE)),
        ("access".to_owned(), Value::Object(claims.clone())),
    ]);
    let scope = claims.get("scope").cloned().unwrap_or_default();
    let tokens = async {
        anyhow::Ok((
            identity.sign(claims, TOKEN_SECONDS).await?,
            identity.sign(refresh, REFRESH_SECONDS).await?,
        ))
    };
    match tokens.await {
        Ok((access_token, refresh_token)) => Json(json!({
            "access_token": access_token,
            "refresh_token": refresh_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": scope,
        }))
        .into_response(),
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
