//! What each endpoint does, and the rules of a session's life.

use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use crate::support::{
    Need, TIMEOUT, User, World, active, ended, expired, lacks, renewed, unknown_id,
    wire::{Disturbance, Fault},
};

const MS: TimeDelta = TimeDelta::milliseconds(1);
const RETENTION: TimeDelta = TimeDelta::days(90);

fn instant(world: &World) -> String {
    world.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn seconds(world: &World) -> i64 {
    (world.clock.now() + TIMEOUT + RETENTION).timestamp()
}

#[tokio::test]
async fn a_login_starts_a_session_that_is_in_the_very_next_list() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let body = alice.call("POST", "/auth/login").await.ok();
    let id = body["body"]["sessionId"].as_str().unwrap();
    let expected = json!({
        "status": "success",
        "message": "Session started",
        "body": {
            "sessionId": id,
            "startTime": "2100-01-15T12:00:00.000Z",
            "expiresAt": "2100-01-15T13:00:00.000Z",
        },
    });
    assert_eq!(body, expected);
    assert_eq!(alice.live().await, [id]);

    let item = &world.items_of(&alice.sub).await[id];
    let now = world.clock.now().timestamp_millis();
    assert_eq!(
        (item.state.as_str(), item.start_time, item.last_active_time),
        ("active", Some(now), Some(now))
    );
    assert_eq!((item.content_engaged, item.purge_at), (Some(false), seconds(&world)));
    assert_eq!(item.ip_address.as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_login_ignores_its_body_and_each_opens_another_session() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let mut ids = Vec::new();
    for body in ["", "{\"username\":\"a\",\"password\":\"b\"}", "not json", "null"] {
        let request =
            alice.request("POST", "/auth/login").header("content-type", "application/json").body(body);
        let answer = alice.send(request).await.ok();
        ids.push(answer["body"]["sessionId"].as_str().unwrap().to_owned());
    }
    let mut live = alice.live().await;
    live.sort();
    ids.sort();
    assert_eq!(live, ids);
}

#[tokio::test]
async fn a_long_user_agent_is_cut_and_the_device_is_told() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let agent = format!(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1 {}",
        "x".repeat(1_000)
    );
    alice.send(alice.request("POST", "/auth/login").header("user-agent", &agent)).await.ok();
    let row = &alice.list(None).await[0];
    assert_eq!(row["userAgent"], agent[..400]);
    let bob = world.user("bob").await;
    let agent = format!("{}é", "x".repeat(399));
    let login = bob.request("POST", "/auth/login").header("user-agent", agent.as_bytes());
    bob.send(login).await.ok();
    assert_eq!(bob.list(None).await[0]["userAgent"], "x".repeat(399), "not half a character");
    assert_eq!(row["device"], json!({ "browser": "Safari", "os": "iPhone", "isMobile": true }));
}

#[tokio::test]
async fn a_heartbeat_keeps_a_session_alive() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    for _ in 0..30 {
        world.clock.advance(TimeDelta::minutes(5));
        assert_eq!(alice.heartbeat(&id).await.ok(), active());
    }
    let row = alice.list(Some(&id)).await.remove(0);
    assert_eq!(row["startTime"], "2100-01-15T12:00:00.000Z");
    assert_eq!(row["lastActiveTime"], instant(&world));
    assert_eq!(row["expiresAt"], "2100-01-15T15:30:00.000Z");
    assert_eq!((&row["isActive"], &row["current"]), (&json!(true), &json!(true)));
    assert_eq!(world.items_of(&alice.sub).await[&id].purge_at, seconds(&world));
}

#[tokio::test]
async fn an_id_is_read_in_any_case() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    assert_eq!(alice.heartbeat(&id.to_uppercase()).await.ok(), active());
    assert_eq!(alice.end(&id.to_uppercase()).await.ok()["sessionId"], json!(id));
}

#[tokio::test]
async fn a_session_lives_exactly_as_long_as_its_timeout() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    world.clock.advance(TIMEOUT);
    assert_eq!(alice.live().await, [id.clone()]);
    assert_eq!(alice.heartbeat(&id).await.ok(), active());
    world.clock.advance(TIMEOUT + MS);
    assert!(alice.live().await.is_empty());
    let successor = alice.renewal(&id).await;
    assert_eq!(alice.live().await, [successor]);
}

#[tokio::test]
async fn an_expired_session_is_renewed_into_one_that_starts_now() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    alice.engage(&id, true).await.ok();
    let last = world.clock.now().timestamp_millis();
    world.clock.advance(TimeDelta::hours(30));
    let successor = alice.renewal(&id).await;

    let items = world.items_of(&alice.sub).await;
    let (old, new) = (&items[&id], &items[&successor]);
    let now = world.clock.now().timestamp_millis();
    assert_eq!(
        (old.state.as_str(), old.end_time, old.renewed_to.as_ref()),
        ("expired", Some(last), Some(&successor))
    );
    assert_eq!((old.active_day, old.purge_at), (None, seconds(&world)));
    assert_eq!((new.state.as_str(), new.start_time, new.last_active_time), ("active", Some(now), Some(now)));
    assert_eq!((new.renewed_from.as_ref(), new.content_engaged), (Some(&id), Some(false)));

    // The old id stands for it, however often and late it comes.
    for _ in 0..3 {
        world.clock.advance(TimeDelta::minutes(50));
        assert_eq!(alice.heartbeat(&id).await.ok(), renewed(&successor));
    }
    assert_eq!(alice.heartbeat(&successor).await.ok(), active());
    world.check_table().await;
}

#[tokio::test]
async fn an_ended_session_stays_ended() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    world.clock.advance(TimeDelta::minutes(10));
    let answer = alice.end(&id).await.ok();
    assert_eq!(answer, json!({ "status": "success", "message": "Session ended", "sessionId": id }));
    let record = world.items_of(&alice.sub).await[&id].clone();
    assert_eq!(
        (record.state.as_str(), record.end_time),
        ("ended", Some(world.clock.now().timestamp_millis()))
    );

    for wait in [TimeDelta::zero(), TIMEOUT * 2, RETENTION * 2] {
        world.clock.advance(wait);
        assert_eq!(alice.heartbeat(&id).await.ok(), ended("ended"));
        assert_eq!(alice.end(&id).await.ok(), answer);
        assert_eq!(alice.engage(&id, true).await.error(409, "session_ended"), "Session has ended");
        assert_eq!(alice.logout(&json!({ "sessionId": id })).await.ok(), json!({ "status": "success" }));
        assert!(alice.live().await.is_empty());
    }
    assert_eq!(
        world.items_of(&alice.sub).await[&id],
        record,
        "nothing overwrites it, past its purge time too"
    );
}

#[tokio::test]
async fn a_silently_expired_session_ends_when_it_was_last_active() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    let last = world.clock.now().timestamp_millis();
    world.clock.advance(TIMEOUT + MS);
    alice.end(&id).await.ok();
    let record = &world.items_of(&alice.sub).await[&id];
    assert_eq!((record.state.as_str(), record.end_time), ("ended", Some(last)));
    assert_eq!(alice.heartbeat(&id).await.ok(), ended("ended"));
}

#[tokio::test]
async fn a_heartbeat_on_an_unknown_id_starts_one_session() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let unknown = unknown_id();
    let started = alice.renewal(&unknown).await;
    assert_eq!(alice.renewal(&unknown).await, started);
    assert_eq!(alice.heartbeat(&started).await.ok(), active());
    assert_eq!(alice.live().await, [started.clone()]);

    let items = world.items_of(&alice.sub).await;
    let tombstone = &items[&unknown];
    assert_eq!((tombstone.state.as_str(), tombstone.renewed_to.as_ref()), ("expired", Some(&started)));
    assert!(!tombstone.is_session());
    assert_eq!(items[&started].renewed_from, None, "the tombstone is no session that could be renewed");
    world.check_table().await;
}

#[tokio::test]
async fn a_heartbeat_after_the_record_was_purged_starts_anew() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    world.clock.advance(RETENTION * 2);
    world.purge(&alice.sub, &id).await;
    let started = alice.renewal(&id).await;
    assert_eq!(alice.live().await, [started]);
}

#[tokio::test]
async fn garbage_and_tokens_without_a_user_are_told_to_log_in() {
    if lacks(&[Need::AmazonsGateway]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    for garbage in ["undefined", "null", "0198c0de000070008000000000000001", "%20", "a%2Fb", "%FF", "%"] {
        assert_eq!(alice.heartbeat(garbage).await.ok(), expired());
    }
    let id = alice.login().await;
    for sub in [json!(null), json!(""), json!("with space"), json!("é"), json!("x".repeat(256))] {
        let token = crate::support::token(
            &crate::support::http(),
            &[("username", "machine"), ("claims", &json!({ "sub": sub }).to_string())],
        )
        .await;
        let machine = User { token, ..alice.clone() };
        assert_eq!(machine.heartbeat(&id).await.ok(), expired(), "{sub}");
        machine.call("GET", "/user-sessions").await.error(401, "unauthorized");
    }
    assert!(world.table().await.len() == 1, "nothing was written");
}

#[tokio::test]
async fn the_list_is_sorted_by_activity_and_knows_the_current_session() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(alice.login().await);
        world.clock.advance(TimeDelta::minutes(1));
    }
    alice.heartbeat(&ids[1]).await.ok();
    world.clock.advance(TimeDelta::minutes(1));
    alice.end(&ids[3]).await.ok();
    let rows = alice.list(Some(&ids[2])).await;
    let listed: Vec<_> =
        rows.iter().map(|row| (&row["sessionId"], row["current"].as_bool().unwrap())).collect();
    let expected = [(json!(ids[1]), false), (json!(ids[2]), true), (json!(ids[0]), false)];
    assert_eq!(listed, expected.iter().map(|(id, current)| (id, *current)).collect::<Vec<_>>());
    for header in ["garbage", &unknown_id(), &ids[3], ""] {
        assert!(alice.list(Some(header)).await.iter().all(|row| row["current"] == json!(false)), "{header}");
    }
}

#[tokio::test]
async fn the_current_session_is_the_head_of_the_chain_that_the_header_names() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let first = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    let second = alice.renewal(&first).await;
    world.clock.advance(TIMEOUT + MS);
    let third = alice.renewal(&second).await;
    let unknown = unknown_id();
    let other = alice.renewal(&unknown).await;
    for (header, current) in [(&first, &third), (&second, &third), (&third, &third), (&unknown, &other)] {
        let rows = alice.list(Some(header)).await;
        let marked: Vec<&Value> = rows.iter().filter(|row| row["current"] == json!(true)).collect();
        assert_eq!(marked.len(), 1);
        assert_eq!(marked[0]["sessionId"], json!(current));
    }
}

/// `renewedFrom` is history: the id that it names may stand for another session since its record was purged.
#[tokio::test]
async fn the_current_session_is_what_the_id_stands_for_and_not_what_it_once_did() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let first = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    let second = alice.renewal(&first).await;
    world.purge(&alice.sub, &first).await;
    let third = alice.renewal(&first).await;
    for row in alice.list(Some(&first)).await {
        assert_eq!(row["current"], json!(row["sessionId"] == json!(third)), "{row}");
    }
    assert_eq!(alice.end_others(Some(&first)).await.ok()["endedSessions"], 1);
    assert_eq!(alice.heartbeat(&first).await.ok(), renewed(&third));
    assert_eq!(alice.heartbeat(&second).await.ok(), ended("ended_others"));
}

#[tokio::test]
async fn a_list_that_comes_piecemeal_is_whole() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(alice.login().await);
        world.clock.advance(MS);
    }
    ids.reverse();
    world.wire.disturb(&alice.sub, Some(Disturbance { fault: Fault::Piecemeal, from: 0, times: 1_000 }));
    assert_eq!(alice.live().await, ids);
    assert_eq!(world.wire.calls(&alice.sub).len(), 5 + 1 + 5, "pages, the end, and single items");
    // The whole index in one page, but the items one by one.
    world.wire.disturb(&alice.sub, Some(Disturbance { fault: Fault::Piecemeal, from: 1, times: 1_000 }));
    assert_eq!(alice.live().await, ids);
    assert_eq!(world.wire.calls(&alice.sub).len(), 1 + 5);
}

#[tokio::test]
async fn the_list_crosses_midnight() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    world.clock.set("2100-01-15T23:59:59.999Z".parse().unwrap());
    let id = alice.login().await;
    world.clock.advance(MS);
    assert_eq!(alice.live().await, [id.clone()]);
    world.clock.set("2100-01-16T00:59:59.999Z".parse().unwrap());
    assert_eq!(alice.live().await, [id.clone()]);
    assert_eq!(alice.heartbeat(&id).await.ok(), active());
    assert_eq!(alice.live().await, [id]);
    world.check_table().await;
}

#[tokio::test]
async fn a_list_holds_the_thousand_most_recent() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    // From before there was a limit: in an order that is not that of their ids, and more than are held while it is made.
    let mut ids = Vec::new();
    for number in 0..2_203_i32 {
        let start = world.clock.now() - TIMEOUT + MS * number;
        let last = world.clock.now() - MS * (number * 1_009 % 2_203 + 1);
        ids.push((last, world.put_session(&alice.sub, start, last).await));
    }
    ids.sort();
    let mut ids: Vec<String> = ids.into_iter().map(|(_, id)| id).collect();
    let live = alice.live().await;
    ids.reverse();
    assert_eq!(live, ids[..1_000]);
    let answer = alice.end_others(Some(&ids[2_202])).await.ok();
    assert_eq!(answer["endedSessions"], 2_202, "all of them, listed or not");
    assert_eq!(alice.live().await, ids[2_202..]);
}

#[tokio::test]
async fn ending_the_others_keeps_the_current_session() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let gone = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    let (one, two, three) = (alice.login().await, alice.login().await, alice.login().await);
    let answer = alice.end_others(Some(&two)).await.ok();
    assert_eq!(answer, json!({ "status": "success", "message": "2 sessions ended", "endedSessions": 2 }));
    assert_eq!(alice.live().await, [two.clone()]);
    assert_eq!(alice.heartbeat(&one).await.ok(), ended("ended_others"));
    assert_eq!(alice.heartbeat(&three).await.ok(), ended("ended_others"));
    alice.end_others(Some("undefined")).await.error(400, "invalid_session_id");
    alice.end_others(Some("")).await.error(400, "invalid_session_id");
    assert_eq!(alice.live().await, [two.clone()], "a header that is no id ends nothing");
    let answer = alice.end_others(None).await.ok();
    assert_eq!(answer, json!({ "status": "success", "message": "1 session ended", "endedSessions": 1 }));
    assert_eq!(alice.end_others(None).await.ok()["endedSessions"], 0);
    assert_eq!(world.items_of(&alice.sub).await[&gone].state, "active", "only live sessions are ended");
    world.check_table().await;
}

/// The SDK repeats a write whose answer does not come, and what the first try wrote refuses the second.
#[tokio::test]
async fn an_end_of_which_an_answer_was_lost_counts_as_one() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    // At whichever call: the reads before it, the write, what comes after.
    for from in 0..6 {
        let user = world.user(&format!("user-{from}")).await;
        user.login().await;
        let disturbance = Disturbance { fault: Fault::FailedAfter, from, times: 1 };
        world.wire.disturb(&user.sub, Some(disturbance));
        assert_eq!(user.end_others(None).await.ok()["endedSessions"], 1, "from call {from} on");
    }
    world.check_table().await;
}

#[tokio::test]
async fn ending_the_others_keeps_the_head_of_the_chain_that_the_header_names() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let first = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    let second = alice.renewal(&first).await;
    world.clock.advance(TIMEOUT + MS);
    let third = alice.renewal(&second).await;
    alice.login().await;
    for header in [&first, &second, &third] {
        alice.end_others(Some(header)).await.ok();
        assert_eq!(alice.live().await, [third.clone()]);
    }
    let other = unknown_id();
    assert_eq!(alice.end_others(Some(&other)).await.ok()["endedSessions"], 1, "an unknown id keeps none");
}

#[tokio::test]
async fn engagement_is_marked_and_unmarked_without_a_sign_of_life() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    let last = instant(&world);
    world.clock.advance(TimeDelta::minutes(59));
    for engaged in [true, true, false, false, true] {
        let expected = json!({
            "status": "success",
            "message": format!("Content engaged status updated to {engaged}"),
            "sessionId": id,
            "contentEngaged": engaged,
        });
        assert_eq!(alice.engage(&id, engaged).await.ok(), expected);
        let row = &alice.list(None).await[0];
        assert_eq!((&row["contentEngaged"], &row["lastActiveTime"]), (&json!(engaged), &json!(last)));
    }
    assert_eq!(world.items_of(&alice.sub).await[&id].purge_at, seconds(&world));
    world.clock.advance(TimeDelta::minutes(2));
    assert_ne!(alice.renewal(&id).await, id, "engagement did not keep it alive");
}

#[tokio::test]
async fn engagement_renews_a_silently_expired_session() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    for engaged in [true, false] {
        let id = alice.login().await;
        world.clock.advance(TIMEOUT + MS);
        let answer = alice.engage(&id, engaged).await.ok();
        let successor = answer["sessionId"].as_str().unwrap();
        assert_ne!(successor, id);
        assert_eq!(answer["contentEngaged"], json!(engaged));
        assert_eq!(world.items_of(&alice.sub).await[successor].content_engaged, Some(engaged));
        assert_eq!(alice.heartbeat(&id).await.ok(), renewed(successor));
        assert_eq!(alice.engage(&id, !engaged).await.ok()["sessionId"], json!(successor));
    }
    world.check_table().await;
}

#[tokio::test]
async fn operations_on_an_old_id_act_on_the_head() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    let successor = alice.renewal(&id).await;
    assert_eq!(alice.engage(&id, true).await.ok()["sessionId"], json!(successor));
    assert_eq!(alice.end(&id).await.ok()["sessionId"], json!(successor));
    assert_eq!(alice.end(&id).await.ok()["sessionId"], json!(successor));
    assert_eq!(alice.heartbeat(&id).await.ok(), ended("ended"));
    assert_eq!(alice.heartbeat(&successor).await.ok(), ended("ended"));
    alice.engage(&id, false).await.error(409, "session_ended");
    world.check_table().await;
}

#[tokio::test]
async fn a_logout_ends_the_session_and_never_fails_for_what_was_stored() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let success = json!({ "status": "success" });
    let id = alice.login().await;
    for body in [
        json!({}),
        json!({ "sessionId": null }),
        json!({ "sessionId": "" }),
        json!({ "sessionId": "undefined" }),
        json!({ "sessionId": unknown_id() }),
        json!({ "other": 1 }),
    ] {
        assert_eq!(alice.logout(&body).await.ok(), success, "{body}");
    }
    for empty in ["", " \n"] {
        assert_eq!(alice.send(alice.request("POST", "/auth/logout").body(empty)).await.ok(), success);
    }
    assert_eq!(bob.logout(&json!({ "sessionId": id })).await.ok(), success);
    assert_eq!(alice.live().await, [id.clone()], "so far nothing was ended");
    // Without a content type the gateway hands the body on in base64.
    let body = json!({ "sessionId": id }).to_string();
    assert_eq!(alice.send(alice.request("POST", "/auth/logout").body(body)).await.ok(), success);
    assert!(alice.live().await.is_empty());
    assert_eq!(alice.heartbeat(&id).await.ok(), ended("logout"));
}

#[tokio::test]
async fn another_users_session_is_like_one_that_never_existed() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let (alice, mallory) = (world.user("alice").await, world.user("mallory").await);
    let renewed_id = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    alice.renewal(&renewed_id).await;
    let (live, ended) = (alice.login().await, alice.login().await);
    alice.end(&ended).await.ok();
    let before = world.items_of(&alice.sub).await;

    for id in [&live, &ended, &renewed_id] {
        let unknown = unknown_id();
        for (theirs, nobodys) in [
            (mallory.end(id).await, mallory.end(&unknown).await),
            (mallory.engage(id, true).await, mallory.engage(&unknown, true).await),
            (
                mallory.logout(&json!({ "sessionId": id })).await,
                mallory.logout(&json!({ "sessionId": unknown })).await,
            ),
        ] {
            assert_eq!((theirs.status, theirs.body), (nobodys.status, nobodys.body));
        }
        assert!(mallory.list(Some(id)).await.is_empty());
        assert_eq!(mallory.end_others(Some(id)).await.ok()["endedSessions"], 0);
    }
    let mut costs = Vec::new();
    for id in [live, unknown_id()] {
        world.wire.listen(&mallory.sub);
        let started = mallory.renewal(&id).await;
        costs.push(world.wire.calls(&mallory.sub).len());
        mallory.end(&started).await.ok();
    }
    assert_eq!(costs[0], costs[1]);
    assert_eq!(world.items_of(&alice.sub).await, before);
    world.check_table().await;
}
