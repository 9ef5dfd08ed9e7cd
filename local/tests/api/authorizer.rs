//! Which tokens are let in: each refusal by its name, and the claims that a function gets to see.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicI64, Ordering},
};

use axum::{Json, Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, Header};
use local::{Options, Provider, Server};
use reqwest::Method;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};
use rsa::{RsaPrivateKey, pkcs8::EncodePrivateKey, rand_core::OsRng, traits::PublicKeyParts};
use serde_json::{Value, json};
use shared::clock::Clock;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::support::{Answer, Need, PROVIDER, World, http, is_deployed, lacks, send, token};

/// A key that the provider does not publish.
static FOREIGN_KEY: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 2_048).unwrap());

async fn list_with(world: &World, authorization: Option<&str>) -> Answer {
    let mut request = world.request(Method::GET, "/user-sessions");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    send(request).await
}

/// Checks that the token is refused as API Gateway does, and that the challenge says so.
async fn refused(world: &World, token: &str, expected: &str) {
    let answer = list_with(world, Some(&format!("Bearer {token}"))).await;
    assert_eq!((answer.status, &answer.body), (401, &json!({ "message": "Unauthorized" })), "{token}");
    if is_deployed() {
        // ministack's gateway gives no reason.
        return;
    }
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    let (_, description) = challenge.split_once("error=\"invalid_token\" error_description=\"").unwrap();
    assert_eq!(description.trim_end_matches('"'), expected, "{token}");
}

/// A good token but for these claims; null leaves one out.
async fn token_with(claims: &Value) -> String {
    token(&http(), &[("username", "alice"), ("claims", &claims.to_string())]).await
}

fn parts(token: &str) -> (Value, Value, String) {
    let mut parts = token.split('.');
    let mut json =
        || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap()).unwrap();
    let (head, claims) = (json(), json());
    (head, claims, parts.next().unwrap().to_owned())
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(header: &Header, claims: &Value, key: &RsaPrivateKey) -> String {
    let encoding: &dyn RsaEncoding = match header.alg {
        Algorithm::RS256 => &RSA_PKCS1_SHA256,
        Algorithm::RS512 => &RSA_PKCS1_SHA512,
        Algorithm::PS256 => &RSA_PSS_SHA256,
        other => panic!("no key signs by {other:?} here"),
    };
    let key = RsaKeyPair::from_pkcs8(key.to_pkcs8_der().unwrap().as_bytes()).unwrap();
    let message = format!("{}.{}", encoded(&json!(header)), encoded(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn now() -> i64 {
    Clock::system().now().timestamp()
}

#[tokio::test]
async fn a_request_without_a_token_is_challenged() {
    let world = World::new().await;
    for authorization in [None, Some(""), Some("Bearer "), Some("Bearer")] {
        let answer = list_with(&world, authorization).await;
        assert_eq!(
            (answer.status, answer.body),
            (401, json!({ "message": "Unauthorized" })),
            "{authorization:?}"
        );
        assert!(is_deployed() || answer.headers.contains_key("www-authenticate"));
    }
}

#[tokio::test]
async fn a_good_token_is_accepted_with_and_without_its_scheme() {
    let world = World::new().await;
    let good = token_with(&json!({})).await;
    for authorization in [format!("Bearer {good}"), format!("bearer {good}"), good] {
        assert_eq!(list_with(&world, Some(&authorization)).await.ok(), json!([]));
    }
}

#[tokio::test]
async fn every_route_is_guarded() {
    let world = World::new().await;
    // Those of pages are on an API of their own.
    let functions = world.template.functions.iter().filter(|function| function.crate_name != "pages");
    for route in functions.flat_map(|function| &function.routes) {
        assert!(route.authorizer.is_some());
        let method: Method = route.method.parse().unwrap();
        let path = route.path.replace("{sessionId}", "0198c0de-0000-7000-8000-000000000001");
        let answer = send(world.request(method, &path)).await;
        assert_eq!((answer.status, answer.body), (401, json!({ "message": "Unauthorized" })), "{path}");
    }
}

#[tokio::test]
async fn garbage_is_refused() {
    let world = World::new().await;
    for garbage in ["x", "a.b.c", "e30.e30.", "....", "{}"] {
        refused(&world, garbage, "the token is malformed").await;
    }
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    let world = World::new().await;
    let (_, claims, _) = parts(&token_with(&json!({})).await);
    for alg in ["none", "None", "NONE"] {
        let unsigned = format!("{}.{}.", encoded(&json!({ "alg": alg, "typ": "JWT" })), encoded(&claims));
        refused(&world, &unsigned, "the token is malformed").await;
    }
}

#[tokio::test]
async fn a_token_signed_with_the_public_key_as_a_secret_is_refused() {
    let world = World::new().await;
    let (head, claims, _) = parts(&token_with(&json!({})).await);
    let keys: Value = http()
        .get(format!("{}/.well-known/jwks.json", *PROVIDER))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = head["kid"].as_str().map(str::to_owned);
    let modulus = keys["keys"][0]["n"].as_str().unwrap();
    for secret in [modulus.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(modulus).unwrap()] {
        let message = format!("{}.{}", encoded(&json!(header)), encoded(&claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        let confused = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
        refused(&world, &confused, "the token's algorithm is not an RSA one").await;
    }
}

#[tokio::test]
async fn a_token_of_another_key_is_refused() {
    let world = World::new().await;
    let (head, claims, _) = parts(&token_with(&json!({})).await);
    let mut header = Header::new(Algorithm::RS256);
    refused(&world, &signed(&header, &claims, &FOREIGN_KEY), "the token names no key").await;
    header.kid = Some("another".to_owned());
    refused(&world, &signed(&header, &claims, &FOREIGN_KEY), "the issuer has no such key").await;
    header.kid = head["kid"].as_str().map(str::to_owned);
    refused(&world, &signed(&header, &claims, &FOREIGN_KEY), "the token's signature is wrong").await;
    header.kid = Some(head["kid"].as_str().unwrap().to_uppercase() + "x");
    refused(&world, &signed(&header, &claims, &FOREIGN_KEY), "the issuer has no such key").await;
}

#[tokio::test]
async fn a_token_that_brings_its_own_key_is_refused() {
    let world = World::new().await;
    let (head, claims, _) = parts(&token_with(&json!({})).await);
    let part = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    let jwk =
        json!({ "kty": "RSA", "n": part(FOREIGN_KEY.n()), "e": part(FOREIGN_KEY.e()), "kid": head["kid"] });
    for extra in [
        json!({ "jwk": jwk }),
        json!({ "jku": "http://127.0.0.1:1/keys" }),
        json!({ "x5u": "http://127.0.0.1:1/" }),
    ] {
        let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": head["kid"] });
        header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let header: Header = serde_json::from_value(header).unwrap();
        let token = signed(&header, &claims, &FOREIGN_KEY);
        refused(&world, &token, "the token brings a key of its own").await;
    }
}

/// A provider that publishes [`FOREIGN_KEY`] for RS256 alone.
async fn own_provider() -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let part = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    let (n, e) = (part(FOREIGN_KEY.n()), part(FOREIGN_KEY.e()));
    let keys =
        json!({ "keys": [{ "kty": "RSA", "kid": "own", "use": "sig", "alg": "RS256", "n": n, "e": e }] });
    let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
    let router = Router::new()
        .route("/keys", get(async || Json(keys)))
        .route("/.well-known/openid-configuration", get(async || Json(discovery)));
    (issuer, tokio::spawn(async { axum::serve(listener, router).await.unwrap() }))
}

#[tokio::test]
async fn a_real_provider_is_asked_for_its_keys_and_each_is_for_its_algorithm() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let (issuer, _provider) = own_provider().await;
    let provider = Provider { issuer: issuer.clone(), audiences: vec!["one".to_owned(), "two".to_owned()] };
    let server = Server::start(Options { provider: Some(provider), ..Options::default() }).await.unwrap();
    for (algorithm, audience, status) in [
        (Algorithm::RS256, "one", 200),
        (Algorithm::RS256, "two", 200),
        (Algorithm::RS256, "three", 401),
        (Algorithm::RS512, "one", 401),
        (Algorithm::PS256, "one", 401),
    ] {
        let mut header = Header::new(algorithm);
        header.kid = Some("own".to_owned());
        let claims = json!({ "sub": "alice", "iss": issuer, "aud": audience, "exp": now() + 60 });
        let token = signed(&header, &claims, &FOREIGN_KEY);
        let request = http().get(format!("{}/user-sessions", server.url)).bearer_auth(token);
        assert_eq!(send(request).await.status, status, "{algorithm:?} {audience}");
    }
    let own = http().post(format!("{}/oauth2/token", server.url));
    assert_eq!(send(own).await.status, 404, "beside a real provider there is none for development");
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let world = World::new().await;
    let good = token_with(&json!({})).await;
    let (head, mut claims, signature) = parts(&good);
    claims["sub"] = json!("mallory");
    let changed = format!("{}.{}.{signature}", encoded(&head), encoded(&claims));
    refused(&world, &changed, "the token's signature is wrong").await;
}

#[tokio::test]
async fn times_are_numbers_and_there_is_no_leeway() {
    if lacks(&[Need::AmazonsGateway]) {
        return;
    }
    let world = World::new().await;
    let now = now();
    for (claims, expected) in [
        (json!({ "exp": null }), "the token has no numeric exp"),
        (json!({ "exp": (now + 600).to_string() }), "the token has no numeric exp"),
        (json!({ "exp": now }), "the token has expired"),
        (json!({ "exp": now - 1 }), "the token has expired"),
        (json!({ "nbf": now + 60 }), "the token is not valid yet"),
        (json!({ "nbf": "0" }), "the token is not valid yet"),
        (json!({ "iat": now + 60 }), "the token was issued in the future"),
    ] {
        refused(&world, &token_with(&claims).await, expected).await;
    }
    for claims in [json!({ "iat": null }), json!({ "nbf": now }), json!({ "exp": f64::from(u32::MAX) + 0.5 })]
    {
        let token = token_with(&claims).await;
        list_with(&world, Some(&token)).await.ok();
    }
}

/// What is remembered of a token is its signature.
#[tokio::test]
async fn a_token_that_was_let_in_is_refused_once_it_has_expired() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let seconds = Arc::new(AtomicI64::new(0));
    let hands = Arc::clone(&seconds);
    let moved = move || Clock::system().now() + TimeDelta::seconds(hands.load(Ordering::Relaxed));
    let options = Options { token_clock: Clock::from_fn(moved), ..Options::default() };
    let server = Server::start(options).await.unwrap();
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    let tokens = send(http().post(format!("{}/oauth2/token", server.url)).form(&form)).await.ok();
    let list = async || {
        let list = http().get(format!("{}/user-sessions", server.url));
        send(list.bearer_auth(tokens["access_token"].as_str().unwrap())).await.status
    };
    assert_eq!((list().await, list().await), (200, 200));
    seconds.store(tokens["expires_in"].as_i64().unwrap(), Ordering::Relaxed);
    assert_eq!(list().await, 401);
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused() {
    let world = World::new().await;
    for issuer in [json!(null), json!("https://issuer.example.com"), json!(format!("{}/", *PROVIDER))] {
        let token = token_with(&json!({ "iss": issuer })).await;
        refused(&world, &token, "the token is from another issuer").await;
    }
}

#[tokio::test]
async fn a_client_id_counts_only_without_an_audience() {
    let world = World::new().await;
    let ours = local::AUDIENCE;
    for claims in [
        json!({ "aud": "another", "client_id": ours }),
        json!({ "aud": ["another"], "client_id": ours }),
        json!({ "aud": [], "client_id": ours }),
        json!({ "aud": null, "client_id": "another" }),
        json!({ "aud": null }),
        json!({ "aud": { "x": ours } }),
    ] {
        let token = token_with(&claims).await;
        refused(&world, &token, "the token is for another audience").await;
    }
    for claims in [json!({ "aud": ["another", ours] }), json!({ "aud": null, "client_id": ours })] {
        let token = token_with(&claims).await;
        list_with(&world, Some(&token)).await.ok();
    }
}

#[tokio::test]
async fn a_refresh_token_gets_new_tokens_and_is_none_itself() {
    let world = World::new().await;
    let url = format!("{}/oauth2/token", *PROVIDER);
    let first =
        [("grant_type", "password"), ("username", "alice"), ("scope", "a b"), ("permissions", " c  d ")];
    let tokens: Value = http().post(&url).form(&first).send().await.unwrap().json().await.unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    refused(&world, refresh, "the token is for another audience").await;
    let again = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let tokens: Value = http().post(&url).form(&again).send().await.unwrap().json().await.unwrap();
    let (_, claims, _) = parts(tokens["access_token"].as_str().unwrap());
    assert_eq!((&claims["sub"], &claims["scope"]), (&json!("alice"), &json!("a b")));
    assert_eq!((&claims["permissions"], &claims["token_use"]), (&json!(["c", "d"]), &json!("access")));
    list_with(&world, tokens["access_token"].as_str()).await.ok();
}

#[tokio::test]
async fn the_provider_names_what_is_wrong_with_a_request() {
    let url = format!("{}/oauth2/token", *PROVIDER);
    for (form, error) in [
        (vec![("grant_type", "client_credentials")], "unsupported_grant_type"),
        (vec![("grant_type", "password")], "invalid_request"),
        (vec![("grant_type", "password"), ("username", "a"), ("claims", "[]")], "invalid_request"),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "x")], "invalid_grant"),
        (vec![("username", "a")], "invalid_request"),
    ] {
        let response = http().post(&url).form(&form).send().await.unwrap();
        assert_eq!(response.status(), 400);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], error, "{form:?}");
    }
}
