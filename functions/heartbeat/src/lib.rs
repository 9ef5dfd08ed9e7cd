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
    },
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status: &'static str,
    needs_new_session: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
}

/// Tells whether the session goes on, and under which id. A frontend with garbage in its storage, and a token that
/// names no user, get "expired": both recover by a login.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let caller = Caller::of(&request)?;
    let found = match (caller.user(), input::path_session_id(&request)) {
        (Ok(user), Ok(id)) => operations::heartbeat(&app, &user, id, &caller::client_info(&request)).await?,
        _ => Heartbeat::Expired,
    };
    let (status, session_id) = match found {
        Heartbeat::Active => ("active", None),
        Heartbeat::Renewed(id) => ("renewed", Some(id.to_string())),
        Heartbeat::Expired => ("expired", None),
    };
    Ok(reply::json(&Reply { status, needs_new_session: found == Heartbeat::Expired, session_id }))
}
