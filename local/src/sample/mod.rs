//! A year of plausible sessions, for those who want to see metrics before they have users.
//!
//! [`sessions`] makes them up, and is pure: the same plan gives the same sessions. The `Writer` hands them to the real
//! rollup: those that a deployment would still have go into the sessions table, and so through its stream; the older
//! ones as records of a stream that is long gone.

mod days;
mod devices;
mod progress;
#[cfg(test)]
mod promises;
mod unfinished;
mod users;
mod visits;
mod writer;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use shared::{
    id::UserId,
    sessions::rules::{Lifetimes, Session},
};

pub(crate) use self::days::DAYS;
pub use self::visits::sessions;
pub(crate) use self::{
    progress::Progress,
    unfinished::Unfinished,
    writer::{Past, Writer},
};

/// How much there is to be of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// About so many sessions: as many as fit without one user's being in two places with one device. They must be
    /// several times as many as the users, so that each of them has one.
    pub sessions: usize,
    /// Exactly so many users.
    pub users: usize,
    /// What chance begins with.
    pub seed: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { sessions: 102_000, users: 5_000, seed: 1 }
    }
}

/// What a sample depends on beside its size.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How much of it.
    pub sample: Sample,
    /// The sample ends here.
    pub now: DateTime<Utc>,
    /// The reporting time zone: its days and its clocks.
    pub zone: Tz,
    /// How long sessions live and are kept.
    pub lifetimes: Lifetimes,
}

/// A session as it is at the plan's `now`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// Whose it is.
    pub user: UserId,
    /// The session.
    pub session: Session,
    /// When it was written last.
    pub written: DateTime<Utc>,
}
