//! Start-up of a deployed function: logging, settings, an open connection, then requests.

use std::{convert::Infallible, env, sync::Arc};

use lambda_http::{Body, Error, Request, RequestExt, Response, service_fn};
use tracing::Instrument;

use crate::{
    app::{self, App, Settings},
    clock::Clock,
    connection::Connection,
    error::ApiError,
    logging,
};

/// Runs a session function on Lambda.
pub async fn serve<F, R>(handle: F) -> Result<(), Error>
where
    F: Fn(Arc<App>, Request) -> R + Copy + Send + Sync,
    R: Future<Output = Result<Response<Body>, ApiError>> + Send,
{
    logging::start(logging::Format::Json)?;
    let settings = Settings::read(|name| env::var(name).ok())?;
    let connection = Connection::new()?;
    let client = app::client_from_environment(connection.http_client()).await;
    // Opened during init, where Lambda gives a whole CPU: the TLS handshake is most of a cold start.
    connection.open(&client).await;
    let app = Arc::new(App::new(settings, client, Clock::system()));
    lambda_http::run(service_fn(move |request: Request| {
        let span = tracing::info_span!("request", request_id = request.lambda_context().request_id);
        let answer = answer(handle, Arc::clone(&app), request).instrument(span);
        async move { Ok::<_, Infallible>(answer.await) }
    }))
    .await
}

/// What `handle` answers, its error included: the same on Lambda and in the local server.
pub async fn answer<F, R>(handle: F, app: Arc<App>, request: Request) -> Response<Body>
where
    F: Fn(Arc<App>, Request) -> R,
    R: Future<Output = Result<Response<Body>, ApiError>>,
{
    handle(app, request).await.unwrap_or_else(ApiError::into_response)
}
