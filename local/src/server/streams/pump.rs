//! Feeds a table's stream to a function, the way Lambda's event source mapping does: shard by shard in order, in
//! batches, again and again while the function fails.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodbstreams::{
    Client,
    operation::get_shard_iterator::GetShardIteratorError,
    types::{Shard, ShardIteratorType, StreamRecord},
};
use shared::clock::Clock;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{event, shards};
use crate::{engine::Applied, functions::StreamHandler};

/// Between two looks at a stream in which nothing happens, where the engine does not tell.
const IDLE: Duration = Duration::from_millis(150);

/// What is written within this time is applied together: a batch costs its rows' writes however few records it has.
const GATHERED: Duration = Duration::from_millis(100);

/// After a failure.
const AGAIN: Duration = Duration::from_millis(500);

/// A list of shards is good for so long, or until one of them ends: new ones are what has become of others.
const LISTED: Duration = Duration::from_secs(10);

/// The engine is told of so many records at a time: a second writer may get in its way for a moment.
const TOLD_EVERY: usize = 1_000;

/// A stream and the function that reads it.
pub(crate) struct Pump {
    pub(super) client: Client,
    pub(super) stream_arn: String,
    pub(super) table: String,
    pub(super) batch_size: i32,
    pub(super) handler: StreamHandler,
    /// What time it is for the function.
    pub(super) clock: Clock,
    /// Where the embedded engine is told what it may trim.
    pub(super) applied: Option<Applied>,
    /// Changes whenever something is written, where the engine tells.
    pub(super) written: Option<watch::Receiver<()>>,
    /// The stream's shards, and when they were listed.
    pub(super) shards: Option<(Vec<Shard>, Instant)>,
    /// How far each shard has been read.
    pub(super) positions: HashMap<String, Position>,
}

/// How far a shard has been read.
#[derive(Default)]
pub(super) struct Position {
    /// Where the next batch begins; asked for anew when the stream no longer knows it.
    iterator: Option<String>,
    /// The last record that was applied.
    last: Option<String>,
    /// Records applied since the engine was told of any.
    untold: usize,
    /// The shard is closed, and all of it was applied.
    done: bool,
    /// After a failure: when to try again.
    resume: Option<Instant>,
}

impl Pump {
    /// Runs for as long as the server does.
    pub(crate) async fn run(mut self) {
        loop {
            match self.pass().await {
                Ok(0) => self.wait().await,
                // There is more: at once, after whatever else has to be done in this process.
                Ok(records) if records >= self.full() => tokio::task::yield_now().await,
                Ok(_) => sleep(GATHERED).await,
                Err(cause) => {
                    tracing::warn!(cause = format!("{cause:#}"), "the stream will be looked at again");
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// Until there may be something in the stream again.
    async fn wait(&mut self) {
        let fails = self.fails();
        let told = match &mut self.written {
            Some(written) if !fails => written.changed().await.is_ok(),
            _ => false,
        };
        sleep(if told { GATHERED } else { IDLE }).await;
    }

    fn full(&self) -> usize {
        usize::try_from(self.batch_size).unwrap_or(usize::MAX)
    }

    /// Whether a shard is to be tried again.
    fn fails(&self) -> bool {
        self.positions.values().any(|position| position.resume.is_some())
    }

    /// Applies what is in the stream now, and ends. `progress` is told of each pass's records.
    pub(crate) async fn drain(&mut self, progress: impl Fn(u64)) -> Result<()> {
        // Once more after an empty pass: a shard whose parent ended in it has its turn then.
        let mut empty_passes = 0;
        while empty_passes < 2 {
            let records = self.pass().await?;
            progress(records as u64);
            ensure!(!self.fails(), "the stream of {} cannot be applied to the metrics", self.table);
            empty_passes = if records > 0 { 0 } else { empty_passes + 1 };
        }
        Ok(())
    }

    /// One batch of each shard; how many records there were. A shard that fails is tried again later and holds up nobody but
    /// its children.
    async fn pass(&mut self) -> Result<usize> {
        let known = self.shards.take().filter(|(all, listed)| !all.is_empty() && listed.elapsed() < LISTED);
        let (shards, listed) = match known {
            Some(known) => known,
            None => (shards::list(&self.client, &self.stream_arn).await?, Instant::now()),
        };
        let mut positions = std::mem::take(&mut self.positions);
        positions.retain(|known, _| shards.iter().any(|shard| shard.shard_id() == Some(known)));
        let ended = |positions: &HashMap<_, Position>| positions.values().filter(|it| it.done).count();
        let ended_before = ended(&positions);
        let count = self.pass_over(&shards, &mut positions).await;
        if ended(&positions) == ended_before {
            self.shards = Some((shards, listed));
        }
        self.positions = positions;
        Ok(count)
    }

    async fn pass_over(&self, shards: &[Shard], positions: &mut HashMap<String, Position>) -> usize {
        let mut count = 0;
        for shard in shards {
            let Some(id) = shard.shard_id() else { continue };
            if shards::is_after(shard, shards, |parent| {
                positions.get(parent).is_some_and(|position| position.done)
            }) {
                continue;
            }
            let position = positions.entry(id.to_owned()).or_default();
            if position.done || position.resume.is_some_and(|resume| Instant::now() < resume) {
                continue;
            }
            position.resume = None;
            match self.batch(id, position).await {
                Ok(records) => count += records,
                Err(cause) => {
                    tracing::warn!(shard = id, cause = format!("{cause:#}"), "the shard will be read again");
                    position.resume = Some(Instant::now() + AGAIN);
                }
            }
        }
        count
    }

    /// Applies the next batch of a shard; how many records it had.
    async fn batch(&self, shard: &str, position: &mut Position) -> Result<usize> {
        let iterator = match position.iterator.take() {
            Some(iterator) => iterator,
            None => self.iterator(shard, position).await?,
        };
        // What fails from here on leaves no iterator, so the same records are asked for again.
        let output = self.client.get_records().shard_iterator(iterator).limit(self.batch_size).send().await;
        let output = output.context("GetRecords")?;
        let records = output.records.unwrap_or_default();
        if let Some(last) = records.last() {
            let last = last.dynamodb().and_then(StreamRecord::sequence_number);
            let last = last.context("a record without a sequence number")?.to_owned();
            let event =
                event::of(&self.stream_arn, shard, &records, self.clock.now() - Clock::system().now())?;
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
        Ok(records.len())
    }

    async fn iterator(&self, shard: &str, position: &mut Position) -> Result<String> {
        let request = self.client.get_shard_iterator().stream_arn(&self.stream_arn).shard_id(shard);
        let request = match &position.last {
            Some(last) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(last)
            }
            None => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        let outcome = request.send().await;
        if let Err(error) = &outcome
            && error.as_service_error().is_some_and(GetShardIteratorError::is_trimmed_data_access_exception)
        {
            // That record has expired: from the oldest on. What was applied before is not applied twice.
            position.last = None;
        }
        let output = outcome.context("GetShardIterator")?;
        output.shard_iterator.context("there is no iterator")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_dynamodbstreams::config::{BehaviorVersion, Credentials, Region};
    use axum::{Json, Router, http::HeaderMap, routing::post};
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::*;

    /// A stream of which the embedded engine makes none: a shard that has split, and one beside it.
    async fn stream() -> Client {
        let answer = |headers: HeaderMap, body: String| async move {
            let body: Value = serde_json::from_str(&body).unwrap();
            let operation = headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
            let shard = |id: &str, parent: Option<&str>| json!({ "ShardId": id, "ParentShardId": parent });
            Json(match operation.as_str() {
                "DescribeStream" => json!({ "StreamDescription": { "Shards": [
                    shard("child", Some("parent")),
                    shard("parent", Some("forgotten")),
                    shard("other", None),
                ] } }),
                "GetShardIterator" => json!({ "ShardIterator": body["ShardId"] }),
                _ => {
                    let (shard, place) = body["ShardIterator"]
                        .as_str()
                        .unwrap()
                        .split_once('/')
                        .unwrap_or((body["ShardIterator"].as_str().unwrap(), "1"));
                    let next = (place == "1").then(|| format!("{shard}/2"));
                    let record = json!({
                        "eventID": format!("{shard}/{place}"),
                        "eventName": "REMOVE",
                        "dynamodb": { "SequenceNumber": place, "ApproximateCreationDateTime": 1 },
                    });
                    json!({ "Records": [record], "NextShardIterator": next })
                }
            })
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
        let config = aws_sdk_dynamodbstreams::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(url)
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Client::from_conf(config.build())
    }

    #[tokio::test]
    async fn a_parent_comes_before_its_children_and_a_failing_shard_holds_up_no_other() {
        let applied = Arc::new(Mutex::new(Vec::new()));
        let failures = Arc::new(Mutex::new(3));
        let (seen, left) = (Arc::clone(&applied), Arc::clone(&failures));
        let handler: StreamHandler = Arc::new(move |event: rollup::StreamEvent| {
            let shard = event.shard_id.unwrap();
            let record: Value = serde_json::from_str(event.records[0].get()).unwrap();
            let record = record["eventID"].as_str().unwrap().to_owned();
            let mut left = left.lock().unwrap();
            let fails = shard == "parent" && *left > 0;
            if fails {
                *left -= 1;
            } else {
                seen.lock().unwrap().push(record);
            }
            Box::pin(async move { if fails { Err("not now".into()) } else { Ok(()) } })
        });
        let pump = Pump {
            client: stream().await,
            stream_arn: "arn".to_owned(),
            table: "Sessions".to_owned(),
            batch_size: 10,
            handler,
            clock: Clock::system(),
            applied: None,
            written: None,
            shards: None,
            positions: HashMap::new(),
        };
        let run = tokio::spawn(pump.run());
        let started = Instant::now();
        while applied.lock().unwrap().len() < 6 {
            assert!(started.elapsed() < Duration::from_secs(20), "{:?}", applied.lock().unwrap());
            sleep(Duration::from_millis(20)).await;
        }
        run.abort();
        let applied = applied.lock().unwrap().clone();
        assert_eq!(applied, ["other/1", "other/2", "parent/1", "parent/2", "child/1", "child/2"]);
        assert_eq!(*failures.lock().unwrap(), 0);
    }
}
