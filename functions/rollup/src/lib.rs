//! The stream of the sessions table: adds each change of a session to the totals of the day on which it started.
//!
//! Lambda delivers records at least once: the first time in order within a shard, again in any order and company. Each
//! row knows the last record that it has of each shard, so a record counts once. Nothing is given up: a batch that fails
//! is delivered again until it succeeds.

use std::{collections::BTreeMap, sync::Arc};

use aws_lambda_events::event::dynamodb::{EventRecord, TimeWindowEvent};
use chrono::NaiveDate;
use lambda_runtime::Error;
use serde::Serialize;
use shared::{
    counters::Event,
    metrics::{Rollup, change::Change, totals::day_of_session},
};

/// What Lambda wants of a function with a tumbling window. Nothing is kept in the window.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    state: BTreeMap<String, String>,
    batch_item_failures: Vec<String>,
}

/// Applies a batch of one shard. It is done when every row of it is written, or failed as a whole.
pub async fn handle(rollup: Arc<Rollup>, event: TimeWindowEvent) -> Result<Reply, Error> {
    let records = &event.dynamo_db_event.records;
    // The last invocation of a window may have none.
    if records.is_empty() {
        return Ok(Reply::default());
    }
    let shard = event.time_window_properties.shard_id.as_deref().filter(|shard| !shard.is_empty());
    let shard =
        shard.ok_or("the event has no shardId: set TumblingWindowInSeconds on the event source mapping")?;
    let changes: Vec<Change> = records.iter().filter_map(decode).collect();
    let mut by_day = BTreeMap::<NaiveDate, Vec<&Change>>::new();
    for change in &changes {
        by_day.entry(day_of_session(&change.new, rollup.zone)).or_default().push(change);
    }
    for (day, changes) in by_day {
        rollup.store.apply(day, shard, &changes, rollup.now()).await.inspect_err(|cause| {
            tracing::error!(%cause, %day, shard, "a batch is to be delivered again");
        })?;
    }
    Ok(Reply::default())
}

/// A record that cannot be decoded will never be, so it alone is left out.
fn decode(record: &EventRecord) -> Option<Change> {
    Change::of(record).unwrap_or_else(|cause| {
        Event::RecordSkipped.count();
        tracing::error!(%cause, event_id = record.event_id, "a stream record is skipped");
        None
    })
}
