//! API Gateway's payload v2.0, as a function gets it.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use axum::http::{HeaderMap, header, request::Parts};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

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

impl Invocation<'_> {
    pub(super) fn event(&self) -> Value {
        let Parts { uri, headers, .. } = self.parts;
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route.key(),
            "rawPath": uri.path(),
            "rawQueryString": uri.query().unwrap_or_default(),
            "headers": joined_headers(headers),
            "requestContext": self.context(),
            "isBase64Encoded": false,
        });
        let cookies = cookies(headers);
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        if let Some(query) = uri.query() {
            event["queryStringParameters"] = json!(joined_query(query));
        }
        let path_parameters = path_parameters(&self.route.path, uri.path());
        if !path_parameters.is_empty() {
            event["pathParameters"] = json!(path_parameters);
        }
        if !self.body.is_empty() {
            match std::str::from_utf8(self.body) {
                Ok(body) if is_text(headers) => event["body"] = json!(body),
                _ => {
                    event["body"] = json!(STANDARD.encode(self.body));
                    event["isBase64Encoded"] = json!(true);
                }
            }
        }
        event
    }

    fn context(&self) -> Value {
        let Parts { method, uri, headers, version, .. } = self.parts;
        let host = text(headers, header::HOST.as_str());
        let mut context = json!({
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host::parts(&host).0.split('.').next().unwrap_or_default(),
            "http": {
                "method": method.as_str(),
                "path": uri.path(),
                "protocol": format!("{version:?}"),
                "sourceIp": self.source_ip.to_string(),
                "userAgent": text(headers, header::USER_AGENT.as_str()),
            },
            "requestId": self.request_id,
            "routeKey": self.route.key(),
            "stage": "$default",
            "time": self.now.format("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "timeEpoch": self.now.timestamp_millis(),
        });
        if let Some(claims) = self.claims {
            let scopes = (!self.route.scopes.is_empty()).then_some(&self.route.scopes);
            context["authorizer"] = json!({ "jwt": { "claims": handed_on(claims), "scopes": scopes } });
        }
        context
    }
}

/// Claims as the gateway hands them on: strings only. Arrays are `[a b]`, which is not JSON; nulls are left out.
fn handed_on(claims: &Map<String, Value>) -> BTreeMap<&str, String> {
    let present = claims.iter().filter(|(_, value)| !value.is_null());
    present.map(|(name, value)| (name.as_str(), claim_text(value))).collect()
}

fn claim_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(claim_text).collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Cow<'a, str> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default()
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
fn joined_headers(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let names = headers.keys().filter(|name| *name != header::COOKIE);
    names
        .map(|name| {
            let values = headers.get_all(name).iter();
            let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            (name.as_str(), values.join(","))
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
fn is_text(headers: &HeaderMap) -> bool {
    let content_type = text(headers, header::CONTENT_TYPE.as_str());
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || ["application/json", "application/javascript", "application/xml"].contains(&media_type.as_str())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
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
        assert_eq!(handed_on(&claims), expected.map(|(name, value)| (name, value.to_owned())).into());
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
        invocation.event()
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
