//! What each operation costs, from the capacity that the engine says it consumed. A refused write consumes too, one
//! unit, but its answer does not say so: those are counted as calls.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{NaiveTime, TimeDelta};
use local::functions::Handler;

use crate::support::{
    Need, TIMEOUT, User, World, active, http, is_second_engine, lacks, renewed, token, unknown_id,
};

const MS: TimeDelta = TimeDelta::milliseconds(1);

/// The calls and units since the user's line was last listened to, which starts anew.
fn cost(user: &User<'_>) -> (usize, f64) {
    let calls = user.world.wire.calls(&user.sub);
    user.world.wire.listen(&user.sub);
    (calls.len(), calls.iter().map(|call| call.units).sum())
}

/// What DynamoDB and the embedded engine count, or what the second engine (ministack) does: it is wrong in counting no
/// `BatchGetItem`.
fn units(right: f64, second_engine: f64) -> f64 {
    if is_second_engine() { second_engine } else { right }
}

#[tokio::test]
async fn a_login_is_a_write_of_two_units_and_two_small_reads() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    cost(&alice);
    alice.login().await;
    assert_eq!(
        cost(&alice),
        (3, 1.0 + 2.0 + 1.0),
        "the count of starts, the item and its index entry, the index"
    );
}

/// What was started within the hour is counted by reading it.
#[tokio::test]
async fn the_count_of_starts_costs_what_they_weigh() {
    if lacks(&[Need::MovedClock, Need::Wire]) || is_second_engine() {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
    for _ in 0..299 {
        alice.send(alice.request("POST", "/auth/login").header("user-agent", agent)).await.ok();
        world.clock.advance(MS);
    }
    cost(&alice);
    alice.call("POST", "/auth/login").await.ok();
    let counted = world.wire.calls(&alice.sub)[0].units;
    assert!((20.0..=35.0).contains(&counted), "{counted} units");
    cost(&alice);
    alice.call("POST", "/auth/login").await.error(429, "too_many_sessions");
    let refused = cost(&alice);
    assert!(refused.0 == 1 && refused.1 < counted + 1.0, "{refused:?}");
}

#[tokio::test]
async fn a_login_with_a_key_is_a_transaction_and_two_small_reads_and_a_repeat_of_it_five_calls() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let login = || {
        alice.request("POST", "/auth/login").header("idempotency-key", "6e1c7a52-64b5-4f30-9d0c-1f1f6f8d0b11")
    };
    cost(&alice);
    alice.send(login()).await.ok();
    // In a transaction each item costs double: the session's and its index entry's, and the key's.
    assert_eq!(cost(&alice), (3, 1.0 + 2.0 + 2.0 + 1.0 + 1.0));
    world.clock.advance(MS);
    alice.send(login()).await.ok();
    let what = "the count of starts, two refused writes, a touch, and a look at the session";
    assert_eq!(cost(&alice), (5, 1.0 + 1.0 + 1.0), "{what}");
}

#[tokio::test]
async fn a_heartbeat_on_a_live_session_is_one_call_and_one_write_unit() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    world.clock.set("2100-01-15T23:00:00Z".parse().unwrap());
    let id = alice.login().await;
    let mut first_of_a_day = 0;
    for _ in 0..24 {
        world.clock.advance(TimeDelta::minutes(5));
        cost(&alice);
        assert_eq!(alice.heartbeat(&id).await.ok(), active());
        assert_eq!(world.wire.calls(&alice.sub)[0].operation, "UpdateItem");
        let moves_the_index_entry = world.clock.now().time() == NaiveTime::MIN;
        first_of_a_day += usize::from(moves_the_index_entry);
        let expected = if moves_the_index_entry { 3.0 } else { 1.0 };
        assert_eq!(cost(&alice), (1, expected), "at {}", world.clock.now());
    }
    assert_eq!(first_of_a_day, 1);
}

#[tokio::test]
async fn the_largest_heartbeat_is_one_write_unit_too() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user(&"x".repeat(255 - 37)).await;
    assert_eq!(alice.sub.len(), 255);
    let login = alice.request("POST", "/auth/login").header("user-agent", "x".repeat(1_000));
    let body = alice.send(login).await.ok();
    let id = body["body"]["sessionId"].as_str().unwrap();
    world.clock.advance(MS);
    cost(&alice);
    assert_eq!(alice.heartbeat(id).await.ok(), active());
    assert_eq!(cost(&alice), (1, 1.0));
    world.clock.advance(TIMEOUT + MS);
    let successor = alice.renewal(id).await;
    world.clock.advance(TIMEOUT + MS);
    alice.renewal(&successor).await;
    let largest = &world.items_of(&alice.sub).await[&successor];
    assert!(largest.renewed_from.is_some() && largest.renewed_to.is_some() && largest.end_time.is_some());
    cost(&alice);
    world.clock.advance(MS);
    alice.heartbeat(&successor).await.ok();
    assert_eq!(cost(&alice), (2, 1.0), "a refused write of it, and a write of its successor");
}

#[tokio::test]
async fn an_end_is_one_call_and_two_write_units() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    cost(&alice);
    alice.end(&id).await.ok();
    assert_eq!(cost(&alice), (1, 2.0), "the item and its index entry");
}

#[tokio::test]
async fn engagement_is_one_call_and_one_write_unit() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    cost(&alice);
    alice.engage(&id, true).await.ok();
    assert_eq!(cost(&alice), (1, 1.0));
}

#[tokio::test]
async fn a_renewal_is_three_calls_for_the_winner_and_at_most_four_for_a_loser() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    cost(&alice);
    let successor = alice.renewal(&id).await;
    // In a transaction at double cost the old and the new item, and their index entries.
    // And a look at the index: whether this is one session too many.
    assert_eq!(cost(&alice), (3, 2.0 + 2.0 + 1.0 + 1.0 + 1.0));
    assert_eq!(alice.heartbeat(&id).await.ok(), renewed(&successor));
    assert_eq!(cost(&alice).0, 2, "to the old id and to the new");

    // A loser sees the expired session, but finds it renewed when it tries to.
    let id = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    cost(&alice);
    let answers = futures_util::future::join_all((0..8).map(|_| alice.renewal(&id))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let (calls, _) = cost(&alice);
    assert!(calls <= 3 + 7 * 4, "{calls} calls");
}

#[tokio::test]
async fn a_heartbeat_on_an_unknown_id_is_four_calls() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    cost(&alice);
    alice.renewal(&unknown_id()).await;
    // In a transaction at double cost the tombstone and the session, and the index entry of that.
    // A refused touch, the count of starts, that, and the index.
    assert_eq!(cost(&alice), (4, 1.0 + 2.0 + 2.0 + 1.0 + 1.0));
}

/// 1,000 dead sessions beside 3 live ones. The dead ones are from before yesterday: some ended, some renewed, some
/// silently expired.
#[tokio::test]
async fn a_list_reads_what_was_active_since_yesterday_and_not_the_history() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let number = |number: i64| AttributeValue::N(number.to_string());
    let start = (world.clock.now() - TimeDelta::days(5)).timestamp_millis();
    let put = |index: i64| {
        let id = unknown_id();
        let mut item = HashMap::from([
            ("pk".to_owned(), AttributeValue::S(format!("USER#{}", alice.sub))),
            ("sk".to_owned(), AttributeValue::S(format!("SESSION#{id}"))),
            ("startTime".to_owned(), number(start)),
            ("lastActiveTime".to_owned(), number(start)),
            ("contentEngaged".to_owned(), AttributeValue::Bool(false)),
            ("purgeAt".to_owned(), number(start / 1_000 + 100 * 86_400)),
        ]);
        let state = ["active", "ended", "expired"][usize::try_from(index % 3).unwrap()];
        item.insert("state".to_owned(), AttributeValue::S(state.to_owned()));
        if state == "active" {
            item.insert("activeDay".to_owned(), number(start / 86_400_000));
        } else {
            item.insert("endTime".to_owned(), number(start));
        }
        if state == "expired" {
            item.insert("renewedTo".to_owned(), AttributeValue::S(unknown_id()));
        }
        world.put(item)
    };
    for batch in (0..1_000).collect::<Vec<_>>().chunks(50) {
        futures_util::future::join_all(batch.iter().map(|index| put(*index))).await;
    }
    let expected = HashSet::from([alice.login().await, alice.login().await, alice.login().await]);
    cost(&alice);
    let live = alice.live().await;
    assert_eq!(HashSet::from_iter(live), expected);
    // A Query of one page of keys, and a BatchGetItem of three items.
    assert_eq!(cost(&alice), (2, units(1.0 + 3.0, 1.0)));
}

#[tokio::test]
async fn the_calls_of_a_list_that_knows_the_current_session() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = alice.login().await;
    cost(&alice);
    alice.list(Some(&id)).await;
    assert_eq!(cost(&alice), (2, units(2.0, 1.0)), "no read more for a current session that is listed");
    world.clock.advance(TIMEOUT + MS);
    alice.renewal(&id).await;
    cost(&alice);
    alice.list(Some(&id)).await;
    assert_eq!(cost(&alice).0, 4, "two to follow an old id");
}

/// However many sessions there are: a Query for each month, of what its rows weigh.
#[tokio::test]
async fn a_range_of_metrics_is_one_query_a_month() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let (alice, reader) = (world.user("alice").await, world.user("reader").await);
    let token = token(&http(), &[("username", "reader"), ("permissions", "metrics:read")]).await;
    let reader = User { token, ..reader };
    for _ in 0..20 {
        alice.login().await;
    }
    for (path, answers) in [("", 1), ("/daily", 365), ("/by-timespan", 365)] {
        for month in 1..=12 {
            world.wire.listen(&format!("2100-{month:02}"));
        }
        let query = format!("/metrics/sessions{path}?startDate=2100-01-01&endDate=2100-12-31");
        let data = reader.call("GET", &query).await.ok()["data"].clone();
        assert_eq!(data.as_array().map_or(1, Vec::len), answers);
        for month in 1..=12 {
            // In January the stream's rollup may write beside it.
            let mut calls = world.wire.calls(&format!("2100-{month:02}"));
            calls.retain(|call| call.operation == "Query");
            assert_eq!(calls.len(), 1, "{path} in month {month}");
            assert!(calls[0].units <= 1.0, "{} units", calls[0].units);
        }
    }
}

/// What was just written must be in what is read: of sessions always, and of the metrics where a row is written next.
#[tokio::test]
async fn every_read_that_must_be_is_consistent() {
    if lacks(&[Need::MovedClock, Need::Wire, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let old = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    let id = alice.renewal(&old).await;
    alice.login().await;
    cost(&alice);
    alice.list(Some(&old)).await;
    let path = format!("/user-sessions/{old}");
    let current = alice.request("GET", &path).header("x-session-id", &id);
    alice.send(current).await.ok();
    alice.end_others(Some(&old)).await.ok();
    let mut reads = world.wire.calls(&alice.sub);
    reads.retain(|call| call.consistent_read.is_some());
    let operations: HashSet<_> = reads.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(operations, HashSet::from(["BatchGetItem", "GetItem", "Query"]));
    assert!(reads.iter().all(|call| call.consistent_read == Some(true)), "{reads:?}");

    let Handler::Stream(rollup) = world.handler("rollup") else { panic!("no stream") };
    world.wire.listen("2026-01");
    rollup(serde_json::from_str(include_str!("../../../events/rollup.json")).unwrap()).await.unwrap();
    let calls = world.wire.calls("2026-01");
    assert_eq!((calls[0].operation.as_str(), calls[0].consistent_read), ("GetItem", Some(true)), "{calls:?}");
}
