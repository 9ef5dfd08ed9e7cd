//! Every error of the API: its status, code and words.

use serde_json::{Value, json};

use crate::support::{User, World, expired, unknown_id};

#[tokio::test]
async fn an_unknown_session_is_not_found() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = unknown_id();
    let got = alice.call("GET", &format!("/user-sessions/{id}")).await;
    for answer in [got, alice.end(&id).await, alice.engage(&id, true).await] {
        assert_eq!(
            answer.body,
            json!({ "status": "error", "code": "session_not_found", "message": "Session not found" })
        );
        assert_eq!(answer.error(404, "session_not_found"), "Session not found");
    }
}

#[tokio::test]
async fn an_id_that_is_no_uuid_is_named() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    for id in ["undefined", "0198c0de000070008000000000000001", "%7B0198c0de-0000-7000-8000-000000000001%7D"]
    {
        for answer in [alice.end(id).await, alice.engage(id, true).await] {
            let message = answer.error(400, "invalid_session_id");
            assert_eq!(message, "sessionId must be a UUID like 0198c0de-0000-7000-8000-000000000001");
        }
    }
    let message = alice.end_others(Some("undefined")).await.error(400, "invalid_session_id");
    assert_eq!(message, "The X-Session-ID header must be a UUID like 0198c0de-0000-7000-8000-000000000001");
}

#[tokio::test]
async fn a_body_that_does_not_say_whether_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    alice.engage(&id, true).await.ok();
    let path = format!("/user-sessions/{id}/content-engaged");
    for body in [
        "",
        "{}",
        "engaged",
        "true",
        "[true]",
        "{\"engaged\":1}",
        "{\"engaged\":\"false\"}",
        "{\"engaged\":null}",
        "{\"engaged\":false",
    ] {
        let message = alice.send(alice.request("PATCH", &path).body(body)).await.error(400, "invalid_body");
        assert_eq!(message, "The body must be a JSON object whose engaged is true or false", "{body}");
    }
    assert_eq!(alice.list(None).await[0]["contentEngaged"], json!(true));
}

#[tokio::test]
async fn a_logout_body_of_another_kind_is_refused_and_ends_nothing() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    for body in [
        "null".to_owned(),
        "[]".to_owned(),
        format!("[\"{id}\"]"),
        "1".to_owned(),
        "{".to_owned(),
        "{\"sessionId\":1}".to_owned(),
        format!("{{\"sessionId\":[\"{id}\"]}}"),
    ] {
        let message =
            alice.send(alice.request("POST", "/auth/logout").body(body)).await.error(400, "invalid_body");
        assert_eq!(message, "The body must be empty or a JSON object whose sessionId is a string or null");
    }
    assert_eq!(alice.live().await, [id]);
}

#[tokio::test]
async fn a_token_that_names_no_user_is_unauthorized_before_anything_else() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let fields = [("username", "x"), ("claims", "{\"sub\":null}")];
    let token = crate::support::token(&crate::support::http(), &fields).await;
    let machine = User { token, ..alice.clone() };
    for answer in [
        machine.call("POST", "/auth/login").await,
        machine.logout(&Value::Null).await,
        machine.call("GET", "/user-sessions").await,
        machine.call("GET", "/user-sessions/garbage").await,
        machine.end("garbage").await,
        machine.end_others(Some("garbage")).await,
        machine.call_with("PATCH", "/user-sessions/garbage/content-engaged", &Value::Null).await,
    ] {
        assert_eq!(answer.error(401, "unauthorized"), "Unauthorized");
    }
}

#[tokio::test]
async fn answers_are_json_and_never_cached() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    for answer in [alice.call("GET", "/user-sessions").await, alice.end(&unknown_id()).await] {
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn odd_requests_get_a_clear_answer() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    // In the path.
    for odd in ["%00", "%22", "%3C%3E", "%FF", "a%20b", "é", &"x".repeat(4_096)] {
        let got = alice.call("GET", &format!("/user-sessions/{odd}")).await;
        for answer in [got, alice.end(odd).await, alice.engage(odd, true).await] {
            answer.error(400, "invalid_session_id");
        }
        assert_eq!(alice.heartbeat(odd).await.ok(), expired());
    }
    // In the query, which most calls have none of; so the document has none either.
    for odd in ["%00", "\"<>", "=&&=", "%FF%", &"x".repeat(8_192)] {
        let beat = alice.request("POST", &format!("/user-sessions/heartbeat/{id}?{odd}"));
        assert_eq!(beat.send().await.unwrap().status(), 200, "{odd}");
    }
    // In the header that names the caller's own session.
    let both = format!("{id},{id}");
    for odd in
        [&b"\xff"[..], "é".as_bytes(), b"\"<>", b"", b"\t", both.as_bytes(), "x".repeat(4_096).as_bytes()]
    {
        let with_header = |method, path| alice.request(method, path).header("x-session-id", odd);
        let listed = alice.send(with_header("GET", "/user-sessions")).await.ok();
        assert_eq!(listed[0]["current"], json!(false), "{odd:?}");
        let answer = alice.send(with_header("POST", "/user-sessions/end-others")).await;
        answer.error(400, "invalid_session_id");
    }
    let twice = alice.request("POST", "/user-sessions/end-others");
    let twice = twice.header("x-session-id", &id).header("x-session-id", &id);
    alice.send(twice).await.error(400, "invalid_session_id");
    assert_eq!(alice.live().await, [id]);
}
