//! Tokens: good ones, and forged ones of every kind that is known.

use anyhow::{Context, Result, ensure};
use base64::{
    Engine as _,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD as BASE64},
};
use fastrand::Rng;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rsa::{
    BigUint, RsaPrivateKey, RsaPublicKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding},
    rand_core::OsRng,
    traits::PublicKeyParts,
};
use serde_json::{Value, json};

use crate::{
    server::Server,
    wire::{self, Connection},
};

/// What a caller's tokens are made of.
pub(super) struct Tokens {
    /// A hostile caller's own good one.
    pub(super) good: String,
    /// That of one who may read metrics.
    pub(super) reader: String,
    /// Signed by the issuer, and not for us, or not now.
    signed: Vec<String>,
    /// The issuer's name for its key, and the key in the ways in which it is written.
    key_id: String,
    published: [Vec<u8>; 2],
    own: RsaKeyPair,
    own_jwk: Value,
}

/// Claims that the issuer signs, and for which no request may be let in. Those that are null are left out.
const REFUSED: [&str; 11] = [
    r#"{"exp":1700000000}"#,
    r#"{"exp":null}"#,
    r#"{"exp":"9999999999"}"#,
    r#"{"nbf":9999999999}"#,
    r#"{"iat":9999999999}"#,
    r#"{"iss":"https://elsewhere.example.com"}"#,
    r#"{"iss":null}"#,
    r#"{"aud":"another"}"#,
    r#"{"aud":null}"#,
    r#"{"aud":[]}"#,
    r#"{"token_use":"id"}"#,
];

impl Tokens {
    pub(super) async fn of(server: &Server) -> Result<Self> {
        let mut signed = Vec::new();
        for claims in REFUSED {
            signed.push(server.token("hostile", &[("claims", claims)]).await?);
        }
        let request = wire::request("GET", "/.well-known/jwks.json", "", b"");
        let answer = Connection::open(server.address).await?.call(&request).await?;
        ensure!(answer.status == 200, "no keys: {answer}");
        let key = answer.json()?["keys"][0].take();
        let part = |name: &str| -> Result<BigUint> {
            Ok(BigUint::from_bytes_be(&BASE64.decode(key[name].as_str().context("no part of a key")?)?))
        };
        let public = RsaPublicKey::new(part("n")?, part("e")?)?;
        let published =
            [public.to_public_key_pem(LineEnding::LF)?.into_bytes(), public.to_public_key_der()?.into_vec()];
        let own = RsaPrivateKey::new(&mut OsRng, 2_048)?;
        let own_jwk = json!({ "kty": "RSA", "alg": "RS256", "kid": key["kid"],
            "n": BASE64.encode(own.n().to_bytes_be()), "e": BASE64.encode(own.e().to_bytes_be()) });
        let own = RsaKeyPair::from_pkcs8(own.to_pkcs8_der()?.as_bytes())
            .map_err(|cause| anyhow::anyhow!("no key: {cause}"))?;
        Ok(Self {
            good: server.token("hostile", &[]).await?,
            reader: server.token("hostile-reader", &[("permissions", "metrics:read")]).await?,
            signed,
            key_id: key["kid"].as_str().context("no kid")?.to_owned(),
            published,
            own,
            own_jwk,
        })
    }

    /// One that must be refused, of a kind that is chosen at random.
    pub(super) fn forged(&self, random: &mut Rng) -> String {
        let (head, claims, signature) = self.parts();
        let kid = self.key_id.as_str();
        let own = |head: Value| self.sign(&encoded(&head), claims);
        let any = |choices: &[&str], random: &mut Rng| choices[random.usize(..choices.len())].to_owned();
        match random.u32(..22) {
            0..=4 => self.signed[random.usize(..self.signed.len())].clone(),
            5 => {
                let alg = any(&["none", "None", "nOnE", ""], random);
                format!("{}.{claims}.", encoded(&json!({ "alg": alg, "kid": kid })))
            }
            6 => {
                let secret = &self.published[random.usize(..self.published.len())];
                let text = format!("{}.{claims}", encoded(&json!({ "alg": "HS256", "kid": kid })));
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
                format!("{text}.{}", BASE64.encode(tag))
            }
            7 => own(json!({ "alg": "RS256", "kid": kid })),
            8 => own(json!({ "alg": "RS256", "kid": any(&["x", "", "../../dev/null", "' OR 1=1"], random) })),
            9 => own(json!({ "alg": "RS256" })),
            10 => own(json!({ "alg": "RS256", "kid": kid, "jwk": self.own_jwk })),
            11 => own(json!({ "alg": "RS256", "kid": kid, "jku": "http://127.0.0.1:9/jwks.json" })),
            12 => own(
                json!({ "alg": "RS256", "kid": kid, "x5u": "http://127.0.0.1:9/key.pem", "crit": ["exp"] }),
            ),
            13 => format!("{head}.{claims}."),
            14 => format!("{head}.{}.{signature}", self.other_claims()),
            15 => {
                // Two of a claim, of which a parser may take either.
                let twice = format!(r#"{{"sub":"hostile","sub":"victim",{}"#, &self.claims_text()[1..]);
                self.sign(head, &BASE64.encode(twice))
            }
            16 => format!("{}.{claims}.{signature}", encoded(&json!({ "alg": "PS256", "kid": kid }))),
            17 => format!("{}.{claims}.{signature}", encoded(&json!({ "alg": "RS512", "kid": kid }))),
            18 => {
                any(&["a", "a.b", "a.b.c", "...", "=.=.=", "e30.e30.e30", "Bearer", "%00", "a.b.c.d"], random)
            }
            19 => format!("{head}.{claims}.{signature}.{signature}"),
            20 => {
                let text = URL_SAFE.encode(format!("{}\u{0}", self.claims_text()));
                format!("{head}.{text}.{signature}")
            }
            _ => format!("{head}.{}.{signature}", "A".repeat(random.usize(1_000..8_000))),
        }
    }

    /// One that is larger than any head may be.
    pub(super) fn huge(&self, random: &mut Rng) -> String {
        format!("{}.{}", self.good, "A".repeat(random.usize(500_000..2_000_000)))
    }

    fn parts(&self) -> (&str, &str, &str) {
        let mut parts = self.good.split('.');
        let mut part = || parts.next().unwrap_or_default();
        (part(), part(), part())
    }

    fn claims_text(&self) -> String {
        let text = BASE64.decode(self.parts().1).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Another user's, which nobody has signed.
    fn other_claims(&self) -> String {
        BASE64.encode(self.claims_text().replace("hostile", "victim"))
    }

    /// With the signature of a key that the issuer does not know.
    fn sign(&self, head: &str, claims: &str) -> String {
        let text = format!("{head}.{claims}");
        let mut signature = vec![0; self.own.public().modulus_len()];
        // A token without one is as bad.
        let _ = self.own.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature);
        format!("{text}.{}", BASE64.encode(signature))
    }
}

fn encoded(head: &Value) -> String {
    BASE64.encode(head.to_string())
}
