//! `/oauth2/token`: tokens for a name, for a code, or for the refresh token that came with the last ones.

use std::sync::Arc;

use axum::{
    Form, Json,
    extract::{State, rejection::FormRejection},
    http::{StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{AUDIENCE, DevelopmentProvider, grants::unguessable, sign_in::SignIn};

/// What refresh tokens are for: nothing but this provider.
const REFRESH_AUDIENCE: &str = "refresh";

const TOKEN_SECONDS: i64 = 3_600;
const REFRESH_SECONDS: i64 = 30 * 86_400;

/// What a token is asked for with, as OAuth names it.
#[derive(Deserialize)]
pub(super) struct TokenRequest {
    grant_type: String,
    username: Option<String>,
    refresh_token: Option<String>,
    scope: Option<String>,
    /// Words, of which the claim of that name is made: nobody can ask a real provider for them.
    permissions: Option<String>,
    client_id: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    /// A JSON object: claims to add, to replace, or (null) to leave out.
    claims: Option<String>,
}

/// Why there are no tokens.
enum NoTokens {
    /// As RFC 6749 (section 5.2) names it, and a sentence for people.
    Refused(&'static str, &'static str),
    /// There is no key to sign with.
    Failed,
}

use NoTokens::{Failed, Refused};

impl From<anyhow::Error> for NoTokens {
    fn from(_: anyhow::Error) -> Self {
        Failed
    }
}

/// `POST`.
pub(super) async fn token(
    State(provider): State<Arc<DevelopmentProvider>>,
    form: Result<Form<TokenRequest>, FormRejection>,
) -> Response {
    let tokens = match &form {
        Ok(Form(request)) => provider.tokens(request).await,
        Err(_) => Err(Refused("invalid_request", "the body must be a form with a grant_type")),
    };
    let (status, body) = match tokens {
        Ok(tokens) => (StatusCode::OK, tokens),
        Err(Refused(error, description)) => {
            (StatusCode::BAD_REQUEST, json!({ "error": error, "error_description": description }))
        }
        Err(Failed) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

impl DevelopmentProvider {
    async fn tokens(&self, request: &TokenRequest) -> Result<Value, NoTokens> {
        match request.grant_type.as_str() {
            "password" => {
                let claims = password_claims(request);
                self.for_claims(claims.map_err(|cause| Refused("invalid_request", cause))?).await
            }
            "authorization_code" => self.for_code(request).await,
            "refresh_token" => self.for_refresh_token(request).await,
            _ => {
                let known = "grant_type must be authorization_code, password or refresh_token";
                Err(Refused("unsupported_grant_type", known))
            }
        }
    }

    /// An access token with these claims and a refresh token that remembers them.
    async fn for_claims(&self, claims: Map<String, Value>) -> Result<Value, NoTokens> {
        let refresh = self.refresh_token("access", Value::Object(claims.clone())).await?;
        let scope = claims.get("scope").cloned().unwrap_or_default();
        Ok(answer(&self.sign(claims, TOKEN_SECONDS).await?, &refresh, &scope))
    }

    /// The tokens for a code. It is used up whatever else is wrong with the request.
    async fn for_code(&self, request: &TokenRequest) -> Result<Value, NoTokens> {
        let code = required(request.code.as_deref(), "code is missing")?;
        let redirect_uri = required(request.redirect_uri.as_deref(), "redirect_uri is missing")?;
        let verifier = required(request.code_verifier.as_deref(), "code_verifier is missing")?;
        let client_id = self.client_id(request)?;
        let grant = self.grants.redeem(code, self.clock.now());
        let grant = grant.ok_or(Refused("invalid_grant", "the code is not a good one, or not any more"))?;
        if grant.sign_in.client_id != client_id || grant.redirect_uri != redirect_uri {
            return Err(Refused("invalid_grant", "the code is for another client_id or redirect_uri"));
        }
        if !is_verifier(verifier) || URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != grant.challenge {
            return Err(Refused("invalid_grant", "the code_verifier is not that of the code_challenge"));
        }
        self.for_sign_in(&grant.sign_in, &grant.sign_in.scope, grant.nonce.as_deref()).await
    }

    async fn for_refresh_token(&self, request: &TokenRequest) -> Result<Value, NoTokens> {
        let refused = Refused("invalid_grant", "the refresh_token is not a good one, or not any more");
        let token = request.refresh_token.as_deref().unwrap_or_default();
        let signer = self.signer().await?;
        let Some(mut claims) = signer.verified(token, &self.issuer, REFRESH_AUDIENCE, Some(self.clock.now()))
        else {
            return Err(refused);
        };
        if let Some(Value::Object(access)) = claims.remove("access") {
            return self.for_claims(access).await;
        }
        let sign_in = claims.remove("sign_in").and_then(|value| serde_json::from_value(value).ok());
        let (Some(sign_in), Some(Value::String(id))) = (sign_in, claims.remove("jti")) else {
            return Err(refused);
        };
        let sign_in: SignIn = sign_in;
        if self.client_id(request)? != sign_in.client_id {
            return Err(Refused("invalid_grant", "the refresh_token is another client's"));
        }
        let scope = request.scope.as_deref().filter(|scope| !scope.is_empty());
        let scope = scope.unwrap_or(&sign_in.scope);
        if !words(scope).all(|word| words(&sign_in.scope).any(|granted| granted == word)) {
            return Err(Refused("invalid_scope", "more scope than was granted"));
        }
        if !self.grants.spend(&id, &sign_in.family) {
            return Err(refused);
        }
        self.for_sign_in(&sign_in, scope, None).await
    }

    /// The tokens of somebody who has signed in, with these of the scopes that were granted.
    async fn for_sign_in(
        &self,
        sign_in: &SignIn,
        scope: &str,
        nonce: Option<&str>,
    ) -> Result<Value, NoTokens> {
        let access = self.sign(sign_in.access_claims(scope), TOKEN_SECONDS).await?;
        let refresh = self.refresh_token("sign_in", json!(sign_in)).await?;
        let mut answer = answer(&access, &refresh, &json!(scope));
        if words(scope).any(|word| word == "openid") {
            answer["id_token"] = json!(self.sign(sign_in.id_claims(nonce), TOKEN_SECONDS).await?);
        }
        Ok(answer)
    }

    /// A refresh token, which remembers a value under a name.
    async fn refresh_token(&self, name: &str, remembered: Value) -> anyhow::Result<String> {
        let claims = [("aud".to_owned(), json!(REFRESH_AUDIENCE)), (name.to_owned(), remembered)];
        self.sign(Map::from_iter(claims), REFRESH_SECONDS).await
    }

    /// The client that asks: one without a secret says who it is.
    fn client_id<'a>(&self, request: &'a TokenRequest) -> Result<&'a str, NoTokens> {
        let client_id = required(request.client_id.as_deref(), "client_id is missing")?;
        if !self.client.is(client_id) {
            return Err(Refused("invalid_client", "no client of that client_id is known here"));
        }
        Ok(client_id)
    }

    async fn sign(&self, mut claims: Map<String, Value>, seconds: i64) -> anyhow::Result<String> {
        let signer = self.signer().await?;
        let now = self.clock.now().timestamp();
        // Two tokens of the same second are two, as those of other providers are.
        let jti = json!(unguessable());
        let own =
            [("iss", json!(self.issuer)), ("iat", json!(now)), ("exp", json!(now + seconds)), ("jti", jti)];
        for (name, value) in own {
            claims.entry(name).or_insert(value);
        }
        claims.retain(|_, value| !value.is_null());
        signer.sign(&claims)
    }
}

fn answer(access_token: &str, refresh_token: &str, scope: &Value) -> Value {
    json!({
        "access_token": access_token,
        "refresh_token": refresh_token,
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "scope": scope,
    })
}

fn required<'a>(value: Option<&'a str>, cause: &'static str) -> Result<&'a str, NoTokens> {
    value.filter(|value| !value.is_empty()).ok_or(Refused("invalid_request", cause))
}

/// Whether a text is long enough, and of the characters, that RFC 7636 (section 4.1) wants.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

fn password_claims(request: &TokenRequest) -> Result<Map<String, Value>, &'static str> {
    let username = request.username.as_deref().filter(|name| !name.is_empty());
    let mut claims = Map::from_iter([
        ("sub".to_owned(), json!(username.ok_or("username is missing")?)),
        ("aud".to_owned(), json!(AUDIENCE)),
        ("token_use".to_owned(), json!("access")),
    ]);
    if let Some(permissions) = &request.permissions {
        claims.insert("permissions".to_owned(), json!(words(permissions).collect::<Vec<_>>()));
    }
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
