//! The stream of the sessions table: adds each change of a session to the totals of the day on which it started.
//!
//! Lambda delivers records at least once: the first time in order within a shard, again in any order and company. Each
//! row knows the last record that it has of each shard, so a record counts once. Nothing is given up: a batch that fails
//! is delivered again until it succeeds.

use std::{collections::BTreeMap, sync::Arc};

use chrono_tz::Tz;
use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    counters::Counter,
    metrics::{Rollup, delta::Delta},
};

/// What Lambda delivers. Records are read one by one: one that nothing can be made of is no reason to hold up the others.
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    /// The records, as DynamoDB's stream has them.
    #[serde(rename = "Records", default)]
    pub records: Vec<Box<RawValue>>,
    /// The shard that they are of; only with a tumbling window.
    #[serde(rename = "shardId")]
    pub shard_id: Option<String>,
}

/// What Lambda wants of a function with a tumbling window. Nothing is kept in the window.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    state: BTreeMap<String, String>,
    batch_item_failures: Vec<String>,
}

/// Applies a batch of one shard. It is done when every row of it is written, or failed as a whole.
pub async fn handle(rollup: Arc<Rollup>, event: StreamEvent) -> Result<Reply, Error> {
    // The last invocation of a window may have none.
    if event.records.is_empty() {
        return Ok(Reply::default());
    }
    let shard = event.shard_id.as_deref().filter(|shard| !shard.is_empty());
    let shard =
        shard.ok_or("the event has no shardId: set TumblingWindowInSeconds on the event source mapping")?;
    let deltas: Vec<Delta> = event.records.iter().filter_map(|record| decode(record, rollup.zone)).collect();
    rollup.apply(shard, &deltas).await?;
    Ok(Reply::default())
}

/// A record that cannot be decoded will never be, so it alone is left out.
fn decode(record: &RawValue, zone: Tz) -> Option<Delta> {
    Delta::read(record.get(), zone).unwrap_or_else(|cause| {
        Counter::RecordSkipped.count();
        let Id { event_id } = serde_json::from_str(record.get()).unwrap_or_default();
        tracing::error!(%cause, event_id, "a stream record is skipped");
        None
    })
}

/// What a record goes by.
#[derive(Default, Deserialize)]
struct Id {
    #[serde(rename = "eventID")]
    event_id: String,
}
