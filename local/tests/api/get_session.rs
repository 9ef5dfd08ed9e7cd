//! One session, live or over.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    Answer, Need, TIMEOUT, User, World, lacks, unknown_id,
    wire::{Disturbance, Fault},
};

const MS: TimeDelta = TimeDelta::milliseconds(1);

async fn get_as(user: &User<'_>, id: &str, own: Option<&str>) -> Answer {
    let mut request = user.request("GET", &format!("/user-sessions/{id}"));
    if let Some(own) = own {
        request = request.header("x-session-id", own);
    }
    user.send(request).await
}

async fn get(user: &User<'_>, id: &str) -> Value {
    get_as(user, id, None).await.ok()
}

#[tokio::test]
async fn a_live_session_is_shown_as_the_list_shows_it_and_more() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
    let login = alice.send(alice.request("POST", "/auth/login").header("user-agent", agent)).await.ok();
    let id = login["body"]["sessionId"].as_str().unwrap().to_owned();
    alice.engage(&id, true).await.ok();
    world.clock.advance(TimeDelta::minutes(5));
    alice.heartbeat(&id).await.ok();
    let expected = json!({
        "sessionId": id,
        "startTime": "2100-01-15T12:00:00.000Z",
        "lastActiveTime": "2100-01-15T12:05:00.000Z",
        "expiresAt": "2100-01-15T13:05:00.000Z",
        "isActive": true,
        "contentEngaged": true,
        "ipAddress": "127.0.0.1",
        "userAgent": agent,
        "device": { "browser": "Firefox", "os": "Linux", "isMobile": false },
        "current": false,
        "state": "live",
        "endTime": null,
        "endReason": null,
        "renewedFrom": null,
        "requestedSessionId": id,
    });
    assert_eq!(get(&alice, &id).await, expected);
    let mut row = alice.list(None).await[0].clone();
    for (name, value) in expected.as_object().unwrap() {
        row.as_object_mut().unwrap().entry(name.as_str()).or_insert_with(|| value.clone());
    }
    assert_eq!(row, expected, "what both have is the same");
    assert_eq!(get(&alice, &id.to_uppercase()).await, expected, "an id is read in any case");
}

#[tokio::test]
async fn a_session_is_live_up_to_its_timeout_and_expired_then_with_its_last_activity_as_its_end() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    world.clock.advance(TIMEOUT);
    let body = get(&alice, &id).await;
    assert_eq!(
        (&body["state"], &body["isActive"], &body["endTime"]),
        (&json!("live"), &json!(true), &json!(null))
    );
    world.clock.advance(MS);
    let body = get(&alice, &id).await;
    let end = json!("2100-01-15T12:00:00.000Z");
    assert_eq!(
        (&body["state"], &body["isActive"], &body["endTime"]),
        (&json!("expired"), &json!(false), &end)
    );
    assert_eq!(body["expiresAt"], "2100-01-15T13:00:00.000Z");
}

#[tokio::test]
async fn an_ended_session_is_shown_with_its_end() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    world.clock.advance(TimeDelta::minutes(1));
    alice.end(&id).await.ok();
    world.clock.advance(TIMEOUT * 30);
    let body = get(&alice, &id).await;
    assert_eq!(
        (&body["state"], &body["isActive"], &body["endTime"], &body["lastActiveTime"]),
        (
            &json!("ended"),
            &json!(false),
            &json!("2100-01-15T12:01:00.000Z"),
            &json!("2100-01-15T12:00:00.000Z")
        )
    );
}

/// Through one renewal and through two, to a head that is live, has silently expired, and is ended.
#[tokio::test]
async fn an_id_that_was_renewed_shows_the_head_of_its_chain() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let one = alice.login().await;
    world.clock.advance(TIMEOUT + MS + TimeDelta::seconds(1));
    let two = alice.renewal(&one).await;
    world.clock.advance(TIMEOUT + MS + TimeDelta::seconds(1));
    let three = alice.renewal(&two).await;
    let check = async |state: &str| {
        for asked in [&one, &two, &three] {
            let body = get(&alice, asked).await;
            let found =
                json!([body["sessionId"], body["requestedSessionId"], body["renewedFrom"], body["state"]]);
            assert_eq!(found, json!([three, asked, two, state]));
            assert_eq!(body["endTime"].is_null(), state == "live");
        }
    };
    check("live").await;
    world.clock.advance(TIMEOUT + TimeDelta::seconds(1));
    check("expired").await;
    assert_eq!(alice.end(&one).await.ok()["sessionId"], json!(three));
    check("ended").await;
}

#[tokio::test]
async fn a_session_that_an_unknown_id_started_has_no_session_before_it() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let unknown = unknown_id();
    let id = alice.renewal(&unknown).await;
    let body = get(&alice, &unknown).await;
    assert_eq!(
        json!([body["sessionId"], body["renewedFrom"], body["requestedSessionId"]]),
        json!([id, null, unknown])
    );
}

/// The header's id and the path's may be any two of a chain.
#[tokio::test]
async fn the_callers_own_session_is_told_by_any_id_of_its_chain() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let one = alice.login().await;
    world.clock.advance(TIMEOUT + MS + TimeDelta::seconds(1));
    let two = alice.renewal(&one).await;
    let other = alice.login().await;
    let current =
        async |asked: &str, own: &str| get_as(&alice, asked, Some(own)).await.ok()["current"].clone();
    for asked in [&one, &two] {
        for own in [&one, &two] {
            assert_eq!(current(asked, own).await, json!(true), "{asked} {own}");
        }
        for own in [other.as_str(), &unknown_id(), "undefined"] {
            assert_eq!(current(asked, own).await, json!(false), "{asked} {own}");
        }
    }
    assert_eq!(current(&other, &two).await, json!(false));
}

#[tokio::test]
async fn a_look_changes_nothing_and_keeps_nothing_alive() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let one = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    let two = alice.renewal(&one).await;
    for _ in 0..3 {
        world.clock.advance(TIMEOUT / 2 + MS);
        let before = world.table().await;
        for id in [&one, &two] {
            get_as(&alice, id, Some(&one)).await.ok();
        }
        assert_eq!(world.table().await, before);
    }
    assert_eq!(get(&alice, &one).await["state"], "expired");
}

#[tokio::test]
async fn another_users_session_is_like_one_that_never_was() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let id = alice.login().await;
    let (theirs, unknown) =
        (get_as(&bob, &id, Some(&id)).await, get_as(&bob, &unknown_id(), Some(&id)).await);
    assert_eq!(theirs.body, unknown.body);
    assert_eq!(theirs.error(404, "session_not_found"), "Session not found");
    assert_eq!(get(&alice, &id).await["state"], "live");
}

#[tokio::test]
async fn an_id_that_points_to_a_purged_session_is_unknown() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let one = alice.login().await;
    world.clock.advance(TIMEOUT + MS + TimeDelta::seconds(1));
    let two = alice.renewal(&one).await;
    world.purge(&alice.sub, &two).await;
    get_as(&alice, &one, None).await.error(404, "session_not_found");
}

#[tokio::test]
async fn what_is_no_uuid_is_named() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    for id in ["undefined", "0198c0de000070008000000000000001", "end-others", "heartbeat"] {
        let message = get_as(&alice, id, None).await.error(400, "invalid_session_id");
        assert_eq!(message, "sessionId must be a UUID like 0198c0de-0000-7000-8000-000000000001", "{id}");
    }
}

#[tokio::test]
async fn a_look_is_one_read_and_one_more_for_each_hop() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let one = alice.login().await;
    let cost = async |asked: &str, own: Option<&str>| {
        world.wire.listen(&alice.sub);
        let status = get_as(&alice, asked, own).await.status;
        let calls = world.wire.calls(&alice.sub);
        assert!(calls.iter().all(|call| call.operation == "GetItem"), "{calls:?}");
        (status, calls.len(), calls.iter().map(|call| call.units).sum::<f64>())
    };
    assert_eq!(cost(&one, Some(&one)).await, (200, 1, 1.0));
    assert_eq!(cost(&unknown_id(), Some(&one)).await, (404, 1, 1.0));
    world.clock.advance(TIMEOUT + MS);
    let two = alice.renewal(&one).await;
    assert_eq!(cost(&one, Some(&two)).await, (200, 2, 2.0));
    assert_eq!(cost(&two, Some(&one)).await, (200, 3, 3.0), "two to follow the caller's own id");
}

#[tokio::test]
async fn a_fault_below_is_unavailable() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    world.wire.disturb(&alice.sub, Some(Disturbance { fault: Fault::Throttled, from: 0, times: 1_000 }));
    assert_eq!(get_as(&alice, &id, None).await.error(503, "unavailable"), "Try again");
    world.wire.listen(&alice.sub);
    assert_eq!(get(&alice, &id).await["state"], "live");
}
