//! The batches of the sessions' stream that are counted.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use shared::metrics::Rollup;

use crate::{
    engine::Engine,
    function::{Function, MIDNIGHT},
};

/// Records in a batch: what the template's event source mapping asks for.
const RECORDS: usize = 1_000;

/// The days that they are of.
const DAYS: u32 = 2;

const DAY: i64 = 86_400_000;

/// A batch of changes of two days, whose rows have a batch of the same shard already.
///
/// The rows stay as they are, so that each time is like the first.
pub(crate) async fn rollup(function: Function, times: u32) -> Result<()> {
    let written = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&written);
    let empty = Engine::new(move |operation, request| {
        if operation == "PutItem" {
            let request: Value = serde_json::from_str(request).ok()?;
            keep.lock().unwrap_or_else(PoisonError::into_inner).push(request["Item"].clone());
        }
        Some("{}".to_owned())
    });
    function.batch(&Function::app::<Rollup>(empty.client().await?)?, &batch(0)).await?;

    let rows = written.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let rows: Vec<(String, String)> =
        rows.iter().map(|row| (row["sk"].to_string(), json!({ "Item": row }).to_string())).collect();
    let writes = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&writes);
    let filled = Engine::new(move |operation, request| match operation {
        "GetItem" => rows.iter().find(|(sk, _)| request.contains(sk)).map(|(_, row)| row.clone()),
        "PutItem" => {
            count.fetch_add(1, Ordering::Relaxed);
            Some("{}".to_owned())
        }
        _ => None,
    });
    let app = Function::app::<Rollup>(filled.client().await?)?;
    let batch = batch(1);
    for _ in 0..times {
        function.batch(&app, &batch).await?;
    }
    let writes = writes.load(Ordering::Relaxed);
    ensure!(writes == DAYS * times, "{writes} rows were written, which is not {DAYS} each time");
    Ok(())
}

/// As the stream brings a day's traffic: mostly heartbeats, one in 20 a start; a tenth is of the day before.
fn batch(number: usize) -> String {
    let records: Vec<Value> = (number * RECORDS..(number + 1) * RECORDS).map(record).collect();
    let event = json!({
        "Records": records,
        "shardId": "shardId-00000001767225600000-0a1b2c3d",
        "window": { "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:30Z" },
        "state": {},
        "isFinalInvokeForWindow": false,
        "isWindowTerminatedEarly": false,
    });
    event.to_string()
}

fn record(place: usize) -> Value {
    let is_start = place.is_multiple_of(20);
    let new = image(place, 900_000);
    let mut record = json!({
        "eventID": format!("{place:032x}"),
        "eventName": if is_start { "INSERT" } else { "MODIFY" },
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": MIDNIGHT / 1_000,
            "Keys": { "pk": new["pk"], "sk": new["sk"] },
            "NewImage": new,
            "SequenceNumber": format!("{:025}", 1_000_000 + place),
            "SizeBytes": 900,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/user-sessions-SessionsTable-1ABCDEFGHIJKL\
            /stream/2026-01-01T00:00:00.000",
    });
    if !is_start {
        record["dynamodb"]["OldImage"] = image(place, 600_000);
    }
    record
}

/// A session that was last active so many milliseconds after its start; each user has two.
fn image(place: usize, lasted: i64) -> Value {
    let start = MIDNIGHT - DAY * i64::from(place.is_multiple_of(10));
    json!({
        "pk": { "S": format!("USER#auth0|{:024x}", place / 2) },
        "sk": { "S": format!("SESSION#0198c0de-0000-7000-8000-{place:012}") },
        "state": { "S": "active" },
        "startTime": { "N": start.to_string() },
        "lastActiveTime": { "N": (start + lasted).to_string() },
        "contentEngaged": { "BOOL": false },
        "ipAddress": { "S": "203.0.113.7" },
        "userAgent": { "S": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15" },
        "activeDay": { "N": (start / DAY).to_string() },
        "purgeAt": { "N": "1775005200" },
    })
}
