//! What the functions count of themselves, and the line that CloudWatch makes metrics of.

use std::{
    env,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::DateTime;
use local::{Options, Server};
use reqwest::Client;
use serde_json::{Value, json};
use shared::{clock::Clock, counters::Counters};
use uuid::Uuid;

use crate::support::{Need, lacks};

/// Set in the process that counts.
const COUNTS: &str = "TEST_COUNTS";

/// A process has one set of counters, and other tests run in this one: the test is run once more, in a process alone.
#[test]
fn each_event_in_a_sessions_life_is_counted_once() {
    if lacks(&[Need::MovedClock, Need::LocalServer]) {
        return;
    }
    if env::var_os(COUNTS).is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(count_each_event());
        return;
    }
    let mut alone = Command::new(env::current_exe().unwrap());
    alone.args(["--exact", "counters::each_event_in_a_sessions_life_is_counted_once"]).env(COUNTS, "1");
    let output = alone.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

async fn count_each_event() {
    let counters = Counters::start().unwrap();
    let now = Arc::new(AtomicI64::new(4_103_697_600_000));
    let time = Arc::clone(&now);
    let clock = Clock::from_fn(move || DateTime::from_timestamp_millis(time.load(Ordering::SeqCst)).unwrap());
    let server = Server::start(Options { clock, ..Options::default() }).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Client::new();
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    let answer = http.post(format!("{}/oauth2/token", server.url)).form(&form).send().await.unwrap();
    let token = answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    let call = async |method: &str, path: String, body: Value| -> Value {
        let request = http.request(method.parse().unwrap(), format!("{}{path}", server.url));
        request.bearer_auth(&token).json(&body).send().await.unwrap().json().await.unwrap()
    };
    let heartbeat = async |id: &str| call("POST", format!("/user-sessions/heartbeat/{id}"), json!({})).await;

    let one = call("POST", "/auth/login".to_owned(), json!({})).await["body"]["sessionId"].clone();
    let one = one.as_str().unwrap();
    for _ in 0..3 {
        now.fetch_add(1_000, Ordering::SeqCst);
        heartbeat(one).await;
    }
    now.fetch_add(3_600_001, Ordering::SeqCst);
    let two = heartbeat(one).await["sessionId"].as_str().unwrap().to_owned();
    // Said again and again, taken back and said once more: three changes, two of them engagements.
    for engaged in [false, true, true, true, false, false, true, true] {
        call("PATCH", format!("/user-sessions/{two}/content-engaged"), json!({ "engaged": engaged })).await;
    }
    call("POST", format!("/user-sessions/end/{two}"), json!({})).await;
    call("POST", format!("/user-sessions/end/{two}"), json!({})).await;
    heartbeat(&two).await;
    let three = call("POST", "/auth/login".to_owned(), json!({})).await["body"]["sessionId"].clone();
    now.fetch_add(3_600_001, Ordering::SeqCst);
    call("POST", format!("/user-sessions/end/{}", three.as_str().unwrap()), json!({})).await;
    // A renewal that has the value from its start; one that has what every session starts with.
    for engaged in [true, false] {
        let four = call("POST", "/auth/login".to_owned(), json!({})).await["body"]["sessionId"].clone();
        now.fetch_add(3_600_001, Ordering::SeqCst);
        let path = format!("/user-sessions/{}/content-engaged", four.as_str().unwrap());
        call("PATCH", path.clone(), json!({ "engaged": engaged })).await;
        call("PATCH", path, json!({ "engaged": engaged })).await;
    }

    // Denied, as the heartbeat on the ended one was: an id that is nobody's, an ended session, metrics, an ID token.
    let code = |answer: Value| answer["code"].as_str().unwrap_or_default().to_owned();
    let unknown = call("POST", format!("/user-sessions/end/{}", Uuid::new_v4()), json!({})).await;
    assert_eq!(code(unknown), "session_not_found");
    let engage = format!("/user-sessions/{two}/content-engaged");
    assert_eq!(code(call("PATCH", engage, json!({ "engaged": true })).await), "session_ended");
    assert_eq!(code(call("GET", "/metrics/sessions".to_owned(), json!({})).await), "forbidden");
    let form = [form[0], form[1], ("claims", r#"{"token_use":"id"}"#)];
    let answer = http.post(format!("{}/oauth2/token", server.url)).form(&form).send().await.unwrap();
    let id_token = answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    let list = http.get(format!("{}/user-sessions", server.url)).bearer_auth(id_token).send();
    assert_eq!(code(list.await.unwrap().json().await.unwrap()), "unauthorized");
    // Not denied: what is no id, and what the gateway refuses before any function.
    assert_eq!(code(call("POST", "/user-sessions/end/x".to_owned(), json!({})).await), "invalid_session_id");
    assert_eq!(http.get(format!("{}/user-sessions", server.url)).send().await.unwrap().status(), 401);

    let mut lines = Vec::new();
    counters.write(&mut lines);
    let lines = String::from_utf8(lines).unwrap();
    let mut line: Value = serde_json::from_str(lines.trim_end()).unwrap();
    let described = line.as_object_mut().unwrap().remove("_aws").unwrap();
    let expected = json!({
        "Service": "user-sessions",
        "SessionsStarted": 4,
        "SessionsRenewed": 3,
        "SessionsExpired": 4,
        "SessionsEngaged": 3,
        "SessionsEnded": 2,
        "RequestsDenied": 5,
    });
    assert_eq!(line, expected);
    let metrics = &described["CloudWatchMetrics"][0];
    assert_eq!(
        (&metrics["Namespace"], &metrics["Dimensions"]),
        (&json!("UserSessions"), &json!([["Service"]]))
    );
    assert_eq!(metrics["Metrics"].as_array().unwrap().len(), 6);
    assert!(described["Timestamp"].as_i64().unwrap() > 1_700_000_000_000);

    let mut nothing = Vec::new();
    counters.write(&mut nothing);
    assert_eq!(String::from_utf8(nothing).unwrap(), "", "what was written is not written again");
}
