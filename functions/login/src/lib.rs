//! `POST /auth/login`: opens a session for the caller, who has a token from its identity provider already.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    clock::instant,
    http::{ApiError, caller, input, reply},
    sessions::{App, operations},
};

#[derive(Serialize)]
struct Reply {
    status: &'static str,
    message: &'static str,
    body: Started,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    session_id: String,
    start_time: String,
    expires_at: String,
}

/// Opens a session and tells its id; with an `Idempotency-Key` the one that the key stands for, however often it is
/// sent. The body is ignored: it may be the provider's credentials.
pub async fn handle(app: Arc<App>, request: Request) -> Result<Response<Body>, ApiError> {
    let user = caller::user(&request)?;
    let visit = app.visit(&user, input::deadline(&request));
    let client = caller::client_info(&request);
    let session = match input::idempotency_key(&request) {
        None => operations::login(visit, &client).await?,
        Some(key) => {
            let key = key.map_err(|_| ApiError::InvalidIdempotencyKey)?;
            operations::login_once(visit, key, &client).await?
        }
    };
    let body = Started {
        session_id: session.id.to_string(),
        start_time: instant(session.start_time),
        expires_at: instant(app.lifetimes().expiry(&session)),
    };
    Ok(reply::json(&Reply { status: "success", message: "Session started", body }))
}
