//! Responses: JSON, and never cached, because they tell about a user at a moment.

use lambda_http::{
    Body, Response,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
};
use serde::Serialize;

/// The gateway's id of the request: people quote it, and logs are searched for it.
const REQUEST_ID_HEADER: &str = "x-request-id";

/// `200` with `body`.
pub fn json(body: &impl Serialize) -> Response<Body> {
    json_with_status(StatusCode::OK, body)
}

/// Names the request that this is the answer to.
pub(crate) fn identify(response: &mut Response<Body>, request_id: Option<&str>) {
    if let Some(id) = request_id.and_then(|id| HeaderValue::from_str(id).ok()) {
        response.headers_mut().insert(REQUEST_ID_HEADER, id);
    }
}

pub(super) fn json_with_status(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    // Serializing fails only for maps with keys that are no strings, and no body has one.
    let text = serde_json::to_string(body).unwrap_or_default();
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
