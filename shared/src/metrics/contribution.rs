//! What one session adds to the totals of its day.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::{calendar::day_of, counts::Counts};
use crate::sessions::rules::{Session, State};

/// What a session, as one of its images has it, adds to the totals of the day on which it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// To each count.
    pub counts: Counts,
    /// Once to the histogram.
    pub duration: TimeDelta,
}

/// The day to which a session belongs, for good: the one on which it started.
#[must_use]
pub fn day_of_session(session: &Session, zone: Tz) -> NaiveDate {
    day_of(session.start_time, zone)
}

impl Contribution {
    /// The contribution of a session, as it is in this image.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let end = match session.state {
            State::Ended { end_time, .. } => end_time,
            State::Active | State::Expired { .. } => session.last_active_time,
        };
        let duration = end - session.start_time;
        let counts = Counts {
            sessions: 1,
            engaged: i64::from(session.content_engaged),
            renewed: i64::from(session.renewed_from.is_some()),
            duration_ms: duration.num_milliseconds(),
        };
        Self { counts, duration }
    }
}
