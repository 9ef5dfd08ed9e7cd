//! What Lambda's event source mapping hands to a function: the records of a batch.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_dynamodbstreams::types::{AttributeValue, OperationType, Record, StreamRecord};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use serde::{Serialize, Serializer};

/// The event as Lambda makes it for a mapping with a tumbling window, read as the function reads it. The function's clock
/// is `ahead` of the engine's.
pub(crate) fn of(
    stream_arn: &str,
    shard: &str,
    records: &[Record],
    ahead: TimeDelta,
) -> Result<rollup::StreamEvent> {
    let event = Event {
        records: records.iter().map(|record| EventRecord::of(stream_arn, record, ahead)).collect(),
        shard_id: shard,
        stream_arn,
        window: Window { start: "1970-01-01T00:00:00Z", end: "1970-01-01T00:00:30Z" },
        state: State {},
        is_final_invoke_for_window: false,
        is_window_terminated_early: false,
    };
    let event = serde_json::to_string(&event)?;
    serde_json::from_str(&event).context("the function cannot read the event")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(rename = "Records")]
    records: Vec<EventRecord<'a>>,
    shard_id: &'a str,
    #[serde(rename = "eventSourceARN")]
    stream_arn: &'a str,
    window: Window,
    state: State,
    is_final_invoke_for_window: bool,
    is_window_terminated_early: bool,
}

#[derive(Serialize)]
struct Window {
    start: &'static str,
    end: &'static str,
}

#[derive(Serialize)]
struct State {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventRecord<'a> {
    #[serde(rename = "eventID")]
    event_id: Option<&'a str>,
    event_name: Option<&'a str>,
    event_version: &'static str,
    event_source: &'static str,
    aws_region: &'a str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    user_identity: Option<UserIdentity<'a>>,
    dynamodb: Change<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity<'a> {
    r#type: Option<&'a str>,
    principal_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'a> {
    approximate_creation_date_time: Option<f64>,
    keys: Option<Image<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_image: Option<Image<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_image: Option<Image<'a>>,
    sequence_number: Option<&'a str>,
    size_bytes: i64,
    stream_view_type: &'static str,
}

impl<'a> EventRecord<'a> {
    fn of(stream_arn: &'a str, record: &'a Record, ahead: TimeDelta) -> Self {
        let change = record.dynamodb();
        let created = change.and_then(|change| change.approximate_creation_date_time());
        let identity = record.user_identity();
        Self {
            event_id: record.event_id(),
            event_name: record.event_name().map(OperationType::as_str),
            event_version: "1.1",
            event_source: "aws:dynamodb",
            aws_region: record.aws_region().unwrap_or("us-east-1"),
            event_source_arn: stream_arn,
            user_identity: identity.map(|identity| UserIdentity {
                r#type: identity.r#type(),
                principal_id: identity.principal_id(),
            }),
            dynamodb: Change {
                approximate_creation_date_time: created
                    .map(|time| time.as_secs_f64() + ahead.as_seconds_f64()),
                keys: change.and_then(|change| change.keys()).map(Image),
                new_image: change.and_then(|change| change.new_image()).map(Image),
                old_image: change.and_then(|change| change.old_image()).map(Image),
                sequence_number: change.and_then(|change| change.sequence_number()),
                size_bytes: change.and_then(StreamRecord::size_bytes).unwrap_or_default(),
                stream_view_type: "NEW_AND_OLD_IMAGES",
            },
        }
    }
}

/// An item in DynamoDB's JSON.
struct Image<'a>(&'a HashMap<String, AttributeValue>);

impl Serialize for Image<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Attribute(value))))
    }
}

/// An attribute in DynamoDB's JSON.
struct Attribute<'a>(&'a AttributeValue);

impl Serialize for Attribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn one<S: Serializer>(serializer: S, kind: &str, value: impl Serialize) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(kind, value)])
        }
        match self.0 {
            AttributeValue::S(text) => one(serializer, "S", text),
            AttributeValue::N(number) => one(serializer, "N", number),
            AttributeValue::Bool(value) => one(serializer, "BOOL", value),
            AttributeValue::B(bytes) => one(serializer, "B", STANDARD.encode(bytes)),
            AttributeValue::Ss(texts) => one(serializer, "SS", texts),
            AttributeValue::Ns(numbers) => one(serializer, "NS", numbers),
            AttributeValue::Bs(all) => {
                one(serializer, "BS", all.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>())
            }
            AttributeValue::L(items) => one(serializer, "L", items.iter().map(Attribute).collect::<Vec<_>>()),
            AttributeValue::M(entries) => one(serializer, "M", Image(entries)),
            _ => one(serializer, "NULL", true),
        }
    }
}
