//! Events as Lambda hands them to the rollup.

use serde_json::{Value, json};

/// Records in a batch: what the template's event source mapping asks for.
pub(crate) const BATCH: usize = 1_000;

/// Batches of a day's traffic as the stream brings it: mostly heartbeats, and sessions that start or end; some are of
/// the day before.
pub(crate) fn batches(count: usize, shard: &str) -> Vec<String> {
    let event = |batch: usize| {
        let records: Vec<Value> = (batch * BATCH..(batch + 1) * BATCH).map(record).collect();
        json!({
            "Records": records,
            "shardId": shard,
            "window": { "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:30Z" },
            "state": {},
            "isFinalInvokeForWindow": false,
            "isWindowTerminatedEarly": false,
        })
        .to_string()
    };
    (0..count).map(event).collect()
}

fn record(place: usize) -> Value {
    let image = |last: i64| image(place, last);
    let mut change = json!({
        "ApproximateCreationDateTime": 1_767_225_600,
        "Keys": { "pk": image(0)["pk"], "sk": image(0)["sk"] },
        "NewImage": image(900_000),
        "SequenceNumber": format!("{:025}", 1_000_000 + place),
        "SizeBytes": 900,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    });
    let starts = place.is_multiple_of(20);
    if !starts {
        change["OldImage"] = image(600_000);
    }
    json!({
        "eventID": format!("{place:032x}"),
        "eventName": if starts { "INSERT" } else { "MODIFY" },
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": change,
        "eventSourceARN":
            "arn:aws:dynamodb:us-east-1:123456789012:table/user-sessions-SessionsTable-1ABCDEFGHIJKL/stream/2026-01-01T00:00:00.000",
    })
}

fn image(number: usize, last: i64) -> Value {
    let start = 86_400_000 * i64::from(!number.is_multiple_of(10)) + 1_000;
    json!({
        "pk": { "S": format!("USER#auth0|{:024x}", number / 2) },
        "sk": { "S": format!("SESSION#0198c0de-0000-7000-8000-{number:012}") },
        "state": { "S": "active" },
        "startTime": { "N": start.to_string() },
        "lastActiveTime": { "N": (start + last).to_string() },
        "contentEngaged": { "BOOL": false },
        "activeDay": { "N": "20000" },
        "ipAddress": { "S": "203.0.113.7" },
        "userAgent": { "S": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0" },
        "purgeAt": { "N": "9999999999" },
    })
}
