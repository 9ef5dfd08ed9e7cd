//! The JWT authorizer, as API Gateway documents its own: RSA only, no leeway, nothing taken from the token's header
//! but the name of a key that the issuer publishes.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, Jwk},
};
use serde_json::{Map, Value};
use shared::clock::Clock;

use super::{keys::Keys, remembered::Remembered};

/// Verifies the tokens of one issuer.
pub(crate) struct Authorizer {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) keys: Keys,
    pub(crate) clock: Clock,
    pub(super) remembered: Remembered,
}

/// Why a request is not let through.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no token.
    NoToken,
    /// There is one, and this is wrong with it.
    InvalidToken(&'static str),
    /// The token is good, and has none of the route's scopes.
    InsufficientScope,
}

use Refusal::InvalidToken;

impl Authorizer {
    /// The claims of the request's token, if it is good for a route with these scopes.
    pub(crate) async fn authorize(
        self: &Arc<Self>,
        headers: &HeaderMap,
        scopes: &[String],
    ) -> Result<Arc<Map<String, Value>>, Refusal> {
        let token = bearer_token(headers).ok_or(Refusal::NoToken)?;
        let claims = match self.remembered.find(token) {
            Some(claims) => claims,
            None => self.verified_claims(token).await?,
        };
        check_times(&claims, self.clock.now())?;
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(InvalidToken("the token is from another issuer"));
        }
        if !self.is_for_us(&claims) {
            return Err(InvalidToken("the token is for another audience"));
        }
        if !scopes.is_empty() && !has_scope(&claims, scopes) {
            return Err(Refusal::InsufficientScope);
        }
        Ok(claims)
    }

    /// The claims of a token whose signature fits one of the issuer's keys.
    async fn verified_claims(&self, token: &str) -> Result<Arc<Map<String, Value>>, Refusal> {
        let head = decode_header(token).map_err(|_| InvalidToken("the token is malformed"))?;
        if !matches!(head.alg, Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512) {
            return Err(InvalidToken("the token's algorithm is not an RSA one"));
        }
        if head.jku.is_some() || head.jwk.is_some() || head.x5u.is_some() || head.crit.is_some() {
            return Err(InvalidToken("the token brings a key of its own"));
        }
        let kid = head.kid.ok_or(InvalidToken("the token names no key"))?;
        let key = self.keys.find(&kid).await.ok_or(InvalidToken("the issuer has no such key"))?;
        let key = rsa_key(&key, head.alg).ok_or(InvalidToken("the key is for another algorithm"))?;
        // Only the signature: the claims have rules of API Gateway's own.
        let mut validation = Validation::new(head.alg);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let verified = decode::<Map<String, Value>>(token, &key, &validation);
        let claims = verified.map_err(|_| InvalidToken("the token's signature is wrong"))?.claims;
        let claims = Arc::new(claims);
        self.remembered.add(token, &claims);
        Ok(claims)
    }

    /// `client_id` counts only if there is no `aud`, as in Cognito's access tokens.
    fn is_for_us(&self, claims: &Map<String, Value>) -> bool {
        let ours = |value: &Value| {
            value.as_str().is_some_and(|text| self.audiences.iter().any(|audience| audience == text))
        };
        match claims.get("aud") {
            Some(Value::Array(audiences)) => audiences.iter().any(ours),
            Some(audience) => ours(audience),
            None => claims.get("client_id").is_some_and(ours),
        }
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => value,
    };
    (!token.is_empty()).then_some(token)
}

fn rsa_key(key: &Jwk, algorithm: Algorithm) -> Option<DecodingKey> {
    let fits = key.common.key_algorithm.is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
    let AlgorithmParameters::RSA(_) = key.algorithm else { return None };
    if fits { DecodingKey::from_jwk(key).ok() } else { None }
}

fn check_times(claims: &Map<String, Value>, now: DateTime<Utc>) -> Result<(), Refusal> {
    let now = now.timestamp();
    let seconds = |name| claims.get(name).map(|value| value.as_number().and_then(whole_seconds));
    match seconds("exp") {
        Some(Some(exp)) if exp > now => {}
        Some(Some(_)) => return Err(InvalidToken("the token has expired")),
        Some(None) | None => return Err(InvalidToken("the token has no numeric exp")),
    }
    for (name, refusal) in
        [("nbf", "the token is not valid yet"), ("iat", "the token was issued in the future")]
    {
        match seconds(name) {
            None => {}
            Some(Some(time)) if time <= now => {}
            Some(_) => return Err(InvalidToken(refusal)),
        }
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "a float saturates, far from any date")]
fn whole_seconds(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64))
}

fn has_scope(claims: &Map<String, Value>, scopes: &[String]) -> bool {
    ["scope", "scp"].iter().filter_map(|name| claims.get(*name)).any(|claim| match claim {
        Value::String(granted) => granted.split(' ').any(|scope| scopes.iter().any(|one| one == scope)),
        Value::Array(granted) => {
            granted.iter().filter_map(Value::as_str).any(|scope| scopes.iter().any(|one| one == scope))
        }
        _ => false,
    })
}
