//! What the service counts of itself, in CloudWatch's embedded metric format: a log line that CloudWatch turns into
//! metrics, without a call to it.
//!
//! Counting costs an atomic addition, and nothing where no [`Counters`] were started, as in the local server.

use std::{env, io};

use metrics_cloudwatch_embedded::{Builder, Collector};

/// Counts one more of the metric of that name.
pub(crate) fn count(metric: &'static str) {
    metrics_facade::counter!(metric).increment(1);
}

/// What is counted beside the events of sessions, which `sessions::journal` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// A write met another at the same item.
    Conflict,
    /// A request to DynamoDB was made once more.
    Retry,
    /// A start could not keep its user to the limit of sessions.
    LimitNotKept,
    /// A stream record could not be decoded and is not in the metrics.
    RecordSkipped,
    /// A request was refused for who made it or for what became of its session.
    Denied,
}

impl Counter {
    /// Counts it once.
    pub fn count(self) {
        count(match self {
            Self::Conflict => "Conflicts",
            Self::Retry => "Retries",
            Self::LimitNotKept => "LimitsNotKept",
            Self::RecordSkipped => "RecordsSkipped",
            Self::Denied => "RequestsDenied",
        });
    }
}

/// What was counted in this process since it was last written.
#[derive(Clone, Copy)]
pub struct Counters(&'static Collector);

impl Counters {
    /// Starts counting. The metrics are in the namespace `UserSessions`, with the dimension `Service`, which is
    /// `SERVICE_NAME` or else `user-sessions`.
    pub fn start() -> Result<Self, metrics_cloudwatch_embedded::Error> {
        let service = env::var("SERVICE_NAME").ok().filter(|name| !name.is_empty());
        let builder = Builder::new()
            .cloudwatch_namespace("UserSessions")
            .with_dimension("Service", service.unwrap_or_else(|| "user-sessions".to_owned()));
        Ok(Self(builder.init()?))
    }

    /// Writes what was counted as one line; nothing if there is nothing. A line that cannot be written is a count that
    /// is lost, and no reason to fail a request.
    pub fn write(self, mut out: impl io::Write) {
        // As a whole: it is made in many small parts, each of which standard output would search for the line's end.
        let mut line = Vec::new();
        if let Err(cause) = self.0.flush(&mut line).and_then(|()| out.write_all(&line)) {
            tracing::warn!(%cause, "counts were not written");
        }
    }
}
