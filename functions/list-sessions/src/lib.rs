//! `GET /user-sessions`: the caller's live sessions, most recently active first.

mod device;

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    ApiError, App, caller, input,
    lifecycle::{self, Listed},
    reply,
};

use crate::device::Device;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    session_id: String,
    start_time: String,
    last_active_time: String,
    expires_at: String,
    is_active: bool,
    content_engaged: bool,
    ip_address: Option<String>,
    user_agent: Option<String>,
    device: Device,
    current: bool,
}

/// Lists at most 1,000 sessions. `X-Session-ID` says which is the caller's own; one that names none is ignored.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let user = caller::user(&request)?;
    let current = input::header_session_id(&request).and_then(Result::ok);
    let rows: Vec<Row> = lifecycle::list(&app, &user, current).await?.into_iter().map(Row::from).collect();
    Ok(reply::json(&rows))
}

impl From<Listed> for Row {
    fn from(Listed { session, expires_at, current }: Listed) -> Self {
        Self {
            session_id: session.id.to_string(),
            start_time: reply::instant(session.start_time),
            last_active_time: reply::instant(session.last_active_time),
            expires_at: reply::instant(expires_at),
            is_active: true,
            content_engaged: session.content_engaged,
            device: Device::of(session.client.user_agent.as_deref()),
            ip_address: session.client.ip_address,
            user_agent: session.client.user_agent,
            current,
        }
    }
}
