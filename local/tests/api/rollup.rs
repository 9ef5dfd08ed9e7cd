//! The invariant of the metrics: whatever happens to the stream on its way, the rows are the sum of the contributions
//! of all sessions ever written. Batches are cut anew, come twice and in any order, fail at any call, race each other.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use shared::{
    http::reader::Reports,
    metrics::{Rollup, calendar::Range, counts::Counts, item, row::Row, totals::Totals},
};

use crate::support::{
    Need, World, lacks,
    wire::{Disturbance, Fault},
};

/// A session as the test has it; its image is what the table would hold.
#[derive(Clone, Debug)]
struct Session {
    user: usize,
    start: i64,
    last: i64,
    end: Option<i64>,
    engaged: bool,
    renewed: bool,
}

impl Session {
    fn image(&self, number: usize) -> Value {
        let id = |number: usize| format!("0198c0de-0000-7000-8000-{number:012}");
        let mut image = json!({
            "pk": { "S": format!("USER#user-{}", self.user) },
            "sk": { "S": format!("SESSION#{}", id(number)) },
            "state": { "S": if self.end.is_some() { "ended" } else { "active" } },
            "startTime": { "N": self.start.to_string() },
            "lastActiveTime": { "N": self.last.to_string() },
            "contentEngaged": { "BOOL": self.engaged },
            "purgeAt": { "N": "9999999999" },
        });
        if let Some(end) = self.end {
            image["endTime"] = json!({ "N": end.to_string() });
        }
        if self.renewed {
            image["renewedFrom"] = json!({ "S": id(number + 1_000) });
        }
        image
    }
}

/// One case: which session changes how, one after the other, and how the stream is delivered.
#[derive(Clone, Debug)]
struct Case {
    changes: Vec<(usize, u8, i64)>,
    /// From this change on the shard has split, and sessions go on in its children.
    split: usize,
    /// For each delivery how many records, which fault (none from 6 on) from which call and how often.
    deliveries: Vec<(usize, usize, usize, usize)>,
    /// For each delivery what is delivered once more after it: from where, how many, backwards.
    repeats: Vec<(usize, usize, bool)>,
}

fn cases() -> impl Strategy<Value = Case> {
    let changes = proptest::collection::vec((0_usize..6, 0_u8..6, 0_i64..4_000_000), 1..60);
    let deliveries = proptest::collection::vec(
        (1_usize..9, 0_usize..12, 0_usize..4, prop_oneof![20 => Just(1_usize), 1 => Just(1_000)]),
        1..12,
    );
    let repeats = proptest::collection::vec((0_usize..60, 0_usize..20, any::<bool>()), 1..12);
    (changes, 0_usize..60, deliveries, repeats).prop_map(|(changes, split, deliveries, repeats)| Case {
        changes,
        split,
        deliveries,
        repeats,
    })
}

/// A shard's name and records.
type Shard = (String, Vec<Value>);

/// The records of each shard, parent first, and the sessions as they are in the end.
fn stream(case: &Case, midnight: i64) -> (Vec<Shard>, BTreeMap<usize, Session>) {
    let mut sessions = BTreeMap::<usize, Session>::new();
    let mut shards = vec![
        ("shardId-parent".to_owned(), Vec::new()),
        ("shardId-child-0".to_owned(), Vec::new()),
        ("shardId-child-1".to_owned(), Vec::new()),
    ];
    for (place, (number, kind, by)) in case.changes.iter().enumerate() {
        let old = sessions.get(number).cloned();
        let new = match &old {
            // Six sessions on three days, four users.
            None => {
                let start = midnight + i64::try_from(*number / 2).unwrap() * 86_400_000 + by;
                let renewed = number % 3 == 0;
                Session { user: number % 4, start, last: start, end: None, engaged: false, renewed }
            }
            Some(old) if old.end.is_some() => continue,
            Some(old) => match kind {
                0 | 1 => Session { last: old.last + by, ..old.clone() },
                2 => Session { engaged: !old.engaged, ..old.clone() },
                3 => old.clone(),
                4 => Session { end: Some(old.last + by), ..old.clone() },
                _ => Session { engaged: true, last: old.last + by, ..old.clone() },
            },
        };
        let shard = if place < case.split { 0 } else { 1 + number % 2 };
        let mut change = json!({
            "ApproximateCreationDateTime": 1_767_225_600 + place,
            "Keys": {},
            "NewImage": new.image(*number),
            // Lengths differ: numbers, not texts, are compared.
            "SequenceNumber": format!("{}", 95_u128 + place as u128),
            "SizeBytes": 100,
        });
        if let Some(old) = &old {
            change["OldImage"] = old.image(*number);
        }
        let record = json!({
            "eventID": place.to_string(),
            "eventName": if old.is_some() { "MODIFY" } else { "INSERT" },
            "awsRegion": "us-east-1",
            "dynamodb": change,
        });
        shards[shard].1.push(record);
        sessions.insert(*number, new);
    }
    (shards, sessions)
}

fn event(shard: &str, records: &[Value]) -> rollup::StreamEvent {
    let event = json!({
        "Records": records,
        "shardId": shard,
        "window": { "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:30Z" },
        "state": {},
        "isFinalInvokeForWindow": false,
        "isWindowTerminatedEarly": false,
    });
    serde_json::from_value(event).unwrap()
}

/// Delivers a shard's records as the case says, each batch until it succeeds.
async fn deliver(
    world: &World,
    rollup: &Arc<Rollup>,
    month: &str,
    shard: &str,
    records: &[Value],
    case: &Case,
) {
    let (mut done, mut delivery, mut failed) = (0, 0, false);
    while done < records.len() {
        let (count, fault, from, times) = case.deliveries[delivery % case.deliveries.len()];
        let (first, repeated, backwards) = case.repeats[delivery % case.repeats.len()];
        delivery += 1;
        let upto = (done + count).min(records.len());
        // A fault that stays would never end: the next delivery is a smooth one.
        let disturbance =
            Fault::ALL.get(fault).filter(|_| !failed).map(|fault| Disturbance { fault: *fault, from, times });
        world.wire.disturb(month, disturbance);
        let outcome = rollup::handle(Arc::clone(rollup), event(shard, &records[done..upto])).await;
        world.wire.listen(month);
        failed = outcome.is_err();
        if !failed {
            done = upto;
        }
        // What was delivered with success comes again, and must change nothing. So may what failed, later and cut anew.
        let first = first.min(done);
        let mut again: Vec<Value> = records[first..(first + repeated).min(done)].to_vec();
        if backwards {
            again.reverse();
        }
        rollup::handle(Arc::clone(rollup), event(shard, &again)).await.unwrap();
    }
}

async fn check(world: &World, case: &Case, number: i64) {
    let first = NaiveDate::from_ymd_opt(2200, 1, 1).unwrap() + TimeDelta::days(31 * number);
    let midnight = first.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis();
    let month = first.format("%Y-%m").to_string();
    let (shards, sessions) = stream(case, midnight);
    let rollup = world.parts::<Rollup>();
    deliver(world, &rollup, &month, &shards[0].0, &shards[0].1, case).await;
    tokio::join!(
        deliver(world, &rollup, &month, &shards[1].0, &shards[1].1, case),
        deliver(world, &rollup, &month, &shards[2].0, &shards[2].1, case),
    );

    let range = Range { first, last: first + TimeDelta::days(4) };
    let rows = world.parts::<Reports>().store.read(range).await.unwrap();
    for day in range.days() {
        let of_day: Vec<&Session> =
            sessions.values().filter(|session| day_of(session.start) == day).collect();
        let sum = rows.sum(Range::of(day));
        let lasted = |session: &&Session| session.end.unwrap_or(session.last) - session.start;
        let count = |wanted: fn(&Session) -> bool| {
            i64::try_from(of_day.iter().filter(|one| wanted(one)).count()).unwrap()
        };
        let counts = sum.counts;
        assert_eq!(counts.sessions, count(|_| true), "{day}");
        assert_eq!(counts.engaged, count(|session| session.engaged), "{day}");
        assert_eq!(counts.renewed, count(|session| session.renewed), "{day}");
        assert_eq!(counts.duration_ms, of_day.iter().map(lasted).sum::<i64>(), "{day}");
        let mut durations = shared::metrics::histogram::Histogram::default();
        for session in &of_day {
            durations.add(TimeDelta::milliseconds(lasted(session)), 1);
        }
        assert_eq!(sum.durations, durations, "{day}");
        let users: std::collections::BTreeSet<_> = of_day.iter().map(|session| session.user).collect();
        assert_eq!(sum.summary().users, users.len() as u64, "{day}");
    }
}

fn day_of(ms: i64) -> NaiveDate {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap().date_naive()
}

#[test]
fn the_rows_are_the_sum_of_all_sessions_whatever_happens_on_the_way() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let cases_to_run =
        std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(60);
    let mut runner =
        TestRunner::new(Config { cases: cases_to_run, failure_persistence: None, ..Config::default() });
    let number = std::cell::Cell::new(0);
    let outcome = runner.run(&cases(), |case| {
        number.set(number.get() + 1);
        runtime.block_on(check(&world, &case, number.get()));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Many shards at one row at the same time: each batch is applied once.
#[tokio::test(flavor = "multi_thread")]
async fn rollups_that_race_on_one_row_lose_nothing() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let rollup = world.parts::<Rollup>();
    let midnight = "2199-05-05T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
    // Twice as many as a lane's writers are ever likely to be.
    let shards = (0..8).map(|shard: usize| {
        let rollup = Arc::clone(&rollup);
        async move {
            for number in 0..10 {
                let case = Case {
                    changes: vec![(0, 0, 1_000)],
                    split: 1,
                    deliveries: Vec::new(),
                    repeats: Vec::new(),
                };
                let (mut stream, _) = stream(&case, midnight);
                let mut record = stream.remove(0).1.remove(0);
                record["dynamodb"]["SequenceNumber"] = json!(format!("{number}00"));
                record["dynamodb"]["NewImage"]["sk"] =
                    json!({ "S": format!("SESSION#0198c0de-0000-7000-8000-{shard:06}{number:06}") });
                let event = || event(&format!("shardId-{shard}"), std::slice::from_ref(&record));
                while rollup::handle(Arc::clone(&rollup), event()).await.is_err() {}
            }
        }
    });
    futures_util::future::join_all(shards).await;
    let day = day_of(midnight);
    let rows = world.parts::<Reports>().store.read(Range::of(day)).await.unwrap();
    assert_eq!(rows.sum(Range::of(day)).counts.sessions, 80);
}

/// Every call that a batch makes meets every fault, and then the batch comes again, backwards and with each record twice.
#[tokio::test]
async fn a_fault_at_every_call_is_survived() {
    if lacks(&[Need::Wire, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let rollup = world.parts::<Rollup>();
    // Four sessions on two days, two of them engaged.
    let changes = vec![(0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0), (0, 2, 0), (3, 5, 7_000)];
    let case = Case { changes, split: 99, deliveries: Vec::new(), repeats: Vec::new() };
    let mut month = 0;
    let mut writes_hit = 0;
    for fault in Fault::ALL {
        for from in 0.. {
            month += 1;
            let first = NaiveDate::from_ymd_opt(2300 + month / 12, u32::try_from(month % 12).unwrap() + 1, 5)
                .unwrap();
            let midnight = first.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis();
            let (shards, _) = stream(&case, midnight);
            let records = &shards[0].1;
            let partition = first.format("%Y-%m").to_string();
            // For longer than the SDK tries, so that the function sees it.
            world.wire.disturb(&partition, Some(Disturbance { fault, from, times: 4 }));
            let outcome = rollup::handle(Arc::clone(&rollup), event("shardId-1", records)).await;
            let (hit, calls) = (world.wire.was_hit(&partition), world.wire.calls(&partition));
            writes_hit += usize::from(hit && calls[from].operation == "PutItem");
            world.wire.listen(&partition);
            let mut again = [records.clone(), records.clone()].concat();
            again.reverse();
            rollup::handle(Arc::clone(&rollup), event("shardId-1", &again)).await.unwrap();
            if outcome.is_ok() {
                let settled = rollup::handle(Arc::clone(&rollup), event("shardId-1", records)).await;
                settled.unwrap();
            }
            let range = Range { first, last: first + TimeDelta::days(3) };
            let sum = world.parts::<Reports>().store.read(range).await.unwrap().sum(range);
            assert_eq!(
                (sum.counts.sessions, sum.counts.engaged, sum.counts.duration_ms),
                (4, 2, 7_000),
                "{fault:?} at call {from}"
            );
            if !hit && calls.len() <= from {
                break;
            }
        }
    }
    assert!(writes_hit >= 2 * Fault::ALL.len() - 2, "{writes_hit} faults met a write");
}

/// The SDK repeats a write whose answer does not come, and what the first try wrote refuses the second.
#[tokio::test]
async fn a_row_of_which_the_answer_was_lost_is_found_written() {
    if lacks(&[Need::Wire, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let midnight = "2191-05-05T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
    let case = Case { changes: vec![(0, 0, 0)], split: 9, deliveries: Vec::new(), repeats: Vec::new() };
    let records = stream(&case, midnight).0.remove(0).1;
    // The row is read, and then it is written.
    world.wire.disturb("2191-05", Some(Disturbance { fault: Fault::FailedAfter, from: 1, times: 1 }));
    rollup::handle(world.parts::<Rollup>(), event("shardId-1", &records)).await.unwrap();
    assert!(world.wire.was_hit("2191-05"));
    world.wire.listen("2191-05");
    let day = day_of(midnight);
    let rows = world.parts::<Reports>().store.read(Range::of(day)).await.unwrap();
    assert_eq!(rows.sum(Range::of(day)).counts.sessions, 1);
}

/// An invocation that was given up for dead beside the redelivery of its batch.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_at_the_same_time_counts_once() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let rollup = world.parts::<Rollup>();
    let midnight = "2197-05-05T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
    let changes = (0..6).map(|number| (number, 0, 0)).collect();
    let case = Case { changes, split: 99, deliveries: Vec::new(), repeats: Vec::new() };
    let records = stream(&case, midnight).0.remove(0).1;
    let deliveries =
        (0..6).map(|delivery| {
            let (rollup, records) = (Arc::clone(&rollup), records[..=delivery].to_vec());
            async move {
                while rollup::handle(Arc::clone(&rollup), event("shardId-1", &records)).await.is_err() {}
            }
        });
    futures_util::future::join_all(deliveries).await;
    let range = Range { first: day_of(midnight), last: day_of(midnight) + TimeDelta::days(3) };
    let rows = world.parts::<Reports>().store.read(range).await.unwrap();
    assert_eq!(rows.sum(range).counts.sessions, 6);
}

/// What Lambda sends without a tumbling window, and the last invocation of a window, which may be empty.
#[tokio::test]
async fn an_event_without_a_shard_names_the_missing_setting() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let rollup = world.parts::<Rollup>();
    let one = Case { changes: vec![(0, 0, 0)], split: 1, deliveries: Vec::new(), repeats: Vec::new() };
    let record = stream(&one, 0).0.remove(0).1.remove(0);
    let without: rollup::StreamEvent = serde_json::from_value(json!({ "Records": [record] })).unwrap();
    let cause = rollup::handle(Arc::clone(&rollup), without).await.unwrap_err();
    assert!(cause.to_string().contains("TumblingWindowInSeconds"), "{cause}");
    let reply = rollup::handle(rollup, event("", &[])).await.unwrap();
    assert_eq!(json!(reply), json!({ "state": {}, "batchItemFailures": [] }));
}

/// Rows of another zone or layout are not added to, and the batch fails, so that it comes again.
#[tokio::test]
async fn rows_that_were_made_otherwise_fail_the_whole_batch() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let midnight = "2196-05-05T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
    let changes = vec![(0, 0, 3_600_000), (0, 2, 0)];
    let case = Case { changes, split: 9, deliveries: Vec::new(), repeats: Vec::new() };
    let records = stream(&case, midnight).0.remove(0).1;
    rollup::handle(world.parts::<Rollup>(), event("shardId-1", &records[..1])).await.unwrap();
    let elsewhere = world.another_host_with(&[("REPORTING_TIME_ZONE", "Europe/Berlin")]).await;
    let refusal =
        rollup::handle(elsewhere.parts::<Rollup>(), event("shardId-1", &records[1..])).await.unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("is of layout 2 in UTC, and this deployment of layout 2 in Europe/Berlin"),
        "{refusal}"
    );
    let table = world.template.table("MetricsTable").unwrap();
    let (pk, sk) = shared::metrics::row::key(day_of(midnight), shared::metrics::row::lane_of("shardId-1"));
    let update = world.client.update_item().table_name(&table.name);
    let update = update.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk));
    // Nothing else of a row of another layout need be readable.
    let update = update.update_expression("SET layout = :one, marks = :other");
    let update = update.expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
    update.expression_attribute_values(":other", AttributeValue::Bool(true)).send().await.unwrap();
    let refusal =
        rollup::handle(world.parts::<Rollup>(), event("shardId-1", &records[1..])).await.unwrap_err();
    assert!(refusal.to_string().contains("is of layout 1 in UTC"), "{refusal}");
}

#[tokio::test]
async fn only_a_record_that_cannot_be_decoded_is_left_out() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let rollup = world.parts::<Rollup>();
    let midnight = "2198-05-05T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
    let changes = vec![(0, 0, 0), (1, 0, 0)];
    let case = Case { changes, split: 9, deliveries: Vec::new(), repeats: Vec::new() };
    let mut records = stream(&case, midnight).0.remove(0).1;
    records[0]["dynamodb"]["NewImage"]["state"] = json!({ "S": "unheard of" });
    // Not even a record, and a time that has no date.
    records.insert(1, json!({ "eventName": "INSERT" }));
    let mut timeless = records[0].clone();
    timeless["dynamodb"]["NewImage"] = records[2]["dynamodb"]["NewImage"].clone();
    timeless["dynamodb"]["NewImage"]["startTime"] = json!({ "N": "8210266876799999" });
    records.insert(2, timeless);
    rollup::handle(rollup, event("shardId-1", &records)).await.unwrap();
    let day = day_of(midnight);
    let rows = world.parts::<Reports>().store.read(Range::of(day)).await.unwrap();
    assert_eq!(rows.sum(Range::of(day)).counts.sessions, 1);
}

/// A table whose stream has new images alone, say: a change of a session is no session more.
#[tokio::test]
async fn a_change_without_what_was_before_is_left_out() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let rollup = world.parts::<Rollup>();
    let midnight = "2195-05-05T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
    let changes = vec![(0, 0, 0), (0, 2, 0), (0, 0, 5_000)];
    let case = Case { changes, split: 9, deliveries: Vec::new(), repeats: Vec::new() };
    let mut records = stream(&case, midnight).0.remove(0).1;
    records[1]["dynamodb"].as_object_mut().unwrap().remove("OldImage").unwrap();
    rollup::handle(rollup, event("shardId-1", &records)).await.unwrap();
    let day = day_of(midnight);
    let rows = world.parts::<Reports>().store.read(Range::of(day)).await.unwrap();
    let counts = rows.sum(Range::of(day)).counts;
    assert_eq!((counts.sessions, counts.engaged, counts.duration_ms), (1, 0, 5_000));
}

/// What the time to live deletes comes as the service's own deletion.
#[tokio::test]
async fn a_purge_by_the_time_to_live_changes_nothing() {
    if lacks(&[Need::Wire, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let rollup = world.parts::<Rollup>();
    let midnight = "2194-05-05T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
    let changes = vec![(0, 0, 0), (0, 4, 7_000), (1, 0, 0), (2, 0, 0)];
    let case = Case { changes, split: 9, deliveries: Vec::new(), repeats: Vec::new() };
    let records = stream(&case, midnight).0.remove(0).1;
    let purge = |place: usize, sequence: &str| {
        let mut record = records[place].clone();
        let change = record["dynamodb"].as_object_mut().unwrap();
        let image = change.remove("NewImage").unwrap();
        change.insert("OldImage".to_owned(), image);
        change.insert("SequenceNumber".to_owned(), json!(sequence));
        record["eventName"] = json!("REMOVE");
        record["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
        record
    };
    // One that was over and one that silently expired; alone, and among others.
    let mixed = [&records[..3], &[purge(1, "98"), purge(2, "99")], &records[3..]].concat();
    rollup::handle(Arc::clone(&rollup), event("shardId-1", &mixed)).await.unwrap();
    world.wire.listen("2194-05");
    rollup::handle(Arc::clone(&rollup), event("shardId-1", &[purge(0, "200")])).await.unwrap();
    assert!(world.wire.calls("2194-05").is_empty(), "a purge alone reads and writes nothing");
    let range = Range { first: day_of(midnight), last: day_of(midnight) + TimeDelta::days(3) };
    let counts = world.parts::<Reports>().store.read(range).await.unwrap().sum(range).counts;
    assert_eq!((counts.sessions, counts.duration_ms), (3, 7_000));
}

/// Records that change no figure, as when a pointer of long ago is kept up to date, alone and beside one of another day.
#[tokio::test]
async fn a_day_of_which_nothing_changes_is_not_even_read() {
    if lacks(&[Need::Wire, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let rollup = world.parts::<Rollup>();
    let midnight = "2192-05-05T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
    let changes = vec![(0, 0, 0), (2, 0, 0), (0, 3, 0), (0, 3, 0), (2, 2, 0)];
    let case = Case { changes, split: 9, deliveries: Vec::new(), repeats: Vec::new() };
    let records = stream(&case, midnight).0.remove(0).1;
    rollup::handle(Arc::clone(&rollup), event("shardId-1", &records[..2])).await.unwrap();
    world.wire.listen("2192-05");
    rollup::handle(Arc::clone(&rollup), event("shardId-1", &records[2..3])).await.unwrap();
    assert!(world.wire.calls("2192-05").is_empty());
    rollup::handle(Arc::clone(&rollup), event("shardId-1", &records[3..])).await.unwrap();
    let operations: Vec<_> = world.wire.calls("2192-05").into_iter().map(|call| call.operation).collect();
    assert_eq!(operations, ["GetItem", "PutItem"], "of the other day");
    let range = Range { first: day_of(midnight), last: day_of(midnight) + TimeDelta::days(3) };
    let counts = world.parts::<Reports>().store.read(range).await.unwrap().sum(range).counts;
    assert_eq!((counts.sessions, counts.engaged), (2, 1));
}

/// A Query is no snapshot: a page of it is read before two sessions start and the next after they have changed in
/// another lane, so that there are fewer sessions than engaged ones.
#[tokio::test]
async fn a_view_that_is_torn_is_read_again() {
    if lacks(&[Need::Wire, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let rollup = world.parts::<Rollup>();
    let midnight = "2193-05-05T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
    let shard_of = |lane: u8| {
        let mut names = (0..).map(|number| format!("shardId-{number}"));
        names.find(|name| shared::metrics::row::lane_of(name) == lane).unwrap()
    };
    let (first, second) = (shard_of(0), shard_of(1));
    let changes = vec![(0, 0, 0), (1, 0, 0), (0, 2, 0), (1, 2, 0)];
    let case = Case { changes, split: 9, deliveries: Vec::new(), repeats: Vec::new() };
    let records = stream(&case, midnight).0.remove(0).1;
    // Both rows are there, with a session each that has nothing to do with it.
    for (shard, number) in [(&first, 8), (&second, 9)] {
        let mut other = records[0].clone();
        other["dynamodb"]["SequenceNumber"] = json!("1");
        other["dynamodb"]["NewImage"]["sk"] =
            json!({ "S": format!("SESSION#0198c0de-0000-7000-8000-{number:012}") });
        other["dynamodb"]["NewImage"]["contentEngaged"] = json!({ "BOOL": true });
        rollup::handle(Arc::clone(&rollup), event(shard, &[other])).await.unwrap();
    }
    let piecemeal = Disturbance { fault: Fault::Piecemeal, from: 0, times: 1_000 };
    let hold = world.wire.hold_under("2193-05", 1, Some(piecemeal));
    let day = Range::of(day_of(midnight));
    let store = &world.parts::<Reports>().store;
    let (rows, ()) = tokio::join!(store.read(day), async {
        hold.reached().await;
        rollup::handle(Arc::clone(&rollup), event(&first, &records[..2])).await.unwrap();
        rollup::handle(Arc::clone(&rollup), event(&second, &records[2..])).await.unwrap();
        hold.release();
    });
    let counts = rows.unwrap().sum(day).counts;
    assert_eq!((counts.sessions, counts.engaged), (4, 4));
    let queries: Vec<_> =
        world.wire.calls("2193-05").into_iter().filter(|call| call.operation == "Query").collect();
    assert_eq!(queries[0].consistent_read, Some(false), "{queries:?}");
    assert_eq!(queries.last().unwrap().consistent_read, Some(true), "{queries:?}");
}

/// So many at once are no torn view, and to read each again would tell nothing.
#[tokio::test]
async fn days_that_make_no_sense_are_read_again_unless_they_are_more_than_a_month() {
    if lacks(&[Need::Wire, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let table = &world.template.table("MetricsTable").unwrap().name;
    let counts = Counts { engaged: 1, ..Counts::default() };
    let row = Row { version: 1, totals: Totals { counts, ..Totals::default() }, ..Row::default() };
    let all = Range { first: "2190-05-01".parse().unwrap(), last: "2190-06-01".parse().unwrap() };
    for day in all.days() {
        let item = item::encode(day, 0, &row, chrono_tz::UTC).unwrap();
        world.client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }
    let may = Range { last: all.last - TimeDelta::days(1), ..all };
    let store = &world.parts::<Reports>().store;
    for (range, queries) in [(may, 1 + 3 * 31), (all, 1)] {
        world.wire.listen("2190-05");
        store.read(range).await.unwrap();
        assert_eq!(world.wire.calls("2190-05").len(), queries, "of May, for {range:?}");
    }
}
