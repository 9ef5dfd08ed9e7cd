//! Visits made of well-formed events: requests of one user after the other, each with odd parts, over time, and with the ids
//! that earlier answers gave. Whatever a client sends, the answer is one of those that are documented.

use arbitrary::{Result, Unstructured};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{odd, service, service::Service};

const MOST_REQUESTS: usize = 3;

/// What is sent in a query.
const PARAMETERS: [&str; 5] = ["startDate", "endDate", "span", "compare", "other"];

/// Values that they can have.
const VALUES: [&str; 12] = [
    "2026-01-01",
    "2026-01-02",
    "2026-01-31",
    "2025-12-30T23:59:59Z",
    "2026-01-01T00:00:00+05:45",
    "0001-01-01",
    "9998-12-31",
    "daily",
    "weekly",
    "monthly",
    "previous",
    "",
];

/// Who asks, and what they know so far.
struct Visitor {
    /// Another one for each input, so that no input meets what another left.
    name: String,
    ids: Vec<String>,
}

pub(crate) fn feed(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    service::with(|service| {
        let mut visitor = Visitor { name: format!("u{}", service.inputs()), ids: Vec::new() };
        for _ in 0..MOST_REQUESTS {
            // Too few bytes are fewer requests.
            if input.is_empty() || request(service, &mut visitor, &mut input).is_err() {
                return;
            }
        }
    });
}

fn request(service: &Service, visitor: &mut Visitor, input: &mut Unstructured<'_>) -> Result<()> {
    // Half a session's life, and now and then more than all of it.
    service.pass(TimeDelta::minutes(*input.choose(&[0, 0, 1, 30, 59, 60, 61, 1_500])?));
    let names = service.names();
    let endpoint = input.int_in_range(0..=names.len() - 1)?;
    let event = event(names[endpoint], visitor, input)?;
    let text = event.to_string();
    let Some(response) = service.ask(endpoint, text.as_bytes()) else { panic!("not read: {text}") };
    let status = response.status().as_u16();
    let claims = &event["requestContext"]["authorizer"]["jwt"]["claims"];
    let is_stranger = claims.as_object().is_none_or(serde_json::Map::is_empty) || claims["token_use"] == "id";
    let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    // Who asks comes before what is asked for, but not before an event that cannot be read.
    if names[endpoint] != "pages" && answer["code"] != "invalid_request" {
        assert_eq!(status == 401, is_stranger || !has_user(names[endpoint], claims), "{status}: {text}");
    }
    visitor.ids.extend(ids(&answer));
    Ok(())
}

/// Whether the endpoint has the user that it needs. A heartbeat without one is answered.
fn has_user(endpoint: &str, claims: &Value) -> bool {
    let sub = claims["sub"].as_str().unwrap_or_default();
    endpoint == "heartbeat"
        || ((1..=255).contains(&sub.len()) && sub.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// The ids of sessions in an answer.
fn ids(answer: &Value) -> Vec<String> {
    let id = |value: &Value| value["sessionId"].as_str().map(str::to_owned);
    let listed = answer.as_array().into_iter().flatten().filter_map(id);
    id(answer).into_iter().chain(id(&answer["body"])).chain(listed).collect()
}

fn event(endpoint: &str, visitor: &Visitor, input: &mut Unstructured<'_>) -> Result<Value> {
    let method = *input.choose(&["GET", "POST", "PATCH", "OPTIONS"])?;
    let mut headers = serde_json::Map::new();
    for name in ["x-session-id", "idempotency-key", "user-agent", "content-type", "cookie"] {
        if input.ratio(1, 3)? {
            headers.insert(name.to_owned(), json!(header(&id(visitor, input)?)));
        }
    }
    let route = match endpoint {
        "pages" => *input.choose(&[
            "GET /dashboard",
            "GET /settings.json",
            "GET /assets/{file}",
            "GET /docs",
            "x",
        ])?,
        _ => "POST /x",
    };
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": "/x",
        "rawQueryString": query(input)?,
        "headers": headers,
        "pathParameters": { "sessionId": id(visitor, input)?, "file": odd::text(input)? },
        "requestContext": {
            "authorizer": { "jwt": { "claims": claims(visitor, input)?, "scopes": null } },
            "http": {
                "method": method,
                "path": "/x",
                "protocol": "HTTP/1.1",
                "sourceIp": odd::text(input)?,
                "userAgent": odd::text(input)?,
            },
            "requestId": odd::text(input)?,
            "stage": "$default",
            "timeEpoch": 0,
        },
        "isBase64Encoded": false,
    });
    if input.ratio(1, 16)? {
        event["requestContext"]["authorizer"] = Value::Null;
    }
    if input.ratio(1, 2)? {
        let body = body(visitor, input)?;
        let in_base64 = input.arbitrary()?;
        event["isBase64Encoded"] = json!(in_base64);
        event["body"] =
            json!(if in_base64 { STANDARD.encode(&body) } else { String::from_utf8_lossy(&body).into() });
    }
    Ok(event)
}

/// As a header can hold it: what cannot, API Gateway does not let in.
fn header(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

/// An id that is known, one that is not, or what is none.
fn id(visitor: &Visitor, input: &mut Unstructured<'_>) -> Result<String> {
    Ok(match input.int_in_range(0..=5_u8)? {
        0..=3 if !visitor.ids.is_empty() => input.choose(&visitor.ids)?.clone(),
        0..=2 => format!("0198c0de-0000-7000-8000-0000000000{:02x}", input.int_in_range(0..=3_u8)?),
        3 => format!("0198C0DE-0000-7000-8000-0000000000{:02X}", input.int_in_range(0..=3_u8)?),
        _ => odd::text(input)?,
    })
}

fn claims(visitor: &Visitor, input: &mut Unstructured<'_>) -> Result<Value> {
    let mut claims = json!({ "sub": visitor.name, "permissions": "[metrics:read]" });
    match input.int_in_range(0..=15_u8)? {
        0 => claims = json!({}),
        1 => claims["token_use"] = json!(odd::text(input)?),
        // One that can be used would be another input's too.
        2 => claims["sub"] = json!(format!("{} {}", visitor.name, odd::text(input)?)),
        3 => claims["sub"] = json!(format!("{}|{}", visitor.name, odd::text(input)?)),
        4 => claims["permissions"] = json!(odd::text(input)?),
        5 => claims = json!({ "client_id": odd::text(input)? }),
        _ => {}
    }
    Ok(claims)
}

fn query(input: &mut Unstructured<'_>) -> Result<String> {
    let mut pairs = Vec::new();
    for _ in 0..input.int_in_range(0..=4)? {
        let name = *input.choose(&PARAMETERS)?;
        let value = if input.ratio(1, 6)? { odd::text(input)? } else { (*input.choose(&VALUES)?).to_owned() };
        pairs.push(format!("{name}={value}"));
    }
    Ok(pairs.join("&"))
}

fn body(visitor: &Visitor, input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(match input.int_in_range(0..=7_u8)? {
        0 => b"{}".to_vec(),
        1 | 2 => json!({ "engaged": input.arbitrary::<bool>()? }).to_string().into_bytes(),
        3 | 4 => json!({ "sessionId": id(visitor, input)? }).to_string().into_bytes(),
        5 => json!({ odd::text(input)?: odd::text(input)?, "sessionId": null, "engaged": 1 })
            .to_string()
            .into_bytes(),
        6 => {
            // Deep, and never closed.
            let piece: &[u8] = if input.arbitrary()? { b"[" } else { b"{\"a\":" };
            piece.repeat(input.int_in_range(1..=2_000)?)
        }
        _ => input.arbitrary::<&[u8]>()?.to_vec(),
    })
}
