//! `PATCH /user-sessions/{sessionId}/content-engaged`: says whether the user engaged with the content.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::{Deserialize, Serialize};
use shared::{
    http::{ApiError, caller, input, reply},
    sessions::{App, operations},
};

const EXPECTED: &str = "The body must be a JSON object whose engaged is true or false";

#[derive(Deserialize)]
struct Input {
    engaged: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status: &'static str,
    message: String,
    session_id: String,
    content_engaged: bool,
}

/// Sets the value on the session that the id in the path stands for, and renews one that had expired.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let user = caller::user(&request)?;
    let visit = app.visit(&user, input::deadline(&request));
    let id = input::path_session_id(&request).map_err(ApiError::invalid_session_id("sessionId"))?;
    let Input { engaged } = input::json_object(&request, EXPECTED)?;
    let client = caller::client_info(&request);
    let head = operations::engage(visit, id, engaged, &client).await?;
    Ok(reply::json(&Reply {
        status: "success",
        message: format!("Content engaged status updated to {engaged}"),
        session_id: head.to_string(),
        content_engaged: engaged,
    }))
}
