//! The answers that are the gateway's own, and no function's.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::identity::Refusal;

/// A request that the authorizer does not let through to a route with these scopes.
pub(super) fn refused(refusal: &Refusal, scopes: &[String]) -> Response {
    let scope = scopes.join(" ");
    let (status, text, challenge) = match refusal {
        Refusal::NoToken => (StatusCode::UNAUTHORIZED, "Unauthorized", "Bearer".to_owned()),
        Refusal::InvalidToken(description) => (
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            format!("Bearer scope=\"{scope}\" error=\"invalid_token\" error_description=\"{description}\""),
        ),
        Refusal::InsufficientScope => (
            StatusCode::FORBIDDEN,
            "Forbidden",
            format!("Bearer scope=\"{scope}\" error=\"insufficient_scope\""),
        ),
    };
    let mut response = message(status, text);
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

pub(super) async fn not_found() -> Response {
    message(StatusCode::NOT_FOUND, "Not Found")
}

/// What a function answered, as the server sends it.
pub(crate) fn of_function(answer: lambda_http::Response<lambda_http::Body>) -> Response {
    let (parts, body) = answer.into_parts();
    Response::from_parts(parts, Body::from(body.to_vec()))
}

/// API Gateway's own shape, which is not the functions'.
pub(crate) fn message(status: StatusCode, text: &str) -> Response {
    (status, axum::Json(json!({ "message": text }))).into_response()
}
