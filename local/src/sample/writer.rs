//! Hands sampled sessions to the tables and to the rollup.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, PutRequest, WriteRequest},
};
use aws_sdk_dynamodbstreams::{
    primitives::DateTime as StreamTime,
    types::{AttributeValue as StreamValue, OperationType, Record, StreamRecord},
};
use chrono::NaiveDate;
use shared::{
    metrics::contribution::day_of_session,
    sessions::{item::encode, rules::Record as SessionRecord},
};
use tokio::{task::JoinSet, time::sleep};

use super::{Plan, Progress, Sampled};
use crate::functions::StreamHandler;

/// The most that a `BatchWriteItem` takes.
const BATCH: usize = 25;

/// Batches that are on their way at once.
const AT_ONCE: usize = 2;

/// How often a batch is delivered before it is given up, and how long apart.
const DELIVERIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// A shard that no table's stream has.
const SHARD: &str = "shardId-sample-data";

/// How sessions get to the metrics that no table has any more.
pub(crate) struct Past {
    /// The rollup.
    pub(crate) handler: StreamHandler,
    /// Makes the event of a shard's records.
    pub(crate) event: fn(&str, &[Record]) -> Result<rollup::StreamEvent>,
    /// The most records of an event.
    pub(crate) batch: usize,
}

/// Where it all goes.
pub(crate) struct Writer {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) past: Past,
    pub(crate) plan: Plan,
}

impl Writer {
    /// Divides sessions into those that a deployment would still have, and those that it has purged.
    pub(crate) fn divide(&self, sessions: Vec<Sampled>) -> (Vec<Sampled>, Vec<Sampled>) {
        let Plan { now, lifetimes, .. } = self.plan;
        sessions.into_iter().partition(|sampled| lifetimes.at(sampled.written).purge_at() > now)
    }

    /// Counts sessions that have been purged: the records of their days, as the stream would have had them. Days go
    /// side by side, since each has its rows to itself.
    pub(crate) async fn count(self: &Arc<Self>, purged: &[Sampled], progress: &Progress) -> Result<()> {
        let mut by_day = BTreeMap::<NaiveDate, Vec<Record>>::new();
        for (place, sampled) in (1..).zip(purged) {
            let day = day_of_session(&sampled.session, self.plan.zone);
            by_day.entry(day).or_default().push(self.record(place, sampled)?);
        }
        let mut tasks = Tasks::new();
        for records in by_day.into_values() {
            let writer = Arc::clone(self);
            progress.add(tasks.room().await?);
            tasks.start(async move { writer.count_day(&records).await });
        }
        progress.add(tasks.end().await?);
        Ok(())
    }

    /// Puts sessions into the table, and leaves it to the stream that they are counted.
    pub(crate) async fn store(self: &Arc<Self>, kept: &[Sampled]) -> Result<()> {
        let mut tasks = Tasks::new();
        for batch in kept.chunks(BATCH) {
            let (puts, writer) =
                (batch.iter().map(|sampled| self.put(sampled)).collect::<Result<_>>()?, Arc::clone(self));
            tasks.room().await?;
            tasks.start(async move { writer.store_batch(puts).await });
        }
        tasks.end().await.map(drop)
    }

    async fn count_day(&self, records: &[Record]) -> Result<u64> {
        for batch in records.chunks(self.past.batch) {
            self.deliver(batch).await?;
        }
        Ok(records.len() as u64)
    }

    /// Delivers a batch, again while the rollup fails, as a stream would: an engine that has much to do may be late.
    async fn deliver(&self, batch: &[Record]) -> Result<()> {
        let mut deliveries = 0;
        loop {
            let event = (self.past.event)(SHARD, batch)?;
            let Err(cause) = (self.past.handler)(event).await else { return Ok(()) };
            deliveries += 1;
            ensure!(deliveries < DELIVERIES, "the rollup failed: {cause}");
            sleep(PAUSE).await;
        }
    }

    async fn store_batch(&self, puts: Vec<WriteRequest>) -> Result<u64> {
        let stored = puts.len() as u64;
        let mut left = puts;
        while !left.is_empty() {
            let output = self.client.batch_write_item().request_items(&self.table, left).send().await;
            let unprocessed = output.context("BatchWriteItem")?.unprocessed_items;
            left = unprocessed.and_then(|mut all| all.remove(&self.table)).unwrap_or_default();
        }
        Ok(stored)
    }

    fn item(&self, sampled: &Sampled) -> Result<HashMap<String, AttributeValue>> {
        let Sampled { user, session, written } = sampled;
        let record = SessionRecord::of(session.clone(), &self.plan.lifetimes.at(*written));
        Ok(encode(user, session.id, &record)?)
    }

    fn put(&self, sampled: &Sampled) -> Result<WriteRequest> {
        let put = PutRequest::builder().set_item(Some(self.item(sampled)?)).build()?;
        Ok(WriteRequest::builder().put_request(put).build())
    }

    /// The record of the session's last write, as if that had been its first too.
    fn record(&self, place: u64, sampled: &Sampled) -> Result<Record> {
        let image = self.item(sampled)?.into_iter();
        let image = image.map(|(name, value)| Ok((name, in_stream(value)?))).collect::<Result<_>>()?;
        let change = StreamRecord::builder()
            .approximate_creation_date_time(StreamTime::from_millis(sampled.written.timestamp_millis()))
            .set_new_image(Some(image))
            .sequence_number(place.to_string())
            .build();
        let record = Record::builder().event_id(place.to_string()).event_name(OperationType::Insert);
        Ok(record.dynamodb(change).build())
    }
}

/// An attribute of a session as the stream's own types have it.
fn in_stream(value: AttributeValue) -> Result<StreamValue> {
    Ok(match value {
        AttributeValue::S(text) => StreamValue::S(text),
        AttributeValue::N(number) => StreamValue::N(number),
        AttributeValue::Bool(value) => StreamValue::Bool(value),
        _ => bail!("a session has an attribute of another kind than text, number and truth value"),
    })
}

/// Work that is done side by side, so much at once; each piece of it tells how many sessions it was.
struct Tasks(JoinSet<Result<u64>>);

impl Tasks {
    fn new() -> Self {
        Self(JoinSet::new())
    }

    /// Waits until there is room for another. Returns how many sessions were done meanwhile.
    async fn room(&mut self) -> Result<u64> {
        self.fewer_than(AT_ONCE).await
    }

    fn start(&mut self, task: impl Future<Output = Result<u64>> + Send + 'static) {
        self.0.spawn(task);
    }

    async fn end(mut self) -> Result<u64> {
        self.fewer_than(1).await
    }

    async fn fewer_than(&mut self, count: usize) -> Result<u64> {
        let mut done = 0;
        while self.0.len() >= count
            && let Some(task) = self.0.join_next().await
        {
            done += task??;
        }
        Ok(done)
    }
}
