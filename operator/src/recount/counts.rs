//! What a day's sessions, or its rows, add up to.

use std::fmt;

use chrono::NaiveDate;
use shared::metrics::{counts::Counts, histogram::Histogram, totals::Totals};

/// What is compared of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// The counts, over the sessions that started on the day.
    pub counts: Counts,
    /// How long each of them lasted.
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
    pub rows: Sums,
    /// What the sessions themselves add up to.
    pub sessions: Sums,
}

impl Sums {
    /// What is compared of totals.
    pub(super) fn of(totals: &Totals) -> Self {
        let Totals { counts, durations, users } = totals;
        Self { counts: *counts, durations: durations.clone(), users: users.count() }
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counts, durations, users } = self;
        let (median, p90) = (durations.quantile(0.5).num_seconds(), durations.quantile(0.9).num_seconds());
        write!(f, "{counts} (median {median} s, 90th percentile {p90} s), {users} users")
    }
}
