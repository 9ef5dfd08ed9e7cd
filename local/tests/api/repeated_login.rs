//! Logins with an `Idempotency-Key`: one session for each key, however often and whenever it is sent.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Answer, Need, TIMEOUT, User, World, active, lacks, unknown_id,
    wire::{Disturbance, Fault},
};

const MS: TimeDelta = TimeDelta::milliseconds(1);
const ROUNDS: usize = 25;

async fn login(user: &User<'_>, key: &str) -> Answer {
    user.send(user.request("POST", "/auth/login").header("idempotency-key", key)).await
}

/// The session that a login answered.
#[track_caller]
fn started(answer: Answer) -> String {
    let body = answer.ok();
    assert_eq!((&body["status"], &body["message"]), (&json!("success"), &json!("Session started")));
    body["body"]["sessionId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_stands_for_one_session() {
    let world = World::new().await;
    let (alice, key) = (world.user("alice").await, unknown_id());
    let first = login(&alice, &key).await.ok();
    let id = first["body"]["sessionId"].as_str().unwrap();
    assert_ne!(id, key);
    world.clock.advance(TimeDelta::minutes(5));
    let again = login(&alice, &key.to_uppercase()).await.ok();
    assert_eq!(again["body"]["sessionId"], json!(id));
    assert_eq!(alice.live().await, [id]);
    let items = world.items_of(&alice.sub).await;
    assert_eq!(
        (items.len(), &items[id].renewed_from),
        (2, &None),
        "a tombstone, and a session that renews none"
    );
    assert_ne!(started(login(&alice, &unknown_id()).await), id, "another key is another login");
    assert_eq!(alice.heartbeat(id).await.ok(), active());
    world.check_table().await;
}

#[tokio::test]
async fn a_repeat_tells_when_the_session_started_and_keeps_it_alive() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let (alice, key) = (world.user("alice").await, unknown_id());
    let first = login(&alice, &key).await.ok();
    world.clock.advance(TimeDelta::minutes(59));
    let again = login(&alice, &key).await.ok();
    assert_eq!(again["body"]["startTime"], first["body"]["startTime"]);
    assert_eq!(again["body"]["expiresAt"], json!("2100-01-15T13:59:00.000Z"));
    world.clock.advance(TimeDelta::minutes(59));
    assert_eq!(started(login(&alice, &key).await), first["body"]["sessionId"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_logins_with_one_key_start_one_session() {
    let world = World::new().await;
    for _ in 0..ROUNDS {
        let (user, key) = (world.user("racer").await, unknown_id());
        let answers = join_all((0..32).map(|_| login(&user, &key))).await;
        let bodies: Vec<Value> = answers.into_iter().map(Answer::ok).collect();
        let id = &bodies[0]["body"]["sessionId"];
        assert!(bodies.iter().all(|body| body["body"]["sessionId"] == *id), "{bodies:?}");
        assert_eq!(user.live().await, [id.as_str().unwrap()]);
        assert_eq!(world.items_of(&user.sub).await.len(), 2);
    }
    world.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_renews_what_has_expired_once_and_together_with_heartbeats() {
    let world = World::new().await;
    for _ in 0..ROUNDS {
        let (user, key) = (world.user("racer").await, unknown_id());
        let id = started(login(&user, &key).await);
        world.clock.advance(TIMEOUT + MS);
        let (logins, beats) = tokio::join!(
            join_all((0..8).map(|_| login(&user, &key))),
            join_all((0..8).map(|_| user.heartbeat(&id)))
        );
        let successor = started(logins.into_iter().next().unwrap());
        assert_ne!(successor, id);
        for beat in beats {
            assert_eq!(beat.ok()["sessionId"], json!(successor));
        }
        assert_eq!(user.live().await, [successor]);
        assert_eq!(world.items_of(&user.sub).await.len(), 3);
    }
    world.check_table().await;
}

#[tokio::test]
async fn a_session_that_was_ended_is_not_opened_again_by_its_key() {
    let world = World::new().await;
    let (alice, key) = (world.user("alice").await, unknown_id());
    let id = started(login(&alice, &key).await);
    alice.end(&id).await.ok();
    for _ in 0..2 {
        let message = login(&alice, &key).await.error(409, "session_ended");
        assert_eq!(message, "Session has ended");
    }
    assert!(alice.live().await.is_empty());
    started(login(&alice, &unknown_id()).await);
}

#[tokio::test]
async fn a_key_is_the_users_own() {
    let world = World::new().await;
    let (alice, bob, key) = (world.user("alice").await, world.user("bob").await, unknown_id());
    let (one, other) = (started(login(&alice, &key).await), started(login(&bob, &key).await));
    assert_ne!(one, other);
    assert_eq!((alice.live().await, bob.live().await), (vec![one.clone()], vec![other]));
    // The id of a session, as a key, stands for that session.
    assert_eq!(started(login(&alice, &one).await), one);
}

#[tokio::test]
async fn a_key_that_is_no_uuid_is_refused_and_nothing_is_written() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = Uuid::new_v4();
    for key in ["", "x", "7", &id.simple().to_string(), &format!("{id},{id}"), &format!("\"{id}\"")] {
        let message = login(&alice, key).await.error(400, "invalid_idempotency_key");
        assert!(message.starts_with("Idempotency-Key must be a UUID like "), "{message}");
    }
    let twice = alice.request("POST", "/auth/login").header("idempotency-key", id.to_string());
    let twice = alice.send(twice.header("idempotency-key", id.to_string())).await;
    twice.error(400, "invalid_idempotency_key");
    assert!(world.items_of(&alice.sub).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_whose_answer_was_lost_is_found_again() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    for fault in [Fault::FailedAfter, Fault::Lost] {
        for times in 1..=2 {
            let (user, key) = (world.user("racer").await, unknown_id());
            world.wire.disturb(&user.sub, Some(Disturbance { fault, from: 0, times }));
            let id = started(login(&user, &key).await);
            assert!(world.wire.was_hit(&user.sub));
            assert_eq!(started(login(&user, &key).await), id);
            assert_eq!(user.live().await, [id]);
            assert_eq!(world.items_of(&user.sub).await.len(), 2);
        }
    }
    world.check_table().await;
}

/// What a repeat is answered if `meanwhile` happens between its touch and its look at what it touched.
async fn repeat_during(world: &World, meanwhile: impl AsyncFnOnce(&User<'_>, &str)) -> Answer {
    let (user, key) = (world.user("racer").await, unknown_id());
    let id = started(login(&user, &key).await);
    world.clock.advance(TimeDelta::minutes(1));
    // The count of starts, the transaction, the touch of the key, that of the session, and then the look.
    let hold = world.wire.hold(&user.sub, 4);
    let (answer, ()) = tokio::join!(login(&user, &key), async {
        hold.reached().await;
        meanwhile(&user, &id).await;
        hold.release();
    });
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_during_a_repeat_is_not_answered_as_live() {
    if lacks(&[Need::Wire, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let answer = repeat_during(&world, async |user, id| {
        let other = world.another_host().await;
        other.same_user(user).end(id).await.ok();
    });
    // A whole server starts in there.
    Box::pin(answer).await.error(409, "session_ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_erased_during_a_repeat_is_told_to_try_again() {
    if lacks(&[Need::Wire, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let answer = repeat_during(&world, async |user, id| world.purge(&user.sub, id).await);
    answer.await.error(503, "unavailable");
}
