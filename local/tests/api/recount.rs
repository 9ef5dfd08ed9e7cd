//! Counting the sessions themselves, and mending the metrics of a settled day.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use operator::recount::{Difference, Fewer, Recount};
use serde_json::json;
use shared::{
    metrics::{MetricsStore, Rollup, totals::Totals},
    settings::Environment,
};

use crate::support::{Need, TIMEOUT, World, lacks, unknown_id};

const MS: TimeDelta = TimeDelta::milliseconds(1);

fn recount(world: &World) -> Recount {
    let clock = world.clock.clone();
    let clock = shared::clock::Clock::from_fn(move || clock.now());
    let environment = &world.template.functions[0].environment;
    let variable = |name: &str| environment.get(name).cloned();
    Recount::new(&Environment::new(&variable), world.client.clone(), &clock).unwrap()
}

fn metrics_table(world: &World) -> &str {
    &world.template.table("MetricsTable").unwrap().name
}

async fn compare(world: &World) -> Vec<Difference> {
    recount(world).compare(|_| ()).await.unwrap().differences
}

/// Waits until the pump has brought the metrics to where the sessions are.
async fn settle(world: &World) {
    for _ in 0..200 {
        if compare(world).await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", compare(world).await);
}

/// Sessions of two users on two days: renewed, ended, engaged, and one that was started for an unknown id.
async fn some_sessions(world: &World) {
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let one = alice.login().await;
    alice.engage(&one, true).await.ok();
    let two = bob.login().await;
    world.clock.advance(TimeDelta::minutes(10));
    bob.end(&two).await.ok();
    world.clock.advance(TimeDelta::hours(20));
    alice.renewal(&one).await;
    bob.renewal(&unknown_id()).await;
    settle(world).await;
}

/// Adds to a count of one of the day's rows, as no code does.
async fn damage(world: &World, day: &str) {
    let query = world.client.query().table_name(metrics_table(world));
    let rows = query
        .key_condition_expression("pk = :month AND begins_with(sk, :day)")
        .expression_attribute_values(":month", AttributeValue::S(format!("MONTH#{}", &day[..7])))
        .expression_attribute_values(":day", AttributeValue::S(format!("DAY#{day}#")))
        .send()
        .await
        .unwrap();
    let row = rows.items()[0].clone();
    let update = world.client.update_item().table_name(metrics_table(world));
    update
        .key("pk", row["pk"].clone())
        .key("sk", row["sk"].clone())
        .update_expression("ADD sessions :many")
        .expression_attribute_values(":many", AttributeValue::N("7".to_owned()))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_difference_is_told_and_mended_when_the_day_is_settled() {
    if lacks(&[Need::MovedClock, Need::Pump, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    some_sessions(&world).await;
    let day: NaiveDate = "2100-01-15".parse().unwrap();
    damage(&world, "2100-01-15").await;
    let differences = compare(&world).await;
    assert_eq!(differences.len(), 1);
    assert_eq!(
        (differences[0].day, differences[0].rows.counts.sessions, differences[0].sessions.counts.sessions),
        (day, 9, 2)
    );

    // Ten minutes of the day's sessions' last activity, then the timeout and two days.
    let too_early = recount(&world).repair(day, Fewer::Allowed, |_| ()).await.unwrap_err();
    assert!(too_early.to_string().contains("is not settled"), "{too_early}");
    world.clock.set("2100-01-15T12:10:00Z".parse().unwrap());
    world.clock.advance(TIMEOUT + TimeDelta::hours(48) - TimeDelta::minutes(10));
    recount(&world).repair(day, Fewer::Allowed, |_| ()).await.unwrap_err();
    assert_eq!(compare(&world).await, differences, "so far nothing was changed");
    world.clock.advance(TimeDelta::minutes(10) + MS);
    // It cannot be told from a day of which sessions were purged.
    let fewer = recount(&world).repair(day, Fewer::Refused, |_| ()).await.unwrap_err();
    assert!(fewer.to_string().contains("has 2 sessions of 2100-01-15, and its metrics 9"), "{fewer}");
    assert_eq!(compare(&world).await, differences, "so far nothing was changed");
    let sums = recount(&world).repair(day, Fewer::Allowed, |_| ()).await.unwrap();
    assert_eq!((sums.counts.sessions, sums.counts.engaged, sums.users), (2, 1, 2));
    assert_eq!(compare(&world).await, []);
    // Once more changes nothing, and the stream goes on where it was: the marks are kept.
    recount(&world).repair(day, Fewer::Refused, |_| ()).await.unwrap();
    settle(&world).await;
}

/// Each count, and the histogram, by itself.
#[tokio::test]
async fn a_difference_in_any_count_is_told() {
    if lacks(&[Need::MovedClock, Need::Pump, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    some_sessions(&world).await;
    let store = MetricsStore::new(world.client.clone(), metrics_table(&world).to_owned(), chrono_tz::UTC);
    let day: NaiveDate = "2100-01-15".parse().unwrap();
    let mut right = Totals::default();
    store.lanes(day).await.unwrap().iter().for_each(|row| right.merge(&row.totals));
    let wrong: [fn(&mut Totals); 5] = [
        |totals| totals.counts.engaged += 1,
        |totals| totals.counts.renewed += 1,
        |totals| totals.counts.duration_ms += 1,
        |totals| totals.durations.add(TimeDelta::hours(2), 1),
        |totals| totals.users.add(&"mallory".parse().unwrap()),
    ];
    for make_wrong in wrong {
        let mut totals = right.clone();
        make_wrong(&mut totals);
        let rows = store.lanes(day).await.unwrap();
        let as_of = rows.iter().map(|row| row.as_of).max();
        assert!(store.replace(day, &rows, totals).await.unwrap());
        assert_eq!(store.lanes(day).await.unwrap().iter().map(|row| row.as_of).max(), as_of);
        let differences = compare(&world).await;
        assert_eq!(differences.iter().map(|difference| difference.day).collect::<Vec<_>>(), [day]);
    }
}

/// An item that is none of this service's is left out, as the rollup leaves it out, and told of.
#[tokio::test]
async fn a_foreign_item_stops_nothing() {
    if lacks(&[Need::MovedClock, Need::Pump, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    world
        .put([("pk", text("X")), ("sk", text("Y"))].map(|(name, value)| (name.to_owned(), value)).into())
        .await;
    some_sessions(&world).await;
    let comparison = recount(&world).compare(|_| ()).await.unwrap();
    assert_eq!((comparison.differences.len(), comparison.skipped), (0, 1));
}

/// To the millisecond: a day that nobody has a session of, and the oldest day within retention.
#[tokio::test]
async fn days_are_settled_and_kept_from_their_border_on() {
    if lacks(&[Need::MovedClock, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let day: NaiveDate = "2100-01-10".parse().unwrap();
    world.clock.set("2100-01-13T01:00:00Z".parse().unwrap());
    recount(&world).repair(day, Fewer::Refused, |_| ()).await.unwrap_err();
    world.clock.advance(MS);
    recount(&world).repair(day, Fewer::Refused, |_| ()).await.unwrap();

    // A session of the day's first instant may be purged 90 days after its last sign of life, the timeout aside.
    world.clock.set("2100-04-09T23:59:59.999Z".parse().unwrap());
    assert_eq!(recount(&world).within_retention().first, day);
    world.clock.advance(MS);
    assert_eq!(recount(&world).within_retention().first, day.succ_opt().unwrap());
}

/// Records of an older session come while the day's sessions are counted: what they change is not overwritten.
#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_a_rollup_overtakes_changes_nothing() {
    if lacks(&[Need::MovedClock, Need::Wire, Need::Pump, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    some_sessions(&world).await;
    world.clock.advance(TIMEOUT + TimeDelta::hours(48));
    let day: NaiveDate = "2100-01-15".parse().unwrap();
    damage(&world, "2100-01-15").await;
    // Four reads of the day's rows, and then the transaction.
    let hold = world.wire.hold("2100-01", 4);
    let recount = recount(&world);
    let repair = recount.repair(day, Fewer::Allowed, |_| ());
    let overtake = async {
        hold.reached().await;
        assert_eq!(world.wire.calls("2100-01").last().unwrap().operation, "TransactWriteItems");
        let start = "2100-01-15T12:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
        let record = json!({
            "eventID": "1",
            "eventName": "INSERT",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_767_225_600,
                "SequenceNumber": "100",
                "SizeBytes": 1,
                "NewImage": {
                    "pk": { "S": "USER#carol" },
                    "sk": { "S": "SESSION#0198c0de-0000-7000-8000-000000000001" },
                    "state": { "S": "active" },
                    "startTime": { "N": start.to_string() },
                    "lastActiveTime": { "N": start.to_string() },
                    "contentEngaged": { "BOOL": false },
                    "purgeAt": { "N": "9999999999" },
                },
            },
        });
        // Whichever of the day's rows this shard writes to.
        let event = json!({
            "Records": [record],
            "shardId": "shardId-late",
            "window": { "start": "2100-01-15T00:00:00Z", "end": "2100-01-15T00:00:30Z" },
            "state": {},
            "isFinalInvokeForWindow": false,
            "isWindowTerminatedEarly": false,
        });
        rollup::handle(world.parts::<Rollup>(), serde_json::from_value(event).unwrap()).await.unwrap();
        hold.release();
    };
    let (outcome, ()) = Box::pin(futures_util::future::join(repair, overtake)).await;
    let cause = outcome.unwrap_err();
    assert!(cause.to_string().contains("were written meanwhile: nothing was changed"), "{cause}");
    let differences = recount.compare(|_| ()).await.unwrap().differences;
    let found = differences.iter().find(|difference| difference.day == day).unwrap();
    assert_eq!((found.rows.counts.sessions, found.sessions.counts.sessions), (9 + 1, 2));
}

/// More than a page in each of the segments that are read side by side.
#[tokio::test]
async fn a_large_table_is_counted_whole() {
    if lacks(&[Need::MovedClock, Need::Pump, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let text = |text: String| AttributeValue::S(text);
    let number = |number: i64| AttributeValue::N(number.to_string());
    let now = world.clock.now().timestamp_millis();
    let put = |index: usize| {
        let item = [
            ("pk", text(format!("USER#{}", unknown_id()))),
            ("sk", text(format!("SESSION#{}", unknown_id()))),
            ("state", text("ended".to_owned())),
            ("startTime", number(now - 1_000)),
            ("lastActiveTime", number(now)),
            ("endTime", number(now)),
            ("contentEngaged", AttributeValue::Bool(index.is_multiple_of(2))),
            ("purgeAt", number(now / 1_000 + 100)),
            ("userAgent", text("x".repeat(30_000))),
        ];
        world.put(item.map(|(name, value)| (name.to_owned(), value)).into())
    };
    for batch in (0..200).collect::<Vec<_>>().chunks(20) {
        futures_util::future::join_all(batch.iter().map(|index| put(*index))).await;
    }
    settle(&world).await;
    let read = std::cell::Cell::new(0);
    world.clock.advance(TIMEOUT + TimeDelta::hours(48) + MS);
    let day = world.clock.now().date_naive() - Days::new(2);
    let sums =
        recount(&world).repair(day, Fewer::Allowed, |items| read.set(read.get() + items)).await.unwrap();
    let counts = sums.counts;
    assert_eq!((counts.sessions, counts.engaged, counts.duration_ms, read.get()), (200, 100, 200_000, 200));
}

#[tokio::test]
async fn a_day_outside_retention_is_not_touched() {
    if lacks(&[Need::MovedClock, Need::Pump, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    some_sessions(&world).await;
    let day: NaiveDate = "2100-01-15".parse().unwrap();
    world.clock.advance(TimeDelta::days(90));
    let cause = recount(&world).repair(day, Fewer::Allowed, |_| ()).await.unwrap_err();
    assert!(cause.to_string().contains("is not within retention"), "{cause}");
    assert!(!recount(&world).within_retention().days().any(|kept| kept == day));
}

#[tokio::test]
async fn rows_that_were_written_meanwhile_are_left_alone() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    some_sessions(&world).await;
    let day: NaiveDate = "2100-01-15".parse().unwrap();
    let table = metrics_table(&world).to_owned();
    let store = MetricsStore::new(world.client.clone(), table, chrono_tz::UTC);
    let before = store.lanes(day).await.unwrap();
    assert!(store.replace(day, &before, Totals::default()).await.unwrap());
    let after = store.lanes(day).await.unwrap();
    assert!(after.iter().zip(&before).all(|(after, before)| after.version == before.version + 1));
    assert!(after.iter().zip(&before).all(|(after, before)| after.marks == before.marks));
    // As if these had been read before that write: of some lane, or of all.
    for stale in [before.clone(), [&after[..3], &before[3..]].concat()] {
        assert!(!store.replace(day, &stale, Totals::default()).await.unwrap());
    }
    assert!(
        store.lanes(day).await.unwrap().iter().zip(&after).all(|(now, after)| now.version == after.version)
    );
}
