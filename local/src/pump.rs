//! Feeds a table's stream to a function, the way Lambda's event source mapping does: shard by shard in order, in
//! batches, again and again while the function fails.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result};
use aws_lambda_events::event::dynamodb::TimeWindowEvent;
use aws_sdk_dynamodbstreams::{
    Client,
    primitives::DateTime,
    types::{AttributeValue, Record, Shard, ShardIteratorType, StreamRecord},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::{engine::Applied, functions::StreamHandler};

/// Between two looks at a stream in which nothing happens.
const IDLE: Duration = Duration::from_millis(150);

/// After a failure.
const AGAIN: Duration = Duration::from_millis(500);

/// The engine is told of so many records at a time: a second writer may get in its way for a moment.
const TOLD_EVERY: usize = 1_000;

/// A stream and the function that reads it.
pub(crate) struct Pump {
    pub(crate) client: Client,
    pub(crate) stream_arn: String,
    pub(crate) table: String,
    pub(crate) batch_size: i32,
    pub(crate) handler: StreamHandler,
    /// Where the embedded engine is told what it may trim.
    pub(crate) applied: Option<Applied>,
}

/// How far a shard has been read.
#[derive(Default)]
struct Position {
    /// Where the next batch begins; asked for anew when the stream no longer knows it.
    iterator: Option<String>,
    /// The last record that was applied.
    last: Option<String>,
    /// Records applied since the engine was told of any.
    untold: usize,
    /// The shard is closed, and all of it was applied.
    done: bool,
}

impl Pump {
    /// Runs for as long as the server does.
    pub(crate) async fn run(self) {
        let mut positions = HashMap::new();
        loop {
            let pause = match self.pass(&mut positions).await {
                Ok(true) => Duration::ZERO,
                Ok(false) => IDLE,
                Err(cause) => {
                    tracing::warn!(cause = format!("{cause:#}"), "the stream will be read again");
                    AGAIN
                }
            };
            sleep(pause).await;
        }
    }

    /// One batch of each shard; whether there was any.
    async fn pass(&self, positions: &mut HashMap<String, Position>) -> Result<bool> {
        let mut any = false;
        for shard in self.shards().await? {
            let Some(id) = shard.shard_id() else { continue };
            // A session's changes go on in the children of its shard: the parent comes first.
            let parent = shard.parent_shard_id().and_then(|parent| positions.get(parent));
            if parent.is_some_and(|parent| !parent.done) {
                continue;
            }
            let position = positions.entry(id.to_owned()).or_default();
            if !position.done {
                any |= self.batch(id, position).await?;
            }
        }
        Ok(any)
    }

    async fn shards(&self) -> Result<Vec<Shard>> {
        let mut shards = Vec::new();
        let mut after = None;
        loop {
            let request = self.client.describe_stream().stream_arn(&self.stream_arn);
            let output =
                request.set_exclusive_start_shard_id(after).send().await.context("DescribeStream")?;
            let description = output.stream_description.context("the stream is not described")?;
            shards.extend(description.shards.unwrap_or_default());
            after = description.last_evaluated_shard_id;
            if after.is_none() {
                return Ok(shards);
            }
        }
    }

    /// Applies the next batch of a shard; whether it had records.
    async fn batch(&self, shard: &str, position: &mut Position) -> Result<bool> {
        let iterator = match position.iterator.take() {
            Some(iterator) => iterator,
            None => self.iterator(shard, position.last.as_deref()).await?,
        };
        // What fails from here on leaves no iterator, so the same records are asked for again.
        let output = self.client.get_records().shard_iterator(iterator).limit(self.batch_size).send().await;
        let output = output.context("GetRecords")?;
        let records = output.records.unwrap_or_default();
        if let Some(last) = records.last().and_then(|record| record.dynamodb()?.sequence_number()) {
            let last = last.to_owned();
            let event = self.event(shard, &records)?;
            (self.handler)(event).await.map_err(|cause| anyhow::anyhow!("the function failed: {cause}"))?;
            position.untold += records.len();
            if let Some(applied) = self.applied.as_ref().filter(|_| position.untold >= TOLD_EVERY)
                && applied.up_to(&self.table, &last)
            {
                position.untold = 0;
            }
            position.last = Some(last);
        }
        position.done = output.next_shard_iterator.is_none();
        position.iterator = output.next_shard_iterator;
        Ok(!records.is_empty())
    }

    async fn iterator(&self, shard: &str, after: Option<&str>) -> Result<String> {
        let request = self.client.get_shard_iterator().stream_arn(&self.stream_arn).shard_id(shard);
        let request = match after {
            Some(last) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(last)
            }
            None => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        let output = request.send().await.context("GetShardIterator")?;
        output.shard_iterator.context("there is no iterator")
    }

    /// The event as Lambda makes it for a mapping with a tumbling window, read as the function reads it.
    fn event(&self, shard: &str, records: &[Record]) -> Result<TimeWindowEvent> {
        let records: Vec<Value> = records.iter().map(|record| self.record(record)).collect();
        let event = json!({
            "Records": records,
            "shardId": shard,
            "eventSourceARN": self.stream_arn,
            "window": { "start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:00:30Z" },
            "state": {},
            "isFinalInvokeForWindow": false,
            "isWindowTerminatedEarly": false,
        });
        serde_json::from_value(event).context("the function cannot read the event")
    }

    fn record(&self, record: &Record) -> Value {
        let change = record.dynamodb();
        let image =
            |image: Option<&HashMap<String, AttributeValue>>| image.map(image_json).unwrap_or_default();
        let created = change.and_then(|change| change.approximate_creation_date_time());
        json!({
            "eventID": record.event_id(),
            "eventName": record.event_name().map(aws_sdk_dynamodbstreams::types::OperationType::as_str),
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": record.aws_region().unwrap_or("us-east-1"),
            "eventSourceARN": self.stream_arn,
            "dynamodb": {
                "ApproximateCreationDateTime": created.map(DateTime::as_secs_f64),
                "Keys": image(change.and_then(|change| change.keys())),
                "NewImage": image(change.and_then(|change| change.new_image())),
                "OldImage": image(change.and_then(|change| change.old_image())),
                "SequenceNumber": change.and_then(|change| change.sequence_number()),
                "SizeBytes": change.and_then(StreamRecord::size_bytes).unwrap_or_default(),
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        })
    }
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
