//! Fills a new server with a sample before it serves.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::Client;
use chrono::{Days, TimeDelta};
use shared::{
    metrics::{
        self,
        calendar::{Range, day_of},
    },
    sessions,
    settings::Environment,
};
use tokio::time::sleep;

use super::{
    Options,
    streams::{Pump, event},
};
use crate::{
    engine::Engine,
    functions::StreamHandler,
    sample::{self, Past, Plan, Progress, Sample, Unfinished, Writer},
    template::{StreamMapping, Template},
};

/// Pauses after which a stream that could not be read is read again: an engine that has much to do may be late.
const PAUSES: usize = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// The parts of a server that a sample goes through.
pub(super) struct Filling<'a> {
    pub(super) options: &'a Options,
    pub(super) template: &'a Template,
    pub(super) client: &'a Client,
    /// The embedded one.
    pub(super) engine: &'a Engine,
    /// The functions that read streams, by their ids.
    pub(super) readers: &'a HashMap<String, StreamHandler>,
}

impl Filling<'_> {
    /// Fills the tables, which must be empty, and waits until the metrics have it all.
    pub(super) async fn fill(self, sample: Sample, pumps: &mut [Pump]) -> Result<()> {
        let mapping = self.mapping()?;
        let (sessions, metrics) = self.settings()?;
        for table in [&sessions.sessions_table, &metrics.metrics_table] {
            let found = self.client.scan().table_name(table).limit(1).send().await?;
            ensure!(
                found.count() == 0,
                "the table {table} is not empty, and sample data is for empty tables: leave --sample-data out to serve what \
                 is there, or name another folder with --data"
            );
        }
        let unfinished = Unfinished::begin(self.options.data.as_deref())?;
        let plan =
            Plan { sample, now: self.options.clock.now(), zone: metrics.zone, lifetimes: sessions.lifetimes };
        let made = tokio::task::spawn_blocking(move || sample::sessions(&plan)).await?;
        let count = made.len();
        let progress = Progress::of(count)?;
        let past = Past {
            handler: Arc::clone(&self.readers[&mapping.function]),
            event: |shard, records| event::of("sample-data", shard, records, TimeDelta::zero()),
            batch: usize::try_from(mapping.batch_size)?,
        };
        let writer =
            Writer { client: operator::patient(self.client), table: sessions.sessions_table, past, plan };
        let (kept, purged) = writer.divide(made);
        let writer = Arc::new(writer);
        // The mark tells of what would be lost.
        self.engine.begin_bulk()?;
        let through_the_stream = async {
            writer.store(&kept).await?;
            for pump in pumps {
                drain(pump, &progress).await?;
            }
            Ok(())
        };
        tokio::try_join!(through_the_stream, writer.count(&purged, &progress))?;
        let counted = counted(&metrics, self.client, &plan).await?;
        ensure!(counted == count, "the metrics have {counted} of {count} sessions");
        self.engine.end_bulk()?;
        unfinished.done()?;
        progress.done(sample.users);
        Ok(())
    }
}

impl Filling<'_> {
    fn mapping(&self) -> Result<&StreamMapping> {
        self.template.streams.first().context("the template has no function that reads a stream")
    }

    /// Those of the function that reads the stream.
    fn settings(&self) -> Result<(sessions::Settings, metrics::Settings)> {
        let reader = &self.mapping()?.function;
        let function = self.template.functions.iter().find(|function| function.logical_id == *reader);
        let environment = &function.with_context(|| format!("there is no {reader}"))?.environment;
        let variable = |name: &str| environment.get(name).cloned();
        let environment = Environment::new(&variable);
        Ok((sessions::Settings::read(&environment)?, metrics::Settings::read(&environment)?))
    }
}

/// Waits until the metrics have what is in the stream.
async fn drain(pump: &mut Pump, progress: &Progress) -> Result<()> {
    for _ in 0..PAUSES {
        match pump.drain(|records| progress.add(records)).await {
            Ok(()) => return Ok(()),
            Err(cause) => tracing::warn!(cause = format!("{cause:#}"), "the stream will be read again"),
        }
        sleep(PAUSE).await;
    }
    pump.drain(|records| progress.add(records)).await
}

/// How many sessions the metrics have.
async fn counted(metrics: &metrics::Settings, client: &Client, plan: &Plan) -> Result<usize> {
    let last = day_of(plan.now, plan.zone);
    let range = Range { first: last - Days::new(sample::DAYS - 1), last };
    let rows = metrics.store(client.clone()).read(range).await?;
    Ok(usize::try_from(rows.sum(range).counts.sessions)?)
}
