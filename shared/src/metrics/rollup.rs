//! What keeps the metrics: applies what the stream tells to the rows of the days, each record once.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use futures_util::{StreamExt, TryFutureExt, stream};

use super::{MetricsError, MetricsStore, delta::Delta, row::lane_of, settings::Settings};
use crate::{
    clock::{Clock, Deadline},
    dynamodb::{Fault, Retries, client::FromEnvironment},
    settings::{Environment, SettingsError},
};

/// The days of a batch, of which most are one or two, have a row each: none waits for another.
const DAYS_AT_ONCE: usize = 4;

/// What the rollup works with.
#[derive(Debug)]
pub struct Rollup {
    /// The metrics table.
    pub store: MetricsStore,
    /// `REPORTING_TIME_ZONE`.
    pub zone: Tz,
    clock: Clock,
}

impl FromEnvironment for Rollup {
    fn from_environment(
        environment: &Environment<'_>,
        client: Client,
        clock: Clock,
    ) -> Result<Self, SettingsError> {
        let settings = Settings::read(environment)?;
        Ok(Self { store: settings.store(client), zone: settings.zone, clock })
    }
}

impl Rollup {
    /// Applies the deltas of one shard, each once, however often they come. It is done when every day's row is
    /// written; after an error the same deltas are to be applied again.
    pub async fn apply(&self, shard: &str, deltas: &[Delta]) -> Result<(), MetricsError> {
        let mut by_day = BTreeMap::<NaiveDate, Vec<&Delta>>::new();
        for delta in deltas {
            by_day.entry(delta.day).or_default().push(delta);
        }
        // What would change no row need not read it either: pointers that are kept up to date, of long ago.
        by_day.retain(|_, deltas| !deltas.iter().all(|delta| delta.is_neutral()));
        let now = self.clock.now();
        let days = by_day.iter().map(|(day, deltas)| {
            self.apply_to_day(*day, shard, deltas, now).inspect_err(move |cause| {
                tracing::error!(%cause, %day, shard, "a batch is to be delivered again");
            })
        });
        let days: Vec<_> = days.collect();
        // All of them, also beside one that fails: what is written now need not be when they come again.
        let outcomes: Vec<_> = stream::iter(days).buffer_unordered(DAYS_AT_ONCE).collect().await;
        outcomes.into_iter().collect()
    }

    async fn apply_to_day(
        &self,
        day: NaiveDate,
        shard: &str,
        deltas: &[&Delta],
        now: DateTime<Utc>,
    ) -> Result<(), MetricsError> {
        let lane = lane_of(shard);
        let mut retries = Retries::new(Deadline::NONE);
        loop {
            let row = self.store.get(day, lane).await?;
            let Some(next) = row.apply(shard, deltas, now) else { return Ok(()) };
            match self.store.put(day, lane, &next).await {
                Ok(true) => return Ok(()),
                // Another shard of the lane was faster, or this is our own write whose answer was lost: read again.
                Ok(false) => {
                    retries.pause(Fault::Conflict(format!("the row of {day} was written meanwhile"))).await?;
                }
                Err(MetricsError::Fault(fault)) => retries.pause(fault).await?,
                Err(other) => return Err(other),
            }
        }
    }
}
