//! Every request has an end, whatever the engine does: an answer of the function's own, before it is stopped; and what was
//! done by then stays done.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    Answer, Need, TIMEOUT, User, World, http, is_second_engine, lacks, token, unknown_id,
    wire::{Disturbance, Fault},
};

const MS: TimeDelta = TimeDelta::milliseconds(1);
const ALWAYS: usize = 1_000_000;

/// Seconds for which a function may run here. One of them is for the answer, another to save how far a walk came.
const SECONDS: u64 = 4;

/// Whether the engine needs so long for a call that what is to be late here is no later than the rest.
fn is_slow() -> bool {
    is_second_engine()
}

fn disturb(user: &User<'_>, fault: Fault) {
    user.world.wire.disturb(&user.sub, Some(Disturbance { fault, from: 0, times: ALWAYS }));
}

/// A user with a live session, and an id that has been renewed twice to become it.
async fn prepared(world: &World) -> (User<'_>, String, String) {
    let user = world.user("alice").await;
    let mut head = user.login().await;
    let old = head.clone();
    for _ in 0..2 {
        world.age(&user.sub, &head, world.clock.now() - TIMEOUT - MS).await;
        head = user.renewal(&head).await;
    }
    (user, head, old)
}

const REQUESTS: [&str; 14] = [
    "login",
    "login with a key",
    "logout",
    "heartbeat",
    "heartbeat on an old id",
    "heartbeat on an unknown id",
    "list",
    "list with the current one",
    "look",
    "engagement",
    "end",
    "end of all",
    "end of the others",
    "metrics",
];

/// The answer to a request of a user of its own, while the engine has that fault.
async fn answer(world: &World, fault: Fault, request: &str) -> Answer {
    let (mut user, head, old) = prepared(world).await;
    disturb(&user, fault);
    match request {
        "login" => user.call("POST", "/auth/login").await,
        "login with a key" => {
            user.send(user.request("POST", "/auth/login").header("idempotency-key", unknown_id())).await
        }
        "logout" => user.logout(&json!({ "sessionId": head })).await,
        "heartbeat" => user.heartbeat(&head).await,
        "heartbeat on an old id" => user.heartbeat(&old).await,
        "heartbeat on an unknown id" => user.heartbeat(&unknown_id()).await,
        "list" => user.call("GET", "/user-sessions").await,
        "list with the current one" => {
            user.send(user.request("GET", "/user-sessions").header("x-session-id", &old)).await
        }
        "look" => user.call("GET", &format!("/user-sessions/{old}")).await,
        "engagement" => user.engage(&old, true).await,
        "end" => user.end(&old).await,
        "end of all" => user.end_others(None).await,
        "end of the others" => user.end_others(Some(&old)).await,
        _ => {
            let reader = [("username", user.sub.as_str()), ("permissions", "metrics:read")];
            user.token = token(&http(), &reader).await;
            world.wire.disturb("2100-01", Some(Disturbance { fault, from: 0, times: ALWAYS }));
            user.call("GET", "/metrics/sessions?startDate=2100-01-01&endDate=2100-01-31").await
        }
    }
}

/// The gateway would say so in words of its own if a function did not.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_answers_before_it_is_stopped_whatever_the_engine_does() {
    if lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = World::with_timeout(SECONDS, &[]).await;
    for fault in [Fault::Silent, Fault::Reset, Fault::Late(4_000), Fault::Throttled, Fault::FailedBefore] {
        let answers = join_all(REQUESTS.map(|request| answer(&world, fault, request))).await;
        for (request, answer) in REQUESTS.iter().zip(answers) {
            assert_eq!(answer.status, 503, "{request} with {fault:?}: {}", answer.body);
            answer.error(503, "unavailable");
        }
    }
}

/// What is at the end of a chain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Live,
    Expired,
    /// Nothing: it was purged.
    Missing,
}

/// After several renewals, of which a walk has time for some.
#[tokio::test(flavor = "multi_thread")]
async fn a_walk_saves_how_far_it_came_before_its_time_is_spent() {
    if is_slow() || lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = World::with_timeout(SECONDS, &[]).await;
    let walk = async |request: &str, end: End, renewals: usize, late: u64| {
        let user = world.user("alice").await;
        let mut ids = vec![user.login().await];
        for at in 0..renewals {
            world.age(&user.sub, &ids[at], world.clock.now() - TIMEOUT - MS).await;
            ids.push(user.renewal(&ids[at]).await);
        }
        match end {
            End::Live => {}
            End::Expired => world.age(&user.sub, &ids[renewals], world.clock.now() - TIMEOUT - MS).await,
            End::Missing => world.purge(&user.sub, &ids[renewals]).await,
        }
        disturb(&user, Fault::Late(late));
        for walk in 1..=8 {
            let answer = match request {
                "heartbeat" => user.heartbeat(&ids[0]).await,
                "engagement" => user.engage(&ids[0], true).await,
                _ => user.end(&ids[0]).await,
            };
            if answer.status == 200 {
                let is_the_last = answer.ok()["sessionId"] == json!(ids[renewals]);
                assert_eq!(is_the_last, end == End::Live || request == "end", "{request}");
                assert!(walk > 1, "it was not too long for one walk");
                return;
            }
            answer.error(503, "unavailable");
            let items = world.items_of(&user.sub).await;
            let to = items[&ids[0]].renewed_to.as_ref();
            let begins_at = ids.iter().position(|id| Some(id) == to);
            assert!(
                begins_at > Some(walk.min(renewals - 2)),
                "each walk begins where the last one ended: {begins_at:?}"
            );
        }
        panic!("it does not arrive: {request}");
    };
    let many = async |request, end| walk(request, end, 8, 450).await;
    // Two renewals, for which there is time, but not for what is to be done behind them.
    let few = async |request, end| walk(request, end, 2, 600).await;
    tokio::join!(
        many("heartbeat", End::Live),
        many("heartbeat", End::Expired),
        many("heartbeat", End::Missing),
        many("engagement", End::Live),
        many("engagement", End::Expired),
        many("end", End::Live),
        many("end", End::Expired),
        few("heartbeat", End::Expired),
        few("heartbeat", End::Missing),
        few("engagement", End::Expired),
        few("end", End::Expired),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_the_others_keeps_its_progress_and_repeats_finish_it() {
    if is_slow() || lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = World::with_timeout(SECONDS, &[]).await;
    let alice = world.user("alice").await;
    for number in 0..230 {
        let time = world.clock.now() - TimeDelta::minutes(10) + MS * number;
        world.put_session(&alice.sub, time, time).await;
        // What has silently expired comes before them in the index, and is no reason to begin at the beginning each time.
        let time = world.clock.now() - TIMEOUT - TimeDelta::minutes(2) + MS * number;
        world.put_session(&alice.sub, time, time).await;
    }
    // The kept one is renewed meanwhile, and found by its old id.
    let expired = world.clock.now() - TIMEOUT - MS;
    let old = world.put_session(&alice.sub, expired, expired).await;
    let mut left: BTreeSet<String> = world.items_of(&alice.sub).await.into_keys().collect();
    let mut kept = None;
    for repeat in 1..20 {
        disturb(&alice, Fault::Late(150));
        let answer = alice.end_others(Some(&old)).await;
        world.wire.listen(&alice.sub);
        if kept.is_none() {
            kept = Some(alice.renewal(&old).await);
        }
        let items = world.items_of(&alice.sub).await;
        let listed = items.into_iter().filter(|(_, item)| item.active_day.is_some());
        let active: BTreeSet<String> = listed.map(|(id, _)| id).collect();
        if answer.status == 200 {
            assert!(repeat > 1, "it was not too much for one request");
            assert_eq!(active, BTreeSet::from([kept.unwrap()]));
            world.check_table().await;
            return;
        }
        answer.error(503, "unavailable");
        assert!(active.len() < left.len(), "no progress: {}", active.len());
        left = active;
    }
    panic!("it does not come to an end");
}

/// However slow the engine stays: no start would come to an end otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn each_start_does_something_for_the_limit_where_there_is_no_time_for_all() {
    if is_slow() || lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = World::with_timeout(SECONDS, &[("MAX_SESSIONS_PER_USER", "2")]).await;
    let alice = world.user("alice").await;
    for number in 0..150 {
        let time = world.clock.now() - TimeDelta::minutes(10) + MS * number;
        world.put_session(&alice.sub, time, time).await;
    }
    let mut before = 150;
    for start in 1..20 {
        disturb(&alice, Fault::Late(250));
        let id = alice.login().await;
        world.wire.listen(&alice.sub);
        world.clock.advance(MS);
        let live = alice.live().await;
        assert!(live.contains(&id));
        if live.len() == 2 {
            assert!(start > 1, "it was not too much for one start");
            return;
        }
        assert!(live.len() < before, "{} were live, and {} are", before, live.len());
        before = live.len();
    }
    panic!("it does not come to an end");
}

/// To go on at once would only keep the table so.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_cancelled_for_throttling_is_answered_at_once() {
    if lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let cases: [(&[&str], _, _); 4] = [
        (&["ThrottlingError", "None"], 503, "unavailable"),
        (&["None", "ProvisionedThroughputExceeded"], 503, "unavailable"),
        (&["TransactionConflict", "ThrottlingError"], 503, "unavailable"),
        (&["None", "ItemCollectionSizeLimitExceeded"], 429, "too_many_sessions"),
    ];
    for (reasons, status, code) in cases {
        let user = world.user("alice").await;
        let id = user.login().await;
        let before = world.items_of(&user.sub).await;
        world.clock.advance(TIMEOUT + MS);
        disturb(&user, Fault::Cancelled(reasons));
        let answers =
            [user.heartbeat(&id).await, user.heartbeat(&unknown_id()).await, user.engage(&id, true).await];
        for answer in answers {
            answer.error(status, code);
        }
        let calls = world.wire.calls(&user.sub);
        let transactions = calls.iter().filter(|call| call.operation == "TransactWriteItems").count();
        assert_eq!(transactions, 3, "{reasons:?}: one for each request");
        assert_eq!(world.items_of(&user.sub).await, before);
        world.wire.listen(&user.sub);
        user.renewal(&id).await;
    }
}
