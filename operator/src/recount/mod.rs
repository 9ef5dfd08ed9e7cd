//! For an operator in doubt: counts the sessions themselves, and compares that with the metrics or puts it in their
//! place.
//!
//! Sessions that were purged or erased are out of reach: a day is counted only as long as none of its sessions can have
//! been purged by their time to live.

mod counts;
mod scan;

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::Client;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use shared::{
    clock::Clock,
    metrics::{
        self, MetricsStore,
        calendar::{Range, day_of, first_instant},
    },
    sessions,
    settings::{Environment, SettingsError},
};

use self::scan::{Counted, Day, Scan};
use crate::fault;

pub use self::counts::{Difference, Sums};

/// The stream keeps records for a day, and a day more for what was read last: after that no record can change a day.
const UNDELIVERED: TimeDelta = TimeDelta::hours(48);

/// The sessions and the metrics of a deployment, at one moment.
pub struct Recount {
    client: Client,
    sessions: sessions::Settings,
    metrics: metrics::Settings,
    store: MetricsStore,
    now: DateTime<Utc>,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The days of which rows and sessions say different things, in order.
    pub differences: Vec<Difference>,
    /// Items that nothing can be made of, and that the rollup leaves out too.
    pub skipped: u64,
}

/// What a comparison of one day found.
#[derive(Debug)]
pub struct DayComparison {
    /// What the rows of the metrics table add up to.
    pub rows: Sums,
    /// What the sessions themselves add up to.
    pub sessions: Sums,
    /// When one of them was last active; `None` if there are none.
    pub last_active: Option<DateTime<Utc>>,
}

/// Whether a repair may leave fewer sessions than the metrics have. Sessions that were purged look just like that, and
/// so does a retention that is not the deployment's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Fewer {
    Allowed,
    Refused,
}

impl Recount {
    /// The deployment whose tables, lifetimes and reporting time zone `environment` has, under the names that they have
    /// as a function's environment variables. A missing or useless one is an error.
    pub fn new(environment: &Environment<'_>, client: Client, clock: &Clock) -> Result<Self, SettingsError> {
        let (sessions, metrics) =
            (sessions::Settings::read(environment)?, metrics::Settings::read(environment)?);
        let store = metrics.store(client.clone());
        Ok(Self { client, sessions, metrics, store, now: clock.now() })
    }

    /// The settings on which the count rests, which must be the deployment's.
    #[must_use]
    pub fn settings(&self) -> String {
        let lifetimes = &self.sessions.lifetimes;
        format!(
            "SESSION_TIMEOUT_SECONDS={} SESSION_RETENTION_DAYS={} REPORTING_TIME_ZONE={} SESSIONS_TABLE={} \
             METRICS_TABLE={}",
            lifetimes.timeout.num_seconds(),
            lifetimes.retention.num_days(),
            self.metrics.zone.name(),
            self.sessions.sessions_table,
            self.metrics.metrics_table
        )
    }

    /// The days of which no session can have been purged yet, today included.
    #[must_use]
    pub fn within_retention(&self) -> Range {
        let kept = self.sessions.lifetimes.retention;
        // The day in which the oldest kept session may have started is not kept whole.
        let first = day_of(self.now - kept, self.metrics.zone) + Days::new(1);
        Range { first, last: day_of(self.now, self.metrics.zone).max(first) }
    }

    /// Counts the sessions within retention and tells where the rows differ. `progress` is told of each page's items.
    ///
    /// A day on which sessions are live may differ for the moment that a change is on its way.
    pub async fn compare(&self, progress: impl Fn(u64)) -> Result<Comparison> {
        let range = self.within_retention();
        let Counted { days: counted, skipped, .. } = self.scan().count(&progress).await?;
        let mut differences = Vec::new();
        let rows = self.store.read(range).await;
        let rows = rows.map_err(|error| fault::of_metrics(error, &self.metrics.metrics_table))?;
        for day in range.days() {
            let rows = Sums::of(&rows.day(day));
            let sessions = counted.get(&day).map(|day| Sums::of(&day.totals)).unwrap_or_default();
            if rows != sessions {
                differences.push(Difference { day, rows, sessions });
            }
        }
        Ok(Comparison { differences, skipped })
    }

    /// The day before today.
    #[must_use]
    pub fn yesterday(&self) -> NaiveDate {
        day_of(self.now, self.metrics.zone) - Days::new(1)
    }

    /// Counts the sessions of one day, for which it reads all that there are, and reads the day's rows.
    pub async fn compare_day(&self, day: NaiveDate, progress: impl Fn(u64)) -> Result<DayComparison> {
        let mut counted = self.scan().count(&progress).await?;
        let Day { totals, last_active } = counted.days.remove(&day).unwrap_or_default();
        let rows = self.store.read(Range { first: day, last: day }).await;
        let rows = rows.map_err(|error| fault::of_metrics(error, &self.metrics.metrics_table))?;
        Ok(DayComparison { rows: Sums::of(&rows.day(day)), sessions: Sums::of(&totals), last_active })
    }

    /// Puts what the sessions of a settled day add up to in the place of its rows, and returns it. Writes nothing if any
    /// of the rows is written meanwhile, which is an error like a day that is not within retention, one that is not
    /// settled, and one with fewer sessions where that is [`Fewer::Refused`].
    pub async fn repair(&self, day: NaiveDate, fewer: Fewer, progress: impl Fn(u64)) -> Result<Sums> {
        let range = self.within_retention();
        ensure!(
            (range.first..=range.last).contains(&day),
            "{day} is not within retention ({} to {}): sessions of it may have been purged",
            range.first,
            range.last
        );
        let of_metrics = |error| fault::of_metrics(error, &self.metrics.metrics_table);
        // First the rows: a write from here on is seen by their versions.
        let rows = self.store.lanes(day).await.map_err(of_metrics)?;
        let mut counted = self.scan().count(&progress).await?;
        let Day { totals, last_active } = counted.days.remove(&day).unwrap_or_default();
        self.check_settled(day, last_active)?;
        let sums = Sums::of(&totals);
        let in_rows: i64 = rows.iter().map(|row| row.totals.counts.sessions).sum();
        ensure!(
            fewer == Fewer::Allowed || sums.counts.sessions >= in_rows,
            "the sessions table has {} sessions of {day}, and its metrics {in_rows}: were some purged or erased, or is \
             the deployment's retention another than here? --allow-fewer puts in what the table has",
            sums.counts.sessions
        );
        let replaced = self.store.replace(day, &rows, totals).await.map_err(of_metrics);
        if !replaced.context("writing the metrics")? {
            bail!("the rows of {day} were written meanwhile: nothing was changed");
        }
        Ok(sums)
    }

    /// No change of the day's sessions can be on its way any more, the last of which was active at `last_active`.
    fn check_settled(&self, day: NaiveDate, last_active: Option<DateTime<Utc>>) -> Result<()> {
        let settled_at = self.sessions.lifetimes.timeout + UNDELIVERED;
        let since = last_active.unwrap_or_else(|| first_instant(day + Days::new(1), self.metrics.zone));
        ensure!(
            self.now - since > settled_at,
            "{day} is not settled: a change of its sessions at {since} may still be on its way until {}",
            since + settled_at
        );
        Ok(())
    }

    fn scan(&self) -> Scan<'_> {
        Scan { client: &self.client, table: &self.sessions.sessions_table, zone: self.metrics.zone }
    }
}
