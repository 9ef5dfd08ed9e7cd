//! Which pages may call the API, and what they may send and read: as a browser asks.

use std::collections::BTreeMap;

use local::{Options, Server};
use reqwest::{Method, Response};
use serde_json::json;

use crate::support::{Need, http, lacks};

/// A server with these values of the template's parameters.
async fn server(parameters: &[(&str, &str)]) -> Server {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let options = Options { parameters: parameters.collect(), ..Options::default() };
    Server::start(options).await.unwrap()
}

async fn refusal(parameters: &[(&str, &str)]) -> String {
    let parameters: BTreeMap<_, _> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    match Server::start(Options { parameters, ..Options::default() }).await {
        Ok(_) => panic!("it started"),
        Err(cause) => format!("{cause:#}"),
    }
}

/// What a browser asks before it sends a heartbeat of a page of `origin` with these headers.
async fn preflight(server: &Server, origin: &str, headers: &str) -> Response {
    let url = format!("{}/user-sessions/heartbeat/x", server.url);
    let request = http().request(Method::OPTIONS, url).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    request.header("access-control-request-headers", headers).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn allows(response: &Response, name: &str) -> bool {
    let allowed = header(response, "access-control-allow-headers").unwrap_or_default();
    allowed.split(',').any(|allowed| allowed.trim() == name)
}

#[tokio::test]
async fn by_default_pages_of_this_machine_may_call_and_no_others() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let server = server(&[]).await;
    for origin in
        ["http://localhost:5173", "http://127.0.0.1:8080", "http://[::1]:1", "https://app.localhost"]
    {
        let response = preflight(&server, origin, "authorization,idempotency-key").await;
        assert_eq!(header(&response, "access-control-allow-origin"), Some(origin));
        assert_eq!(header(&response, "access-control-allow-credentials"), None);
        assert_eq!(header(&response, "access-control-max-age"), Some("7200"));
        for name in ["authorization", "content-type", "idempotency-key", "x-session-id"] {
            assert!(allows(&response, name), "{name}");
        }
        assert!(!allows(&response, ""), "no empty element");
    }
    for origin in ["https://example.com", "http://localhost.example.com", "null"] {
        let response = preflight(&server, origin, "authorization").await;
        assert_eq!(header(&response, "access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn a_page_may_read_which_request_it_was_and_when_to_try_again() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let server = server(&[]).await;
    let request = http().get(format!("{}/user-sessions", server.url)).header("origin", "http://localhost:1");
    let response = request.send().await.unwrap();
    assert_eq!(header(&response, "access-control-expose-headers"), Some("retry-after,x-request-id"));
}

#[tokio::test]
async fn named_origins_alone_may_call() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let server = server(&[("AllowedOrigins", "http://localhost:1, http://admin.localhost")]).await;
    for origin in ["http://localhost:1", "http://admin.localhost"] {
        let response = preflight(&server, origin, "authorization").await;
        assert_eq!(header(&response, "access-control-allow-origin"), Some(origin));
    }
    let response = preflight(&server, "http://localhost:5173", "authorization").await;
    assert_eq!(header(&response, "access-control-allow-origin"), None);
}

/// A team whose HTTP client sends cookies and a header of its own with each call.
#[tokio::test]
async fn a_frontend_that_sends_credentials_and_a_header_of_its_own_works() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let origin = "http://localhost:5173";
    let parameters =
        [("AllowedOrigins", origin), ("AllowedHeaders", "X-User-ID, x-tenant"), ("AllowCredentials", "true")];
    let server = server(&parameters).await;
    let response = preflight(&server, origin, "authorization,x-user-id").await;
    assert_eq!(header(&response, "access-control-allow-origin"), Some(origin));
    assert_eq!(header(&response, "access-control-allow-credentials"), Some("true"));
    for name in ["authorization", "x-user-id", "x-tenant"] {
        assert!(allows(&response, name), "{name}");
    }
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    let tokens = http().post(format!("{}/oauth2/token", server.url)).form(&form).send().await.unwrap();
    let tokens: serde_json::Value = tokens.json().await.unwrap();
    let request = http().post(format!("{}/auth/login", server.url)).header("origin", origin);
    let request = request.header("cookie", "theme=dark").header("x-user-id", "alice");
    let response = request.bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(header(&response, "access-control-allow-origin"), Some(origin));
    assert_eq!(header(&response, "access-control-allow-credentials"), Some("true"));
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["status"], json!("success"));
}

#[tokio::test]
async fn parameters_that_do_not_go_together_are_an_error_at_start() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    for (parameters, expected) in [
        (&[("AllowCredentials", "true")][..], "allowCredentials needs named origins"),
        (&[("AllowCredentials", "yes")], "AllowCredentials is one of true, false, not yes"),
        (&[("AllowedHeaders", "a b")], "allowHeaders"),
        (&[("Nonsense", "1")], "there is no parameter Nonsense"),
        (&[("SessionTimeoutSeconds", "an hour")], "SessionTimeoutSeconds is a number"),
    ] {
        let cause = refusal(parameters).await;
        assert!(cause.contains(expected), "{parameters:?}: {cause}");
    }
}

#[tokio::test]
async fn a_parameter_reaches_the_functions() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let server = server(&[("SessionTimeoutSeconds", "60")]).await;
    let variables = &server.template.functions[0].environment;
    assert_eq!(variables["SESSION_TIMEOUT_SECONDS"], "60");
}
