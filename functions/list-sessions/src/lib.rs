//! `GET /user-sessions`: the caller's live sessions, most recently active first.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use shared::{
    http::{ApiError, caller, input, reply, session_view::SessionView},
    sessions::{App, operations},
};

/// Lists at most 1,000 sessions. `X-Session-ID` says which is the caller's own; one that names none is ignored.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let user = caller::user(&request)?;
    let visit = app.visit(&user, input::deadline(&request));
    let current = input::header_session_id(&request).and_then(Result::ok);
    let listed = operations::list(visit, current).await?;
    let rows: Vec<SessionView> = listed.into_iter().map(SessionView::from).collect();
    Ok(reply::json(&rows))
}
