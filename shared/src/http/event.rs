//! A request as API Gateway hands it to a function, in its payload format 2.0: read once, and made into a request or
//! refused; and the answer as the gateway takes it.
//!
//! `lambda_http` does the same by way of a URL, and panics where a caller sent what no URL holds: a quotation mark in the
//! query, a space in the host's name. No function asks for that URL, because the gateway has chosen the route and decoded
//! the parameters. So none is made, and the `uri()` of a request is `/`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lambda_http::{
    Body, Request, RequestExt, Response,
    aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse},
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
    request::RequestContext,
};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

use super::{ApiError, reply};

/// An event, which may be one that no request can be made of.
#[derive(Debug)]
pub struct Event(Result<Box<ApiGatewayV2httpRequest>, Unreadable>);

/// An event that no request can be made of: a header with a control character, say. It is answered all the same.
#[derive(Debug)]
pub struct Unreadable {
    request_id: Option<String>,
    /// What is wrong and where, without a word of the event.
    cause: String,
}

impl<'de> Deserialize<'de> for Event {
    /// Only what is no JSON at all is an error.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Borrowed from what Lambda sent, so that an event which can be read is neither copied nor read twice.
        let text = <&'de RawValue>::deserialize(deserializer)?.get();
        Ok(Self(serde_json::from_str(text).map_err(|error| {
            let event: Value = serde_json::from_str(text).unwrap_or_default();
            Unreadable {
                request_id: event["requestContext"]["requestId"].as_str().map(str::to_owned),
                cause: format!("{:?} at column {}", error.classify(), error.column()),
            }
        })))
    }
}

impl Event {
    /// The request that a caller sent. It has no Lambda context yet.
    pub fn into_request(self) -> Result<Request, Unreadable> {
        let event = *self.0?;
        let Ok(body) = body(event.body, event.is_base64_encoded) else {
            let cause = "the body is not in base64".to_owned();
            return Err(Unreadable { request_id: event.request_context.request_id, cause });
        };
        let mut request = Request::new(body);
        *request.method_mut() = event.request_context.http.method.clone();
        *request.headers_mut() = event.headers;
        // The gateway's own map joins values by commas; what the caller wrote tells two from one with a comma.
        let query =
            event.raw_query_string.and_then(|raw| raw.parse().ok()).unwrap_or(event.query_string_parameters);
        Ok(request
            .with_query_string_parameters(query)
            .with_path_parameters(event.path_parameters)
            .with_request_context(RequestContext::ApiGatewayV2(event.request_context)))
    }
}

fn body(text: Option<String>, is_base64: bool) -> Result<Body, base64::DecodeError> {
    match text {
        None => Ok(Body::Empty),
        Some(text) if is_base64 => STANDARD.decode(text).map(Body::Binary),
        Some(text) => Ok(Body::Text(text)),
    }
}

impl Unreadable {
    /// The gateway's id of the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The answer to it, and its log line.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        tracing::warn!(cause = self.cause, "an event cannot be read");
        let mut response = ApiError::InvalidRequest.into_response(None);
        reply::identify(&mut response, self.request_id());
        response
    }
}

/// An answer as the gateway takes it: text as it is, and in base64 what its headers say is none. `lambda_http` does the
/// same by way of all the encodings that a text can have, of which ours has one.
#[must_use]
pub fn handed_back(response: Response<Body>) -> ApiGatewayV2httpResponse {
    let (parts, body) = response.into_parts();
    let body = match body {
        body if !is_text(&parts.headers) => Body::Binary(body.to_vec()),
        Body::Binary(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Body::Text(text),
            Err(no_text) => Body::Binary(no_text.into_bytes()),
        },
        Body::Empty => Body::Text(String::new()),
        text => text,
    };
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.status_code = parts.status.as_u16().into();
    answer.headers = parts.headers;
    answer.is_base64_encoded = matches!(body, Body::Binary(_));
    answer.body = Some(body);
    answer
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(Ok("text/plain"), |kind| kind.to_str()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let format = |format| kind.strip_suffix(format).is_some_and(|before| before.ends_with(['/', '+']));
    !headers.contains_key(CONTENT_ENCODING)
        && (kind.starts_with("text/") || ["javascript", "json", "xml"].into_iter().any(format))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use lambda_http::IntoResponse;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::http::input;

    /// Each endpoint's event.
    fn events() -> Vec<Value> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("events");
        let files =
            fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
        let events: Vec<Value> = files.map(|text| serde_json::from_str(&text).unwrap()).collect();
        events.into_iter().filter(|event| event["version"] == "2.0").collect()
    }

    /// One of them, changed.
    fn event(change: impl Fn(&mut Value)) -> Value {
        let mut event = events().remove(0);
        change(&mut event);
        event
    }

    fn read(event: &Value) -> Result<Request, Unreadable> {
        serde_json::from_str::<Event>(&event.to_string()).unwrap().into_request()
    }

    fn all_of(request: &Request) -> Value {
        let headers: Vec<String> = request.headers().iter().map(|header| format!("{header:?}")).collect();
        let text = |parameters: lambda_http::aws_lambda_events::query_map::QueryMap| {
            let mut pairs: Vec<_> =
                parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.sort();
            pairs
        };
        json!({
            "method": request.method().as_str(),
            "headers": headers,
            "query": text(request.query_string_parameters()),
            "path": text(request.path_parameters()),
            "context": request.request_context_ref(),
            "body": format!("{:?}", request.body()),
        })
    }

    #[test]
    fn a_request_has_what_lambda_http_gives_it() {
        let mut all = events();
        assert!(all.len() > 10);
        all.push(event(|event| {
            event["body"] = json!("AP8=");
            event["isBase64Encoded"] = json!(true);
        }));
        all.push(event(|event| {
            event["rawQueryString"] = json!("a=1&a=2&b=x%2Cy+z%00&c");
            event["queryStringParameters"] = json!({ "a": "1,2", "b": "x,y z\0", "c": "" });
        }));
        all.push(event(|event| event["headers"]["x-session-id"] = json!("é, ü\t")));
        for event in all {
            let theirs = lambda_http::request::from_str(&event.to_string()).unwrap();
            assert_eq!(all_of(&read(&event).unwrap()), all_of(&theirs), "{event}");
        }
    }

    #[test]
    fn what_an_event_does_not_have_is_empty() {
        let nothing = event(|event| {
            for part in ["headers", "pathParameters", "queryStringParameters", "body"] {
                event[part] = Value::Null;
            }
        });
        let mut without = nothing.clone();
        without.as_object_mut().unwrap().retain(|_, part| !part.is_null());
        for event in [nothing, without] {
            let request = read(&event).unwrap();
            assert!(request.headers().is_empty());
            assert!(input::path_session_id(&request).is_err());
            assert!(request.body().is_empty());
        }
    }

    #[test]
    fn what_no_url_holds_is_no_reason_to_panic() {
        for (place, text) in [
            ("/headers/host", "a b"),
            ("/headers/host", "["),
            ("/headers/host", "localhost:99999999"),
            ("/headers/host", ""),
            ("/headers/x-forwarded-proto", "a b"),
            ("/requestContext/domainName", "a b"),
            ("/requestContext/stage", "a b"),
            ("/rawPath", "no slash"),
            ("/rawPath", "/\"<>\0"),
            ("/rawQueryString", "\""),
        ] {
            let event = event(|event| {
                event["headers"]["x-forwarded-proto"] = json!("https");
                *event.pointer_mut(place).unwrap() = json!(text);
            });
            read(&event).unwrap();
        }
    }

    #[test]
    fn an_event_that_cannot_be_read_is_refused_under_its_id() {
        type Change = fn(&mut Value);
        let changes: [(&str, Change); 6] = [
            ("a control character", |event| event["headers"]["x-session-id"] = json!("a\u{1}b")),
            ("a line's end", |event| event["headers"]["user-agent"] = json!("a\r\nb: c")),
            ("a header's name", |event| event["headers"]["a b"] = json!("c")),
            ("a method", |event| event["requestContext"]["http"]["method"] = json!("A B")),
            ("a claim of a kind that the gateway never hands on", |event| {
                event["requestContext"]["authorizer"] = json!({ "jwt": { "claims": { "exp": 1 } } });
            }),
            ("a body that is not in base64", |event| {
                event["body"] = json!("not in base64");
                event["isBase64Encoded"] = json!(true);
            }),
        ];
        for (name, change) in changes {
            let event = event(change);
            let response = read(&event).expect_err(name).into_response();
            assert_eq!(response.status(), 400, "{name}");
            let id = event["requestContext"]["requestId"].as_str().unwrap();
            assert_eq!(response.headers()["x-request-id"], id, "{name}");
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            let expected = json!({ "status": "error", "code": "invalid_request", "message": "The request cannot be read" });
            assert_eq!(body, expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused_too() {
        for event in [json!({}), json!([]), json!(null), json!(1), json!({ "Records": [] }), json!("x")] {
            assert_eq!(read(&event).unwrap_err().into_response().status(), 400, "{event}");
        }
        assert!(serde_json::from_str::<Event>("{").is_err());
    }

    #[tokio::test]
    async fn an_answer_is_handed_back_as_lambda_http_does() {
        let kinds = [
            "application/json",
            "application/json; charset=utf-8",
            "application/octet-stream",
            "application/problem+json",
            "font/woff2",
            "image/png",
            "image/svg+xml",
            "text/css",
            "text/html; charset=utf-8",
            "text/javascript",
        ];
        let kinds = kinds.into_iter().map(Some).chain([None]);
        for (kind, encoding) in kinds.flat_map(|kind| [(kind, None), (kind, Some("gzip"))]) {
            for body in [Body::from("{}"), Body::from(b"a{}".to_vec()), Body::from(""), Body::Empty] {
                let response = || {
                    let mut response = Response::builder().status(201);
                    for (name, value) in [("content-type", kind), ("content-encoding", encoding)] {
                        response =
                            value.into_iter().fold(response, |response, value| response.header(name, value));
                    }
                    response.body(body.clone()).unwrap()
                };
                let (parts, theirs) = response().into_response().await.into_parts();
                let ours = handed_back(response());
                assert_eq!(
                    ours.is_base64_encoded,
                    matches!(theirs, Body::Binary(_)),
                    "{kind:?} {encoding:?}"
                );
                assert_eq!(ours.body, Some(theirs), "{kind:?} {encoding:?}");
                assert_eq!((ours.status_code, ours.headers), (201, parts.headers));
            }
        }
        let no_text = Response::builder().header("content-type", "text/css").body(b"\xff".to_vec().into());
        assert_eq!(handed_back(no_text.unwrap()).body, Some(Body::Binary(b"\xff".to_vec())));
    }

    proptest! {
        /// Whatever is in it, an event is read or refused.
        #[test]
        fn no_text_makes_it_panic(texts in proptest::array::uniform8(any::<String>()), base64 in any::<bool>()) {
            let [query, host, path, header, method, body, parameter, stage] = texts;
            let event = event(|event| {
                event["rawQueryString"] = json!(query);
                event["headers"]["host"] = json!(host);
                event["headers"]["x-session-id"] = json!(header);
                event["rawPath"] = json!(path);
                event["pathParameters"] = json!({ "sessionId": parameter });
                event["requestContext"]["stage"] = json!(stage);
                event["requestContext"]["http"]["method"] = json!(method);
                event["body"] = json!(body);
                event["isBase64Encoded"] = json!(base64);
            });
            match read(&event) {
                Ok(request) => {
                    let _ = input::query(&request, "startDate");
                    let _ = (input::path_session_id(&request), input::header_session_id(&request));
                }
                Err(unreadable) => assert_eq!(unreadable.into_response().status(), 400),
            }
        }

        /// A caller's query gets to the function, however it is written.
        #[test]
        fn a_query_is_what_was_sent(value in "\\PC*") {
            let event = event(|event| event["rawQueryString"] = json!(format!("startDate={}", value.replace(['&', '+', '%', '#'], ""))));
            let request = read(&event).unwrap();
            prop_assert_eq!(input::query(&request, "startDate"), Some(&*value.replace(['&', '+', '%', '#'], "")));
        }
    }
}
