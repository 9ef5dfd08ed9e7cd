//! `POST /user-sessions/end/{sessionId}`: ends a session of the caller, for good.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    http::{ApiError, caller, input, reply},
    sessions::{App, operations, rules::EndReason},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status: &'static str,
    message: &'static str,
    session_id: String,
}

/// Ends the session that the id in the path stands for. Ending it again is answered alike.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let user = caller::user(&request)?;
    let visit = app.visit(&user, input::deadline(&request));
    let id = input::path_session_id(&request).map_err(ApiError::invalid_session_id("sessionId"))?;
    let session_id = operations::end(visit, id, EndReason::Ended).await?.to_string();
    Ok(reply::json(&Reply { status: "success", message: "Session ended", session_id }))
}
