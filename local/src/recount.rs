//! For an operator in doubt: counts the sessions themselves, and compares that with the metrics or puts it in their
//! place.
//!
//! Sessions that were purged or erased are out of reach: a day is counted only as long as none of its sessions can have
//! been purged by their time to live.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::Client;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use futures_util::future::try_join_all;
use shared::{
    app::{Environment, FromEnvironment, Settings},
    clock::Clock,
    metrics::{
        Columns, Rollup,
        calendar::{Range, day_of, first_instant},
        histogram::Histogram,
        totals::{Contribution, Totals, day_of_session},
    },
    session::Body,
    store::decode_image,
};

use crate::template::Template;

/// Parts of the table that are read side by side.
const SEGMENTS: i32 = 4;

/// The stream keeps records for a day, and a day more for what was read last: after that no record can change a day.
const UNDELIVERED: TimeDelta = TimeDelta::hours(48);

/// The sessions and the metrics of a deployment.
pub struct Recount {
    client: Client,
    settings: Settings,
    rollup: Rollup,
    now: DateTime<Utc>,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The days of which rows and sessions say different things.
    pub differences: Vec<Difference>,
    /// Items that nothing can be made of, and that the rollup leaves out too.
    pub skipped: u64,
}

/// Whether a repair may leave fewer sessions than the metrics have. Sessions that were purged look just like that, and
/// so does a retention that is not the deployment's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Fewer {
    Allowed,
    Refused,
}

/// A day of which rows and sessions say different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The day.
    pub day: NaiveDate,
    /// What the rows add up to.
    pub rows: Counts,
    /// What the sessions add up to.
    pub sessions: Counts,
}

/// The counts that are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub sessions: i64,
    pub engaged: i64,
    pub renewed: i64,
    pub duration_ms: i64,
    pub durations: Histogram,
    pub users: u64,
}

/// What the sessions table adds up to.
#[derive(Default)]
struct Counted {
    days: BTreeMap<NaiveDate, Day>,
    skipped: u64,
}

/// What the sessions of a day add up to, and when one of them was last active.
#[derive(Default)]
struct Day {
    totals: Totals,
    last_active: Option<DateTime<Utc>>,
}

impl Recount {
    /// The deployment that the template describes, in the engine behind `client`.
    pub fn new(template: &Template, client: Client, clock: &Clock) -> Result<Self> {
        let reader = template.streams.first().context("the template has no function that reads a stream")?;
        let function = template.functions.iter().find(|function| function.logical_id == reader.function);
        let environment = &function.with_context(|| format!("there is no {}", reader.function))?.environment;
        let variable = |name: &str| environment.get(name).cloned();
        let environment = Environment::new(&variable);
        let settings = Settings::read(&environment)?;
        let rollup = Rollup::from_environment(&environment, client.clone(), clock.clone())?;
        Ok(Self { client, settings, rollup, now: clock.now() })
    }

    /// The settings on which the count rests, which must be the deployment's.
    #[must_use]
    pub fn settings(&self) -> String {
        let lifetimes = &self.settings.lifetimes;
        format!(
            "SESSION_TIMEOUT_SECONDS={} SESSION_RETENTION_DAYS={} REPORTING_TIME_ZONE={} SESSIONS_TABLE={}",
            lifetimes.timeout.num_seconds(),
            lifetimes.retention.num_days(),
            self.rollup.zone.name(),
            self.settings.sessions_table
        )
    }

    /// The days of which no session can have been purged yet, today included.
    #[must_use]
    pub fn within_retention(&self) -> Range {
        let kept = self.settings.lifetimes.retention;
        // The day in which the oldest kept session may have started is not kept whole.
        let first = day_of(self.now - kept, self.rollup.zone) + Days::new(1);
        Range { first, last: day_of(self.now, self.rollup.zone).max(first) }
    }

    /// Counts the sessions within retention and tells where the rows differ. `progress` is told of each page's items.
    ///
    /// A day on which sessions are live may differ for the moment that a change is on its way.
    pub async fn compare(&self, progress: impl Fn(u64)) -> Result<Comparison> {
        let range = self.within_retention();
        let Counted { days: counted, skipped } = self.count(&progress).await?;
        let mut differences = Vec::new();
        let rows = self.rollup.store.read(range, Columns::All).await?;
        for day in range.days() {
            let rows = Counts::of(&rows.day(day));
            let sessions = counted.get(&day).map(|day| Counts::of(&day.totals)).unwrap_or_default();
            if rows != sessions {
                differences.push(Difference { day, rows, sessions });
            }
        }
        Ok(Comparison { differences, skipped })
    }

    /// Puts what the sessions of a settled day add up to in the place of its rows. Writes nothing if any of them is
    /// written meanwhile.
    pub async fn repair(&self, day: NaiveDate, fewer: Fewer, progress: impl Fn(u64)) -> Result<Counts> {
        let range = self.within_retention();
        ensure!(
            (range.first..=range.last).contains(&day),
            "{day} is not within retention ({} to {}): sessions of it may have been purged",
            range.first,
            range.last
        );
        // First the rows: a write from here on is seen by their versions.
        let rows = self.rollup.store.lanes(day).await?;
        let mut counted = self.count(&progress).await?;
        let Day { totals, last_active } = counted.days.remove(&day).unwrap_or_default();
        let settled_at = self.settings.lifetimes.timeout + UNDELIVERED;
        let since = last_active.unwrap_or_else(|| first_instant(day + Days::new(1), self.rollup.zone));
        ensure!(
            self.now - since > settled_at,
            "{day} is not settled: a change of its sessions at {since} may still be on its way until {}",
            since + settled_at
        );
        let counts = Counts::of(&totals);
        let in_rows: i64 = rows.iter().map(|row| row.totals.sessions).sum();
        ensure!(
            fewer == Fewer::Allowed || counts.sessions >= in_rows,
            "the sessions table has {} sessions of {day}, and its metrics {in_rows}: were some purged or erased, or is \
             the deployment's retention another than here? --allow-fewer puts in what the table has",
            counts.sessions
        );
        if !self.rollup.store.replace(day, &rows, totals).await? {
            bail!("the rows of {day} were written meanwhile: nothing was changed");
        }
        Ok(counts)
    }

    async fn count(&self, progress: &impl Fn(u64)) -> Result<Counted> {
        let segments = (0..SEGMENTS).map(|segment| self.count_segment(segment, progress));
        let mut all = Counted::default();
        for segment in try_join_all(segments).await? {
            all.skipped += segment.skipped;
            for (day, part) in segment.days {
                let sum = all.days.entry(day).or_default();
                sum.totals.merge(&part.totals);
                sum.last_active = sum.last_active.max(part.last_active);
            }
        }
        Ok(all)
    }

    async fn count_segment(&self, segment: i32, progress: &impl Fn(u64)) -> Result<Counted> {
        let mut counted = Counted::default();
        let mut start = None;
        loop {
            let scan = self.client.scan().table_name(&self.settings.sessions_table).consistent_read(true);
            let scan = scan.segment(segment).total_segments(SEGMENTS).set_exclusive_start_key(start);
            let page = scan.send().await.context("reading the sessions table")?;
            let items = page.items.unwrap_or_default();
            progress(items.len() as u64);
            for item in items {
                let (user, record) = match decode_image(item.into()) {
                    Ok(decoded) => decoded,
                    Err(cause) => {
                        tracing::error!(%cause, "an item is left out, as the rollup does");
                        counted.skipped += 1;
                        continue;
                    }
                };
                let Body::Session(session) = record.body else { continue };
                let day = counted.days.entry(day_of_session(&session, self.rollup.zone)).or_default();
                day.totals.add(&Contribution::of(&user, &session));
                day.last_active = day.last_active.max(Some(session.last_active_time));
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(counted);
            }
        }
    }
}

impl Counts {
    fn of(totals: &Totals) -> Self {
        let Totals { sessions, engaged, renewed, duration_ms, ref durations, ref users } = *totals;
        let (durations, users) = (durations.clone(), users.count());
        Self { sessions, engaged, renewed, duration_ms, durations, users }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, engaged, renewed, duration_ms, durations, users } = self;
        let (median, p90) = (durations.quantile(0.5).num_seconds(), durations.quantile(0.9).num_seconds());
        write!(
            f,
            "{sessions} sessions, {engaged} engaged, {renewed} renewed, {duration_ms} ms (median {median} s, 90th \
             percentile {p90} s), {users} users"
        )
    }
}
