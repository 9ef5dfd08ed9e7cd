//! A key, as the development identity provider signs with it and publishes it.

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode,
    jwk::{Jwk, JwkSet},
};
use rsa::{
    RsaPrivateKey,
    pkcs8::{EncodePrivateKey, LineEnding},
    traits::PublicKeyParts,
};
use serde_json::{Map, Value, json};

pub(super) struct Signer {
    key_id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    pub(super) published: JwkSet,
}

impl Signer {
    pub(super) fn new(key: &RsaPrivateKey) -> Result<Self> {
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

    pub(super) fn sign(&self, claims: &Map<String, Value>) -> Result<String> {
        let mut head = Header::new(Algorithm::RS256);
        head.kid = Some(self.key_id.clone());
        Ok(encode(&head, claims, &self.signing)?)
    }

    /// The claims of a token that was signed with this key and is still good at `now`, if that matters.
    pub(super) fn verified(
        &self,
        token: &str,
        issuer: &str,
        audience: &str,
        now: Option<DateTime<Utc>>,
    ) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[issuer]);
        // That would go by the system's time.
        validation.validate_exp = false;
        let claims = decode::<Map<String, Value>>(token, &self.verifying, &validation).ok()?.claims;
        let expires = claims.get("exp")?.as_i64()?;
        now.is_none_or(|now| now.timestamp() < expires).then_some(claims)
    }
}
