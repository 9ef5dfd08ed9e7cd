//! Any attributes as an item of the sessions table: a record, or an error that tells nothing of a value. A record is written
//! as it was read.

use std::collections::HashMap;

use arbitrary::{Result, Unstructured};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use shared::sessions::{
    item,
    rules::{Body, Record},
};

use crate::odd;

const NAMES: [&str; 14] = [
    "pk",
    "sk",
    "state",
    "startTime",
    "lastActiveTime",
    "endTime",
    "contentEngaged",
    "renewedFrom",
    "renewedTo",
    "ipAddress",
    "userAgent",
    "activeDay",
    "purgeAt",
    "endReason",
];

/// As this service writes them.
const USUAL: &str = r#"{
    "pk": {"S": "USER#alice"}, "sk": {"S": "SESSION#0198c0de-0000-7000-8000-000000000001"}, "state": {"S": "ended"},
    "startTime": {"N": "1767225600000"}, "lastActiveTime": {"N": "1767225600123"}, "endTime": {"N": "1767225700000"},
    "contentEngaged": {"BOOL": true}, "renewedFrom": {"S": "0198c0de-0000-7000-8000-000000000002"},
    "renewedTo": {"S": "0198c0de-0000-7000-8000-000000000003"}, "ipAddress": {"S": "203.0.113.7"},
    "userAgent": {"S": "curl/8.5"}, "purgeAt": {"N": "1775005300"}, "endReason": {"S": "logout"}
}"#;

/// In a value, so that it would show in an error.
const SECRET: &str = "zq7secret";

pub(crate) fn feed(bytes: &[u8]) {
    // Too few bytes are no input.
    let _ = feed_all(&mut Unstructured::new(bytes));
}

fn feed_all(input: &mut Unstructured<'_>) -> Result<()> {
    let mut attributes: Value = serde_json::from_str(USUAL).unwrap_or_default();
    for _ in 0..input.int_in_range(0..=5)? {
        let name = if input.ratio(1, 16)? { odd::text(input)? } else { (*input.choose(&NAMES)?).to_owned() };
        match input.int_in_range(0..=7_u8)? {
            0 => attributes[name] = serde_json::json!({ "S": SECRET }),
            1 | 2 => drop(attributes.as_object_mut().and_then(|all| all.remove(&name))),
            _ => attributes[name] = odd::attribute(input, 3)?,
        }
    }
    // What is no attribute is none in DynamoDB either.
    let Ok(image) = serde_json::from_value::<serde_dynamo::Item>(attributes) else { return Ok(()) };
    let item: HashMap<String, AttributeValue> = image.clone().into();
    let told = |cause: &str| assert!(!cause.contains(SECRET), "{cause}");
    let record = match (item::decode_image(image), item::decode(item.clone())) {
        (Ok((user, of_image)), Ok(record)) => {
            assert_eq!(of_image, record);
            check(&user, &record);
            record
        }
        (Err(cause), Ok(record)) => {
            told(&cause.to_string());
            record
        }
        (image, Err(cause)) => {
            assert!(image.is_err(), "{cause}");
            told(&cause.to_string());
            return Ok(());
        }
    };
    if let Body::Session(session) = &record.body {
        assert!((1970..10_000).contains(&chrono::Datelike::year(&session.start_time)));
    }
    if let Err(cause) = item::readable(item) {
        told(&cause.to_string());
    }
    Ok(())
}

/// What is written of a record is read as that record.
fn check(user: &shared::id::UserId, record: &Record) {
    let id = match &record.body {
        Body::Session(session) => session.id,
        Body::Tombstone { renewed_to } => *renewed_to,
    };
    let written = item::encode(user, id, record).unwrap_or_else(|cause| panic!("{cause}: {record:?}"));
    let read = item::decode(written.clone()).unwrap_or_else(|cause| panic!("{cause}: {written:?}"));
    assert_eq!(&read, record);
    let again = item::encode(user, id, &read).unwrap_or_else(|cause| panic!("{cause}: {read:?}"));
    assert_eq!(again, written);
}
