//! What every answer promises, whatever was asked.

use lambda_http::{
    Body, Response,
    http::{HeaderMap, HeaderValue},
};
use serde_json::Value;

/// The codes of all errors that a caller can bring about.
const CODES: [&str; 10] = [
    "invalid_request",
    "unauthorized",
    "invalid_session_id",
    "invalid_idempotency_key",
    "invalid_body",
    "invalid_range",
    "forbidden",
    "session_not_found",
    "session_ended",
    "too_many_sessions",
];

/// Panics if the answer of this endpoint to this event breaks a promise.
pub(crate) fn check(endpoint: &str, event: &[u8], response: &Response<Body>) {
    let status = response.status().as_u16();
    let told = || format!("{endpoint} answered {status} {:?}", response.body());
    assert!(status < 500, "{}", told());
    check_request_id(event, response.headers(), &told);
    if endpoint == "pages" && status != 400 {
        assert!([200, 404].contains(&status), "{}", told());
        return;
    }
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("application/json"), "{}", told());
    assert_eq!(header("cache-control"), Some("no-store"), "{}", told());
    assert_eq!(header("retry-after").is_some(), status == 429, "{}", told());
    let body: Value =
        serde_json::from_slice(response.body()).unwrap_or_else(|_| panic!("no JSON: {}", told()));
    if status != 200 {
        assert!([400, 401, 403, 404, 409, 429].contains(&status), "{}", told());
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(3), "{}", told());
        assert_eq!(body["status"], "error", "{}", told());
        assert!(body["code"].as_str().is_some_and(|code| CODES.contains(&code)), "{}", told());
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{}", told());
    }
    match endpoint {
        // It recovers from whatever a browser had stored.
        "heartbeat" => assert!(![403, 404, 409].contains(&status), "{}", told()),
        "logout" => assert!(![403, 404, 409, 429].contains(&status), "{}", told()),
        "list-sessions" | "end-other-sessions" => assert!([200, 400, 401].contains(&status), "{}", told()),
        _ => {}
    }
}

/// The gateway's id comes back, where it can be a header.
fn check_request_id(event: &[u8], headers: &HeaderMap, told: &dyn Fn() -> String) {
    let Ok(event) = serde_json::from_slice::<Value>(event) else { return };
    let sent = event["requestContext"]["requestId"].as_str();
    let wanted = sent.and_then(|id| HeaderValue::from_str(id).ok());
    assert_eq!(headers.get("x-request-id"), wanted.as_ref(), "{}", told());
}
