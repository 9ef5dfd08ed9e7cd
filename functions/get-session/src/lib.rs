//! `GET /user-sessions/{sessionId}`: one session of the caller, live or over.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    clock::instant,
    http::{ApiError, caller, input, reply, session_view::SessionView},
    sessions::{
        App,
        operations::{self, Phase},
        rules::EndReason,
    },
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    #[serde(flatten)]
    session: SessionView,
    state: &'static str,
    end_time: Option<String>,
    end_reason: Option<&'static str>,
    renewed_from: Option<String>,
    requested_session_id: String,
}

/// Shows the session that the id in the path stands for, which may be another one by now. `X-Session-ID` says which is
/// the caller's own; one that names none is ignored. Reads only: it neither renews nor keeps alive.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let user = caller::user(&request)?;
    let visit = app.visit(&user, input::deadline(&request));
    let id = input::path_session_id(&request).map_err(ApiError::invalid_session_id("sessionId"))?;
    let own = input::header_session_id(&request).and_then(Result::ok);
    let found = operations::get(visit, id, own).await?;
    let renewed_from = found.shown.session.renewed_from.map(|from| from.to_string());
    let shown = SessionView::from(found.shown);
    let (state, end_time, end_reason, session) = match found.phase {
        Phase::Live => ("live", None, None, shown),
        Phase::Expired { end_time } => ("expired", Some(instant(end_time)), None, shown.over()),
        Phase::Ended { end_time, reason } => {
            ("ended", Some(instant(end_time)), reason.map(EndReason::name), shown.over())
        }
    };
    let requested_session_id = id.to_string();
    Ok(reply::json(&Reply { session, state, end_time, end_reason, renewed_from, requested_session_id }))
}
