//! What the first version wrote, read and carried on by this one. `first-version.json` is what its tables held after some
//! lives of sessions, by a timeout of 3 seconds: its writer is the code of that time, and nobody edits it.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{Need, TIMEOUT, User, World, active, expired, http, lacks, renewed, token};

const WRITTEN: &str = include_str!("first-version.json");

/// The day of all of it.
const RANGE: &str = "startDate=2026-11-26&endDate=2026-11-26";

type Item = HashMap<String, AttributeValue>;

fn written() -> Value {
    serde_json::from_str(WRITTEN).unwrap()
}

/// The items of a table, with `ann` and `bob` as these users.
fn items(table: &str, ann: &str, bob: &str) -> Vec<Item> {
    let text = written()["tables"][table].to_string().replace("USER#ann", &format!("USER#{ann}"));
    let items: Vec<Value> = serde_json::from_str(&text.replace("USER#bob", &format!("USER#{bob}"))).unwrap();
    items.iter().map(|item| item.as_object().unwrap().iter().map(attribute).collect()).collect()
}

/// An attribute as DynamoDB's JSON has it.
fn attribute((name, value): (&String, &Value)) -> (String, AttributeValue) {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let value = match (kind.as_str(), value) {
        // No engine may find it past its time to live while the test runs, in whatever year.
        ("N", _) if name == "purgeAt" => AttributeValue::N("4200000000".to_owned()),
        ("N", value) => AttributeValue::N(value.as_str().unwrap().to_owned()),
        ("S", value) => AttributeValue::S(value.as_str().unwrap().to_owned()),
        ("BOOL", value) => AttributeValue::Bool(value.as_bool().unwrap()),
        ("B", value) => {
            AttributeValue::B(aws_smithy_types::base64::decode(value.as_str().unwrap()).unwrap().into())
        }
        ("L", value) => {
            let items = value.as_array().unwrap().iter();
            AttributeValue::L(items.map(|item| attribute((name, item)).1).collect())
        }
        ("M", value) => AttributeValue::M(value.as_object().unwrap().iter().map(attribute).collect()),
        (kind, _) => panic!("an attribute of the type {kind}"),
    };
    (name.clone(), value)
}

fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name).and_then(|value| value.as_n().ok()?.parse().ok())
}

/// Just after the last write.
fn moment() -> DateTime<Utc> {
    let items = items("SessionsTable", "ann", "bob");
    let last = items.iter().filter_map(|item| number(item, "lastActiveTime")).max().unwrap();
    DateTime::from_timestamp_millis(last + 1_000).unwrap()
}

/// The id that the session, or the id, of that name has.
fn id(name: &str) -> String {
    written()["ids"][name].as_str().unwrap().to_owned()
}

/// A world whose sessions table the first version has left behind.
async fn left_behind(world: &World) -> (User<'_>, User<'_>) {
    world.clock.set(moment());
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    for item in items("SessionsTable", &ann.sub, &bob.sub) {
        world.put(item).await;
    }
    (ann, bob)
}

#[tokio::test]
async fn sessions_of_the_first_version_live_on() {
    if lacks(&[Need::MovedClock]) {
        return;
    }
    let world = World::new().await;
    let (ann, bob) = left_behind(&world).await;
    // All ids of the visit lead to where it is now.
    let head = ann.heartbeat(&id("renewedTwice")).await.ok()["sessionId"].as_str().unwrap().to_owned();
    for name in ["renewedTwice", "second", "head"] {
        assert_eq!(ann.heartbeat(&id(name)).await.ok(), renewed(&head), "{name}");
    }
    assert_eq!(ann.heartbeat(&head).await.ok(), active());
    assert_eq!(ann.heartbeat(&id("unknown")).await.ok(), renewed(&id("started")));
    // Ended stays ended; why was not written down then.
    for name in ["ended", "loggedOut"] {
        let mut reply = expired();
        reply["endReason"] = Value::Null;
        assert_eq!(ann.heartbeat(&id(name)).await.ok(), reply, "{name}");
        let session = ann.call("GET", &format!("/user-sessions/{}", id(name))).await.ok();
        assert_eq!((&session["state"], &session["endReason"]), (&json!("ended"), &json!(null)), "{name}");
    }
    assert_eq!(
        bob.heartbeat(&id("ended")).await.ok()["status"],
        "renewed",
        "to bob it is an id that is nobody's"
    );
    // The list, and what can be done from it.
    let mut live = ann.live().await;
    live.sort();
    let mut expected = vec![head.clone(), id("started"), id("live")];
    expected.sort();
    assert_eq!(live, expected);
    ann.engage(&id("live"), true).await.ok();
    ann.end(&id("started")).await.ok();
    assert_eq!(ann.end_others(Some(&head)).await.ok()["endedSessions"], 1);
    // An hour later the first version's session is renewed, once.
    world.clock.advance(TIMEOUT + TimeDelta::milliseconds(1));
    let next = ann.renewal(&head).await;
    assert_eq!(ann.heartbeat(&id("renewedTwice")).await.ok(), renewed(&next));
}

#[tokio::test]
async fn metrics_of_the_first_version_go_on_counting() {
    if lacks(&[Need::MovedClock, Need::Pump]) {
        return;
    }
    let world = World::new().await;
    world.clock.set(moment());
    put_rows(&world).await;
    let reader = reader(&world).await;
    let figures = totals(&reader).await;
    for (name, expected) in [
        ("totalSessions", json!(10)),
        ("engagedSessions", json!(1)),
        ("renewedSessions", json!(3)),
        ("uniqueUsers", json!(2)),
        ("totalDurationMinutes", json!(0.04)),
    ] {
        assert_eq!(figures[name], expected, "{name}");
    }
    // Enough shards of one stream, or of several, to come upon the row that is there.
    let users = [world.user("carol").await, world.user("dave").await];
    for user in &users {
        user.login().await;
    }
    settle(&reader, 12).await;
    assert_eq!(totals(&reader).await["uniqueUsers"], 4);
    assert_eq!(totals(&reader).await["renewedSessions"], 3);
}

/// What this version counts of the first one's sessions, record by record, is what the first one had counted.
#[tokio::test]
async fn sessions_of_the_first_version_are_counted_as_it_counted_them() {
    if lacks(&[Need::MovedClock, Need::Pump]) {
        return;
    }
    let world = World::new().await;
    left_behind(&world).await;
    let reader = reader(&world).await;
    settle(&reader, 10).await;
    let counted = totals(&reader).await;
    let other = World::new().await;
    other.clock.set(moment());
    put_rows(&other).await;
    let mut told = totals(&self::reader(&other).await).await;
    // When the newest record came is another matter.
    told["asOf"] = counted["asOf"].clone();
    assert_eq!(told, counted);
}

async fn put_rows(world: &World) {
    let table = &world.template.table("MetricsTable").unwrap().name;
    for row in items("MetricsTable", "ann", "bob") {
        world.client.put_item().table_name(table).set_item(Some(row)).send().await.unwrap();
    }
}

async fn reader(world: &World) -> User<'_> {
    let user = world.user("reader").await;
    let claims = json!({ "permissions": ["metrics:read"] }).to_string();
    let token = token(&http(), &[("username", "reader"), ("claims", &claims)]).await;
    User { token, ..user }
}

async fn totals(reader: &User<'_>) -> Value {
    reader.call("GET", &format!("/metrics/sessions?{RANGE}")).await.ok()["data"].clone()
}

async fn settle(reader: &User<'_>, sessions: u64) {
    for _ in 0..400 {
        if totals(reader).await["totalSessions"] == sessions {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", totals(reader).await);
}
