//! API Gateway's payload v2.0, as a function gets it.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{host, template::Route};

/// What a request to a route brings along.
pub(super) struct Invocation<'a> {
    pub(super) route: &'a Route,
    /// The verified token's claims; `None` on a route that anybody may call.
    pub(super) claims: Option<&'a Map<String, Value>>,
    pub(super) parts: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) source_ip: IpAddr,
    pub(super) request_id: &'a str,
    pub(super) now: DateTime<Utc>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<&'a str>,
    headers: BTreeMap<&'a str, Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<BTreeMap<String, String>>,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: BTreeMap<&'a str, Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'static str,
    time: String,
    time_epoch: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<Authorizer<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: String,
    source_ip: IpAddr,
    user_agent: Cow<'a, str>,
}

#[derive(Serialize)]
struct Authorizer<'a> {
    jwt: Jwt<'a>,
}

#[derive(Serialize)]
struct Jwt<'a> {
    claims: BTreeMap<&'a str, Cow<'a, str>>,
    /// `null` on a route without any.
    scopes: Option<&'a [String]>,
}

impl Invocation<'_> {
    pub(super) fn event(&self) -> serde_json::Result<String> {
        let Parts { method, uri, headers, version, .. } = self.parts;
        let (host, route_key) = (text(headers, header::HOST), self.route.key());
        let is_base64_encoded = !self.body.is_empty() && !is_text(headers, self.body);
        let body = if is_base64_encoded {
            STANDARD.encode(self.body).into()
        } else {
            String::from_utf8_lossy(self.body)
        };
        let scopes = &self.route.scopes[..];
        let scopes = (!scopes.is_empty()).then_some(scopes);
        let jwt = |claims| Jwt { claims: handed_on(claims), scopes };
        let event = Event {
            version: "2.0",
            route_key: &route_key,
            raw_path: uri.path(),
            raw_query_string: uri.query().unwrap_or_default(),
            cookies: cookies(headers),
            headers: joined_headers(headers),
            query_string_parameters: uri.query().map(joined_query),
            request_context: Context {
                account_id: "000000000000",
                api_id: "local",
                domain_name: &host,
                domain_prefix: host::parts(&host).0.split('.').next().unwrap_or_default(),
                http: Http {
                    method: method.as_str(),
                    path: uri.path(),
                    protocol: format!("{version:?}"),
                    source_ip: self.source_ip,
                    user_agent: text(headers, header::USER_AGENT),
                },
                request_id: self.request_id,
                route_key: &route_key,
                stage: "$default",
                time: self.now.format("%d/%b/%Y:%H:%M:%S %z").to_string(),
                time_epoch: self.now.timestamp_millis(),
                authorizer: self.claims.map(|claims| Authorizer { jwt: jwt(claims) }),
            },
            body: (!self.body.is_empty()).then_some(body),
            path_parameters: path_parameters(&self.route.path, uri.path()),
            is_base64_encoded,
        };
        serde_json::to_string(&event)
    }
}

/// Claims as the gateway hands them on: strings only. Arrays are `[a b]`, which is not JSON; nulls are left out.
fn handed_on(claims: &Map<String, Value>) -> BTreeMap<&str, Cow<'_, str>> {
    let present = claims.iter().filter(|(_, value)| !value.is_null());
    present.map(|(name, value)| (name.as_str(), claim_text(value))).collect()
}

fn claim_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(claim_text).collect::<Vec<_>>().join(" ")).into()
        }
        other => other.to_string().into(),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Cow<'_, str> {
    headers.get(name).map(lossy).unwrap_or_default()
}

fn lossy(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// What stands in the path where the route has a name in braces, decoded.
fn path_parameters<'a>(route: &'a str, path: &'a str) -> BTreeMap<&'a str, Cow<'a, str>> {
    let pairs = route.split('/').zip(path.split('/'));
    pairs
        .filter_map(|(name, value)| {
            let name = name.strip_prefix('{')?.strip_suffix('}')?;
            Some((name, percent_decode_str(value).decode_utf8_lossy()))
        })
        .collect()
}

/// Names in lower case (as `http` has them), several values joined by commas, cookies apart.
fn joined_headers(headers: &HeaderMap) -> BTreeMap<&str, Cow<'_, str>> {
    let names = headers.keys().filter(|name| *name != header::COOKIE);
    names
        .map(|name| {
            let mut values = headers.get_all(name).iter();
            let mut joined = values.next().map(lossy).unwrap_or_default();
            for value in values {
                joined.to_mut().push(',');
                joined.to_mut().push_str(&lossy(value));
            }
            (name.as_str(), joined)
        })
        .collect()
}

fn cookies(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).map(str::trim).filter(|cookie| !cookie.is_empty()).collect()
}

fn joined_query(query: &str) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        joined
            .entry(name.into_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    joined
}

/// Whether the gateway hands a body on as it is, and not in base64.
fn is_text(headers: &HeaderMap, body: &[u8]) -> bool {
    if str::from_utf8(body).is_err() {
        return false;
    }
    let content_type = text(headers, header::CONTENT_TYPE);
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || ["application/json", "application/javascript", "application/xml"].contains(&media_type.as_str())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::json;
    use shared::http::event::Event;

    use super::*;

    #[test]
    fn claims_are_handed_on_as_strings() {
        let Value::Object(claims) = json!({
            "sub": "alice", "exp": 1_700_000_000, "admin": true, "groups": ["a", "b"], "nothing": null, "none": []
        }) else {
            panic!("not an object")
        };
        let expected =
            [("admin", "true"), ("exp", "1700000000"), ("groups", "[a b]"), ("none", "[]"), ("sub", "alice")];
        assert_eq!(handed_on(&claims), expected.map(|(name, value)| (name, value.into())).into());
    }

    fn event(request: Request<()>, body: &[u8]) -> Value {
        let route = Route {
            method: "POST".to_owned(),
            path: "/things/{thing}".to_owned(),
            authorizer: Some("Jwt".to_owned()),
            scopes: Vec::new(),
        };
        let Value::Object(claims) = json!({ "sub": "alice" }) else { panic!("not an object") };
        let (parts, ()) = request.into_parts();
        let invocation = Invocation {
            route: &route,
            claims: Some(&claims),
            parts: &parts,
            body,
            source_ip: [127, 0, 0, 1].into(),
            request_id: "a-request",
            now: DateTime::from_timestamp_millis(1_583_348_638_390).unwrap(),
        };
        serde_json::from_str(&invocation.event().unwrap()).unwrap()
    }

    #[test]
    fn an_event_looks_like_the_gateways_own() {
        let request = Request::post("http://localhost/things/a%20b?x=1&y=%20&x=2")
            .header("host", "localhost:3000")
            .header("Content-Type", "application/json")
            .header("X-Many", "one")
            .header("X-Many", "two")
            .header("cookie", "a=1; b=2")
            .header("user-agent", "test/1")
            .body(())
            .unwrap();
        insta::assert_json_snapshot!(event(request, b"{}"));
    }

    #[test]
    fn an_address_in_brackets_is_one_name() {
        let request = Request::get("/things/x").header("host", "[::1]:3000").body(()).unwrap();
        assert_eq!(event(request, b"")["requestContext"]["domainPrefix"], json!("[::1]"));
    }

    #[test]
    fn a_body_that_is_not_declared_as_text_comes_in_base64() {
        let request = Request::post("/things/x").body(()).unwrap();
        let event = event(request, b"{}");
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("e30="), &json!(true)));
    }

    #[test]
    fn the_functions_can_read_every_event() {
        let request =
            Request::post("http://localhost/things/x?a=1").header("host", "localhost").body(()).unwrap();
        let event: Event = serde_json::from_str(&event(request, b"\xff").to_string()).unwrap();
        event.into_request().unwrap();
    }
}
