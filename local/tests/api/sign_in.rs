//! The sign-in at the development identity provider, as a page uses it: the authorization code with PKCE, refresh
//! tokens, logout.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use local::{AUDIENCE, Options, Server};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect::Policy};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use shared::clock::Clock;

use crate::support::{Answer, Need, PROVIDER, http, lacks, openapi::Operation, send, unknown_id};

const VERIFIER: &str = "a-verifier-of-43-to-128-characters.~_0123456789";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// A provider, and a browser that shows where it is sent and does not go there.
struct Provider {
    url: String,
    browser: Client,
}

impl Provider {
    /// That of all tests, with the template's defaults and the system's time.
    fn shared() -> Self {
        Self::at(PROVIDER.clone())
    }

    fn at(url: String) -> Self {
        let _ = http();
        let browser = Client::builder().redirect(Policy::none());
        Self { url, browser: browser.resolve("localhost", ([127, 0, 0, 1], 0).into()).build().unwrap() }
    }

    fn dashboard(&self) -> String {
        format!("{}/dashboard", self.url)
    }

    /// A request that is right but for these parameters; an empty one is left out.
    fn request<'a>(&'a self, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, String)> {
        let mut parameters = vec![
            ("response_type", "code".to_owned()),
            ("client_id", AUDIENCE.to_owned()),
            ("redirect_uri", self.dashboard()),
            ("scope", "openid".to_owned()),
            ("state", "a state&=?#".to_owned()),
            ("nonce", "n-0".to_owned()),
            ("code_challenge", challenge()),
            ("code_challenge_method", "S256".to_owned()),
        ];
        for (name, value) in changes {
            parameters.retain(|(own, _)| own != name);
            parameters.push((name, (*value).to_owned()));
        }
        parameters.retain(|(_, value)| !value.is_empty());
        parameters
    }

    async fn show(&self, changes: &[(&str, &str)]) -> Response {
        let url = Url::parse_with_params(&format!("{}/oauth2/authorize", self.url), self.request(changes));
        self.browser.get(url.unwrap()).send().await.unwrap()
    }

    /// Posts what the sign-in page would.
    async fn enter(&self, changes: &[(&str, &str)]) -> Response {
        let mut form = self.request(changes);
        if !form.iter().any(|(name, _)| *name == "name") {
            form.push(("name", "alice".to_owned()));
        }
        self.browser.post(format!("{}/oauth2/authorize", self.url)).form(&form).send().await.unwrap()
    }

    /// Signs in: the code.
    async fn code(&self, changes: &[(&str, &str)]) -> String {
        let (back, parameters) = sent_back(&self.enter(changes).await);
        assert!(back.starts_with("http://"), "{back}");
        parameters["code"].as_str().unwrap().to_owned()
    }

    async fn token(&self, form: &[(&str, &str)]) -> Answer {
        send(self.browser.post(format!("{}/oauth2/token", self.url)).form(form)).await
    }

    /// Exchanges a code, with a request that is right but for these fields.
    async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let dashboard = self.dashboard();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &dashboard),
            ("client_id", AUDIENCE),
            ("code_verifier", VERIFIER),
        ];
        for (name, value) in changes {
            form.retain(|(own, _)| own != name);
            form.push((name, value));
        }
        form.retain(|(_, value)| !value.is_empty());
        self.token(&form).await
    }

    async fn refresh(&self, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", AUDIENCE)];
        self.token(&form).await
    }

    /// The claims of a token whose signature fits the published keys.
    async fn claims(&self, token: &Value) -> Map<String, Value> {
        let keys = self.browser.get(format!("{}/.well-known/jwks.json", self.url)).send().await.unwrap();
        let keys: JwkSet = keys.json().await.unwrap();
        let token = token.as_str().unwrap();
        let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.url]);
        validation.validate_exp = false;
        let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
        decode(token, &key, &validation).unwrap().claims
    }
}

/// Where a redirect leads, without its query, and what is in that.
#[track_caller]
fn sent_back(response: &Response) -> (String, Value) {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let mut url: Url = response.headers()["location"].to_str().unwrap().parse().unwrap();
    let pairs = url.query_pairs().map(|(name, value)| (name.into_owned(), json!(value)));
    let pairs = Value::Object(pairs.collect());
    url.set_query(None);
    (url.to_string(), pairs)
}

/// A page of the provider that leads nowhere: its status and text.
async fn page(response: Response) -> (u16, String) {
    assert!(!response.headers().contains_key("location"));
    let headers = response.headers();
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let policy = headers["content-security-policy"].to_str().unwrap();
    for rule in ["default-src 'none'; style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    (response.status().as_u16(), response.text().await.unwrap())
}

#[track_caller]
fn refused(answer: &Answer, error: &str) {
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!(error)), "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
}

fn lacks_provider() -> bool {
    lacks(&[Need::LocalServer])
}

#[tokio::test]
async fn a_page_signs_a_user_in_and_may_read_metrics_if_that_was_ticked() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let shown = provider.show(&[]).await;
    let policy = shown.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains(&format!("form-action 'self' {};", provider.url)), "{policy}");
    let (status, text) = page(shown).await;
    assert!(status == 200 && text.contains(&provider.dashboard()) && text.contains("metrics:read"));
    assert!(!text.contains(" checked />") && !text.contains("<script") && !text.contains("style="));

    let before = Clock::system().now().timestamp();
    for (ticks, permissions) in [(vec![], None), (vec![("metrics", "yes")], Some(json!(["metrics:read"])))] {
        // Asking for it as a scope is not being given it.
        let changes = [ticks, vec![("scope", "openid metrics:read")]].concat();
        let (back, parameters) = sent_back(&provider.enter(&changes).await);
        assert_eq!((back, &parameters["state"]), (provider.dashboard(), &json!("a state&=?#")));
        let answer = provider.exchange(parameters["code"].as_str().unwrap(), &[]).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        let tokens = answer.ok();
        let scope = if permissions.is_some() { "openid metrics:read" } else { "openid" };
        assert_eq!((&tokens["token_type"], &tokens["scope"]), (&json!("Bearer"), &json!(scope)));

        let access = provider.claims(&tokens["access_token"]).await;
        for (name, value) in [
            ("sub", "alice"),
            ("aud", AUDIENCE),
            ("client_id", AUDIENCE),
            ("scope", scope),
            ("token_use", "access"),
        ] {
            assert_eq!(access[name], value);
        }
        assert_eq!(access.get("permissions"), permissions.as_ref());
        assert!(!access.contains_key("nonce"));

        let id = provider.claims(&tokens["id_token"]).await;
        for (name, value) in [
            ("sub", "alice"),
            ("aud", AUDIENCE),
            ("nonce", "n-0"),
            ("token_use", "id"),
            ("preferred_username", "alice"),
        ] {
            assert_eq!(id[name], value);
        }
        let [auth_time, iat, exp] = ["auth_time", "iat", "exp"].map(|name| id[name].as_i64().unwrap());
        assert!(before <= auth_time && auth_time <= iat && exp == iat + 3_600);

        let reads = send(
            http()
                .get(format!("{}/metrics/sessions?startDate=2026-01-01&endDate=2026-01-01", provider.url))
                .bearer_auth(tokens["access_token"].as_str().unwrap()),
        );
        assert_eq!(reads.await.status, if permissions.is_some() { 200 } else { 403 });
    }
}

/// Its audience is the API's too here, as at a provider that has one client for all, so that the gateway lets it through.
#[tokio::test]
async fn no_call_takes_an_id_token() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let code = provider.code(&[("metrics", "yes")]).await;
    let tokens = provider.exchange(&code, &[]).await.ok();
    for operation in Operation::all() {
        let path = operation.path.replace("{sessionId}", &unknown_id());
        let call = http().request(operation.method.parse().unwrap(), format!("{}{path}", provider.url));
        let call = |token: &str| send(call.try_clone().unwrap().bearer_auth(tokens[token].as_str().unwrap()));
        let message = call("id_token").await.error(401, "unauthorized");
        assert_eq!(message, "Unauthorized");
        assert_ne!(call("access_token").await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn without_the_scope_openid_there_is_no_id_token() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let code = provider.code(&[("scope", ""), ("nonce", ""), ("state", "")]).await;
    let tokens = provider.exchange(&code, &[]).await.ok();
    assert_eq!((tokens.get("id_token"), &tokens["scope"]), (None, &json!("")));
}

#[tokio::test]
async fn a_code_is_exchanged_by_whom_it_was_made_for_alone() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let (demo, plain) = (format!("{}/demo/dashboard", provider.url), challenge());
    for (change, error) in [
        (("code_verifier", "another-verifier-of-43-to-128-characters.~_01234"), "invalid_grant"),
        (("code_verifier", "short"), "invalid_grant"),
        // As with the method `plain`, where the challenge is the verifier.
        (("code_verifier", plain.as_str()), "invalid_grant"),
        (("code_verifier", ""), "invalid_request"),
        (("redirect_uri", demo.as_str()), "invalid_grant"),
        (("redirect_uri", ""), "invalid_request"),
        (("client_id", "another"), "invalid_client"),
        (("client_id", ""), "invalid_request"),
        (("code", "another"), "invalid_grant"),
        (("code", ""), "invalid_request"),
    ] {
        let code = provider.code(&[]).await;
        refused(&provider.exchange(&code, &[change]).await, error);
        // Only what reached the code has used it up.
        let again = provider.exchange(&code, &[]).await;
        let is_used = error == "invalid_grant" && change.0 != "code";
        assert_eq!(again.status, if is_used { 400 } else { 200 }, "{change:?}");
    }
}

#[tokio::test]
async fn a_code_that_comes_twice_is_refused_and_voids_what_came_of_it() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let code = provider.code(&[]).await;
    let tokens = provider.exchange(&code, &[]).await.ok();
    let other = provider.exchange(&provider.code(&[]).await, &[]).await.ok();
    refused(&provider.exchange(&code, &[]).await, "invalid_grant");
    refused(&provider.refresh(tokens["refresh_token"].as_str().unwrap()).await, "invalid_grant");
    provider.refresh(other["refresh_token"].as_str().unwrap()).await.ok();
}

/// A server of its own whose tokens have a time of their own.
async fn with_hands() -> (Server, Provider, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(4_103_697_600));
    let hands = Arc::clone(&seconds);
    let token_clock =
        Clock::from_fn(move || DateTime::from_timestamp(hands.load(Ordering::SeqCst), 0).unwrap());
    let server = Server::start(Options { token_clock, ..Options::default() }).await.unwrap();
    let provider = Provider::at(server.url.clone());
    (server, provider, seconds)
}

#[tokio::test]
async fn codes_live_a_minute_and_refresh_tokens_thirty_days() {
    if lacks_provider() {
        return;
    }
    let (_server, provider, seconds) = with_hands().await;
    for (later, status) in [(59, 200), (60, 400)] {
        let code = provider.code(&[]).await;
        seconds.fetch_add(later, Ordering::SeqCst);
        assert_eq!(provider.exchange(&code, &[]).await.status, status, "{later} seconds");
    }
    let mut tokens = provider.exchange(&provider.code(&[]).await, &[]).await.ok();
    for (later, status) in [(30 * 86_400 - 1, 200), (30 * 86_400, 400)] {
        seconds.fetch_add(later, Ordering::SeqCst);
        let answer = provider.refresh(tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(answer.status, status, "{later} seconds");
        tokens = answer.body;
    }
}

#[tokio::test]
async fn a_refresh_token_is_used_once_and_its_second_use_voids_those_that_followed() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let first = provider.exchange(&provider.code(&[("metrics", "yes")]).await, &[]).await.ok();
    let second = provider.refresh(first["refresh_token"].as_str().unwrap()).await.ok();
    // The provider's clock stands.
    assert_ne!(first["access_token"], second["access_token"], "each token is one of its own");
    let access = provider.claims(&second["access_token"]).await;
    assert_eq!((&access["sub"], &access["permissions"]), (&json!("alice"), &json!(["metrics:read"])));
    let (before, after) =
        (provider.claims(&first["id_token"]).await, provider.claims(&second["id_token"]).await);
    assert_eq!((&before["auth_time"], &before["sid"]), (&after["auth_time"], &after["sid"]));
    assert!(!after.contains_key("nonce"), "it answers no request of the browser");

    let third = provider.refresh(second["refresh_token"].as_str().unwrap()).await.ok();
    refused(&provider.refresh(first["refresh_token"].as_str().unwrap()).await, "invalid_grant");
    refused(&provider.refresh(third["refresh_token"].as_str().unwrap()).await, "invalid_grant");
}

#[tokio::test]
async fn a_refresh_asks_for_its_own_scopes_and_as_its_own_client() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let code = provider.code(&[("scope", "openid one two")]).await;
    let tokens = provider.exchange(&code, &[]).await.ok();
    let token = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let with = |more: &'static [(&'static str, &'static str)]| [&form[..], more].concat();
    refused(&provider.token(&with(&[])).await, "invalid_request");
    refused(&provider.token(&with(&[("client_id", "another")])).await, "invalid_client");
    refused(
        &provider.token(&with(&[("client_id", AUDIENCE), ("scope", "one three")])).await,
        "invalid_scope",
    );
    let narrow = provider.token(&with(&[("client_id", AUDIENCE), ("scope", "two")])).await.ok();
    assert_eq!((&narrow["scope"], narrow.get("id_token")), (&json!("two"), None));
    let wide = provider.refresh(narrow["refresh_token"].as_str().unwrap()).await.ok();
    assert_eq!(wide["scope"], "openid one two", "what was granted");
    for garbage in ["", "x.y.z", wide["access_token"].as_str().unwrap(), wide["id_token"].as_str().unwrap()] {
        refused(&provider.refresh(garbage).await, "invalid_grant");
    }
}

/// The tokens for a name alone, which everything else here uses, are as they were.
#[tokio::test]
async fn a_refresh_token_of_the_password_grant_stays_good() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let form = [("grant_type", "password"), ("username", "bob"), ("claims", r#"{"aud":"x","y":1}"#)];
    let tokens = provider.token(&form).await.ok();
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    for _ in 0..2 {
        let again = provider.token(&form).await.ok();
        assert!(again.get("id_token").is_none());
        let claims = again["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!((&claims["sub"], &claims["aud"], &claims["y"]), (&json!("bob"), &json!("x"), &json!(1)));
    }
}

#[tokio::test]
async fn nobody_is_sent_to_a_page_that_is_not_registered() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let near = |suffix: &str| format!("{}{suffix}", provider.dashboard());
    let others = ["/", "?x", "#x", "/../../x"].map(near);
    let mut wrong: Vec<(&str, &str)> = others.iter().map(|uri| ("redirect_uri", uri.as_str())).collect();
    wrong.extend([
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/dashboard"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", "http://localhost:5173"),
        ("client_id", ""),
        ("client_id", "another"),
        ("client_id", "\"><script>"),
    ]);
    for change in wrong {
        for response in [provider.show(&[change]).await, provider.enter(&[change]).await] {
            let (status, text) = page(response).await;
            assert!(status == 400 && !text.contains("<script"), "{change:?}");
        }
    }
    // Twice is as good as unknown, even where both are the same.
    let mut twice = provider.request(&[]);
    twice.push(("redirect_uri", provider.dashboard()));
    let url = Url::parse_with_params(&format!("{}/oauth2/authorize", provider.url), twice).unwrap();
    assert_eq!(page(provider.browser.get(url).send().await.unwrap()).await.0, 400);

    for known in [
        provider.url.clone() + "/demo/dashboard",
        provider.url.replace("localhost", "127.0.0.1") + "/dashboard",
        "http://localhost:5173/".to_owned(),
    ] {
        let (back, parameters) = sent_back(&provider.enter(&[("redirect_uri", &known)]).await);
        let code = parameters["code"].as_str().unwrap();
        assert_eq!(back, known);
        provider.exchange(code, &[("redirect_uri", &known)]).await.ok();
    }
}

#[tokio::test]
async fn the_templates_parameter_says_which_other_pages_there_are() {
    if lacks_provider() {
        return;
    }
    let start = |name: &str, value: &str| {
        let parameters = [(name.to_owned(), value.to_owned())].into();
        Server::start(Options { parameters, ..Options::default() })
    };
    let server =
        start("SignInCallbackUrls", "https://app.example/in?from=us, app.example:/in").await.unwrap();
    let provider = Provider::at(server.url.clone());
    let (back, parameters) =
        sent_back(&provider.enter(&[("redirect_uri", "https://app.example/in?from=us")]).await);
    assert_eq!((back.as_str(), &parameters["from"]), ("https://app.example/in", &json!("us")));
    assert!(parameters["code"].is_string() && parameters["state"] == "a state&=?#");
    let shown = provider.show(&[("redirect_uri", "app.example:/in")]).await;
    let policy = shown.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' app.example:;"), "{policy}");
    assert_eq!(page(provider.show(&[("redirect_uri", "http://localhost:5173/")]).await).await.0, 400);

    let cause = start("SignInCallbackUrls", "/in").await.err().unwrap();
    assert!(cause.to_string().contains("/in is no URL"), "{cause:#}");

    // Where everybody may read metrics, there is nothing to tick.
    let server = start("MetricsPermission", "*").await.unwrap();
    let (_, text) = page(Provider::at(server.url.clone()).show(&[]).await).await;
    assert!(!text.contains("checkbox"));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_where_the_user_came_from() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let verifier = VERIFIER;
    for (change, error) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "code id_token"), "unsupported_response_type"),
        (("response_mode", "fragment"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge", verifier), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("scope", "openid \"x\""), "invalid_scope"),
        (("scope", "openid é"), "invalid_scope"),
        (("prompt", "none"), "login_required"),
        (("request", "x.y.z"), "request_not_supported"),
        (("request_uri", "https://evil.example/x"), "request_uri_not_supported"),
    ] {
        for response in [provider.show(&[change]).await, provider.enter(&[change]).await] {
            let (back, parameters) = sent_back(&response);
            assert_eq!((back, &parameters["error"]), (provider.dashboard(), &json!(error)), "{change:?}");
            assert_eq!(parameters["state"], "a state&=?#");
            assert!(parameters["error_description"].is_string() && parameters.get("code").is_none());
        }
    }
    let (_, parameters) = sent_back(&provider.show(&[("state", ""), ("response_type", "")]).await);
    assert!(parameters.get("state").is_none());
}

#[tokio::test]
async fn a_hostile_name_or_state_stays_a_text() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let hostile = "\"><script>alert('1')</script>{{hidden}}&amp;";
    let escaped = "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;{{hidden}}&amp;amp;";
    let (status, text) = page(provider.show(&[("state", hostile), ("login_hint", hostile)]).await).await;
    assert!(status == 200 && text.matches(escaped).count() == 2 && !text.contains("<script"), "{text}");

    // It goes where it came from as it was, and the token has it as it was.
    let (_, parameters) = sent_back(&provider.enter(&[("state", hostile), ("name", hostile)]).await);
    assert_eq!(parameters["state"], hostile);
    let tokens = provider.exchange(parameters["code"].as_str().unwrap(), &[]).await.ok();
    assert_eq!(provider.claims(&tokens["id_token"]).await["preferred_username"], hostile);

    // A name that cannot be is asked for again, with what was entered, and the tick as it was.
    let long = hostile.repeat(20);
    for (name, complaint) in [(long.as_str(), "That name is too long."), (" \t", "Give a name.")] {
        let (status, text) = page(provider.enter(&[("name", name), ("metrics", "yes")]).await).await;
        assert!(status == 400 && text.contains(complaint) && text.contains(" checked />"), "{text}");
        assert!(!text.contains("<script") && text.contains("aria-invalid=\"true\""));
    }
    // Users whom the API takes have no spaces in them.
    let tokens = provider.exchange(&provider.code(&[("name", "Zoë Ä")]).await, &[]).await.ok();
    let list = http().get(format!("{}/user-sessions", provider.url));
    let list = list.bearer_auth(tokens["access_token"].as_str().unwrap());
    assert_eq!(send(list).await.ok(), json!([]));
}

#[tokio::test]
async fn a_form_has_its_limit_and_other_methods_there_are_none() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let state = "x".repeat(16 * 1_024);
    assert_eq!(provider.enter(&[("state", &state)]).await.status(), 413);
    let status = async |method: Method, path: &str| {
        let url = Url::parse_with_params(&format!("{}{path}", provider.url), provider.request(&[]));
        let response = provider.browser.request(method, url.unwrap()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    for path in ["/oauth2/authorize", "/oauth2/logout", "/oauth2/sign-in.css"] {
        assert_eq!(status(Method::HEAD, path).await, (200, String::new()), "{path}");
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            let not_found = (404, "{\"message\":\"Not Found\"}".to_owned());
            assert_eq!(status(method, path).await, not_found, "{path}");
        }
    }
    assert_eq!(status(Method::GET, "/oauth2/token").await.0, 404);
}

#[tokio::test]
async fn a_logout_leads_to_registered_pages_alone() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let tokens = provider.exchange(&provider.code(&[]).await, &[]).await.ok();
    let (hint, access) = (tokens["id_token"].as_str().unwrap(), tokens["access_token"].as_str().unwrap());
    let dashboard = provider.dashboard();
    let near = format!("{dashboard}/");
    let log_out = async |parameters: &[(&str, &str)]| {
        let url = Url::parse_with_params(&format!("{}/oauth2/logout", provider.url), parameters).unwrap();
        provider.browser.get(url).send().await.unwrap()
    };
    let back = ("post_logout_redirect_uri", dashboard.as_str());
    for parameters in [vec![], vec![("client_id", AUDIENCE)], vec![("state", "x")]] {
        let (status, text) = page(log_out(&parameters).await).await;
        assert!(status == 200 && text.contains("You are signed out"), "{parameters:?}");
    }
    for parameters in [
        vec![back],
        vec![back, ("client_id", "another")],
        vec![back, ("id_token_hint", "x.y.z")],
        vec![back, ("id_token_hint", access)],
        vec![back, ("id_token_hint", hint), ("client_id", "another")],
        vec![back, back, ("id_token_hint", hint)],
        vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.example/dashboard")],
        vec![("client_id", AUDIENCE), ("post_logout_redirect_uri", near.as_str())],
        vec![("client_id", AUDIENCE), ("post_logout_redirect_uri", "http://localhost:5173")],
    ] {
        let (status, text) = page(log_out(&parameters).await).await;
        assert!(status == 400 && text.contains("cannot send you back"), "{parameters:?}");
    }
    let by_client = log_out(&[back, ("client_id", AUDIENCE), ("state", "a&b")]).await;
    assert_eq!(sent_back(&by_client), (dashboard.clone(), json!({ "state": "a&b" })));
    let form = [back, ("id_token_hint", hint)];
    let by_form = provider.browser.post(format!("{}/oauth2/logout", provider.url)).form(&form);
    let by_form = by_form.send().await.unwrap();
    assert_eq!(by_form.headers()["location"], dashboard, "to the letter");
    // The refresh tokens of that sign-in are void.
    refused(&provider.refresh(tokens["refresh_token"].as_str().unwrap()).await, "invalid_grant");
}

#[tokio::test]
async fn the_provider_tells_where_it_has_what() {
    if lacks_provider() {
        return;
    }
    let provider = Provider::shared();
    let url = format!("{}/.well-known/openid-configuration", provider.url);
    let told: Value = provider.browser.get(url).send().await.unwrap().json().await.unwrap();
    let at = |path: &str| json!(format!("{}{path}", provider.url));
    for (name, value) in [
        ("issuer", at("")),
        ("authorization_endpoint", at("/oauth2/authorize")),
        ("token_endpoint", at("/oauth2/token")),
        ("end_session_endpoint", at("/oauth2/logout")),
        ("jwks_uri", at("/.well-known/jwks.json")),
        ("response_types_supported", json!(["code"])),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("grant_types_supported", json!(["authorization_code", "password", "refresh_token"])),
        ("token_endpoint_auth_methods_supported", json!(["none"])),
        ("scopes_supported", json!(["openid"])),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    let style = provider.browser.get(format!("{}/oauth2/sign-in.css", provider.url)).send().await.unwrap();
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}
