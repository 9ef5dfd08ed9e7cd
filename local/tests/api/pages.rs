//! The pages: for anybody, compressed, cached by what is in them, within a policy; and the settings that they read.

use std::collections::BTreeMap;

use local::{Options, Server};
use reqwest::{Client, Method, Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

use crate::support::{
    Need, World, http, lacks,
    openapi::{Operation, TEXT},
};

async fn get(url: &str, path: &str, headers: &[(&'static str, &str)]) -> Response {
    let request = http().get(format!("{url}{path}"));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

/// The paths of what a page loads.
fn loaded(html: &str) -> Vec<String> {
    let parts = html.split("=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    let paths = parts.map(|(value, _)| value).filter(|value| value.starts_with("assets/"));
    paths.map(|path| format!("/{path}")).collect()
}

fn policy(headers: &HeaderMap) -> &str {
    headers["content-security-policy"].to_str().unwrap()
}

#[tokio::test]
async fn a_page_and_what_it_loads_are_there_for_anybody() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    for (path, content_type) in [
        ("/dashboard", "text/html; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/openapi.json", "application/json"),
    ] {
        let response = get(&world.url, path, &[]).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let headers = response.headers().clone();
        assert_eq!(headers["content-type"], content_type);
        assert_eq!(headers["cache-control"], "no-cache");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
        assert!(headers.contains_key("x-request-id"));
        assert!(policy(&headers).starts_with("default-src 'none'; "), "{}", policy(&headers));
        assert!(!policy(&headers).contains("unsafe"));
        let text = response.text().await.unwrap();
        if path == "/openapi.json" {
            assert_eq!(text, TEXT);
            continue;
        }
        // Nothing that the policy would stop, and nothing from elsewhere.
        for unwanted in
            ["<script>", "<style", " style=", " onclick", "src=\"http", "href=\"http", "href=\"//"]
        {
            assert!(!text.contains(unwanted), "{path}: {unwanted}");
        }
        let loaded = loaded(&text);
        assert!(!loaded.is_empty(), "{path}");
        for path in loaded {
            let response = get(&world.url, &path, &[("accept-encoding", "gzip")]).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let headers = response.headers();
            assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
            assert_eq!(
                (&headers["content-encoding"], &headers["x-content-type-options"]),
                (&"gzip".parse().unwrap(), &"nosniff".parse().unwrap())
            );
            let known = headers["etag"].to_str().unwrap().to_owned();
            let again = get(&world.url, &path, &[("if-none-match", &known)]).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert!(again.bytes().await.unwrap().is_empty());
        }
    }
    let docs = get(&world.url, "/docs", &[]).await.text().await.unwrap();
    assert!(!docs.contains("<script"));
    for operation in Operation::all() {
        let id = operation.place.text("operationId").unwrap();
        assert!(docs.contains(&format!("id=\"{id}\"")), "{id}");
    }
    for path in ["/assets/dashboard.html", "/assets/none.js", "/assets/..%2Fdashboard.html", "/assets/"] {
        assert_eq!(get(&world.url, path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/dashboard", "/settings.json"] {
        let response = world.request(Method::POST, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

/// A server with these parameters.
async fn with(parameters: &[(&str, &str)], options: Options) -> Server {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let parameters: BTreeMap<_, _> = parameters.iter().map(owned).collect();
    Server::start(Options { parameters, ..options }).await.unwrap()
}

async fn settings(url: &str) -> Value {
    let response = get(url, "/settings.json", &[]).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let mut settings: Value = response.json().await.unwrap();
    let now = settings.as_object_mut().unwrap().remove("now").unwrap();
    assert!(now.as_str().unwrap().ends_with('Z'));
    settings
}

#[tokio::test]
async fn pages_are_told_where_the_api_and_the_provider_are_and_may_call_nobody_else() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let own = with(&[("ReportingTimeZone", "Europe/Berlin")], Options::default()).await;
    let expected = json!({
        "apiUrl": own.url, "issuer": own.url, "clientId": "user-sessions", "scope": "openid profile email",
        "audience": "", "signOutUrl": "", "metricsPermission": "metrics:read", "timeZone": "Europe/Berlin",
    });
    assert_eq!(settings(&own.url).await, expected);
    let sources = |url: &str| format!("connect-src 'self' {url};");
    let dashboard = get(&own.url, "/dashboard", &[]).await;
    assert!(policy(dashboard.headers()).contains(&sources(&own.url)));

    // Somebody else's provider: the development one of another server.
    let provider = local::Provider { issuer: own.url.clone(), audiences: vec!["user-sessions".to_owned()] };
    let foreign = with(
        &[
            ("PagesClientId", "dashboard"),
            ("PagesScope", "openid offline_access"),
            ("PagesAudience", "https://api.example.com"),
            ("PagesConnectSources", "https://token.example.com"),
        ],
        Options { provider: Some(provider.clone()), ..Options::default() },
    )
    .await;
    let expected = json!({
        "apiUrl": foreign.url, "issuer": own.url, "clientId": "dashboard", "scope": "openid offline_access",
        "audience": "https://api.example.com", "signOutUrl": "", "metricsPermission": "metrics:read", "timeZone": "UTC",
    });
    assert_eq!(settings(&foreign.url).await, expected);
    let dashboard = get(&foreign.url, "/dashboard", &[]).await;
    let allowed = sources(&format!("{} {} https://token.example.com", foreign.url, own.url));
    assert!(policy(dashboard.headers()).contains(&allowed), "{}", policy(dashboard.headers()));
    let without = with(&[], Options { provider: Some(provider), ..Options::default() }).await;
    assert_eq!(settings(&without.url).await["clientId"], "");
}

#[tokio::test]
async fn a_deployment_may_do_without_pages() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let server = with(&[("Pages", "false")], Options::default()).await;
    for path in ["/dashboard", "/docs", "/openapi.json", "/settings.json"] {
        assert_eq!(get(&server.url, path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert!(server.template.functions.iter().all(|function| function.crate_name != "pages"));
}

#[tokio::test]
async fn the_pages_origin_joins_those_that_are_named() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let origins = |server: &Server| server.template.api.cors().allow_origins.clone();
    let named = "https://app.example.com";
    let server = with(&[("AllowedOrigins", named)], Options::default()).await;
    assert_eq!(origins(&server), [named, &server.url]);
    let server = with(&[("AllowedOrigins", named), ("Pages", "false")], Options::default()).await;
    assert_eq!(origins(&server), [named]);
    let server = with(&[], Options::default()).await;
    assert_eq!(origins(&server), ["*"]);
}

#[tokio::test]
async fn without_the_demo_the_first_page_is_the_dashboard() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let response = client.get(format!("{}/", world.url)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers()["location"], "/dashboard");
    assert_eq!(get(&world.url, "/demo/controls/clock", &[]).await.status(), StatusCode::NOT_FOUND);
}
