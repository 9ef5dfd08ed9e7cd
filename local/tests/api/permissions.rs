//! What the template's statements grant is what the functions do: nothing is refused in any test of this suite, since
//! the local server refuses what is not granted, and here nothing is granted that no function does.

use std::{fs, time::Duration};

use chrono::TimeDelta;
use local::{
    Options, Server,
    template::{BUILT_IN, permissions::Access},
};
use serde_json::json;

use crate::support::{Need, TIMEOUT, User, World, http, lacks, send, token, unknown_id};

const MS: TimeDelta = TimeDelta::milliseconds(1);

/// Live sessions that a user may have here: few, so that there are soon too many.
const LIVE: usize = 2;

/// Every way to the tables that each function has.
async fn use_everything(world: &World) {
    let alice = world.user("alice").await;
    let one = alice.login().await;
    world.clock.advance(MS);
    alice.heartbeat(&one).await.ok();
    // A login with a key that stands for a session: its transaction is refused, and then it touches and looks.
    alice.send(alice.request("POST", "/auth/login").header("idempotency-key", &one)).await.ok();
    // A chain of two renewals, then the first id, whose pointer is moved.
    world.clock.advance(TIMEOUT + MS);
    let two = alice.renewal(&one).await;
    world.clock.advance(TIMEOUT + MS);
    let three = alice.renewal(&two).await;
    alice.heartbeat(&one).await.ok();
    alice.renewal(&unknown_id()).await;
    // Reads along a chain, for a current session that is not live by this id.
    alice.list(Some(&one)).await;
    alice.call("GET", &format!("/user-sessions/{one}")).await.ok();
    alice.engage(&one, true).await.ok();
    world.clock.advance(TIMEOUT + MS);
    alice.engage(&three, false).await.ok();
    alice.login().await;
    alice.end_others(Some(&one)).await.ok();
    alice.end(&one).await.ok();
    alice.logout(&json!({ "sessionId": one })).await.ok();

    // Beyond the limit of live sessions by each function that starts them.
    let bob = world.user("bob").await;
    let renewed = [bob.login().await, bob.login().await];
    world.clock.advance(TIMEOUT + MS);
    for _ in 0..=LIVE {
        bob.login().await;
    }
    bob.renewal(&renewed[0]).await;
    bob.engage(&renewed[1], true).await.ok();

    let token = token(&http(), &[("username", "reader"), ("permissions", "metrics:read")]).await;
    let reader = User { token, ..world.user("reader").await };
    let range = "startDate=2100-01-15&endDate=2100-01-15";
    for path in ["", "/daily", "/by-timespan"] {
        reader.call("GET", &format!("/metrics/sessions{path}?{range}")).await.ok();
    }
    for _ in 0..200 {
        let data = reader.call("GET", &format!("/metrics/sessions?{range}")).await.ok();
        if data["data"]["totalSessions"] != json!(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the rollup has written nothing");
}

#[tokio::test]
async fn each_function_may_do_what_it_does_and_no_more() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::with(&[("MAX_SESSIONS_PER_USER", &LIVE.to_string())]).await;
    use_everything(&world).await;
    for function in &world.template.functions {
        let permissions = &function.permissions;
        // Pages are files: nothing is granted, and nothing needed.
        assert_eq!(permissions.granted.is_empty(), function.crate_name == "pages", "{}", function.logical_id);
        assert_eq!(permissions.used(), permissions.granted, "{}", function.logical_id);
    }
}

#[tokio::test]
async fn the_metrics_functions_have_no_right_on_the_sessions_table() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let metrics = |access: &Access| access.resource.starts_with("Metrics-");
    let mut readers = 0;
    for function in &world.template.functions {
        let on_metrics = function.permissions.granted.iter().filter(|access| metrics(access)).count();
        assert!(
            on_metrics == 0 || on_metrics == function.permissions.granted.len(),
            "{}",
            function.logical_id
        );
        readers += usize::from(on_metrics > 0);
    }
    assert_eq!(readers, 4, "three endpoints and the rollup");
}

#[tokio::test]
async fn what_the_template_does_not_grant_is_refused() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let template = BUILT_IN;
    let changed = template.replacen(
        "                - dynamodb:PutItem\n                - dynamodb:Query\n",
        "                - dynamodb:Query\n",
        1,
    );
    assert_ne!(template, changed);
    let file = std::env::temp_dir().join(format!("template-{}.yaml", uuid::Uuid::new_v4()));
    fs::write(&file, changed).unwrap();
    let server = Server::start(Options { template: Some(file.clone()), ..Options::default() }).await.unwrap();
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    let tokens = send(http().post(format!("{}/oauth2/token", server.url)).form(&form)).await.ok();
    let login = http().post(format!("{}/auth/login", server.url));
    let answer = send(login.bearer_auth(tokens["access_token"].as_str().unwrap())).await;
    answer.error(500, "internal_error");
    fs::remove_file(file).unwrap();
}
