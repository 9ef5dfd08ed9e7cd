//! The requests of a session's life that are counted.

use std::sync::Arc;

use anyhow::{Result, ensure};
use lambda_http::{Body, Request, Response};
use serde_json::{Value, json};
use shared::{http::ApiError, sessions::App};

use crate::{
    engine::Engine,
    function::{Function, MIDNIGHT},
};

const HEARTBEAT: &str = include_str!("../../../events/heartbeat.json");
const LIST: &str = include_str!("../../../events/list-sessions.json");
const LOGIN: &str = include_str!("../../../events/login.json");

/// The sessions of a list.
const LISTED: usize = 20;

/// Those that a user who signs in has already.
const BEFORE_LOGIN: usize = 3;

/// A heartbeat on a live session.
pub(crate) async fn heartbeat(function: Function, times: u32) -> Result<()> {
    let answer = repeated(function, heartbeat::handle, (HEARTBEAT, 1), times).await?;
    ensure!(answer.contains("active"), "no heartbeat of a live session: {answer}");
    Ok(())
}

/// A login without a key.
pub(crate) async fn login(function: Function, times: u32) -> Result<()> {
    let answer = repeated(function, login::handle, (LOGIN, BEFORE_LOGIN), times).await?;
    ensure!(answer.contains("Session started"), "no login: {answer}");
    Ok(())
}

/// The list of 20 live sessions, the caller's own among them.
pub(crate) async fn list(function: Function, times: u32) -> Result<()> {
    let answer = repeated(function, list_sessions::handle, (LIST, LISTED), times).await?;
    let (listed, own) = (answer.matches("sessionId").count(), answer.matches(r#"current\":true"#).count());
    ensure!((listed, own) == (LISTED, 1), "no list of {LISTED} sessions: {answer}");
    Ok(())
}

/// The last of the answers to an event of a user who has so many sessions.
async fn repeated<F, R>(
    function: Function,
    handle: F,
    (event, sessions): (&str, usize),
    times: u32,
) -> Result<String>
where
    F: Fn(Arc<App>, Request) -> R + Copy,
    R: Future<Output = Result<Response<Body>, ApiError>>,
{
    let app = Function::app::<App>(engine(sessions).client().await?)?;
    let mut answer = Vec::new();
    for _ in 0..times {
        answer = function.request(handle, &app, event).await?;
    }
    Ok(String::from_utf8(answer)?)
}

/// An engine with so many live sessions of the events' user.
fn engine(count: usize) -> Engine {
    let items: Vec<Value> = (1..=count).map(item).collect();
    let keys: Vec<Value> = items
        .iter()
        .map(|item| json!({ "pk": item["pk"], "sk": item["sk"], "activeDay": item["activeDay"] }))
        .collect();
    let started = json!({ "Count": count, "ScannedCount": count }).to_string();
    let active = json!({ "Count": count, "Items": keys, "ScannedCount": count }).to_string();
    let all =
        json!({ "Responses": { "user-sessions-SessionsTable-1ABCDEFGHIJKL": items }, "UnprocessedKeys": {} });
    let all = all.to_string();
    Engine::new(move |operation, request| match operation {
        "UpdateItem" | "PutItem" => Some("{}".to_owned()),
        "Query" if request.contains(r#""Select":"COUNT""#) => Some(started.clone()),
        "Query" => Some(active.clone()),
        "BatchGetItem" => Some(all.clone()),
        _ => None,
    })
}

fn item(number: usize) -> Value {
    let time = (MIDNIGHT + 1_000 * i64::try_from(number).unwrap_or_default()).to_string();
    json!({
        "pk": { "S": "USER#auth0|5f7c8ec7c33c6c004bbafe82" },
        "sk": { "S": format!("SESSION#0198c0de-0000-7000-8000-{number:012}") },
        "state": { "S": "active" },
        "startTime": { "N": time },
        "lastActiveTime": { "N": time },
        "contentEngaged": { "BOOL": false },
        "ipAddress": { "S": "203.0.113.7" },
        "userAgent": { "S": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15" },
        "activeDay": { "N": "20454" },
        "purgeAt": { "N": "1775005200" },
    })
}
