//! `POST /user-sessions/heartbeat/{sessionId}`: keeps a session alive, or renews it.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    http::{
        ApiError,
        caller::{self, Caller},
        input, reply,
    },
    sessions::{
        App,
        operations::{self, Heartbeat},
        rules::EndReason,
    },
};

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status: &'static str,
    needs_new_session: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    /// Of a session that was ended; `null` where that was not written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_reason: Option<Option<&'static str>>,
}

/// Tells whether the session goes on, and under which id. A frontend with garbage in its storage, and a token that
/// names no user, get "expired": both recover by a login.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let caller = Caller::of(&request)?;
    let expired = Reply { status: "expired", needs_new_session: true, ..Reply::default() };
    let (Ok(user), Ok(id)) = (caller.user(), input::path_session_id(&request)) else {
        return Ok(reply::json(&expired));
    };
    let visit = app.visit(&user, input::deadline(&request));
    let reply = match operations::heartbeat(visit, id, &caller::client_info(&request)).await? {
        Heartbeat::Active => Reply { status: "active", ..Reply::default() },
        Heartbeat::Renewed(id) => {
            Reply { status: "renewed", session_id: Some(id.to_string()), ..Reply::default() }
        }
        Heartbeat::Ended { reason } => Reply { end_reason: Some(reason.map(EndReason::name)), ..expired },
    };
    Ok(reply::json(&reply))
}
