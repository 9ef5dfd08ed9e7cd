//! A function as `shared::serve` and `shared::serve_stream` run it, one event after the other.

use std::{io, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_sdk_dynamodb::Client;
use chrono::{DateTime, TimeDelta};
use lambda_http::{Body, Context, Request, RequestExt, Response};
use shared::{
    answer,
    clock::Clock,
    counters::Counters,
    dynamodb::client::FromEnvironment,
    http::{
        ApiError, caller,
        event::{Event, handed_back},
        input,
    },
    logging::{self, UserNames},
    settings::Environment,
};
use tracing::Instrument;

/// As the template sets them.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("METRICS_TABLE", "user-sessions-MetricsTable-1ABCDEFGHIJKL"),
    ("REPORTING_TIME_ZONE", "UTC"),
    ("SESSIONS_TABLE", "user-sessions-SessionsTable-1ABCDEFGHIJKL"),
    ("SESSION_RETENTION_DAYS", "90"),
    ("SESSION_TIMEOUT_SECONDS", "3600"),
];

/// 2026-01-01T00:00:00Z, to which the events belong, in milliseconds.
pub(crate) const MIDNIGHT: i64 = 1_767_225_600_000;

/// For how long a function may run.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A process that has started as a function does.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    counters: Counters,
    names: UserNames,
}

impl Function {
    pub(crate) fn start() -> Result<Self> {
        // This program's own name as well: the span of a request is made here, and is counted too.
        let crates = [env!("CARGO_CRATE_NAME"), "heartbeat", "list_sessions", "login", "rollup"];
        logging::start(logging::Format::Json, crates)?;
        let counters = Counters::start().map_err(|cause| anyhow!(cause))?;
        Ok(Self { counters, names: UserNames::Hash })
    }

    /// What its handlers work with.
    pub(crate) fn app<A: FromEnvironment>(client: Client) -> Result<Arc<A>> {
        let variable = |name: &str| {
            ENVIRONMENT.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
        };
        let now = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(MIDNIGHT) + TimeDelta::minutes(10);
        let clock = Clock::from_fn(move || now);
        Ok(Arc::new(A::from_environment(&Environment::new(&variable), client, clock)?))
    }

    /// The text that Lambda would be handed back.
    pub(crate) async fn request<A, F, R>(self, handle: F, app: &Arc<A>, event: &str) -> Result<Vec<u8>>
    where
        F: Fn(Arc<A>, Request) -> R,
        R: Future<Output = Result<Response<Body>, ApiError>>,
    {
        let event: Event = serde_json::from_slice(event.as_bytes())?;
        let mut request = event.into_request().map_err(|_| anyhow!("the event cannot be read"))?;
        let context = Context::default();
        let request_id = caller::request_id(&request);
        let span = tracing::info_span!("request", request_id, lambda_request_id = context.request_id);
        input::allow(&mut request, TIMEOUT);
        let answered = answer(handle, Arc::clone(app), self.names, request.with_lambda_context(context));
        let answered = Box::pin(answered.instrument(span)).await;
        self.counters.write(io::stdout());
        let text = serde_json::to_vec(&handed_back(answered))?;
        ensure!(text.starts_with(br#"{"statusCode":200,"#), "{}", String::from_utf8_lossy(&text));
        Ok(text)
    }

    /// The same of a batch of a stream.
    pub(crate) async fn batch(self, app: &Arc<shared::metrics::Rollup>, event: &str) -> Result<Vec<u8>> {
        let event: rollup::StreamEvent = serde_json::from_slice(event.as_bytes()).context("a batch")?;
        let span = tracing::info_span!("request", request_id = Context::default().request_id);
        let reply = rollup::handle(Arc::clone(app), event).instrument(span).await;
        self.counters.write(io::stdout());
        Ok(serde_json::to_vec(&reply.map_err(|cause| anyhow!("{cause}"))?)?)
    }
}
