//! The only place that reads the clock, the one way to write a time down, and the time that a request has.

use std::{fmt, sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use tokio::time::{Instant, timeout_at};

/// A source of the time, in whole milliseconds, which is what is stored and shown.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The clock of this host.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn system() -> Self {
        Self::from_fn(Utc::now)
    }

    /// A clock that shows what `read` returns, for a host whose time can be moved.
    pub fn from_fn(read: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)().trunc_subsecs(3)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// When work must be done. It goes by a clock that nobody sets, so it is never compared with a [`Clock`]'s time.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// None, for work that somebody waits for at a terminal.
    pub const NONE: Self = Self(None);

    /// So long from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Some(Instant::now() + time))
    }

    /// One that is earlier by `rest`.
    #[must_use]
    pub fn earlier(self, rest: Duration) -> Self {
        Self(self.0.map(|at| at.checked_sub(rest).unwrap_or(at)))
    }

    /// The earlier of this and `other`.
    #[must_use]
    pub fn or_before(self, other: Self) -> Self {
        Self(self.0.into_iter().chain(other.0).min())
    }

    /// Whether it has passed.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// What `work` comes to; `None`, and the work is given up, if the deadline passes before.
    pub async fn limit<W: Future>(self, work: W) -> Option<W::Output> {
        match self.0 {
            None => Some(work.await),
            // A timeout would still begin the work.
            Some(_) if self.is_over() => None,
            Some(at) => timeout_at(at, work).await.ok(),
        }
    }
}

/// How long it is until `stop`, in milliseconds since the epoch, by this host's clock; `None` if that is past.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn time_until(stop: u64) -> Option<Duration> {
    let now = u64::try_from(Utc::now().timestamp_millis()).unwrap_or_default();
    stop.checked_sub(now).map(Duration::from_millis)
}

/// A time as people and programs are shown it: RFC 3339, UTC, with milliseconds.
#[must_use]
pub fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
