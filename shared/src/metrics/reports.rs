//! What is told of a range of days: the totals of all, those of the range before beside them, or the figures of each
//! period.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::{
    calendar::{Range, Span},
    error::MetricsError,
    rows::Rows,
    store::MetricsStore,
    totals::Summary,
};

/// What is told of a whole range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Whole {
    /// The figures of all its sessions.
    pub summary: Summary,
    /// When the newest record in any of its rows was made; `None` if it has no rows.
    pub as_of: Option<DateTime<Utc>>,
}

/// The totals of a range.
pub async fn whole(store: &MetricsStore, range: Range) -> Result<Whole, MetricsError> {
    Ok(Whole::of(&store.read(range).await?, range))
}

/// The totals of a range, and those of `previous`, the range just before it, read at once.
pub async fn compared(
    store: &MetricsStore,
    range: Range,
    previous: Range,
) -> Result<(Whole, Whole), MetricsError> {
    let rows = store.read(Range { first: previous.first, last: range.last }).await?;
    Ok((Whole::of(&rows, range), Whole::of(&rows, previous)))
}

impl Whole {
    fn of(rows: &Rows, range: Range) -> Self {
        Self { summary: rows.sum(range).summary(), as_of: rows.as_of(range) }
    }
}

/// What is told of a period, as answers show it. `engagementRate` is a percentage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    sessions: i64,
    engaged_sessions: i64,
    engagement_rate: f64,
    unique_users: u64,
    renewed_sessions: i64,
    average_duration_minutes: f64,
    median_duration_minutes: f64,
}

/// The figures of every period that the range touches, in order, those without sessions included. Each is named by its
/// first day; one that the range cuts holds only the days within.
pub async fn by_period(
    store: &MetricsStore,
    range: Range,
    span: Span,
) -> Result<Vec<(NaiveDate, Figures)>, MetricsError> {
    let rows = store.read(range).await?;
    let figures = |part: Range| (span.period_of(part.first), rows.sum(part).summary().into());
    Ok(range.by_period(span).into_iter().map(figures).collect())
}

impl From<Summary> for Figures {
    fn from(sum: Summary) -> Self {
        Self {
            sessions: sum.counts.sessions,
            engaged_sessions: sum.counts.engaged,
            engagement_rate: sum.engagement_rate,
            unique_users: sum.users,
            renewed_sessions: sum.counts.renewed,
            average_duration_minutes: sum.average_minutes,
            median_duration_minutes: sum.median_minutes,
        }
    }
}
