//! Chains of renewals: an id stands for its chain, however old it is and whichever host it comes to.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use serde_json::json;

use crate::support::{Need, TIMEOUT, User, World, active, ended, lacks, renewed, unknown_id};

const MS: TimeDelta = TimeDelta::milliseconds(1);
const RETENTION: TimeDelta = TimeDelta::days(90);

/// A session renewed `times` times, each time by the id that is newest: all ids, oldest first.
async fn chain(user: &User<'_>, times: usize) -> Vec<String> {
    let mut ids = vec![user.login().await];
    for _ in 0..times {
        user.world.clock.advance(TIMEOUT + MS);
        ids.push(user.renewal(ids.last().unwrap()).await);
    }
    ids
}

#[tokio::test]
async fn the_oldest_id_reaches_the_head_three_renewals_deep_and_is_pointed_there() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let ids = chain(&alice, 3).await;
    world.clock.advance(TimeDelta::minutes(1));
    assert_eq!(alice.heartbeat(&ids[0]).await.ok(), renewed(&ids[3]));
    let items = world.check_table().await;
    let oldest = &items[&(alice.sub.clone(), ids[0].clone())];
    assert_eq!(oldest.renewed_to.as_ref(), Some(&ids[3]));
    assert_eq!(oldest.purge_at, (world.clock.now() + TIMEOUT + RETENTION).timestamp());
    let second = &items[&(alice.sub.clone(), ids[1].clone())];
    assert_eq!(second.renewed_to.as_ref(), Some(&ids[2]), "only the id that came moves");
    assert_eq!(second.renewed_from.as_ref(), Some(&ids[0]), "which keeps the history");

    world.wire.listen(&alice.sub);
    assert_eq!(alice.heartbeat(&ids[0]).await.ok(), renewed(&ids[3]));
    assert_eq!(world.wire.calls(&alice.sub).len(), 2, "the next walk is one hop, and writes no pointer");
}

#[tokio::test]
async fn an_old_id_renews_a_head_that_has_expired_in_turn() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let ids = chain(&alice, 2).await;
    world.clock.advance(TIMEOUT + MS);
    let head = alice.renewal(&ids[0]).await;
    assert!(!ids.contains(&head));
    for id in &ids {
        assert_eq!(alice.heartbeat(id).await.ok(), renewed(&head));
    }
    let items = world.check_table().await;
    assert_eq!(items[&(alice.sub.clone(), ids[2].clone())].renewed_to.as_ref(), Some(&head));
    assert_eq!(items[&(alice.sub.clone(), ids[0].clone())].renewed_to.as_ref(), Some(&head));
}

#[tokio::test]
async fn a_purged_middle_is_an_unknown_id() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let ids = chain(&alice, 2).await;
    world.purge(&alice.sub, &ids[1]).await;
    alice.end(&ids[0]).await.error(404, "session_not_found");
    alice.engage(&ids[0], true).await.error(404, "session_not_found");
    assert_eq!(alice.logout(&json!({ "sessionId": ids[0] })).await.status, 200);
    assert_eq!(alice.live().await, [ids[2].clone()], "so far nothing was touched");

    let started = alice.renewal(&ids[0]).await;
    assert!(!ids.contains(&started));
    let items = world.items_of(&alice.sub).await;
    assert!(!items[&ids[1]].is_session(), "the tombstone is at the id that was missing");
    assert_eq!(items[&ids[1]].renewed_to.as_ref(), Some(&started));
    assert_eq!(items[&ids[0]].renewed_to.as_ref(), Some(&started));
    assert_eq!(alice.heartbeat(&ids[1]).await.ok(), renewed(&started));
    assert_eq!(alice.heartbeat(&ids[2]).await.ok(), active());
}

#[tokio::test]
async fn a_pointer_is_refreshed_before_its_target_is_purged() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let ids = chain(&alice, 1).await;
    let pointer =
        |items: &std::collections::BTreeMap<String, crate::support::table::Item>| items[&ids[0]].purge_at;
    let mut before = pointer(&world.items_of(&alice.sub).await);
    let mut refreshed = 0;
    for _ in 0..(26 * 2) {
        world.clock.advance(TimeDelta::minutes(30));
        assert_eq!(alice.heartbeat(&ids[0]).await.ok(), renewed(&ids[1]));
        let after = pointer(&world.items_of(&alice.sub).await);
        let fresh = (world.clock.now() + TIMEOUT + RETENTION).timestamp();
        assert!(fresh - after <= 86_400, "it lives as long as the head, but for a day");
        refreshed += usize::from(after != before);
        before = after;
    }
    assert_eq!(refreshed, 1, "once in 26 hours");
    world.check_table().await;
}

#[tokio::test]
async fn a_pointer_to_an_ended_head_does_not_outlive_it() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let ids = chain(&alice, 3).await;
    alice.end(&ids[3]).await.ok();
    for _ in 0..5 {
        world.clock.advance(TimeDelta::days(10));
        assert_eq!(alice.heartbeat(&ids[0]).await.ok(), ended("ended"));
    }
    let items = world.check_table().await;
    let oldest = &items[&(alice.sub.clone(), ids[0].clone())];
    assert_eq!(oldest.renewed_to.as_ref(), Some(&ids[3]));
    assert_eq!(oldest.purge_at, items[&(alice.sub.clone(), ids[3].clone())].purge_at);
}

#[tokio::test]
async fn a_chain_of_more_than_a_hundred_is_walked_in_several_requests() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let head = alice.login().await;
    let now = world.clock.now();
    let number = |number: i64| AttributeValue::N(number.to_string());
    let mut ids = vec![head.clone()];
    for _ in 0..250 {
        let id = unknown_id();
        world
            .put(HashMap::from([
                ("pk".to_owned(), AttributeValue::S(format!("USER#{}", alice.sub))),
                ("sk".to_owned(), AttributeValue::S(format!("SESSION#{id}"))),
                ("state".to_owned(), AttributeValue::S("expired".to_owned())),
                ("renewedTo".to_owned(), AttributeValue::S(ids.last().unwrap().clone())),
                ("purgeAt".to_owned(), number(now.timestamp() + 86_400)),
            ]))
            .await;
        ids.push(id);
    }
    let oldest = ids.last().unwrap();
    assert!(alice.list(Some(oldest)).await.iter().all(|row| row["current"] == json!(false)));
    alice.end_others(Some(oldest)).await.error(503, "unavailable");
    assert_eq!(alice.live().await, [head.clone()], "what might be the kept session is not ended");

    for expected in [503, 503, 200] {
        let answer = alice.heartbeat(oldest).await;
        assert_eq!(answer.status, expected, "{answer:?}");
        world.check_table().await;
    }
    assert_eq!(alice.heartbeat(oldest).await.ok(), renewed(&head));
    // Only a heartbeat shortens a chain that was not too long; this one is, and its position is saved.
    let next = &ids[ids.len() - 2];
    for expected in [503, 503, 200] {
        assert_eq!(alice.end(next).await.status, expected);
    }
    assert_eq!(alice.heartbeat(oldest).await.ok(), ended("ended"));
}

#[tokio::test]
async fn hosts_whose_clocks_differ_agree() {
    if lacks(&[Need::MovedClock, Need::LocalServer]) {
        return;
    }
    for skew in [TimeDelta::seconds(5), TimeDelta::seconds(-5)] {
        let here = World::new().await;
        let there = here.another_host().await;
        there.clock.advance(skew);
        let alice = here.user("alice").await;
        let (ahead, behind) = if skew > TimeDelta::zero() { (&there, &here) } else { (&here, &there) };
        let (at_ahead, at_behind) = (ahead.same_user(&alice), behind.same_user(&alice));

        // Started in the other host's future.
        let id = at_ahead.login().await;
        assert_eq!(at_behind.live().await, [id.clone()]);
        assert_eq!(at_behind.heartbeat(&id).await.ok(), active());
        assert_eq!(at_behind.engage(&id, true).await.ok()["sessionId"], json!(id));
        let last = ahead.clock.now().timestamp_millis();
        let item = here.items_of(&alice.sub).await[&id].clone();
        assert_eq!(item.last_active_time, Some(last), "activity never moves backwards");

        // Ended in its own past: a duration is never negative.
        assert_eq!(at_behind.end(&id).await.ok()["sessionId"], json!(id));
        assert_eq!(here.items_of(&alice.sub).await[&id].end_time, Some(last));
        assert_eq!(at_ahead.heartbeat(&id).await.ok(), ended("ended"));

        // Expired for one host and not for the other.
        let id = at_behind.login().await;
        for world in [ahead, behind] {
            world.clock.advance(TIMEOUT - TimeDelta::seconds(3));
        }
        assert_eq!(at_behind.live().await, [id.clone()]);
        let successor = at_ahead.renewal(&id).await;
        assert_eq!(at_behind.heartbeat(&id).await.ok(), renewed(&successor));
        assert_eq!(at_behind.live().await, [successor.clone()]);
        assert_eq!(at_behind.heartbeat(&successor).await.ok(), active());

        // The other way round: kept alive before the other host sees it expired.
        for world in [ahead, behind] {
            world.clock.advance(TIMEOUT - TimeDelta::seconds(3));
        }
        assert_eq!(at_behind.heartbeat(&successor).await.ok(), active());
        assert_eq!(at_ahead.heartbeat(&successor).await.ok(), active());
        assert_eq!(at_ahead.end_others(None).await.ok()["endedSessions"], 1);
        assert!(at_behind.live().await.is_empty());
        here.check_table().await;
    }
}
