//! The events of `events/`, from another user.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::id::{SessionId, UserId};

/// The event that API Gateway would send for `user`, whose browser has the session `own`.
pub(super) fn event(example: &str, user: &UserId, own: Option<SessionId>) -> Result<String> {
    let mut event: Value = serde_json::from_str(example)?;
    let claims = event.pointer_mut("/requestContext/authorizer/jwt/claims");
    claims.context("the event has no claims")?["sub"] = json!(user.as_str());
    let headers = event["headers"].as_object_mut().context("the event has no headers")?;
    headers.remove("x-session-id");
    headers.extend(own.map(|own| ("x-session-id".to_owned(), json!(own.to_string()))));
    Ok(event.to_string())
}
