//! What the demo's page can do that no frontend can: let time pass, empty the tables, and send more heartbeats at once
//! than a browser has connections.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{clock::instant, id::SessionId};

use super::Demo;
use crate::server::gateway::message;

/// At once, in seconds.
const MOST_SECONDS: i64 = 400 * 86_400;
const MOST_HEARTBEATS: usize = 256;
const ANSWER_BYTES: usize = 10_000;

pub(super) fn router(demo: Arc<Demo>) -> Router {
    Router::new()
        .route("/controls/clock", get(clock).post(advance))
        .route("/controls/reset", post(reset))
        .route("/controls/heartbeats", post(heartbeats))
        .with_state(demo)
}

async fn clock(State(demo): State<Arc<Demo>>) -> Response {
    let timeout =
        demo.template.variable("SESSION_TIMEOUT_SECONDS").and_then(|seconds| seconds.parse::<i64>().ok());
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    let now = json!({ "now": instant(demo.clock.now()), "timeoutSeconds": timeout });
    (no_store, Json(now)).into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Advance {
    advance_seconds: i64,
}

async fn advance(State(demo): State<Arc<Demo>>, body: Result<Json<Advance>, JsonRejection>) -> Response {
    let seconds = body.ok().map(|Json(body)| body.advance_seconds);
    let seconds = seconds.filter(|seconds| (0..=MOST_SECONDS).contains(seconds));
    if seconds.is_some_and(|seconds| demo.clock.advance(TimeDelta::seconds(seconds))) {
        clock(State(demo)).await
    } else {
        message(
            StatusCode::BAD_REQUEST,
            "advanceSeconds must be a number from 0 to 34560000, a century in all",
        )
    }
}

#[derive(Deserialize)]
struct Nothing {}

async fn reset(State(demo): State<Arc<Demo>>, body: Result<Json<Nothing>, JsonRejection>) -> Response {
    if body.is_err() {
        return message(StatusCode::BAD_REQUEST, "the body must be {}");
    }
    match demo.reset().await {
        Ok(()) => Json(json!({ "status": "success" })).into_response(),
        Err(cause) => {
            tracing::error!(cause = format!("{cause:#}"), "the demo cannot be reset");
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Heartbeats {
    session_id: String,
    count: usize,
}

/// Sends them as the caller would, and answers with all answers.
async fn heartbeats(
    State(demo): State<Arc<Demo>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Json<Heartbeats>, JsonRejection>,
) -> Response {
    let asked =
        body.ok().and_then(|Json(body)| Some((body.session_id.parse::<SessionId>().ok()?, body.count)));
    let Some((id, count)) = asked.filter(|(_, count)| (1..=MOST_HEARTBEATS).contains(count)) else {
        return message(StatusCode::BAD_REQUEST, "sessionId must be a UUID and count a number from 1 to 256");
    };
    let one = || async {
        let mut request = Request::post(format!("/user-sessions/heartbeat/{id}")).body(Body::empty()).ok()?;
        for name in [header::AUTHORIZATION, header::HOST, header::USER_AGENT] {
            if let Some(value) = headers.get(&name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = demo.answer(request).await.into_body();
        let body = to_bytes(answer, ANSWER_BYTES).await.ok()?;
        serde_json::from_slice::<Value>(&body).ok()
    };
    let answers = join_all((0..count).map(|_| one())).await;
    Json(json!({ "answers": answers })).into_response()
}
