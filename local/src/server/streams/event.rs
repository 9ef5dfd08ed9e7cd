//! What Lambda's event source mapping hands to a function: the records of a batch.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_dynamodbstreams::types::{AttributeValue, OperationType, Record, StreamRecord};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

/// The event as Lambda makes it for a mapping with a tumbling window, read as the function reads it. The function's clock
/// is `ahead` of the engine's.
pub(crate) fn of(
    stream_arn: &str,
    shard: &str,
    records: &[Record],
    ahead: TimeDelta,
) -> Result<rollup::StreamEvent> {
    let records: Vec<Value> = records.iter().map(|record| record_json(stream_arn, record, ahead)).collect();
    let event = json!({
        "Records": records,
        "shardId": shard,
        "eventSourceARN": stream_arn,
        "window": { "start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:00:30Z" },
        "state": {},
        "isFinalInvokeForWindow": false,
        "isWindowTerminatedEarly": false,
    });
    serde_json::from_value(event).context("the function cannot read the event")
}

fn record_json(stream_arn: &str, record: &Record, ahead: TimeDelta) -> Value {
    let change = record.dynamodb();
    let image = |image: Option<&HashMap<String, AttributeValue>>| image.map(image_json).unwrap_or_default();
    let created = change.and_then(|change| change.approximate_creation_date_time());
    json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(OperationType::as_str),
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": record.aws_region().unwrap_or("us-east-1"),
        "eventSourceARN": stream_arn,
        "userIdentity": record.user_identity().map(|identity| {
            json!({ "type": identity.r#type(), "principalId": identity.principal_id() })
        }),
        "dynamodb": {
            "ApproximateCreationDateTime": created.map(|time| time.as_secs_f64() + ahead.as_seconds_f64()),
            "Keys": image(change.and_then(|change| change.keys())),
            "NewImage": image(change.and_then(|change| change.new_image())),
            "OldImage": image(change.and_then(|change| change.old_image())),
            "SequenceNumber": change.and_then(|change| change.sequence_number()),
            "SizeBytes": change.and_then(StreamRecord::size_bytes).unwrap_or_default(),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    })
}

fn image_json(image: &HashMap<String, AttributeValue>) -> Value {
    Value::Object(
        image.iter().map(|(name, value)| (name.clone(), attribute_json(value))).collect::<Map<_, _>>(),
    )
}

/// An attribute in DynamoDB's JSON.
fn attribute_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::Ns(numbers) => json!({ "NS": numbers }),
        AttributeValue::Bs(all) => {
            json!({ "BS": all.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>() })
        }
        AttributeValue::L(items) => json!({ "L": items.iter().map(attribute_json).collect::<Vec<_>>() }),
        AttributeValue::M(entries) => json!({ "M": image_json(entries) }),
        _ => json!({ "NULL": true }),
    }
}
