//! `POST /user-sessions/end-others`: ends every live session of the caller but the current one.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    http::{ApiError, caller, input, reply},
    sessions::{App, operations},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status: &'static str,
    message: String,
    ended_sessions: usize,
}

/// Keeps the session that `X-Session-ID` names, and none without that header. A header that is no id ends nothing:
/// the caller meant to keep a session, and it cannot be told which.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let user = caller::user(&request)?;
    let visit = app.visit(&user, input::deadline(&request));
    let kept = input::header_session_id(&request)
        .transpose()
        .map_err(ApiError::invalid_session_id("The X-Session-ID header"))?;
    let ended_sessions = operations::end_others(visit, kept).await?;
    let noun = if ended_sessions == 1 { "session" } else { "sessions" };
    let message = format!("{ended_sessions} {noun} ended");
    Ok(reply::json(&Reply { status: "success", message, ended_sessions }))
}
