//! The counts of a day that are compared.

use std::fmt;

use chrono::NaiveDate;
use shared::metrics::{histogram::Histogram, totals::Totals};

/// What a day's sessions, or its rows in the metrics table, add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that started on the day.
    pub sessions: i64,
    /// Those of them with engagement.
    pub engaged: i64,
    /// Those of them that a renewal started.
    pub renewed: i64,
    /// How long they lasted altogether, in milliseconds.
    pub duration_ms: i64,
    /// How long each lasted.
    pub durations: Histogram,
    /// Different users, an estimate beyond some 400.
    pub users: u64,
}

/// A day of which rows and sessions say different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The day, in the reporting time zone.
    pub day: NaiveDate,
    /// What the rows of the metrics table add up to.
    pub rows: Counts,
    /// What the sessions themselves add up to.
    pub sessions: Counts,
}

impl Counts {
    /// The counts of totals.
    pub(super) fn of(totals: &Totals) -> Self {
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
