//! What the rollup makes of the stream's records.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use aws_lambda_events::event::dynamodb::TimeWindowEvent;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use local::{Options, Server};
use serde::de::IgnoredAny;
use shared::{
    clock::Clock,
    dynamodb::client::FromEnvironment,
    metrics::{Rollup, row},
    settings::Environment,
};

use crate::{
    Scale,
    connectors::{Memory, client},
    events::{BATCH, batches},
    ratio,
    rows::{self, Item},
    say,
};

const SHARD: &str = "shardId-00000001767229200000-1b2c3d4e";

/// Shards that feed a row, one after the other: each lives for about four hours, and a day's row is written for a little
/// longer than a day.
const SHARDS_OF_A_DAY: usize = 7;

pub(crate) async fn measure(server: &Server, scale: &Scale) -> Result<()> {
    let events = batches(scale.batches, SHARD);
    let per_second = |elapsed: Duration| float(events.len() * BATCH) / elapsed.as_secs_f64();

    let floor = read_as::<IgnoredAny>(&events)?;
    let memory = Memory::default();
    let alone = fold(server, client(memory.clone()), &events).await?;
    say(format_args!(
        "  the rollup without an engine folds {:.0} records/s on one core; passing over their JSON alone {:.0}/s, so \
         {:.2} times as long; reading it as aws_lambda_events does {:.0}/s",
        per_second(alone),
        per_second(floor),
        ratio(alone, floor),
        per_second(read_as::<TimeWindowEvent>(&events)?)
    ));
    tell_units("to rows that begin", &memory, events.len())?;
    let memory = Memory::default();
    for row in full_rows(server, scale.sessions_in_a_row).await? {
        memory.keep(&row)?;
    }
    fold(server, client(memory.clone()), &events[..1]).await?;
    tell_units("to rows at the end of a large day", &memory, 1)?;

    // A table of their own for each round: what a row already has, it does not take in again.
    let fresh = Server::start(Options::default()).await?;
    let with = fold(&fresh, fresh.client.clone(), &events).await?;
    say(format_args!("  with the embedded engine {:.0} records/s", per_second(with)));
    Ok(())
}

/// How long it takes to read these events and to do nothing with them, as the function's runtime reads them: from bytes.
fn read_as<T: for<'de> serde::Deserialize<'de>>(events: &[String]) -> Result<Duration> {
    let started = Instant::now();
    for event in events {
        std::hint::black_box(serde_json::from_slice::<T>(event.as_bytes())?);
    }
    Ok(started.elapsed())
}

/// How long the rollup takes for these events, one after the other.
pub(crate) async fn fold(server: &Server, client: Client, events: &[String]) -> Result<Duration> {
    let function = server.template.functions.iter().find(|function| function.crate_name == "rollup");
    let variables = &function.context("there is no rollup")?.environment;
    let variable = |name: &str| variables.get(name).cloned();
    let rollup = Arc::new(Rollup::from_environment(&Environment::new(&variable), client, Clock::system())?);
    let started = Instant::now();
    for event in events {
        let event = serde_json::from_slice(event.as_bytes())?;
        let outcome = ::rollup::handle(Arc::clone(&rollup), event).await;
        outcome.map_err(|cause| anyhow::anyhow!("{cause}"))?;
    }
    Ok(started.elapsed())
}

/// The rows of both days to which the shard writes, after so many sessions and all shards of a day but this one.
async fn full_rows(server: &Server, sessions: usize) -> Result<Vec<Item>> {
    let mut rows = Vec::new();
    for day in [0, 86_400].map(|seconds| rows::time(seconds).date_naive()) {
        let mut row = rows::row(server, day, rows::totals(sessions, 0)?, SHARDS_OF_A_DAY - 1).await?;
        row.insert("sk".to_owned(), AttributeValue::S(row::key(day, row::lane_of(SHARD)).1));
        rows.push(row);
    }
    Ok(rows)
}

fn tell_units(of: &str, memory: &Memory, batches: usize) -> Result<()> {
    let (writes, units) = memory.writes()?;
    let per_thousand = |count: usize| float(count) / float(batches);
    say(format_args!(
        "  1,000 records, of two days, {of}: {:.1} writes, {:.1} write units",
        per_thousand(writes),
        per_thousand(units)
    ));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn float(count: usize) -> f64 {
    count as f64
}
