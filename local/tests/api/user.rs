//! An operator writes out and erases all that is stored of a user.

use chrono::TimeDelta;
use operator::user::{Erased, UserItems};
use serde_json::{Value, json};

use crate::support::{
    Need, TIMEOUT, World, lacks, unknown_id,
    wire::{Disturbance, Fault},
};

const MS: TimeDelta = TimeDelta::milliseconds(1);

fn items(world: &World, sub: &str) -> UserItems {
    UserItems::new(world.client.clone(), world.table.clone(), sub).unwrap()
}

async fn lines(world: &World, sub: &str) -> Vec<Value> {
    let mut lines = Vec::new();
    let written = items(world, sub).export(&mut lines).await.unwrap();
    let lines = String::from_utf8(lines).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, written);
    lines
}

#[tokio::test]
async fn all_of_a_user_is_written_out_and_nothing_of_others() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    bob.login().await;
    let one = alice.login().await;
    alice.engage(&one, true).await.ok();
    world.clock.advance(TIMEOUT + MS);
    let two = alice.renewal(&one).await;
    let three = alice.renewal(&unknown_id()).await;
    alice.end(&three).await.ok();
    let lines = lines(&world, &alice.sub).await;
    assert_eq!(lines.len(), 4, "three sessions and a tombstone");
    assert!(lines.iter().all(|line| line["user"] == json!(alice.sub) && line.get("pk").is_none()));
    let find = |id: &str| lines.iter().find(|line| line["sessionId"] == json!(id)).unwrap();
    let expected = [
        ("state", json!("expired")),
        ("startTime", json!("2100-01-15T12:00:00.000Z")),
        ("endTime", json!("2100-01-15T12:00:00.000Z")),
        ("contentEngaged", json!(true)),
        ("renewedTo", json!(two)),
        ("ipAddress", json!("127.0.0.1")),
        ("purgeAt", json!("2100-04-15T14:00:00.000Z")),
    ];
    for (name, value) in expected {
        assert_eq!(find(&one)[name], value, "{name}");
    }
    assert_eq!(find(&two)["renewedFrom"], json!(one));
    assert_eq!(find(&three)["state"], json!("ended"));
}

/// Many pages of keys, and more than a batch in each.
#[tokio::test]
async fn all_of_a_user_is_erased_and_nothing_of_others() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let kept = bob.login().await;
    for _ in 0..6 {
        futures_util::future::join_all((0..20).map(|_| alice.login())).await;
    }
    let deleted = std::cell::Cell::new(0);
    let erased = items(&world, &alice.sub).erase(|count| deleted.set(deleted.get() + count)).await.unwrap();
    assert_eq!((erased, deleted.get()), (Erased { deleted: 120, left: 0 }, 120));
    assert!(world.items_of(&alice.sub).await.is_empty());
    assert_eq!(bob.live().await, [kept]);
    let again = items(&world, &alice.sub).erase(|_| ()).await.unwrap();
    assert_eq!(again, Erased { deleted: 0, left: 0 }, "again is no error");
}

/// It is interrupted between two batches, and then goes on where it was.
#[tokio::test]
async fn an_erasure_that_fails_halfway_goes_on_in_another_run() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    futures_util::future::join_all((0..60).map(|_| alice.login())).await;
    // The Query and a batch succeed; then all calls fail for longer than anybody tries.
    world.wire.disturb(&alice.sub, Some(Disturbance { fault: Fault::FailedBefore, from: 2, times: 1_000 }));
    let deleted = std::cell::Cell::new(0);
    let outcome = items(&world, &alice.sub).erase(|count| deleted.set(deleted.get() + count)).await;
    assert!(format!("{:#}", outcome.unwrap_err()).contains("deleting a batch of the user's items"));
    world.wire.listen(&alice.sub);
    assert_eq!((deleted.get(), world.items_of(&alice.sub).await.len()), (25, 35));
    let erased = items(&world, &alice.sub).erase(|_| ()).await.unwrap();
    assert_eq!(erased, Erased { deleted: 35, left: 0 });
}

/// A session that starts while its user is erased is told of.
#[tokio::test]
async fn what_is_left_is_told() {
    if lacks(&[Need::Wire]) {
        return;
    }
    let world = World::new().await;
    let alice = world.user("alice").await;
    alice.login().await;
    // After the Query and the batch: what is left is being counted.
    let hold = world.wire.hold(&alice.sub, 2);
    let meanwhile = async {
        hold.reached().await;
        alice.login().await;
        hold.release();
    };
    let items = items(&world, &alice.sub);
    let (erased, ()) = futures_util::future::join(items.erase(|_| ()), meanwhile).await;
    assert_eq!(erased.unwrap(), Erased { deleted: 1, left: 1 });
}

#[tokio::test]
async fn what_cannot_be_a_user_is_refused() {
    let world = World::new().await;
    for sub in ["", "a b", "é"] {
        let cause = UserItems::new(world.client.clone(), world.table.clone(), sub).err().unwrap();
        assert!(cause.to_string().contains("is no user"), "{cause}");
    }
}
