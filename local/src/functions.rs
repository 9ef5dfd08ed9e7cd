//! The functions by the names of their crates, each made from its environment as on Lambda.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use futures_util::future::BoxFuture;
use lambda_http::{Body, Error, Request, Response};
use shared::{
    ApiError, answer,
    app::{Environment, FromEnvironment, SettingsError},
    clock::Clock,
};

/// The function of an endpoint, with its type erased.
pub(crate) type Handler = Arc<dyn Fn(Request) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// A function that reads a stream; an error wants the batch again.
pub(crate) type StreamHandler =
    Arc<dyn Fn(rollup::Event) -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

/// A function, by what invokes it.
pub(crate) enum Function {
    Endpoint(Handler),
    Stream(StreamHandler),
}

/// What a function is made from.
pub(crate) struct Parts<'a> {
    pub(crate) environment: Environment<'a>,
    pub(crate) client: &'a Client,
    pub(crate) clock: &'a Clock,
}

/// The function of that crate; `None` if this server has none of that name.
pub(crate) fn function(crate_name: &str, parts: &Parts<'_>) -> Result<Option<Function>, SettingsError> {
    Ok(Some(match crate_name {
        "content-engaged" => parts.endpoint(content_engaged::handle)?,
        "daily-session-metrics" => parts.endpoint(daily_session_metrics::handle)?,
        "end-other-sessions" => parts.endpoint(end_other_sessions::handle)?,
        "end-session" => parts.endpoint(end_session::handle)?,
        "heartbeat" => parts.endpoint(heartbeat::handle)?,
        "list-sessions" => parts.endpoint(list_sessions::handle)?,
        "login" => parts.endpoint(login::handle)?,
        "logout" => parts.endpoint(logout::handle)?,
        "rollup" => parts.stream(rollup::handle)?,
        "session-metrics" => parts.endpoint(session_metrics::handle)?,
        "session-metrics-by-timespan" => parts.endpoint(session_metrics_by_timespan::handle)?,
        _ => return Ok(None),
    }))
}

impl Parts<'_> {
    fn endpoint<A, F, R>(&self, handle: F) -> Result<Function, SettingsError>
    where
        A: FromEnvironment + Send + Sync + 'static,
        F: Fn(Arc<A>, Request) -> R + Copy + Send + Sync + 'static,
        R: Future<Output = Result<Response<Body>, ApiError>> + Send + 'static,
    {
        let app = self.make::<A>()?;
        let handler = move |request| -> BoxFuture<'static, Response<Body>> {
            Box::pin(answer(handle, Arc::clone(&app), request))
        };
        Ok(Function::Endpoint(Arc::new(handler)))
    }

    fn stream<A, F, R, O>(&self, handle: F) -> Result<Function, SettingsError>
    where
        A: FromEnvironment + Send + Sync + 'static,
        F: Fn(Arc<A>, rollup::Event) -> R + Copy + Send + Sync + 'static,
        R: Future<Output = Result<O, Error>> + Send + 'static,
    {
        let app = self.make::<A>()?;
        let handler = move |event| -> BoxFuture<'static, Result<(), Error>> {
            let running = handle(Arc::clone(&app), event);
            Box::pin(async move { running.await.map(drop) })
        };
        Ok(Function::Stream(Arc::new(handler)))
    }

    fn make<A: FromEnvironment>(&self) -> Result<Arc<A>, SettingsError> {
        A::from_environment(&self.environment, self.client.clone(), self.clock.clone()).map(Arc::new)
    }
}
