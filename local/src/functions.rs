//! The functions, each made from its environment as on Lambda. This is the one list of them: a new one is a line of
//! `ALL` and a line among this crate's dependencies.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use futures_util::future::BoxFuture;
use lambda_http::{Body, Error, Request, Response};
use shared::{
    answer,
    clock::Clock,
    dynamodb::client::FromEnvironment,
    http::ApiError,
    logging::UserNames,
    settings::{Environment, FromSettings, SettingsError},
};

/// Each function by the name of its crate, which is that of its folder.
const ALL: &[(&str, Make)] = &[
    ("content-engaged", |parts| parts.endpoint(content_engaged::handle)),
    ("daily-session-metrics", |parts| parts.endpoint(daily_session_metrics::handle)),
    ("end-other-sessions", |parts| parts.endpoint(end_other_sessions::handle)),
    ("end-session", |parts| parts.endpoint(end_session::handle)),
    ("get-session", |parts| parts.endpoint(get_session::handle)),
    ("heartbeat", |parts| parts.endpoint(heartbeat::handle)),
    ("list-sessions", |parts| parts.endpoint(list_sessions::handle)),
    ("login", |parts| parts.endpoint(login::handle)),
    ("logout", |parts| parts.endpoint(logout::handle)),
    ("pages", |parts| parts.page(pages::handle)),
    ("rollup", |parts| parts.stream(rollup::handle)),
    ("session-metrics", |parts| parts.endpoint(session_metrics::handle)),
    ("session-metrics-by-timespan", |parts| parts.endpoint(session_metrics_by_timespan::handle)),
];

type Make = fn(&Parts<'_>) -> Result<Handler, SettingsError>;

/// A function, by what invokes it.
pub enum Handler {
    /// A request to one of its routes.
    Endpoint(EndpointHandler),
    /// A batch of a table's stream.
    Stream(StreamHandler),
}

/// The function of an endpoint, with its type erased.
pub type EndpointHandler = Arc<dyn Fn(Request) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// A function that reads a stream; an error wants the batch again.
pub type StreamHandler =
    Arc<dyn Fn(rollup::StreamEvent) -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

/// What a function is made from.
pub struct Parts<'a> {
    /// The function's own variables.
    pub environment: Environment<'a>,
    /// With the function's permissions, or with all.
    pub client: &'a Client,
    /// What time it is for the function.
    pub clock: &'a Clock,
}

/// The functions as folders, events and the template name them: `list-sessions`.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// The functions as code and their log lines name them: `list_sessions`.
pub fn crate_names() -> impl Iterator<Item = String> {
    names().map(|name| name.replace('-', "_"))
}

/// The function of that name; `None` if there is none.
pub fn handler(name: &str, parts: &Parts<'_>) -> Result<Option<Handler>, SettingsError> {
    let made = ALL.iter().find(|(own, _)| *own == name).map(|(_, make)| make(parts));
    made.transpose()
}

impl Parts<'_> {
    fn endpoint<A, F, R>(&self, handle: F) -> Result<Handler, SettingsError>
    where
        A: FromEnvironment + Send + Sync + 'static,
        F: Fn(Arc<A>, Request) -> R + Copy + Send + Sync + 'static,
        R: Future<Output = Result<Response<Body>, ApiError>> + Send + 'static,
    {
        Ok(endpoint(handle, self.make::<A>()?, UserNames::read(&self.environment)?))
    }

    fn page<A, F, R>(&self, handle: F) -> Result<Handler, SettingsError>
    where
        A: FromSettings + Send + Sync + 'static,
        F: Fn(Arc<A>, Request) -> R + Copy + Send + Sync + 'static,
        R: Future<Output = Result<Response<Body>, ApiError>> + Send + 'static,
    {
        let app = A::from_settings(&self.environment, self.clock.clone())?;
        Ok(endpoint(handle, Arc::new(app), UserNames::read(&self.environment)?))
    }

    fn stream<A, F, R, O>(&self, handle: F) -> Result<Handler, SettingsError>
    where
        A: FromEnvironment + Send + Sync + 'static,
        F: Fn(Arc<A>, rollup::StreamEvent) -> R + Copy + Send + Sync + 'static,
        R: Future<Output = Result<O, Error>> + Send + 'static,
    {
        let app = self.make::<A>()?;
        let handler = move |event| -> BoxFuture<'static, Result<(), Error>> {
            let running = handle(Arc::clone(&app), event);
            Box::pin(async move { running.await.map(drop) })
        };
        Ok(Handler::Stream(Arc::new(handler)))
    }

    fn make<A: FromEnvironment>(&self) -> Result<Arc<A>, SettingsError> {
        A::from_environment(&self.environment, self.client.clone(), self.clock.clone()).map(Arc::new)
    }
}

fn endpoint<A, F, R>(handle: F, app: Arc<A>, names: UserNames) -> Handler
where
    A: Send + Sync + 'static,
    F: Fn(Arc<A>, Request) -> R + Copy + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, ApiError>> + Send + 'static,
{
    let handler = move |request| -> BoxFuture<'static, Response<Body>> {
        Box::pin(answer(handle, Arc::clone(&app), names, request))
    };
    Handler::Endpoint(Arc::new(handler))
}
