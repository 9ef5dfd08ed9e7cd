//! An operator ends all live sessions of a user.

use std::cell::Cell;

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use operator::{
    recount::Recount,
    user::{Ended, UserSessions},
};
use serde_json::json;
use shared::{clock::Clock, sessions::Settings, settings::Environment};

use crate::support::{
    Need, TIMEOUT, World, ended, lacks, renewed, unknown_id,
    wire::{Disturbance, Fault},
};

const MS: TimeDelta = TimeDelta::milliseconds(1);

fn sessions(world: &World, sub: &str) -> UserSessions {
    let clock = world.clock.clone();
    let clock = Clock::from_fn(move || clock.now());
    let environment = &world.template.functions[0].environment;
    let variable = |name: &str| environment.get(name).cloned();
    let settings = Settings::read(&Environment::new(&variable)).unwrap();
    UserSessions::new(settings, world.client.clone(), clock, sub).unwrap()
}

#[tokio::test]
async fn all_live_sessions_of_a_user_end_for_good_and_none_of_others() {
    if lacks(&[Need::LocalServer, Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let expired = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    let kept = bob.login().await;
    let (one, two) = (alice.login().await, alice.login().await);
    let three = alice.renewal(&unknown_id()).await;
    let before = alice.login().await;
    alice.logout(&json!({ "sessionId": before })).await.ok();

    let sessions = sessions(&world, &alice.sub);
    assert_eq!(sessions.count().await.unwrap(), 3);
    let told = Cell::new(0);
    let outcome = sessions.end(|| told.set(told.get() + 1)).await.unwrap();
    assert_eq!((outcome, told.get()), (Ended { ended: 3, left: 0 }, 3));
    for id in [&one, &two, &three] {
        assert_eq!(alice.heartbeat(id).await.ok(), ended("operator"));
        let shown = alice.call("GET", &format!("/user-sessions/{id}")).await.ok();
        assert_eq!((&shown["state"], &shown["endReason"]), (&json!("ended"), &json!("operator")));
    }
    assert_eq!(alice.heartbeat(&before).await.ok(), ended("logout"), "an end is not another one's");
    assert_eq!(bob.live().await, [kept]);
    let again = sessions.end(|| ()).await.unwrap();
    assert_eq!(again, Ended { ended: 0, left: 0 }, "again is no error");
    // What had expired is no live session: the token decides, as with a login. The next run ends it.
    let renewal = alice.renewal(&expired).await;
    assert_eq!(sessions.end(|| ()).await.unwrap(), Ended { ended: 1, left: 0 });
    let answer = alice.heartbeat(&expired).await.ok();
    assert_eq!(answer, ended("operator"), "an id stands for its chain, up to {renewal}");
    world.check_table().await;
}

/// Many pages of keys, and more than a list has of them.
#[tokio::test]
async fn as_many_as_there_are_end_and_the_metrics_count_each() {
    if lacks(&[Need::LocalServer, Need::MovedClock, Need::Pump]) {
        return;
    }
    let world =
        World::with(&[("MAX_SESSIONS_PER_USER", "1000"), ("MAX_STARTS_PER_USER_PER_HOUR", "0")]).await;
    let alice = world.user("alice").await;
    for _ in 0..6 {
        join_all((0..40).map(|_| alice.login())).await;
    }
    world.clock.advance(TimeDelta::minutes(10));
    let sessions = sessions(&world, &alice.sub);
    assert_eq!(sessions.end(|| ()).await.unwrap(), Ended { ended: 240, left: 0 });
    let clock = world.clock.clone();
    let clock = Clock::from_fn(move || clock.now());
    let environment = &world.template.functions[0].environment;
    let variable = |name: &str| environment.get(name).cloned();
    let recount = Recount::new(&Environment::new(&variable), world.client.clone(), &clock).unwrap();
    world.clock.advance(TimeDelta::days(1));
    let day = "2100-01-15".parse().unwrap();
    for _ in 0..200 {
        let compared = recount.compare_day(day, |_| ()).await.unwrap();
        assert_eq!(compared.sessions.counts.sessions, 240);
        assert_eq!(compared.sessions.counts.duration_ms, 240 * 600_000);
        if compared.rows == compared.sessions {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the metrics did not follow");
}

/// With everything that a user's tabs do at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_races_ends_or_leaves_each_session_whole() {
    if lacks(&[Need::LocalServer, Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    for round in 0..20 {
        let alice = world.user("alice").await;
        let (one, two) = (alice.login().await, alice.login().await);
        if round % 2 == 0 {
            world.clock.advance(TIMEOUT + MS);
        }
        let three = alice.login().await;
        let tabs = (0..24).map(|index| {
            let (alice, one, two, three) = (&alice, &one, &two, &three);
            async move {
                match index % 6 {
                    0 => drop(alice.heartbeat(one).await.ok()),
                    1 => drop(alice.heartbeat(two).await.ok()),
                    2 => drop(alice.heartbeat(three).await.ok()),
                    3 => drop(alice.engage(one, true).await),
                    4 => drop(alice.end(two).await),
                    _ => drop(alice.login().await),
                }
            }
        });
        let sessions = sessions(&world, &alice.sub);
        let (outcome, _) = join(sessions.end(|| ()), join_all(tabs)).await;
        outcome.unwrap();
        // Each by itself: ended for good, or live and listed.
        let live = alice.live().await;
        for (id, record) in world.items_of(&alice.sub).await {
            assert_eq!(live.contains(&id), record.state == "active", "{id}");
        }
        let left = sessions.end(|| ()).await.unwrap();
        assert_eq!(left, Ended { ended: live.len() as u64, left: 0 }, "the next run ends what is left");
        assert!(alice.live().await.is_empty());
        for id in [&one, &two, &three] {
            let answer = alice.heartbeat(id).await.ok();
            assert_eq!(answer["status"], json!("expired"), "{answer}");
        }
    }
    world.check_table().await;
}

/// It is interrupted between two batches, and then goes on where it was.
#[tokio::test]
async fn an_end_that_fails_halfway_goes_on_in_another_run() {
    if lacks(&[Need::LocalServer, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    join_all((0..60).map(|_| alice.login())).await;
    // The keys, the records and some ends succeed; then all calls fail for longer than anybody tries.
    world.wire.disturb(&alice.sub, Some(Disturbance { fault: Fault::FailedBefore, from: 12, times: 10_000 }));
    let told = Cell::new(0);
    let sessions = sessions(&world, &alice.sub);
    let outcome = sessions.end(|| told.set(told.get() + 1)).await;
    assert!(format!("{:#}", outcome.unwrap_err()).starts_with("ending the user's sessions: "));
    world.wire.listen(&alice.sub);
    assert_eq!(told.get(), 10, "each that was ended was told of");
    assert_eq!(alice.live().await.len(), 50);
    assert_eq!(sessions.end(|| ()).await.unwrap(), Ended { ended: 50, left: 0 });
}

/// A login that comes when all were ended, and a renewal that comes before.
#[tokio::test]
async fn what_is_left_is_told() {
    if lacks(&[Need::LocalServer, Need::MovedClock, Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    let old = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    alice.login().await;
    // The keys, the records, the end, and then what is left is being counted.
    let hold = world.wire.hold(&alice.sub, 3);
    let meanwhile = async {
        hold.reached().await;
        let (another, renewal) = (alice.login().await, alice.renewal(&old).await);
        hold.release();
        (another, renewal)
    };
    let sessions = sessions(&world, &alice.sub);
    let (outcome, (another, renewal)) = join(sessions.end(|| ()), meanwhile).await;
    assert_eq!(outcome.unwrap(), Ended { ended: 1, left: 2 });
    assert_eq!(alice.heartbeat(&another).await.ok(), crate::support::active());
    assert_eq!(alice.heartbeat(&old).await.ok(), renewed(&renewal));
}
