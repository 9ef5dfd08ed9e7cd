//! The demo's clock: the server's, so much ahead as somebody has let pass. It only goes forward, as time does.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use shared::clock::Clock;

/// At most so far ahead, all in all: what is reckoned with dates is sound for much longer.
const MOST_AHEAD: TimeDelta = TimeDelta::days(36_500);

#[derive(Clone)]
pub(super) struct DemoClock {
    real: Clock,
    ahead: Arc<Mutex<TimeDelta>>,
}

impl DemoClock {
    pub(super) fn beside(real: Clock) -> Self {
        Self { real, ahead: Arc::default() }
    }

    /// The same for functions.
    pub(super) fn as_clock(&self) -> Clock {
        let clock = self.clone();
        Clock::from_fn(move || clock.now())
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.real.now() + *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets so much time pass; whether it may go so far.
    pub(super) fn advance(&self, by: TimeDelta) -> bool {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let is_forward = by >= TimeDelta::zero() && *ahead + by <= MOST_AHEAD;
        if is_forward {
            *ahead += by;
        }
        is_forward
    }
}
