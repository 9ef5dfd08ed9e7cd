//! The time of a round: it goes on by itself, and jumps when it is told to. Each host's clock differs from it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};

/// Far ahead, so that no engine finds a record past its time to live: 2100-01-15T12:00:00Z.
const START: i64 = 4_103_697_600_000;

/// The stream keeps records for a day, and the rollup its marks for two: no more than this may pass while a record is
/// on its way.
const LONGEST_WAY: i64 = 40 * 3_600_000;

/// More in one round would have the first records past their retention.
const LONGEST_ROUND: i64 = 60 * 86_400_000;

/// Hosts' clocks differ by no more.
pub(super) const SKEW: i64 = 60_000;

/// A function runs no longer.
const LONGEST_REQUEST: Duration = Duration::from_secs(15);

pub(super) struct Time {
    began: Instant,
    /// What the jumps add up to, in milliseconds.
    jumped: AtomicI64,
    /// When each jump was, and what they add up to from then on.
    jumps: Mutex<Vec<(Instant, i64)>>,
    /// When the oldest record was written, at the earliest, that the rollup has yet to take in.
    delivered_up_to: AtomicI64,
}

impl Time {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            jumped: AtomicI64::new(0),
            jumps: Mutex::default(),
            delivered_up_to: AtomicI64::new(START),
        }
    }

    /// In milliseconds since the epoch.
    pub(super) fn now(&self) -> i64 {
        self.of(Instant::now(), self.jumped.load(Ordering::SeqCst))
    }

    /// What it was, or would be without further jumps.
    pub(super) fn at(&self, instant: Instant) -> i64 {
        let jumps = self.jumps.lock().unwrap_or_else(PoisonError::into_inner);
        let last = jumps.iter().rev().find(|(at, _)| *at <= instant);
        self.of(instant, last.map_or(0, |(_, sum)| *sum))
    }

    /// What it was so long after it had come to `ms`.
    pub(super) fn later(&self, ms: i64, after: Duration) -> i64 {
        let reached = {
            let jumps = self.jumps.lock().unwrap_or_else(PoisonError::into_inner);
            let starts = jumps.iter().copied().rev().chain([(self.began, 0)]);
            let began = starts.map(|(at, sum)| (at, self.of(at, sum))).find(|(_, shown)| *shown <= ms);
            let (at, shown) = began.unwrap_or((self.began, START));
            let next = jumps.iter().map(|(at, _)| *at).find(|next| *next > at);
            let then = at + Duration::from_millis(u64::try_from(ms - shown).unwrap_or_default());
            next.map_or(then, |next| next.min(then))
        };
        self.at(reached + after)
    }

    /// The latest time that the clock of another host can have shown when a write took effect whose own time was `ms`.
    pub(super) fn latest_write(&self, ms: i64) -> i64 {
        self.later(ms + SKEW, LONGEST_REQUEST) + SKEW
    }

    fn of(&self, instant: Instant, jumped: i64) -> i64 {
        START + jumped + milliseconds(instant.saturating_duration_since(self.began))
    }

    /// The stream was delivered up to what was written at that time.
    pub(super) fn delivered_up_to(&self, time: i64) {
        self.delivered_up_to.store(time, Ordering::SeqCst);
    }

    /// Goes forward by `by`, unless a record would be on its way for too long, or the round. Whether it did.
    pub(super) fn jump(&self, by: i64) -> bool {
        let mut jumps = self.jumps.lock().unwrap_or_else(PoisonError::into_inner);
        let after = self.now() + by;
        let far = after - self.delivered_up_to.load(Ordering::SeqCst) > LONGEST_WAY
            || after - START > LONGEST_ROUND;
        if !far {
            // Noted before it can be seen: what happens at the new time is never later than the jump.
            jumps.push((Instant::now(), self.jumped.load(Ordering::SeqCst) + by));
            self.jumped.fetch_add(by, Ordering::SeqCst);
        }
        !far
    }
}

/// A time as the code under test has it.
pub(super) fn instant(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
