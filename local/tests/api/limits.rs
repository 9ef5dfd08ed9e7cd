//! How much one user may have: live sessions at once, and starts within an hour. And what ends of sessions tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::id::SessionId;

use crate::support::{
    Need, TIMEOUT, User, World, active, ended, is_second_engine, lacks,
    table::Item,
    unknown_id,
    wire::{Disturbance, Fault},
};

const MS: TimeDelta = TimeDelta::milliseconds(1);
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// A start spends no more on the limit, as `shared` has it: what it has not done by then it leaves to the next.
const LONGEST: Duration = Duration::from_secs(5);

/// A server on which a user may have so many live sessions, and start as many as they like.
async fn with_limit(limit: usize) -> World {
    World::with(&[("MAX_SESSIONS_PER_USER", &limit.to_string()), ("MAX_STARTS_PER_USER_PER_HOUR", "0")]).await
}

/// One on which a user may start so many within an hour.
async fn with_starts(limit: usize) -> World {
    World::with(&[("MAX_STARTS_PER_USER_PER_HOUR", &limit.to_string())]).await
}

async fn logins(user: &User<'_>, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(user.login().await);
        user.world.clock.advance(MS);
    }
    ids
}

fn set(ids: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<String> {
    ids.into_iter().map(Into::into).collect()
}

async fn live(user: &User<'_>) -> BTreeSet<String> {
    set(user.live().await)
}

/// What the user's line was asked since it was last listened to.
fn operations(user: &User<'_>) -> Vec<String> {
    user.world.wire.calls(&user.sub).into_iter().map(|call| call.operation).collect()
}

/// A UUID of that time, as many make them.
fn key_of(time: DateTime<Utc>) -> String {
    SessionId::new(time).to_string()
}

async fn login_once(user: &User<'_>, key: &str) -> crate::support::Answer {
    user.send(user.request("POST", "/auth/login").header("idempotency-key", key)).await
}

#[tokio::test]
async fn a_start_beyond_the_limit_ends_the_least_recently_active() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = with_limit(3).await;
    let alice = world.user("alice").await;
    let ids = logins(&alice, 3).await;
    world.clock.advance(MINUTE);
    assert_eq!(alice.heartbeat(&ids[0]).await.ok(), active());
    world.clock.advance(MINUTE);
    let fourth = alice.login().await;
    assert_eq!(live(&alice).await, set([&ids[0], &ids[2], &fourth]));
    let record = &world.items_of(&alice.sub).await[&ids[1]];
    assert_eq!(record.end_time, Some(world.clock.now().timestamp_millis()));
    assert_eq!(alice.heartbeat(&ids[1]).await.ok(), ended("limit"));

    // Whatever starts it: an id that nobody knows, a key, a renewal by a heartbeat or by an engagement.
    world.clock.advance(MINUTE);
    let unknown = alice.renewal(&unknown_id()).await;
    world.clock.advance(MINUTE);
    let keyed = login_once(&alice, &unknown_id()).await.ok()["body"]["sessionId"].clone();
    assert_eq!(live(&alice).await, set([&fourth, &unknown, keyed.as_str().unwrap()]));
    world.clock.advance(TIMEOUT - MINUTE + MS);
    // That one has a minute left; the others have expired.
    let renewed = alice.renewal(&unknown).await;
    let engaged = alice.engage(&fourth, true).await.ok()["sessionId"].clone();
    let last = alice.login().await;
    assert_eq!(live(&alice).await, set([&renewed, engaged.as_str().unwrap(), &last]));
    assert_eq!(alice.heartbeat(keyed.as_str().unwrap()).await.ok(), ended("limit"));
    world.check_table().await;
}

/// The most recently active ones stay, whichever were started last.
#[tokio::test]
async fn a_session_that_others_outran_is_the_one_that_ends() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let here = with_limit(2).await;
    let limits = [("MAX_SESSIONS_PER_USER", "2"), ("MAX_STARTS_PER_USER_PER_HOUR", "0")];
    let ahead = here.another_host_with(&limits).await;
    ahead.clock.advance(MINUTE);
    let alice = here.user("alice").await;
    let ids = logins(&ahead.same_user(&alice), 2).await;
    let own = alice.login().await;
    assert_eq!(live(&alice).await, set(&ids));
    assert_eq!(alice.heartbeat(&own).await.ok(), ended("limit"));
    // It ended no later than it was last active, by whosever clock.
    let items = here.items_of(&alice.sub).await;
    assert_eq!(items[&own].end_time, items[&own].last_active_time);
    // Nor does it end others' before they were last active.
    here.clock.advance(MINUTE + MINUTE);
    let next = alice.login().await;
    assert_eq!(live(&alice).await, set([&ids[1], &next]));
    here.check_table().await;
}

#[tokio::test]
async fn a_user_below_the_limit_loses_nothing_and_neither_does_another() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = with_limit(2).await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let (of_alice, of_bob) = (logins(&alice, 2).await, logins(&bob, 5).await);
    assert_eq!(live(&alice).await, set(&of_alice));
    assert_eq!(live(&bob).await, set(&of_bob[3..]));
    // An end makes room.
    bob.end(&of_bob[4]).await.ok();
    let more = bob.login().await;
    assert_eq!(live(&bob).await, set([&of_bob[3], &more]));
}

/// It may still be renewed, so it is not ended; but it is not read again and again either.
#[tokio::test]
async fn a_silently_expired_session_is_left_alone_but_for_its_index_entry() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = with_limit(2).await;
    let alice = world.user("alice").await;
    let put = async |time| world.put_session(&alice.sub, time, time).await;
    let long = put(world.clock.now() - TIMEOUT - MINUTE - MS).await;
    let just = put(world.clock.now() - TIMEOUT - MINUTE + MS * 2).await;
    let before = world.items_of(&alice.sub).await;
    let live_ids = logins(&alice, 2).await;
    let after = world.items_of(&alice.sub).await;
    assert_eq!(after[&just], before[&just], "another host may think that it lives");
    assert_eq!(after[&long], Item { active_day: None, ..before[&long].clone() });
    assert_eq!(live(&alice).await, set(&live_ids));
    // They are renewed like any other, and then there are too many.
    let renewed = alice.renewal(&long).await;
    assert_eq!(live(&alice).await, set([&live_ids[1], &renewed]));
    let record = &world.items_of(&alice.sub).await[&long];
    assert_eq!((record.state.as_str(), record.renewed_to.as_deref()), ("expired", Some(renewed.as_str())));

    // So many at a time.
    for number in 1..=60 {
        put(world.clock.now() - TIMEOUT - MINUTE * 2 - MS * number).await;
    }
    for left in [35, 10, 0, 0] {
        alice.login().await;
        let items = world.items_of(&alice.sub).await.into_values();
        let cut = (world.clock.now() - TIMEOUT - MINUTE * 2).timestamp_millis();
        let listed = items.filter(|item| item.active_day.is_some() && item.last_active_time < Some(cut));
        assert_eq!(listed.count(), left);
    }
    world.check_table().await;
}

/// There would be no end to them at so many at a time.
#[tokio::test]
async fn of_a_large_index_what_is_expired_beyond_two_thousand_entries_goes_at_once() {
    if lacks(&[Need::LocalServer]) || is_second_engine() {
        return;
    }
    let world = with_limit(2).await;
    let alice = world.user("alice").await;
    for batch in (1..=2_030).collect::<Vec<i32>>().chunks(50) {
        let put = |number: &i32| {
            let time = world.clock.now() - TIMEOUT - MINUTE * 2 - MS * *number;
            world.put_session(&alice.sub, time, time)
        };
        join_all(batch.iter().map(put)).await;
    }
    alice.login().await;
    let items = world.items_of(&alice.sub).await.into_values();
    let left = items.filter(|item| item.active_day.is_some()).count() - 1;
    // Twenty batches have 25 together. All of the last one go; the new session may be among its 31 entries.
    assert!([2_030 - 25 - 31, 2_030 - 25 - 30].contains(&left), "{left} are left");
}

#[tokio::test]
async fn nothing_is_read_of_sessions_that_are_no_more_than_the_limit() {
    if lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = with_limit(2).await;
    let alice = world.user("alice").await;
    logins(&alice, 1).await;
    world.wire.listen(&alice.sub);
    alice.login().await;
    assert_eq!(operations(&alice), ["PutItem", "Query"]);
}

/// A session that is to be ended is active after it was seen and before it ends: then it is another's turn.
#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_kept_though_a_session_that_was_to_end_was_active_meanwhile() {
    if lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = with_limit(2).await;
    let alice = world.user("alice").await;
    let ids = logins(&alice, 2).await;
    // The new session, the index, the records, and then the end.
    let hold = world.wire.hold(&alice.sub, 3);
    let (third, ()) = tokio::join!(alice.login(), async {
        hold.reached().await;
        world.clock.advance(MS);
        assert_eq!(alice.heartbeat(&ids[0]).await.ok(), active());
        hold.release();
    });
    assert_eq!(live(&alice).await, set([&ids[0], &third]));
    assert_eq!(alice.heartbeat(&ids[1]).await.ok(), ended("limit"));
    world.check_table().await;
}

#[tokio::test]
async fn sessions_from_before_the_limit_are_ended_at_the_next_start() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = with_limit(100).await;
    let alice = world.user("alice").await;
    let mut ids = Vec::new();
    for number in 0..350 {
        let time = world.clock.now() - TimeDelta::minutes(40) + MS * number;
        ids.push(world.put_session(&alice.sub, time, time).await);
    }
    let own = alice.login().await;
    assert_eq!(live(&alice).await, ids[251..].iter().chain([&own]).cloned().collect());
    world.check_table().await;
}

/// `LIMIT_ROUNDS` says how often: seldom beside other tests, which it leaves little of the machine.
#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_logins_at_once_leave_exactly_the_newest() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let rounds = std::env::var("LIMIT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    // The second engine does one thing at a time.
    let mut racers = if is_second_engine() { 16 } else { 64 };
    let here = with_limit(5).await;
    let limits = [("MAX_SESSIONS_PER_USER", "5"), ("MAX_STARTS_PER_USER_PER_HOUR", "0")];
    let there = here.another_host_with(&limits).await;
    let (mut judged, mut round) = (0, 0);
    while judged < rounds && round < 3 * rounds {
        round += 1;
        let user = here.user("racer").await;
        let elsewhere = there.same_user(&user);
        // A session that is kept alive all the while is the most recently active one, unless it is at the same moment.
        let busy = user.login().await;
        here.clock.advance(MS);
        there.clock.set(here.clock.now());
        let login = |number: usize| if number.is_multiple_of(2) { user.login() } else { elsewhere.login() };
        let beats = async {
            if round % 2 == 1 {
                join_all((0..4).map(|_| user.heartbeat(&busy))).await;
            }
        };
        let began = Instant::now();
        let (ids, ()) = tokio::join!(join_all((0..racers).map(login)), beats);
        if began.elapsed() > LONGEST {
            if is_second_engine() {
                racers = (racers / 2).max(8);
            }
            continue;
        }
        judged += 1;
        let items = here.items_of(&user.sub).await;
        let of = |state: &str| -> BTreeMap<&str, &Item> {
            items
                .iter()
                .filter(|(_, item)| item.state == state)
                .map(|(id, item)| (id.as_str(), item))
                .collect()
        };
        let mut by_activity: Vec<(Option<i64>, &str)> =
            items.iter().map(|(id, item)| (item.last_active_time, id.as_str())).collect();
        by_activity.sort_unstable();
        assert_eq!(by_activity.len(), racers + 1);
        let newest: BTreeSet<&str> = by_activity[racers - 4..].iter().map(|(_, id)| *id).collect();
        assert_eq!(of("active").into_keys().collect::<BTreeSet<_>>(), newest, "of {}", ids.len());
        assert!(of("ended").values().all(|item| item.end_reason.as_deref() == Some("limit")));
    }
    assert!(judged * 2 > rounds, "{judged} rounds of {round} were fast enough to be judged");
    here.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_a_start_never_depends_on_what_the_limit_meets() {
    if lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = with_limit(2).await;
    for fault in Fault::ALL {
        for from in 1..5 {
            let user = world.user("alice").await;
            logins(&user, 2).await;
            for _ in 0..2 {
                let time = world.clock.now() - MINUTE;
                world.put_session(&user.sub, time, time).await;
            }
            world.wire.disturb(&user.sub, Some(Disturbance { fault, from, times: 1_000 }));
            let id = user.login().await;
            world.wire.listen(&user.sub);
            assert!(live(&user).await.contains(&id), "{fault:?} from {from}");
            // The next one goes on, and there are no more than that.
            let next = user.login().await;
            assert_eq!(live(&user).await.len(), 2, "{fault:?} from {from}");
            assert!(live(&user).await.contains(&next));
        }
    }
    world.check_table().await;
}

#[tokio::test]
async fn logins_beyond_the_hours_starts_are_refused_and_nothing_is_written() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = with_starts(3).await;
    let alice = world.user("alice").await;
    let first = alice.login().await;
    world.clock.advance(MINUTE);
    let key = unknown_id();
    let keyed = login_once(&alice, &key).await.ok()["body"]["sessionId"].clone();
    alice.renewal(&unknown_id()).await;
    let before = world.items_of(&alice.sub).await;
    let refused = [
        alice.call("POST", "/auth/login").await,
        login_once(&alice, &unknown_id()).await,
        alice.heartbeat(&unknown_id()).await,
        alice.heartbeat(&unknown_id()).await,
    ];
    for answer in refused {
        answer.error(429, "too_many_sessions");
    }
    assert_eq!(world.items_of(&alice.sub).await, before);
    // What starts nothing goes on: heartbeats, a known key, another user's logins.
    assert_eq!(alice.heartbeat(&first).await.ok(), active());
    assert_eq!(login_once(&alice, &key).await.ok()["body"]["sessionId"], keyed);
    world.user("bob").await.login().await;
    // An hour after the first there is room for one, and no more.
    world.clock.advance(TIMEOUT - MINUTE);
    alice.call("POST", "/auth/login").await.error(429, "too_many_sessions");
    world.clock.advance(MS);
    alice.login().await;
    alice.call("POST", "/auth/login").await.error(429, "too_many_sessions");
    world.check_table().await;
}

/// It may be known, and then the login starts nothing.
#[tokio::test]
async fn a_key_is_looked_at_where_no_more_may_start_and_nothing_is_written() {
    if lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = with_starts(1).await;
    let alice = world.user("alice").await;
    alice.login().await;
    world.wire.listen(&alice.sub);
    login_once(&alice, &unknown_id()).await.error(429, "too_many_sessions");
    assert_eq!(operations(&alice), ["Query", "GetItem"]);
}

/// A key's record lies where the key's time says, and one of now is among the starts of this hour.
#[tokio::test]
async fn keys_that_are_times_do_not_count() {
    if lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = with_starts(3).await;
    let alice = world.user("alice").await;
    for _ in 0..2 {
        login_once(&alice, &key_of(world.clock.now())).await.ok();
        world.clock.advance(MS);
    }
    // Four records are there, and a page has three.
    world.wire.listen(&alice.sub);
    alice.login().await;
    assert_eq!(operations(&alice)[..2], ["Query", "Query"]);
    login_once(&alice, &key_of(world.clock.now())).await.error(429, "too_many_sessions");
    alice.call("POST", "/auth/login").await.error(429, "too_many_sessions");
}

/// The records are not read to their end, however many a user makes.
#[tokio::test]
async fn made_up_keys_of_one_time_let_nobody_start_more() {
    if lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = with_starts(1).await;
    let alice = world.user("alice").await;
    let soon = world.clock.now() + TimeDelta::hours(4);
    for _ in 0..3 {
        login_once(&alice, &key_of(soon)).await.ok();
        world.clock.advance(TIMEOUT + MS);
    }
    world.clock.advance(TIMEOUT);
    world.wire.listen(&alice.sub);
    alice.call("POST", "/auth/login").await.error(429, "too_many_sessions");
    assert_eq!(operations(&alice), ["Query", "Query"]);
    // They are behind the hour at last.
    world.clock.advance(TIMEOUT);
    alice.login().await;
}

#[tokio::test]
async fn a_renewal_counts_and_is_never_refused() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = with_starts(2).await;
    let alice = world.user("alice").await;
    let key = unknown_id();
    login_once(&alice, &key).await.ok();
    let id = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    let renewed = alice.renewal(&id).await;
    // By a key that is known, too.
    let of_key = login_once(&alice, &key).await.ok()["body"]["sessionId"].clone();
    alice.call("POST", "/auth/login").await.error(429, "too_many_sessions");
    assert_eq!(live(&alice).await, set([renewed.as_str(), of_key.as_str().unwrap()]));
    // One whose session was ended is told so, and not to wait.
    alice.end(of_key.as_str().unwrap()).await.ok();
    login_once(&alice, &key).await.error(409, "session_ended");
}

#[tokio::test]
async fn without_a_limit_of_starts_there_is_none() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = with_starts(0).await;
    let alice = world.user("alice").await;
    logins(&alice, 310).await;
    assert_eq!(live(&alice).await.len(), 100, "as many as may be live where nothing is set");
}

#[tokio::test]
async fn starts_of_a_host_whose_clock_is_ahead_count() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let here = with_starts(2).await;
    let ahead = here.another_host_with(&[("MAX_STARTS_PER_USER_PER_HOUR", "2")]).await;
    ahead.clock.advance(TimeDelta::minutes(5));
    let alice = here.user("alice").await;
    let elsewhere = ahead.same_user(&alice);
    elsewhere.login().await;
    elsewhere.login().await;
    alice.call("POST", "/auth/login").await.error(429, "too_many_sessions");
}

#[tokio::test]
async fn an_end_tells_what_ended_the_session() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = with_limit(4).await;
    let alice = world.user("alice").await;
    let ids = logins(&alice, 6).await;
    alice.logout(&json!({ "sessionId": ids[2] })).await.ok();
    alice.end(&ids[3]).await.ok();
    alice.end_others(Some(&ids[5])).await.ok();
    let reasons = ["limit", "limit", "logout", "ended", "ended_others"];
    for (id, reason) in ids.iter().zip(reasons) {
        assert_eq!(alice.heartbeat(id).await.ok(), ended(reason));
        let shown = alice.call("GET", &format!("/user-sessions/{id}")).await.ok();
        assert_eq!((&shown["state"], &shown["endReason"]), (&json!("ended"), &json!(reason)));
        // A second end changes nothing.
        alice.end(id).await.ok();
        assert_eq!(alice.heartbeat(id).await.ok(), ended(reason));
    }
    let shown = alice.call("GET", &format!("/user-sessions/{}", ids[5])).await.ok();
    assert_eq!((&shown["state"], &shown["endReason"]), (&json!("live"), &Value::Null));
}

#[tokio::test]
async fn an_end_from_before_there_were_reasons_has_none() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    for reason in [None, Some("a_later_versions")] {
        let id = alice.login().await;
        alice.end(&id).await.ok();
        world.set_end_reason(&alice.sub, &id, reason).await;
        let body = json!({ "status": "expired", "needsNewSession": true, "endReason": null });
        assert_eq!(alice.heartbeat(&id).await.ok(), body);
        let shown = alice.call("GET", &format!("/user-sessions/{id}")).await.ok();
        assert_eq!((&shown["state"], &shown["endReason"]), (&json!("ended"), &Value::Null));
    }
}
