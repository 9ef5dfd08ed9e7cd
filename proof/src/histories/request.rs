//! A request over HTTP, and what its answer says.

use chrono::DateTime;
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    history::{Call, Id, Phase, Seen, Told},
    round::Round,
};

/// Makes a request of a host as one of the users.
pub(super) async fn send(round: &Round, host: usize, user: usize, call: Call) -> Told {
    let (method, path) = match call {
        Call::Login | Call::LoginOnce(_) => (Method::POST, "/auth/login".to_owned()),
        Call::Logout(_) => (Method::POST, "/auth/logout".to_owned()),
        Call::Heartbeat(id) => (Method::POST, format!("/user-sessions/heartbeat/{id}")),
        Call::Engage(id, _) => (Method::PATCH, format!("/user-sessions/{id}/content-engaged")),
        Call::End(id) => (Method::POST, format!("/user-sessions/end/{id}")),
        Call::EndOthers(_) => (Method::POST, "/user-sessions/end-others".to_owned()),
        Call::List(_) => (Method::GET, "/user-sessions".to_owned()),
        Call::Get(id) => (Method::GET, format!("/user-sessions/{id}")),
    };
    let url = format!("{}{path}", round.hosts[host].server.url);
    let request = round.http.request(method, url).bearer_auth(&round.tokens[user]);
    let request = match call {
        Call::LoginOnce(key) => request.header("idempotency-key", key.to_string()),
        Call::Logout(id) => request.json(&json!({ "sessionId": id.to_string() })),
        Call::Engage(_, engaged) => request.json(&json!({ "engaged": engaged })),
        Call::EndOthers(Some(id)) | Call::List(Some(id)) => request.header("x-session-id", id.to_string()),
        _ => request,
    };
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(cause) => return Told::Odd(format!("no answer: {cause:?}")),
    };
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = match answer.json::<Value>().await {
        Ok(body) => body,
        Err(cause) => return Told::Odd(format!("{status}, and no JSON: {cause:?}")),
    };
    let told = match status {
        200 => read(call, &body),
        _ => read_error(status, &headers, &body),
    };
    told.unwrap_or_else(|| Told::Odd(format!("{status} {body}")))
}

fn read(call: Call, body: &Value) -> Option<Told> {
    let is_success = body["status"] == "success";
    match call {
        Call::Login | Call::LoginOnce(_) => {
            let body = is_success.then_some(&body["body"])?;
            Some(Told::Started(id(&body["sessionId"])?, time(&body["startTime"])?))
        }
        Call::Logout(_) => is_success.then_some(Told::LoggedOut),
        Call::Heartbeat(_) => {
            let needs_new = body["needsNewSession"].as_bool()?;
            match (body["status"].as_str()?, needs_new) {
                ("active", false) => Some(Told::Active),
                ("renewed", false) => Some(Told::Renewed(id(&body["sessionId"])?)),
                ("expired", true) => Some(Told::Over(body["endReason"].as_str()?.to_owned())),
                _ => None,
            }
        }
        Call::Engage(_, engaged) => {
            let is_so = is_success && body["contentEngaged"] == engaged;
            is_so.then_some(Told::Engaged(id(&body["sessionId"])?))
        }
        Call::End(_) => is_success.then_some(Told::Ended(id(&body["sessionId"])?)),
        Call::EndOthers(_) => is_success.then_some(Told::Others(body["endedSessions"].as_u64()?)),
        Call::List(_) => {
            let all = body.as_array()?;
            let are_live = all.iter().all(|session| session["isActive"] == true);
            are_live.then_some(Told::Listed(all.iter().map(seen).collect::<Option<_>>()?))
        }
        Call::Get(asked) => {
            let phase = match (body["state"].as_str()?, body["isActive"].as_bool()?) {
                ("live", true) => Phase::Live,
                ("expired", false) => Phase::Expired,
                ("ended", false) => Phase::Ended,
                _ => return None,
            };
            let reason = body["endReason"].as_str().map(str::to_owned);
            let is_so = reason.is_some() == (phase == Phase::Ended)
                && body["endTime"].is_null() == (phase == Phase::Live)
                && id(&body["requestedSessionId"])? == asked;
            is_so.then_some(Told::Found(seen(body)?, phase, reason))
        }
    }
}

fn read_error(status: u16, headers: &HeaderMap, body: &Value) -> Option<Told> {
    let code = body["code"].as_str().filter(|_| body["status"] == "error")?;
    let after = headers.get("retry-after").and_then(|value| value.to_str().ok());
    let is_so = match status {
        429 => after == Some("60"),
        503 => after == Some("1") && body["message"] == "Try again",
        _ => after.is_none(),
    };
    let told = if status < 500 { Told::Refused(status, code.to_owned()) } else { Told::Failed(status) };
    is_so.then_some(told)
}

fn seen(session: &Value) -> Option<Seen> {
    Some(Seen {
        id: id(&session["sessionId"])?,
        start: time(&session["startTime"])?,
        last: time(&session["lastActiveTime"])?,
        engaged: session["contentEngaged"].as_bool()?,
        current: session["current"].as_bool()?,
    })
}

fn id(value: &Value) -> Option<Id> {
    Uuid::parse_str(value.as_str()?).ok()
}

fn time(value: &Value) -> Option<i64> {
    Some(DateTime::parse_from_rfc3339(value.as_str()?).ok()?.timestamp_millis())
}
