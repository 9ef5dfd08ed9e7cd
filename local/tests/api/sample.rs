//! A year of made-up sessions: what the metrics and the sessions table have of it, and what is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use local::{
    Options, Server, Storage,
    sample::{Plan, Sample, Sampled, sessions},
};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    metrics::{
        calendar::{first_instant, last_instant},
        contribution::{Contribution, day_of_session},
    },
    sessions::rules::{Lifetimes, State},
};
use uuid::Uuid;

use crate::support::{Need, http, lacks, remove, send};

/// Small.
const SAMPLE: Sample = Sample { sessions: 4_000, users: 150, seed: 7 };

/// Far enough ahead that no record is past its time to live.
const NOW: &str = "2100-02-10T15:04:05.678Z";

const LIFETIMES: Lifetimes = Lifetimes { timeout: TimeDelta::hours(1), retention: TimeDelta::days(90) };

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

fn plan() -> Plan {
    Plan { sample: SAMPLE, now: now(), zone: chrono_tz::Europe::Berlin, lifetimes: LIFETIMES }
}

fn options(folder: &Path, sample: Option<Sample>) -> Options {
    Options {
        data: Some(folder.to_owned()),
        parameters: [("ReportingTimeZone".to_owned(), "Europe/Berlin".to_owned())].into(),
        clock: Clock::from_fn(now),
        sample,
        ..Options::default()
    }
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("user-sessions-sample-{}", Uuid::new_v4()))
}

async fn refusal(options: Options) -> String {
    match Server::start(options).await {
        Ok(_) => panic!("it started"),
        Err(cause) => format!("{cause:#}"),
    }
}

/// Asks as a user, who may read metrics.
async fn ask(server: &Server, user: &str, path: &str) -> Value {
    let form = [("grant_type", "password"), ("username", user), ("permissions", "metrics:read")];
    let tokens = send(http().post(format!("{}/oauth2/token", server.url)).form(&form)).await.ok();
    let token = tokens["access_token"].as_str().unwrap();
    send(http().get(format!("{}{path}", server.url)).bearer_auth(token)).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_have_all_of_it_and_agree_with_the_sessions_that_are_kept() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let folder = folder();
    let sampled = sessions(&plan());
    let server = Server::start(options(&folder, Some(SAMPLE))).await.unwrap();

    // Every day of the year, and the sums over it.
    let mut days = BTreeMap::<NaiveDate, (i64, i64)>::new();
    let (mut renewed, mut milliseconds) = (0, 0);
    for Sampled { session, .. } in &sampled {
        let counts = Contribution::of(session).counts;
        let day = days.entry(day_of_session(session, plan().zone)).or_default();
        (day.0, day.1) = (day.0 + counts.sessions, day.1 + counts.engaged);
        (renewed, milliseconds) = (renewed + counts.renewed, milliseconds + counts.duration_ms);
    }
    let range = "startDate=2099-02-11&endDate=2100-02-10";
    let told = ask(&server, "pm", &format!("/metrics/sessions/daily?{range}")).await;
    let told = told["data"].as_array().unwrap();
    assert_eq!(told.len(), 365);
    let mut hours = BTreeSet::new();
    for row in told {
        let day: NaiveDate = row["date"].as_str().unwrap().parse().unwrap();
        let (sessions, engaged) = days.get(&day).copied().unwrap_or_default();
        assert_eq!((&row["sessions"], &row["engagedSessions"]), (&json!(sessions), &json!(engaged)), "{day}");
        hours.insert((last_instant(day, plan().zone) - first_instant(day, plan().zone)).num_minutes() / 60);
    }
    assert_eq!(hours.into_iter().collect::<Vec<_>>(), [22, 23, 24], "and the last of 23, 24 and 25 hours");
    let year = ask(&server, "pm", &format!("/metrics/sessions?{range}")).await;
    assert_eq!(year["data"]["totalSessions"], sampled.len());
    assert_eq!(year["data"]["renewedSessions"], renewed);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let minutes = milliseconds as f64 / 60_000.0;
    assert!((year["data"]["totalDurationMinutes"].as_f64().unwrap() - minutes).abs() < 0.01);

    // A user's sessions are as the API would have left them.
    let is_live = |one: &&Sampled| {
        one.session.state == State::Active && now() - one.session.last_active_time <= LIFETIMES.timeout
    };
    let live = sampled.iter().rfind(is_live).unwrap();
    let listed = ask(&server, live.user.as_str(), "/user-sessions").await;
    assert!(listed.as_array().unwrap().iter().any(|row| row["sessionId"] == live.session.id.to_string()));
    let old = sampled.iter().rfind(|one| matches!(one.session.state, State::Expired { .. })).unwrap();
    let found = ask(&server, old.user.as_str(), &format!("/user-sessions/{}", old.session.id)).await;
    assert_ne!(found["sessionId"], old.session.id.to_string(), "an id stands for its chain");
    assert!(found["renewedFrom"].is_string());
    drop(server);

    let storage = Storage::open(&options(&folder, None)).await.unwrap();
    let recount = storage.deployment(&Clock::from_fn(now)).unwrap().recount().unwrap();
    let read = std::cell::Cell::new(0);
    let comparison = recount.compare(|items| read.set(read.get() + items)).await.unwrap();
    assert_eq!((comparison.differences, comparison.skipped), (vec![], 0));
    let kept = sampled.iter().filter(|one| LIFETIMES.at(one.written).purge_at() > now()).count();
    assert_eq!(read.get(), kept as u64);
    let within = recount.within_retention();
    assert!(
        sampled.iter().filter(|one| day_of_session(&one.session, plan().zone) >= within.first).count()
            <= kept
    );
    drop(storage);

    // It is for empty tables; and what is complete is served without further ado.
    let cause = refusal(options(&folder, Some(SAMPLE))).await;
    assert!(cause.contains("is not empty") && cause.contains("leave --sample-data out"), "{cause}");
    let server = Server::start(options(&folder, None)).await.unwrap();
    let again = ask(&server, "pm", &format!("/metrics/sessions?{range}")).await;
    assert_eq!(again["data"]["totalSessions"], sampled.len());
    drop(server);
    remove(&folder);
}

/// Killed in the middle: what is there looks like data, so nothing takes it for that.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_interrupted_is_refused_from_then_on() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let folder = folder();
    let mark = folder.join("sample-data.unfinished");
    let filling = tokio::spawn(Server::start(options(&folder, Some(SAMPLE))));
    while !mark.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(!filling.is_finished());
    }
    filling.abort();
    assert!(filling.await.is_err(), "it was still at it");
    for sample in [None, Some(SAMPLE)] {
        let cause = refusal(options(&folder, sample)).await;
        assert!(cause.contains("is not complete") && cause.contains("Delete that folder"), "{cause}");
    }
    let cause = Storage::open(&options(&folder, None)).await.err().unwrap();
    assert!(cause.to_string().contains("is not complete"), "{cause:#}");
    assert!(fs::exists(&mark).unwrap());
    remove(&folder);
}

#[tokio::test]
async fn another_engine_gets_no_sample() {
    if lacks(&[Need::LocalServer]) {
        return;
    }
    let dynamodb = Some("http://127.0.0.1:1".parse().unwrap());
    let cause = refusal(Options { dynamodb, sample: Some(SAMPLE), ..Options::default() }).await;
    assert!(cause.contains("for the embedded engine alone"), "{cause}");
}
