//! Each call of each operation meets each fault, once or several times in a row: answers and stored items stay right.
//!
//! Scenarios run side by side, each for a user of its own, and each fault starts at each call number in turn. The
//! answer is the one without a fault, or 503 if the fault outlasts the tries; then the same request again must give
//! that answer, and in the end what is stored is what one undisturbed request would have stored.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::{
    Answer, Need, TIMEOUT, User, World, is_second_engine, lacks, table,
    table::Item,
    unknown_id,
    wire::{Disturbance, Fault},
};

/// A request for a prepared user, and what it must have left behind.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    /// What the user has: sessions that are live, expired, renewed...
    prepared: Prepared,
    operation: Operation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prepared {
    Live,
    Expired,
    /// Renewed three times, so that the oldest id is three hops from the head; the head is live.
    Chain,
    /// The same with a head that has expired.
    ExpiredChain,
    Ended,
    Unknown,
    /// Last active in this host's future, as another host had it.
    Ahead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Login,
    /// With the id as its key.
    LoginOnce,
    Heartbeat,
    Engage,
    End,
    EndOthers,
    List,
    Logout,
}

use Operation::{End, EndOthers, Engage, Heartbeat, List, Login, LoginOnce, Logout};
use Prepared::{Ahead, Chain, Ended, Expired, ExpiredChain, Live, Unknown};

const SCENARIOS: &[(Operation, &[Prepared])] = &[
    (Login, &[Live]),
    (LoginOnce, &[Live, Expired, Chain, ExpiredChain, Ended, Unknown]),
    (Heartbeat, &[Live, Expired, Chain, ExpiredChain, Ended, Unknown]),
    (Engage, &[Live, Expired, Chain, ExpiredChain, Ended]),
    (End, &[Live, Expired, Chain, ExpiredChain, Ended, Ahead]),
    (EndOthers, &[Live, Chain, Ahead]),
    (List, &[Live, Chain]),
    (Logout, &[Live, Chain]),
];

/// More than any operation makes without a fault.
const CALLS: usize = 9;

/// A retry by the SDK, several, and more than there are tries.
const TIMES: [usize; 3] = [1, 3, 1_000];

/// The SDK makes four attempts, so a fault that is met three times in a row is not seen.
const TRIED_THROUGH: usize = 3;

const AT_ONCE: usize = 16;

impl Scenario {
    /// The id to which the request goes, in the state from which the scenario starts. Beside it, where it matters,
    /// the user has another live session.
    async fn prepare(self, user: &User<'_>) -> String {
        if [EndOthers, List].contains(&self.operation) {
            let other = user.login().await;
            let apart = if self.prepared == Ahead { TimeDelta::seconds(5) } else { TimeDelta::minutes(-1) };
            user.world.age(&user.sub, &other, user.world.clock.now() + apart).await;
        }
        if self.prepared == Unknown {
            return unknown_id();
        }
        let oldest = user.login().await;
        match self.prepared {
            Live | Unknown => {}
            Ended => {
                user.end(&oldest).await.ok();
            }
            Expired => expire(user, &oldest).await,
            Ahead => user.world.age(&user.sub, &oldest, user.world.clock.now() + TimeDelta::seconds(5)).await,
            Chain | ExpiredChain => {
                let mut head = oldest.clone();
                for _ in 0..3 {
                    expire(user, &head).await;
                    head = user.renewal(&head).await;
                }
                if self.prepared == ExpiredChain {
                    expire(user, &head).await;
                }
            }
        }
        oldest
    }

    async fn request(self, user: &User<'_>, id: &str) -> Answer {
        match self.operation {
            Login => user.call("POST", "/auth/login").await,
            LoginOnce => user.send(user.request("POST", "/auth/login").header("idempotency-key", id)).await,
            Heartbeat => user.heartbeat(id).await,
            Engage => user.engage(id, true).await,
            End => user.end(id).await,
            EndOthers => user.end_others(Some(id)).await,
            List => user.send(user.request("GET", "/user-sessions").header("x-session-id", id)).await,
            Logout => user.logout(&json!({ "sessionId": id })).await,
        }
    }
}

/// Makes a session look as if it was last active long ago, because the scenarios of one world share its clock.
async fn expire(user: &User<'_>, id: &str) {
    let last = user.world.clock.now() - TIMEOUT - TimeDelta::minutes(1);
    user.world.age(&user.sub, id, last).await;
}

/// Names for the ids of a user, which differ from run to run: by their place in the chain of the prepared one.
fn names(prepared: &str, items: &BTreeMap<String, Item>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::from([(prepared.to_owned(), "the id".to_owned())]);
    let mut at = prepared.to_owned();
    let successor = |old: &str| {
        let renewed = items.iter().find(|(_, item)| item.renewed_from.as_deref() == Some(old));
        let started =
            items.get(old).filter(|item| !item.is_session()).and_then(|item| item.renewed_to.clone());
        renewed.map(|(id, _)| id.clone()).or(started)
    };
    while let Some(next) = successor(&at) {
        names.insert(next.clone(), format!("successor {}", names.len()));
        at = next;
    }
    for id in items.keys() {
        names.entry(id.clone()).or_insert_with(|| "another".to_owned());
    }
    names
}

/// What is said without those ids.
fn with_names(said: &Value, names: &BTreeMap<String, String>) -> String {
    names.iter().fold(said.to_string(), |text, (id, name)| text.replace(id, name))
}

/// What one run shows: the answer, and the items that it leaves.
async fn run(world: &World, scenario: Scenario, disturbance: Option<Disturbance>) -> Outcome {
    let user = world.user("unlucky").await;
    let id = scenario.prepare(&user).await;
    world.wire.disturb(&user.sub, disturbance);
    let first = scenario.request(&user, &id).await;
    if first.status == 503 {
        first.clone().error(503, "unavailable");
    }
    let was_hit = world.wire.was_hit(&user.sub);
    let calls = world.wire.calls(&user.sub).len();
    world.wire.listen(&user.sub);
    // Where a pointer could not be moved the answer is right, and the next request moves it.
    let moves_pointers = [Heartbeat, LoginOnce].contains(&scenario.operation);
    let again = first.status == 503 || (moves_pointers && was_hit);
    let last = if again { scenario.request(&user, &id).await } else { first.clone() };
    let items = world.items_of(&user.sub).await;
    let names = names(&id, &items);
    let stored = |essence: &dyn Fn(&Item) -> Value| {
        let mut stored: Vec<String> = items.values().map(|item| with_names(&essence(item), &names)).collect();
        stored.sort();
        stored
    };
    let stored_but_for_pointer = stored(&|item| {
        let mut essence = essence(item);
        if item.id() == id && item.renewed_to.is_some() {
            essence["to"] = json!("another one of the chain");
        }
        essence
    });
    let stored = stored(&essence);
    let seen = items.into_iter().map(|(id, item)| ((user.sub.clone(), id), item)).collect();
    table::check(&seen, user.world.clock.now());
    Outcome {
        status: first.status,
        was_hit,
        calls,
        first: with_names(&first.body, &names),
        body: with_names(&last.body, &names),
        last: last.status,
        stored,
        stored_but_for_pointer,
    }
}

#[derive(Debug)]
struct Outcome {
    status: u16,
    was_hit: bool,
    calls: usize,
    /// The first answer's body, and the last one's, which is another where the request was made again.
    first: String,
    last: u16,
    body: String,
    stored: Vec<String>,
    /// The same but for how far along its chain the id points.
    stored_but_for_pointer: Vec<String>,
}

/// What of an item must be the same in each run.
fn essence(item: &Item) -> Value {
    json!({
        "id": item.id(),
        "state": item.state,
        "start": item.start_time,
        "last": item.last_active_time,
        "end": item.end_time,
        "reason": item.end_reason,
        "engaged": item.content_engaged,
        "from": item.renewed_from,
        "to": item.renewed_to,
        "day": item.active_day,
        "purge": item.purge_at,
    })
}

async fn check(operation: Operation, prepared: Prepared) {
    let world = World::new().await;
    let scenario = Scenario { prepared, operation };
    let smooth = run(&world, scenario, None).await;
    assert!(smooth.calls <= CALLS, "{smooth:?}");
    let disturbances = Fault::ALL.into_iter().flat_map(|fault| {
        TIMES
            .into_iter()
            .flat_map(move |times| (0..CALLS).map(move |from| Disturbance { fault, from, times }))
    });
    let world = &world;
    let outcomes: Vec<(Disturbance, Outcome)> = stream::iter(disturbances)
        .map(|disturbance| async move { (disturbance, run(world, scenario, Some(disturbance)).await) })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut hits = 0;
    for (disturbance, outcome) in outcomes {
        let place = format!("{scenario:?} {disturbance:?}\n{outcome:?}\n{smooth:?}");
        hits += usize::from(outcome.was_hit);
        // A slow engine costs tries by itself.
        let may_give_up = outcome.was_hit && (disturbance.times > TRIED_THROUGH || is_second_engine());
        assert!(outcome.status == smooth.status || (may_give_up && outcome.status == 503), "{place}");
        if outcome.status == smooth.status {
            assert_eq!(outcome.first, smooth.first, "{place}");
        }
        assert_eq!(outcome.last, smooth.last, "{place}");
        if operation == Login && outcome.status == 503 {
            // A repeated login opens another session, and the first may have taken effect.
            assert!(outcome.stored.len() <= smooth.stored.len() + 1, "{place}");
            continue;
        }
        if outcome.status == 503 && [Engage, End, Logout].contains(&operation) {
            // The walk that gave up saved how far it came, and only heartbeats point an id to its head.
            assert_eq!(outcome.stored_but_for_pointer, smooth.stored_but_for_pointer, "{place}");
        } else {
            assert_eq!(outcome.stored, smooth.stored, "{place}");
        }
        // A repeated request counts only what it ended itself.
        if operation != EndOthers || outcome.status != 503 {
            assert_eq!(outcome.body, smooth.body, "{place}");
        }
    }
    assert!(hits > 0, "{scenario:?} met no fault");
}

async fn survives(operation: Operation) {
    let (_, prepared) = SCENARIOS.iter().find(|scenario| scenario.0 == operation).unwrap();
    for prepared in *prepared {
        check(operation, *prepared).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_survives_every_fault() {
    if lacks(&[Need::Wire]) {
        return;
    }
    survives(Login).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_a_key_survives_every_fault() {
    if lacks(&[Need::Wire]) {
        return;
    }
    survives(LoginOnce).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_survives_every_fault() {
    if lacks(&[Need::Wire]) {
        return;
    }
    survives(Heartbeat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engagement_survives_every_fault() {
    if lacks(&[Need::Wire]) {
        return;
    }
    survives(Engage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_survives_every_fault() {
    if lacks(&[Need::Wire]) {
        return;
    }
    survives(End).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_the_others_survives_every_fault() {
    if lacks(&[Need::Wire]) {
        return;
    }
    survives(EndOthers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_survives_every_fault() {
    if lacks(&[Need::Wire]) {
        return;
    }
    survives(List).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_survives_every_fault() {
    if lacks(&[Need::Wire]) {
        return;
    }
    survives(Logout).await;
}

/// Users with a session that has expired, whose transactions are cancelled for these reasons.
async fn renewal_that_is_cancelled(world: &World, reasons: &'static [&'static str], times: usize) -> Answer {
    let user = world.user("unlucky").await;
    let id = user.login().await;
    expire(&user, &id).await;
    world.wire.disturb(&user.sub, Some(Disturbance { fault: Fault::Cancelled(reasons), from: 0, times }));
    let answer = user.heartbeat(&id).await;
    assert!(world.wire.was_hit(&user.sub));
    world.wire.listen(&user.sub);
    let healed = user.heartbeat(&id).await.ok();
    assert_eq!(healed["status"], "renewed", "{reasons:?}");
    if answer.status == 200 {
        assert_eq!(answer.body, healed, "{reasons:?}");
    }
    assert_eq!(user.live().await.len(), 1);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_met_another_is_tried_again() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let all: [&[&str]; 5] = [
        &["ConditionalCheckFailed", "None"],
        &["None", "ConditionalCheckFailed"],
        &["TransactionConflict", "None"],
        &["None", "TransactionConflict"],
        &["ConditionalCheckFailed", "TransactionConflict"],
    ];
    for reasons in all {
        // Touches come between: the transaction is each second call.
        assert_eq!(renewal_that_is_cancelled(&world, reasons, 6).await.status, 200, "{reasons:?}");
        renewal_that_is_cancelled(&world, reasons, 1_000).await.error(503, "unavailable");
    }
    world.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_no_repeat_mends_is_an_error_at_once() {
    if lacks(&[Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let all: [&[&str]; 6] = [
        &["ValidationError", "None"],
        &["None", "ValidationError"],
        &["AccessDenied", "None"],
        &["SomethingNew", "None"],
        &["None", "None"],
        &[],
    ];
    for reasons in all {
        renewal_that_is_cancelled(&world, reasons, 1_000).await.error(500, "internal_error");
    }
    world.check_table().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_stay_unprocessed_are_given_up() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let user = world.user("unlucky").await;
    let id = user.login().await;
    world.wire.disturb(&user.sub, Some(Disturbance { fault: Fault::Unprocessed, from: 0, times: 1_000 }));
    user.call("GET", "/user-sessions").await.error(503, "unavailable");
    let batches = world.wire.calls(&user.sub).iter().filter(|call| call.operation == "BatchGetItem").count();
    assert!(batches > 1, "they are asked for again");
    user.end_others(None).await.error(503, "unavailable");
    world.wire.disturb(&user.sub, Some(Disturbance { fault: Fault::Unprocessed, from: 0, times: 2 }));
    assert_eq!(user.live().await, [id]);
}
