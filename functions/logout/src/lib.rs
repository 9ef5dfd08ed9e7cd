//! `POST /auth/logout`: ends the session that the browser had stored, and never fails for what that was.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::{Deserialize, Serialize};
use shared::{
    http::{ApiError, caller, input, reply},
    sessions::{App, SessionError, operations, rules::EndReason},
};

const EXPECTED: &str = "The body must be empty or a JSON object whose sessionId is a string or null";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    session_id: Option<String>,
}

#[derive(Serialize)]
struct Reply {
    status: &'static str,
}

/// Ends the session that the body names, if the caller has one of that name.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let user = caller::user(&request)?;
    let visit = app.visit(&user, input::deadline(&request));
    let input = if request.body().trim_ascii().is_empty() {
        Input::default()
    } else {
        input::json_object(&request, EXPECTED)?
    };
    if let Some(Ok(id)) = input.session_id.map(|text| text.parse()) {
        match operations::end(visit, id, EndReason::Logout).await {
            Ok(_) | Err(SessionError::Unknown) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(reply::json(&Reply { status: "success" }))
}
