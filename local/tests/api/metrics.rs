//! The metrics endpoints end to end: sessions over HTTP, through the stream and the rollup, to the figures.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::metrics::Rollup;

use crate::support::{
    Answer, Need, TIMEOUT, User, World, http, is_second_engine, lacks, token,
    wire::{Disturbance, Fault},
};

const MS: TimeDelta = TimeDelta::milliseconds(1);

/// A user who may read metrics.
async fn reader(world: &World) -> User<'_> {
    with_claims(world, &json!({ "permissions": ["metrics:read"] })).await
}

async fn with_claims<'a>(world: &'a World, claims: &Value) -> User<'a> {
    let user = world.user("reader").await;
    let token = token(&http(), &[("username", "reader"), ("claims", &claims.to_string())]).await;
    User { token, ..user }
}

async fn totals(reader: &User<'_>, range: &str) -> Value {
    reader.call("GET", &format!("/metrics/sessions?{range}")).await.ok()["data"].clone()
}

async fn rows(reader: &User<'_>, path: &str, range: &str) -> Vec<Value> {
    let body = reader.call("GET", &format!("/metrics/sessions/{path}?{range}")).await.ok();
    assert_eq!(body["status"], "success");
    body["data"].as_array().unwrap().clone()
}

/// Waits until the stream has brought the totals to this, which must be within seconds.
async fn settle(reader: &User<'_>, range: &str, field: &str, expected: Value) {
    let started = Instant::now();
    while totals(reader, range).await[field] != expected {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", totals(reader, range).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The distribution with these numbers of sessions.
fn distribution(sessions: [u32; 7]) -> Value {
    let edges = [json!(0), json!(1), json!(5), json!(15), json!(30), json!(60), json!(120), json!(null)];
    let part = |(edges, sessions): (&[Value], u32)| json!({ "fromMinutes": edges[0], "toMinutes": edges[1], "sessions": sessions });
    edges.windows(2).zip(sessions).map(part).collect()
}

fn at(world: &World, time: &str) {
    world.clock.set(format!("2100-03-{time}Z").parse().unwrap());
}

async fn sessions_of_march(world: &World, alice: &User<'_>, bob: &User<'_>) {
    // Half an hour, engaged, ended.
    at(world, "01T10:00:00");
    let one = alice.login().await;
    at(world, "01T10:05:00");
    alice.heartbeat(&one).await.ok();
    alice.engage(&one, true).await.ok();
    at(world, "01T10:30:00");
    alice.end(&one).await.ok();
    // Ten minutes, engaged and un-engaged again, silently expired.
    let two = bob.login().await;
    bob.engage(&two, true).await.ok();
    at(world, "01T10:40:00");
    bob.heartbeat(&two).await.ok();
    bob.engage(&two, false).await.ok();
    // Twenty minutes across midnight, then renewed into six minutes of the next day.
    at(world, "02T23:50:00");
    let three = alice.login().await;
    at(world, "03T00:10:00");
    alice.heartbeat(&three).await.ok();
    at(world, "03T05:00:00");
    let four = alice.renewal(&three).await;
    at(world, "03T05:06:00");
    alice.heartbeat(&four).await.ok();
    // No time at all, engaged, ended; and a heartbeat on an unknown id, which starts a session of no time too.
    at(world, "31T12:00:00");
    let five = bob.login().await;
    bob.engage(&five, true).await.ok();
    bob.end(&five).await.ok();
    bob.renewal(&crate::support::unknown_id()).await;
}

#[tokio::test]
async fn a_month_of_sessions_has_the_figures_that_were_worked_out_by_hand() {
    if lacks(&[Need::MovedClock, Need::Pump]) {
        return;
    }
    let world = World::new().await;
    let (alice, bob, reader) = (world.user("alice").await, world.user("bob").await, reader(&world).await);
    sessions_of_march(&world, &alice, &bob).await;

    let march = "startDate=2100-03-01&endDate=2100-03-31";
    settle(&reader, march, "totalSessions", json!(6)).await;
    settle(&reader, march, "totalDurationMinutes", json!(66.0)).await;
    settle(&reader, march, "engagedSessions", json!(2)).await;
    let mut data = totals(&reader, march).await;
    let near = |value: &Value, minutes: f64| (value.as_f64().unwrap() / minutes - 1.0).abs() <= 0.05;
    assert!(near(&data["medianDurationMinutes"], 6.0), "of 0, 0, 6, 10, 20 and 30: {data}");
    assert!(near(&data["p90DurationMinutes"], 30.0), "{data}");
    assert!(data["asOf"].as_str().unwrap().ends_with('Z'));
    for name in ["medianDurationMinutes", "p90DurationMinutes", "asOf"] {
        data.as_object_mut().unwrap().remove(name);
    }
    let expected = json!({
        "totalSessions": 6,
        "engagedSessions": 2,
        "engagementRate": 33.33,
        "averageDurationMinutes": 11.0,
        "totalDurationMinutes": 66.0,
        "renewedSessions": 1,
        "uniqueUsers": 2,
        "uniqueUsersRelativeError": 0.01625,
        "bounceRate": 33.33,
        "durationDistribution": distribution([2, 0, 2, 1, 1, 0, 0]),
        "startDate": "2100-03-01T00:00:00.000Z",
        "endDate": "2100-03-31T23:59:59.999Z",
        "timeZone": "UTC",
    });
    assert_eq!(data, expected);

    let days = rows(&reader, "daily", march).await;
    assert_eq!(days.len(), 31);
    let row = |date: &str, sessions: u32, engaged: u32, rate: f64, users: u32, average: f64| {
        json!({
            "date": format!("2100-03-{date}"), "sessions": sessions, "engagedSessions": engaged, "engagementRate": rate,
            "uniqueUsers": users, "renewedSessions": u32::from(date == "03"), "averageDurationMinutes": average,
        })
    };
    for (index, mut day) in days.clone().into_iter().enumerate() {
        let median = day.as_object_mut().unwrap().remove("medianDurationMinutes").unwrap();
        // Of two the shorter.
        let expected = [10.0, 20.0, 6.0].get(index).copied().unwrap_or(0.0);
        assert!(if expected > 0.0 { near(&median, expected) } else { median == json!(0.0) }, "{median}");
        let number = format!("{:02}", index + 1);
        let expected = match index + 1 {
            1 => row(&number, 2, 1, 50.0, 2, 20.0),
            2 => row(&number, 1, 0, 0.0, 1, 20.0),
            3 => row(&number, 1, 0, 0.0, 1, 6.0),
            31 => row(&number, 2, 1, 50.0, 1, 0.0),
            _ => row(&number, 0, 0, 0.0, 0, 0.0),
        };
        assert_eq!(day, expected);
    }
    for field in ["sessions", "engagedSessions"] {
        let sum: u64 = days.iter().map(|day| day[field].as_u64().unwrap()).sum();
        let total = if field == "sessions" { &expected["totalSessions"] } else { &expected[field] };
        assert_eq!(json!(sum), *total);
    }

    let weeks = rows(&reader, "by-timespan", "startDate=2100-02-27&endDate=2100-03-30&span=weekly").await;
    let weeks: Vec<_> =
        weeks.iter().map(|row| json!([row["period"], row["week"], row["sessions"]])).collect();
    let monday = |day: &str, sessions: u32| json!([day, day, sessions]);
    let expected = ["2100-02-22", "2100-03-01", "2100-03-08", "2100-03-15", "2100-03-22", "2100-03-29"];
    // The last day of the last week is not in the range.
    assert_eq!(weeks, expected.map(|day| monday(day, if day == "2100-03-01" { 4 } else { 0 })));
    let months = rows(&reader, "by-timespan", "startDate=2100-02-27&endDate=2100-04-01&span=monthly").await;
    let months: Vec<_> = months
        .iter()
        .map(|row| json!([row["period"], row["month"], row["sessions"], row["uniqueUsers"]]))
        .collect();
    let expected = [("2100-02", 0, 0), ("2100-03", 6, 2), ("2100-04", 0, 0)];
    assert_eq!(months, expected.map(|(month, sessions, users)| json!([month, month, sessions, users])));
    let by_day = rows(&reader, "by-timespan", march).await;
    assert!(
        by_day
            .iter()
            .zip(&days)
            .all(|(row, day)| row["period"] == day["date"] && row["sessions"] == day["sessions"])
    );
}

#[tokio::test]
async fn a_range_without_sessions_is_all_zeros() {
    let world = World::new().await;
    let reader = reader(&world).await;
    let data = totals(&reader, "startDate=2001-02-03&endDate=2003-04-05").await;
    let zeros = data.as_object().unwrap().iter().filter(|(_, value)| value.is_number());
    assert_eq!(zeros.clone().count(), 11);
    assert!(zeros.clone().all(|(_, value)| value.as_f64() == Some(0.0)), "{data}");
    assert_eq!(data["asOf"], json!(null));
    assert_eq!(data["durationDistribution"], distribution([0; 7]));
    assert_eq!(rows(&reader, "daily", "startDate=2001-02-03&endDate=2001-02-03").await.len(), 1);
}

/// A session a millisecond shorter than each edge, and one just as long.
#[tokio::test]
async fn a_session_is_on_its_side_of_each_edge_of_the_distribution() {
    if lacks(&[Need::MovedClock, Need::Pump]) {
        return;
    }
    let world = World::new().await;
    let (alice, reader) = (world.user("alice").await, reader(&world).await);
    at(&world, "20T00:00:00");
    for minutes in [1, 5, 15, 30, 60, 120] {
        for duration in [TimeDelta::minutes(minutes) - MS, TimeDelta::minutes(minutes)] {
            let session = alice.login().await;
            let mut left = duration;
            while left > TIMEOUT {
                world.clock.advance(TIMEOUT);
                alice.heartbeat(&session).await.ok();
                left -= TIMEOUT;
            }
            world.clock.advance(left);
            alice.end(&session).await.ok();
        }
    }
    let range = "startDate=2100-03-20&endDate=2100-03-20";
    settle(&reader, range, "durationDistribution", distribution([1, 2, 2, 2, 2, 2, 1])).await;
    assert_eq!(totals(&reader, range).await["bounceRate"], 8.33);
}

#[tokio::test]
async fn a_range_is_compared_with_the_equally_long_one_before() {
    if lacks(&[Need::MovedClock, Need::Pump]) {
        return;
    }
    let world = World::new().await;
    let (alice, bob, reader) = (world.user("alice").await, world.user("bob").await, reader(&world).await);
    // Just outside, in the three days before, and in the three days that are asked for.
    for (day, user) in [
        ("21T23:59:59.999", &alice),
        ("22T00:00:00", &alice),
        ("24T23:59:59.999", &bob),
        ("25T00:00:00", &alice),
        ("25T00:00:01", &alice),
        ("27T23:59:59.999", &alice),
        ("28T00:00:00", &bob),
    ] {
        at(&world, day);
        user.login().await;
    }
    let range = "startDate=2100-03-25&endDate=2100-03-27";
    settle(&reader, range, "totalSessions", json!(3)).await;
    let mut compared = totals(&reader, &format!("{range}&compare=previous")).await;
    let previous = compared.as_object_mut().unwrap().remove("previous").unwrap();
    assert_eq!(compared, totals(&reader, range).await);
    assert_eq!(previous, totals(&reader, "startDate=2100-03-22&endDate=2100-03-24").await);
    assert_eq!((&compared["uniqueUsers"], &previous["uniqueUsers"]), (&json!(1), &json!(2)));
    assert_eq!(previous["startDate"], "2100-03-22T00:00:00.000Z");
    for (query, expected) in [
        (format!("{range}&compare=next"), "compare must be previous"),
        (format!("{range}&compare="), "compare must be previous"),
        (format!("{range}&compare=previous&compare=previous"), "compare must be previous"),
        (
            "startDate=0001-01-01&endDate=0001-01-02&compare=previous".to_owned(),
            "startDate must be later, for a range as long before it",
        ),
    ] {
        let answer = reader.call("GET", &format!("/metrics/sessions?{query}")).await;
        assert_eq!(answer.error(400, "invalid_range"), expected, "{query}");
    }
}

/// A caller who writes it into a URL as it is sends a space.
#[tokio::test]
async fn an_offset_in_the_query_may_have_its_plus_as_it_is() {
    let world = World::new().await;
    let reader = reader(&world).await;
    for plus in ["+", "%2B"] {
        let range =
            format!("startDate=2026-01-31T00:00:00{plus}01:00&endDate=2026-01-31T00:00:00{plus}01:00");
        let request = reader.request("GET", &format!("/metrics/sessions?{range}"));
        // Past the look at the document, which such a request is not in.
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(body["data"]["startDate"], "2026-01-30T00:00:00.000Z", "{body}");
    }
}

#[tokio::test]
async fn days_are_those_of_the_reporting_time_zone() {
    if lacks(&[Need::MovedClock, Need::Pump, Need::LocalServer]) {
        return;
    }
    let world = World::with(&[("REPORTING_TIME_ZONE", "Asia/Kolkata")]).await;
    let (alice, reader) = (world.user("alice").await, reader(&world).await);
    at(&world, "10T18:29:59.999");
    alice.login().await;
    world.clock.advance(MS);
    alice.login().await;
    let range = "startDate=2100-03-10&endDate=2100-03-11";
    settle(&reader, range, "totalSessions", json!(2)).await;
    let days: Vec<Value> =
        rows(&reader, "daily", range).await.iter().map(|row| row["sessions"].clone()).collect();
    assert_eq!(days, [json!(1), json!(1)]);
    // An instant stands for the day on which it falls there.
    let data = totals(&reader, "startDate=2100-03-10T18:30:00Z&endDate=2100-03-10T18:30:00Z").await;
    assert_eq!(data["totalSessions"], 1);
    assert_eq!(
        (&data["startDate"], &data["timeZone"]),
        (&json!("2100-03-10T18:30:00.000Z"), &json!("Asia/Kolkata"))
    );
}

/// Sessions that start in a day's first and last millisecond, and in those beside it.
#[tokio::test]
async fn days_of_23_and_25_hours_hold_their_sessions() {
    if lacks(&[Need::MovedClock, Need::Pump, Need::LocalServer]) {
        return;
    }
    let world = World::with(&[("REPORTING_TIME_ZONE", "Europe/Berlin")]).await;
    let (alice, reader) = (world.user("alice").await, reader(&world).await);
    for (day, before, after, first, last) in [
        ("2030-03-31", "2030-03-30", "2030-04-01", "2030-03-30T23:00:00.000Z", "2030-03-31T21:59:59.999Z"),
        ("2030-10-27", "2030-10-26", "2030-10-28", "2030-10-26T22:00:00.000Z", "2030-10-27T22:59:59.999Z"),
    ] {
        world.clock.set(first.parse::<chrono::DateTime<chrono::Utc>>().unwrap() - MS);
        alice.login().await;
        world.clock.advance(MS);
        alice.login().await;
        world.clock.set(last.parse().unwrap());
        alice.login().await;
        world.clock.advance(MS);
        alice.login().await;
        let range = format!("startDate={before}&endDate={after}");
        settle(&reader, &range, "totalSessions", json!(4)).await;
        let days = rows(&reader, "daily", &range).await;
        let days: Vec<Value> = days.iter().map(|row| json!([row["date"], row["sessions"]])).collect();
        assert_eq!(days, [json!([before, 1]), json!([day, 2]), json!([after, 1])]);
        let data = totals(&reader, &format!("startDate={day}&endDate={day}")).await;
        assert_eq!((&data["startDate"], &data["endDate"]), (&json!(first), &json!(last)));
    }
}

#[tokio::test]
async fn rows_of_another_time_zone_are_refused_and_not_mixed() {
    if lacks(&[Need::Pump, Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let (alice, reader) = (world.user("alice").await, reader(&world).await);
    alice.login().await;
    let range = "startDate=2100-01-15&endDate=2100-01-15";
    settle(&reader, range, "totalSessions", json!(1)).await;
    let elsewhere = world.another_host_with(&[("REPORTING_TIME_ZONE", "Europe/Berlin")]).await;
    let there = elsewhere.same_user(&reader);
    there.call("GET", &format!("/metrics/sessions?{range}")).await.error(500, "internal_error");
}

#[tokio::test]
async fn a_range_that_cannot_be_used_is_refused_by_its_parameter() {
    let world = World::new().await;
    let reader = reader(&world).await;
    for (query, expected) in [
        ("", "startDate must be a date like 2026-01-31"),
        ("startDate=2026-01-01", "endDate must be a date like 2026-01-31"),
        ("startDate=2026-02-30&endDate=2026-03-01", "startDate must be a date like 2026-01-31"),
        ("startDate=2026-03-01&endDate=today", "endDate must be a date like 2026-01-31"),
        (
            "startDate=2026-03-01&startDate=2026-03-02&endDate=2026-03-03",
            "startDate must be a date like 2026-01-31",
        ),
        ("startDate=2026-03-02&endDate=2026-03-01", "startDate must not be after endDate"),
        ("startDate=2023-01-01&endDate=2026-01-05", "endDate must be less than 1100 days after startDate"),
    ] {
        for path in ["", "/daily", "/by-timespan"] {
            let answer: Answer = reader.call("GET", &format!("/metrics/sessions{path}?{query}")).await;
            assert_eq!(answer.error(400, "invalid_range"), expected, "{path} {query}");
        }
    }
    let span = "/metrics/sessions/by-timespan?startDate=2026-01-01&endDate=2026-01-01&span=hourly";
    let message = reader.call("GET", span).await.error(400, "invalid_range");
    assert_eq!(message, "span must be daily, weekly or monthly");
}

#[tokio::test]
async fn a_reader_needs_the_permission_in_a_named_claim() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let range = "startDate=2026-01-01&endDate=2026-01-01";
    for (claims, status) in [
        (json!({}), 403),
        (json!({ "permissions": "metrics:reader metrics" }), 403),
        (json!({ "other": "metrics:read" }), 403),
        (json!({ "permissions": "Metrics:Read" }), 403),
        // A client asks for a scope, and may get it without anybody's leave.
        (json!({ "scope": "a metrics:read" }), 403),
        (json!({ "scp": ["a", "metrics:read"] }), 403),
        (json!({ "permissions": ["a", "metrics:read"] }), 200),
        (json!({ "permissions": "a metrics:read" }), 200),
        (json!({ "permissions": "[\"metrics:read\"]" }), 200),
        (json!({ "cognito:groups": ["metrics:read"] }), 200),
        (json!({ "permissions": ["metrics:read"], "sub": null }), 401),
        (json!({ "permissions": ["metrics:read"], "token_use": "id" }), 401),
    ] {
        let user = with_claims(&world, &claims).await;
        for path in ["", "/daily", "/by-timespan"] {
            let answer = user.call("GET", &format!("/metrics/sessions{path}?{range}")).await;
            assert_eq!(answer.status, status, "{claims}");
            if status == 403 {
                answer.error(403, "forbidden");
            }
        }
    }
    for (permission, status) in [("*", 200), ("sessions:count", 403)] {
        let world = World::with(&[("METRICS_PERMISSION", permission)]).await;
        let user = with_claims(&world, &json!({ "permissions": "metrics:read" })).await;
        assert_eq!(
            user.call("GET", &format!("/metrics/sessions?{range}")).await.status,
            status,
            "{permission}"
        );
    }
    let world = World::with(&[("METRICS_PERMISSION_CLAIMS", "scope scp")]).await;
    for (claims, status) in [
        (json!({ "scope": "a metrics:read" }), 200),
        (json!({ "scp": ["a", "metrics:read"] }), 200),
        (json!({ "permissions": ["metrics:read"] }), 403),
    ] {
        let user = with_claims(&world, &claims).await;
        let answer = user.call("GET", &format!("/metrics/sessions?{range}")).await;
        assert_eq!(answer.status, status, "where scopes count: {claims}");
    }
}

#[tokio::test]
async fn purging_and_tombstones_change_no_figure() {
    if lacks(&[Need::MovedClock, Need::Pump]) {
        return;
    }
    let world = World::new().await;
    let (alice, reader) = (world.user("alice").await, reader(&world).await);
    let range = "startDate=2100-01-01&endDate=2100-01-31";
    let id = alice.login().await;
    world.clock.advance(TIMEOUT + MS);
    alice.renewal(&id).await;
    world.purge(&alice.sub, &id).await;
    // Two more, after the purge in the stream: a tombstone's successor, and the sign that all came through.
    alice.renewal(&crate::support::unknown_id()).await;
    alice.login().await;
    settle(&reader, range, "totalSessions", json!(4)).await;
    assert_eq!(totals(&reader, range).await["renewedSessions"], 1);
}

/// What the engine's stream is trimmed of has been applied: not by a record more, however long the rollup fails.
#[tokio::test(flavor = "multi_thread")]
async fn figures_are_whole_after_more_records_than_the_engine_keeps() {
    if is_second_engine() || lacks(&[Need::Wire, Need::Pump]) {
        return;
    }
    let (world, hundred) = (World::new().await, 0..100);
    let reader = reader(&world).await;
    let login = async |users: usize| {
        for _ in 0..users {
            // As many as one may have.
            let user = world.user("alice").await;
            futures_util::future::join_all(hundred.clone().map(|_| user.login())).await;
        }
    };
    let range = "startDate=2100-01-15&endDate=2100-01-15";
    // More than the records after which the engine is told.
    login(12).await;
    settle(&reader, range, "totalSessions", json!(1_200)).await;
    let failing = Disturbance { fault: Fault::FailedBefore, from: 0, times: usize::MAX / 2 };
    world.wire.disturb("2100-01", Some(failing));
    login(120).await;
    world.wire.disturb("2100-01", None);
    settle(&reader, range, "totalSessions", json!(13_200)).await;
    let users = totals(&reader, range).await["uniqueUsers"].as_u64().unwrap();
    assert!((120..=144).contains(&users), "{users} users");
}

#[tokio::test]
async fn a_query_that_comes_piecemeal_is_whole() {
    if lacks(&[Need::MovedClock, Need::Wire, Need::Pump]) {
        return;
    }
    let world = World::new().await;
    let (alice, reader) = (world.user("alice").await, reader(&world).await);
    for day in ["01", "02", "03"] {
        at(&world, &format!("{day}T10:00:00"));
        alice.login().await;
    }
    let range = "startDate=2100-03-01&endDate=2100-03-31";
    settle(&reader, range, "totalSessions", json!(3)).await;
    let piecemeal = Disturbance { fault: Fault::Piecemeal, from: 0, times: usize::MAX / 2 };
    world.wire.disturb("2100-03", Some(piecemeal));
    let days = rows(&reader, "daily", range).await;
    assert_eq!(days.iter().filter(|day| day["sessions"] == 1).count(), 3);
    assert!(world.wire.calls("2100-03").len() >= 3, "a page for each row");
}

/// The newest of all rows that were read, and not of the last one.
#[tokio::test]
async fn as_of_is_when_the_newest_change_in_the_range_happened() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let world = World::new().await;
    let reader = reader(&world).await;
    let record = |number: u32, day: u32, created: u32| {
        let start =
            "2100-05-01T10:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis();
        let start = (start + i64::from(day) * 86_400_000).to_string();
        json!({
            "eventID": number.to_string(), "eventName": "INSERT", "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": created, "SequenceNumber": number.to_string(), "SizeBytes": 1,
                "NewImage": {
                    "pk": { "S": "USER#carol" },
                    "sk": { "S": format!("SESSION#0198c0de-0000-7000-8000-{number:012}") },
                    "state": { "S": "active" }, "startTime": { "N": start }, "lastActiveTime": { "N": start },
                    "contentEngaged": { "BOOL": false }, "purgeAt": { "N": "9999999999" },
                },
            },
        })
    };
    let records = [record(1, 0, 1_767_225_605), record(2, 1, 1_767_225_609), record(3, 2, 1_767_225_601)];
    let event = serde_json::from_value(json!({ "Records": records, "shardId": "shardId-1" })).unwrap();
    rollup::handle(world.parts::<Rollup>(), event).await.unwrap();
    for (range, expected) in [
        ("startDate=2100-05-01&endDate=2100-05-31", json!("2026-01-01T00:00:09.000Z")),
        ("startDate=2100-05-03&endDate=2100-05-31", json!("2026-01-01T00:00:01.000Z")),
        ("startDate=2100-05-04&endDate=2100-05-31", json!(null)),
    ] {
        assert_eq!(totals(&reader, range).await["asOf"], expected, "{range}");
    }
}
