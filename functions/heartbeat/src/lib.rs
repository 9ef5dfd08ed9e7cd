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

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum Reply {
    Active {
        needs_new_session: bool,
    },
    Renewed {
        needs_new_session: bool,
        session_id: String,
    },
    Expired {
        needs_new_session: bool,
    },
    /// To a program that knows no reasons the same. `null` where none was written down.
    #[serde(rename = "expired")]
    Ended {
        needs_new_session: bool,
        end_reason: Option<&'static str>,
    },
}

/// Tells whether the session goes on, and under which id. A frontend with garbage in its storage, and a token that
/// names no user, get "expired": both recover by a login.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let caller = Caller::of(&request)?;
    let (Ok(user), Ok(id)) = (caller.user(), input::path_session_id(&request)) else {
        return Ok(reply::json(&Reply::Expired { needs_new_session: true }));
    };
    let visit = app.visit(&user, input::deadline(&request));
    let client = caller::client_info(&request);
    let reply = match operations::heartbeat(visit, id, &client).await? {
        Heartbeat::Active => Reply::Active { needs_new_session: false },
        Heartbeat::Renewed(id) => Reply::Renewed { needs_new_session: false, session_id: id.to_string() },
        Heartbeat::Ended { reason } => {
            Reply::Ended { needs_new_session: true, end_reason: reason.map(EndReason::name) }
        }
    };
    Ok(reply::json(&reply))
}
