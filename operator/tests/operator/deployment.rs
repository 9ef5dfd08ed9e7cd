//! What commands are made of, as the program cannot show it: at one instant, of a client's settings.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{Client, config::Config, types::AttributeValue};
use chrono::{DateTime, TimeDelta, Utc};
use local::{Options, Storage};
use operator::{
    Command, Deployment,
    check::{Check, Cloud, State},
    patient,
    recount::Fewer,
};
use shared::clock::Clock;

use crate::support::{put_live_session, put_session, put_session_of};

/// Tables that nothing is rolled up from.
async fn storage() -> Storage {
    Storage::in_memory(&Options::default()).await.unwrap()
}

fn deployment(storage: &Storage, now: DateTime<Utc>) -> Deployment {
    Deployment {
        client: storage.client.clone(),
        place: "a test".to_owned(),
        settings: storage.template.functions[0].environment.clone().into_iter().collect(),
        clock: Clock::from_fn(move || now),
    }
}

#[test]
fn a_person_waits_longer_than_a_browser() {
    let hasty = TimeoutConfig::builder().operation_timeout(Duration::from_secs(5)).build();
    let config = Config::builder().behavior_version(BehaviorVersion::latest()).timeout_config(hasty).build();
    let patient = patient(&Client::from_conf(config));
    let timeouts = patient.config().timeout_config().unwrap();
    assert_eq!(timeouts.operation_timeout(), None);
    assert_eq!(timeouts.operation_attempt_timeout(), Some(Duration::from_mins(1)));
    assert_eq!(patient.config().retry_config().unwrap().max_attempts(), 10);
}

#[tokio::test]
async fn all_items_of_the_user_and_no_others_are_counted() {
    let storage = storage().await;
    for (sub, number) in [("alice", 1), ("alice", 2), ("alice", 3), ("bob", 1)] {
        put_session(&storage.client, sub, number).await;
    }
    let deployment = deployment(&storage, Clock::system().now());
    for (sub, expected) in [("alice", 3), ("bob", 1), ("carol", 0)] {
        assert_eq!(deployment.items_of(sub).unwrap().count().await.unwrap(), expected, "{sub}");
    }
    // Of the sessions those that are live.
    put_live_session(&storage.client, "alice", 4).await;
    put_live_session(&storage.client, "alice", 5).await;
    for (sub, expected) in [("alice", 2), ("bob", 0)] {
        assert_eq!(deployment.sessions_of(sub).unwrap().count().await.unwrap(), expected, "{sub}");
    }
}

/// One item is none of this service's, and one session is in no metrics.
#[tokio::test]
async fn a_recount_tells_what_differs_and_what_it_left_out() {
    let storage = storage().await;
    put_session(&storage.client, "alice", 1).await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let foreign = storage.client.put_item().table_name("SessionsTable").item("pk", text("X"));
    foreign.item("sk", text("Y")).send().await.unwrap();
    let deployment = deployment(&storage, Clock::system().now());
    let mut out = Vec::new();
    let recount = Command::Recount { repair: false, day: None, allow_fewer: false };
    let error = recount.run(&deployment, &mut out).await.unwrap_err();
    assert!(error.to_string().starts_with("1 days differ."), "{error}");
    let out = String::from_utf8(out).unwrap();
    for told in [
        "2 items read; days from ",
        "\n1 of them are no items of this service and were left out",
        " differs\n  metrics   0 ",
        ", 0 users\n  sessions  ",
        "1 sessions",
        ", 1 users\n",
    ] {
        assert!(out.contains(told), "{told}\n{out}");
    }
}

/// To the millisecond: the timeout and two days after the last activity, or after a day without any.
#[tokio::test]
async fn a_day_is_mended_once_no_change_of_it_can_be_on_its_way() {
    let storage = storage().await;
    let last: DateTime<Utc> = "2026-03-10T11:45:00Z".parse().unwrap();
    put_session_of(&storage.client, "alice", 1, last - TimeDelta::minutes(5), last).await;
    let midnight = "2026-03-12T00:00:00Z".parse().unwrap();
    for (day, since, sessions) in [("2026-03-10", last, 1), ("2026-03-11", midnight, 0)] {
        let settled = since + TimeDelta::hours(1 + 48);
        for (now, expected) in [(settled, None), (settled + TimeDelta::milliseconds(1), Some(sessions))] {
            let recount = deployment(&storage, now).recount().unwrap();
            let outcome = recount.repair(day.parse().unwrap(), Fewer::Refused, |_| ()).await;
            assert_eq!(outcome.ok().map(|sums| sums.counts.sessions), expected, "{day} at {now}");
        }
    }
}

/// As long as the metrics may be late, what differs may be on its way.
#[tokio::test]
async fn figures_that_differ_are_not_well_fifteen_minutes_after_the_last_activity() {
    let storage = storage().await;
    let last: DateTime<Utc> = "2026-03-10T11:45:00Z".parse().unwrap();
    put_session_of(&storage.client, "alice", 1, last - TimeDelta::hours(13), last).await;
    let minutes = TimeDelta::minutes(15);
    for (now, expected) in
        [(last + minutes - TimeDelta::milliseconds(1), State::Remark), (last + minutes, State::NotWell)]
    {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .build();
        let check = Check {
            stack: "user-sessions".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            deployment: deployment(&storage, now),
            cloud: Cloud {
                cloudformation: aws_sdk_cloudformation::Client::new(&config),
                cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
                lambda: aws_sdk_lambda::Client::new(&config),
                sqs: aws_sdk_sqs::Client::new(&config),
            },
        };
        let finding = check.count_yesterday(|_| {}).await;
        assert_eq!(finding.state, expected, "{now}: {finding:?}");
    }
}
