//! What the service counts of itself, in CloudWatch's embedded metric format: a log line that CloudWatch turns into
//! metrics, without a call to it.
//!
//! Counting costs an atomic addition, and nothing where no [`Counters`] were started, as in the local server.

use std::{env, io};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::BoxError,
};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use metrics_cloudwatch_embedded::{Builder, Collector};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A login, or a heartbeat on an unknown id, started a session.
    SessionStarted,
    /// A session started in the place of an expired one.
    SessionRenewed,
    /// A session was ended.
    SessionEnded,
    /// A user engaged with the content.
    SessionEngaged,
    /// A session was found to have expired.
    SessionExpired,
    /// A heartbeat kept a session alive, renewed or started one.
    Heartbeat,
    /// A write met another at the same item.
    Conflict,
    /// A request to DynamoDB was made once more.
    Retry,
    /// A stream record could not be decoded and is not in the metrics.
    RecordSkipped,
}

impl Event {
    /// The name of its metric.
    #[must_use]
    pub const fn metric(self) -> &'static str {
        match self {
            Self::SessionStarted => "SessionsStarted",
            Self::SessionRenewed => "SessionsRenewed",
            Self::SessionEnded => "SessionsEnded",
            Self::SessionEngaged => "SessionsEngaged",
            Self::SessionExpired => "SessionsExpired",
            Self::Heartbeat => "Heartbeats",
            Self::Conflict => "Conflicts",
            Self::Retry => "Retries",
            Self::RecordSkipped => "RecordsSkipped",
        }
    }

    /// Counts it once.
    pub fn count(self) {
        metrics::counter!(self.metric()).increment(1);
    }
}

/// What was counted in this process since it was last written.
#[derive(Clone, Copy)]
pub struct Counters(&'static Collector);

impl Counters {
    /// Starts counting. The metrics are in the namespace `UserSessions`, with the dimension `Service`, which is
    /// `SERVICE_NAME` or else `user-sessions`.
    pub fn start() -> Result<Self, lambda_http::Error> {
        let service = env::var("SERVICE_NAME").ok().filter(|name| !name.is_empty());
        let builder = Builder::new()
            .cloudwatch_namespace("UserSessions")
            .with_dimension("Service", service.unwrap_or_else(|| "user-sessions".to_owned()));
        Ok(Self(builder.init()?))
    }

    /// Writes what was counted as one line; nothing if there is nothing. A line that cannot be written is a count that
    /// is lost, and no reason to fail a request.
    pub fn write(self, line: impl io::Write) {
        if let Err(cause) = self.0.flush(line) {
            tracing::warn!(%cause, "counts were not written");
        }
    }
}

/// Counts the requests that the SDK makes again.
#[derive(Debug)]
pub(crate) struct CountRetries;

impl Intercept for CountRetries {
    fn name(&self) -> &'static str {
        "count retries"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        configuration: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if configuration.load::<RequestAttempts>().is_some_and(|attempts| attempts.attempts() > 1) {
            Event::Retry.count();
        }
        Ok(())
    }
}
