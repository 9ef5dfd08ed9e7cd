//! Two tabs, thirty-two tabs, retries and lost responses: all at once, again and again.

use std::collections::HashSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Answer, Need, TIMEOUT, User, World, active, ended, lacks, unknown_id,
    wire::{Disturbance, Fault},
};

const MS: TimeDelta = TimeDelta::milliseconds(1);
const ROUNDS: usize = 25;

/// Users who each have a session that has just expired.
async fn with_expired_sessions(world: &World, count: usize) -> Vec<(User<'_>, String)> {
    let mut users = Vec::new();
    for _ in 0..count {
        let user = world.user("racer").await;
        let id = user.login().await;
        users.push((user, id));
    }
    world.clock.advance(TIMEOUT + MS);
    users
}

/// The one id that all of these answers name.
#[track_caller]
fn one_successor(answers: Vec<Answer>) -> String {
    let bodies: Vec<Value> = answers.into_iter().map(Answer::ok).collect();
    assert!(bodies.iter().all(|body| body["status"] == "renewed" && *body == bodies[0]), "{bodies:?}");
    bodies[0]["sessionId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_heartbeats_on_an_expired_session_make_one_successor() {
    let world = World::new().await;
    for (user, id) in with_expired_sessions(&world, ROUNDS).await {
        let successor = one_successor(join_all((0..32).map(|_| user.heartbeat(&id))).await);
        assert_eq!(user.live().await, [successor.clone()]);
        let items = world.items_of(&user.sub).await;
        assert_eq!(items.len(), 2, "{items:?}");
        assert_eq!(items[&id].renewed_to.as_ref(), Some(&successor));
    }
    world.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_heartbeats_on_an_unknown_id_start_one_session() {
    let world = World::new().await;
    for _ in 0..ROUNDS {
        let (user, id) = (world.user("racer").await, unknown_id());
        let started = one_successor(join_all((0..16).map(|_| user.heartbeat(&id))).await);
        assert_eq!(user.live().await, [started]);
        assert_eq!(world.items_of(&user.sub).await.len(), 2);
    }
    world.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_against_an_end_leaves_the_session_ended() {
    let world = World::new().await;
    for _ in 0..ROUNDS {
        let user = world.user("racer").await;
        let id = user.login().await;
        world.clock.advance(TimeDelta::minutes(1));
        let (beats, answer) = tokio::join!(join_all((0..8).map(|_| user.heartbeat(&id))), user.end(&id));
        assert_eq!(answer.ok()["sessionId"], json!(id));
        for beat in beats {
            let body = beat.ok();
            assert!(body == active() || body == ended("ended"), "{body}");
        }
        assert_eq!(user.heartbeat(&id).await.ok(), ended("ended"));
        assert!(user.live().await.is_empty());
    }
    world.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_during_a_renewal_ends_the_whole_chain() {
    let world = World::new().await;
    for (user, id) in with_expired_sessions(&world, ROUNDS).await {
        let (beats, answer) = tokio::join!(join_all((0..8).map(|_| user.heartbeat(&id))), user.end(&id));
        let head = answer.ok()["sessionId"].as_str().unwrap().to_owned();
        for beat in beats {
            let body = beat.ok();
            assert!(
                body == ended("ended") || body["sessionId"] == json!(head),
                "{body}, but {head} was ended"
            );
        }
        assert!(user.live().await.is_empty());
        assert_eq!(user.heartbeat(&id).await.ok(), ended("ended"));
    }
    world.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engagement_against_heartbeats_on_an_expired_session_is_kept() {
    let world = World::new().await;
    for (user, id) in with_expired_sessions(&world, ROUNDS).await {
        let (beats, engaged) =
            tokio::join!(join_all((0..8).map(|_| user.heartbeat(&id))), user.engage(&id, true));
        let successor = one_successor(beats);
        assert_eq!(engaged.ok()["sessionId"], json!(successor));
        assert_eq!(user.list(None).await[0]["contentEngaged"], json!(true));
    }
    world.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_renewals_with_a_lost_response_between_make_one_successor() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    for fault in [Fault::FailedAfter, Fault::Lost] {
        for (user, id) in with_expired_sessions(&world, 10).await {
            // The first call is the refused heartbeat; all attempts of the transaction lose their response.
            world.wire.disturb(&user.sub, Some(Disturbance { fault, from: 1, times: 2 }));
            let (one, two) = tokio::join!(user.heartbeat(&id), user.heartbeat(&id));
            assert!(world.wire.was_hit(&user.sub));
            let successor = one_successor(vec![one, two]);
            assert_eq!(user.live().await, [successor]);
            assert_eq!(world.items_of(&user.sub).await.len(), 2);
        }
    }
    world.check_table().await;
}

/// Transactions that meet each other, which the embedded engine never reports: among racers that refuse each other anyway.
#[tokio::test(flavor = "multi_thread")]
async fn conflicts_among_racers_make_no_second_successor() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let conflict = |from, times| Some(Disturbance { fault: Fault::Conflict, from, times });
    // The racers' first calls are refused touches and not written; then come transactions, touches and more of both. Not
    // more often in a row than the SDK tries: one racer may meet them all.
    for from in 0..10 {
        for times in [1, 3] {
            let (user, id) = with_expired_sessions(&world, 1).await.remove(0);
            world.wire.disturb(&user.sub, conflict(from, times));
            let beats = (0..4).map(|_| user.heartbeat(&id));
            let (beats, engaged) = tokio::join!(join_all(beats), user.engage(&id, true));
            // The first five are writes; a later one may be a look at the index, which meets no transaction.
            assert!(world.wire.was_hit(&user.sub) || from > 4, "from {from}");
            let successor = one_successor(beats);
            assert_eq!(engaged.ok()["sessionId"], json!(successor));
            let items = world.items_of(&user.sub).await;
            assert_eq!((items.len(), items[&successor].content_engaged), (2, Some(true)), "from {from}");

            let unknown = unknown_id();
            world.wire.disturb(&user.sub, conflict(from, times));
            let started = one_successor(join_all((0..4).map(|_| user.heartbeat(&unknown))).await);
            let (beats, answer) =
                tokio::join!(join_all((0..4).map(|_| user.heartbeat(&unknown))), user.end(&unknown));
            assert_eq!(answer.ok()["sessionId"], json!(started));
            for body in beats.into_iter().map(Answer::ok) {
                assert!(body == ended("ended") || body["sessionId"] == json!(started), "{body}");
            }
            assert_eq!(user.live().await, [successor]);
        }
    }
    world.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_ended_session_is_counted_once() {
    let world = World::new().await;
    for _ in 0..ROUNDS {
        let user = world.user("racer").await;
        for _ in 0..3 {
            user.login().await;
        }
        let ended = join_all((0..4).map(|_| user.end_others(None))).await;
        let counted: u64 = ended.into_iter().map(|one| one.ok()["endedSessions"].as_u64().unwrap()).sum();
        assert_eq!(counted, 3);
    }
}

/// A host whose clock is behind keeps the session alive between the heartbeat that saw it expired and its renewal.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_came_back_to_life_is_not_renewed() {
    if lacks(&[Need::MovedClock, Need::Wire, Need::LocalServer]) {
        return;
    }
    let ahead = World::new().await;
    let behind = ahead.another_host().await;
    let user = ahead.user("racer").await;
    let id = user.login().await;
    ahead.clock.advance(TIMEOUT + MS);
    behind.clock.advance(TIMEOUT);
    let hold = ahead.wire.hold(&user.sub, 1);
    let (answer, ()) = tokio::join!(user.heartbeat(&id), async {
        hold.reached().await;
        assert_eq!(behind.same_user(&user).heartbeat(&id).await.ok(), active());
        hold.release();
    });
    assert_eq!(answer.ok(), active());
    assert_eq!(ahead.items_of(&user.sub).await.len(), 1);
    ahead.check_table().await;
}

/// The same between the two writes of an end.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_came_back_to_life_ends_now() {
    if lacks(&[Need::MovedClock, Need::Wire, Need::LocalServer]) {
        return;
    }
    let ahead = World::new().await;
    let behind = ahead.another_host().await;
    let user = ahead.user("racer").await;
    let id = user.login().await;
    ahead.clock.advance(TIMEOUT + MS);
    behind.clock.advance(TIMEOUT);
    let hold = ahead.wire.hold(&user.sub, 1);
    let (answer, ()) = tokio::join!(user.end(&id), async {
        hold.reached().await;
        assert_eq!(behind.same_user(&user).heartbeat(&id).await.ok(), active());
        hold.release();
    });
    answer.ok();
    let item = &ahead.items_of(&user.sub).await[&id];
    assert_eq!(item.end_time, Some(ahead.clock.now().timestamp_millis()));
    ahead.check_table().await;
}

/// A heartbeat that is slow to move a pointer finds it moved further, and leaves it there.
#[tokio::test(flavor = "multi_thread")]
async fn a_pointer_is_not_moved_back() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let user = world.user("racer").await;
    let first = user.login().await;
    world.clock.advance(TIMEOUT + MS);
    let second = user.renewal(&first).await;
    world.clock.advance(TIMEOUT + MS);
    let third = user.renewal(&second).await;
    // Touches of the three, then the pointer's move.
    let hold = world.wire.hold(&user.sub, 3);
    let (answer, fourth) = tokio::join!(user.heartbeat(&first), async {
        hold.reached().await;
        world.clock.advance(TIMEOUT + MS);
        let fourth = user.renewal(&first).await;
        hold.release();
        fourth
    });
    assert_eq!(answer.ok()["sessionId"], json!(third));
    assert_eq!(world.items_of(&user.sub).await[&first].renewed_to, Some(fourth));
    world.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_keeps_the_table_whole() {
    let world = World::new().await;
    for round in 0..ROUNDS {
        let user = world.user("racer").await;
        let (id, other) = (user.login().await, user.login().await);
        if round % 2 == 0 {
            world.clock.advance(TIMEOUT + MS);
        }
        let unknown = unknown_id();
        let racer = |index: usize| {
            let (user, id, other, unknown) = (&user, &id, &other, &unknown);
            async move {
                match index % 6 {
                    0 => user.heartbeat(id).await,
                    1 => user.engage(id, true).await,
                    2 => user.heartbeat(other).await,
                    3 => user.heartbeat(unknown).await,
                    4 => user.end_others(Some(id)).await,
                    _ => user.end(other).await,
                }
            }
        };
        for answer in join_all((0..24).map(racer)).await {
            assert!([200, 409].contains(&answer.status), "{answer:?}");
        }
        let live: HashSet<String> = user.live().await.into_iter().collect();
        let kept = user.heartbeat(&id).await.ok();
        let head = kept["sessionId"].as_str().unwrap_or(&id);
        assert!(live.contains(head), "the kept session is alive: {kept}");
        let reason = user.heartbeat(&other).await.ok()["endReason"].clone();
        assert!(reason == "ended" || reason == "ended_others", "{reason}");
    }
    world.check_table().await;
}
