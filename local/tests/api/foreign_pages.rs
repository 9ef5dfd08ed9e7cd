//! Pages of other sites, in the browser of somebody who runs the local server: they get no token and read no data, by
//! whatever way they ask.

use local::{AUDIENCE, Options, Provider, Server};
use reqwest::{Client, Method, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};

use crate::support::{Need, http, lacks};

/// One of each that the server has, by method and path, and a body that a form could send.
const ALL: [(&str, &str, &str); 24] = [
    ("POST", "/oauth2/token", "grant_type=password&username=alice"),
    ("GET", "/oauth2/authorize", ""),
    ("POST", "/oauth2/authorize", "name=alice"),
    ("GET", "/oauth2/logout", ""),
    ("POST", "/oauth2/logout", ""),
    ("GET", "/oauth2/sign-in.css", ""),
    ("GET", "/.well-known/openid-configuration", ""),
    ("GET", "/.well-known/jwks.json", ""),
    ("GET", "/", ""),
    ("GET", "/demo-assets/x", ""),
    ("GET", "/dashboard", ""),
    ("GET", "/docs", ""),
    ("GET", "/openapi.json", ""),
    ("GET", "/settings.json", ""),
    ("GET", "/assets/x", ""),
    ("POST", "/auth/login", ""),
    ("GET", "/user-sessions", ""),
    ("OPTIONS", "/user-sessions", ""),
    ("GET", "/nothing", ""),
    ("GET", "/demo/controls/clock", ""),
    ("POST", "/demo/controls/reset", "{}"),
    ("GET", "/demo/dashboard", ""),
    ("GET", "/demo/user-sessions", ""),
    ("GET", "/demo", ""),
];

fn browser() -> Client {
    let _ = http();
    let browser = Client::builder().redirect(Policy::none());
    browser.resolve("localhost", ([127, 0, 0, 1], 0).into()).build().unwrap()
}

fn request(server: &Server, (method, path, body): (&str, &str, &'static str)) -> RequestBuilder {
    let request = browser().request(method.parse().unwrap(), format!("{}{path}", server.url));
    // What a form can send, and so a page without a preflight.
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

async fn is_refused(response: Response) -> bool {
    let is_forbidden = response.status() == 403;
    assert!(!is_forbidden || !response.headers().contains_key("access-control-allow-origin"));
    is_forbidden && response.json::<Value>().await.unwrap() == json!({ "message": "Forbidden" })
}

/// A server as `cargo run` starts it, and one that takes the tokens of that.
async fn both() -> [Server; 2] {
    let own = Server::start(Options { demo: true, ..Options::default() }).await.unwrap();
    let provider = Provider { issuer: own.url.clone(), audiences: vec![AUDIENCE.to_owned()] };
    let foreign = Server::start(Options { provider: Some(provider), ..Options::default() }).await.unwrap();
    [own, foreign]
}

#[tokio::test]
async fn nothing_answers_a_page_of_another_site() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    for server in both().await {
        for one in ALL {
            for origin in ["https://evil.example.com", "http://localhost.evil.example.com", "null"] {
                let response = request(&server, one).header("origin", origin).send().await.unwrap();
                assert!(is_refused(response).await, "{one:?} of {origin}");
            }
            // What it loads without being allowed to look at it names no origin.
            if one.0 == "GET" {
                let request = request(&server, one).header("sec-fetch-site", "cross-site");
                let response = request.header("sec-fetch-mode", "no-cors").send().await.unwrap();
                assert!(is_refused(response).await, "{one:?}");
            }
            for origin in [&server.url, "http://127.0.0.1:5173"] {
                let response = request(&server, one).header("origin", origin).send().await.unwrap();
                assert_ne!(response.status(), 403, "{one:?} of {origin}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_answers_to_another_name() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    for server in both().await {
        for one in ALL {
            for host in ["evil.example.com", "localhost.evil.example.com", "10.0.0.1"] {
                let response = request(&server, one).header("host", host).send().await.unwrap();
                assert!(is_refused(response).await, "{one:?} at {host}");
            }
        }
    }
}

/// A good token makes no difference: where a page has one, it is another site's all the same.
#[tokio::test]
async fn a_token_lets_in_no_page_of_another_site() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let [own, foreign] = both().await;
    let tokens: Value = request(&own, ALL[0]).send().await.unwrap().json().await.unwrap();
    for server in [own, foreign] {
        for (origin, status) in [("https://evil.example.com", 403), ("http://localhost:5173", 200)] {
            let list = request(&server, ("GET", "/user-sessions", "")).header("origin", origin);
            let response = list.bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap();
            assert_eq!(response.status(), status, "{origin}");
        }
    }
}

/// As an application's "sign in" does, and as any other page can: what follows is between the user and the sign-in page.
#[tokio::test]
async fn a_link_to_the_sign_in_shows_it_and_leads_to_registered_pages_alone() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let [own, _] = both().await;
    let visit = async |way_back: &str| {
        let url = format!("{}/oauth2/authorize", own.url);
        let query = [
            ("response_type", "code"),
            ("client_id", AUDIENCE),
            ("redirect_uri", way_back),
            ("code_challenge", "0123456789012345678901234567890123456789012"),
            ("code_challenge_method", "S256"),
        ];
        let url = reqwest::Url::parse_with_params(&url, query).unwrap();
        let request = browser().get(url).header("sec-fetch-site", "cross-site");
        request.header("sec-fetch-mode", "navigate").send().await.unwrap()
    };
    let shown = visit(&format!("{}/dashboard", own.url)).await;
    assert_eq!(shown.status(), 200);
    // A browser that hides the referrer of its form hides the origin too, which is `null` then.
    assert_eq!(shown.headers()["referrer-policy"], "same-origin");
    let elsewhere = visit("https://evil.example.com/").await;
    assert_eq!((elsewhere.status().as_u16(), elsewhere.headers().get("location")), (400, None));
}

#[tokio::test]
async fn pages_and_names_that_are_let_in_are_answered() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let (origin, host) = ("https://app.example.com", "dev.example.com:3000");
    let parameters = [("AllowedOrigins".to_owned(), "https://admin.example.com".to_owned())];
    for parameters in [[].into(), parameters.into()] {
        let server = Server::start(Options {
            allow_origins: vec![origin.parse().unwrap()],
            allow_hosts: vec!["dev.example.com".parse().unwrap()],
            parameters,
            demo: true,
            ..Options::default()
        })
        .await
        .unwrap();
        let response = request(&server, ALL[0]).header("origin", origin).send().await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        let tokens: Value = response.json().await.unwrap();
        let list = request(&server, ("GET", "/user-sessions", "")).header("origin", origin);
        let list = list.bearer_auth(tokens["access_token"].as_str().unwrap()).header("host", host);
        let response = list.send().await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        assert_eq!(response.json::<Value>().await.unwrap(), json!([]));
        let preflight = request(&server, ("OPTIONS", "/user-sessions", "")).header("origin", origin);
        let preflight = preflight.header("access-control-request-method", Method::GET.as_str());
        assert_eq!(preflight.send().await.unwrap().headers()["access-control-allow-origin"], origin);
        // What a deployment would let in is not let in by that.
        let admin = request(&server, ALL[0]).header("origin", "https://admin.example.com");
        assert!(is_refused(admin.send().await.unwrap()).await);
        // The demo's page by that name calls the server that it came from.
        let own = request(&server, ALL[0]).header("host", host).header("origin", format!("http://{host}"));
        assert_eq!(own.send().await.unwrap().status(), 200);
    }
}
