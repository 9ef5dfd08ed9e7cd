//! Start-up of a deployed function: logging, settings, an open connection, then requests.

use std::{convert::Infallible, env, io, sync::Arc};

use futures_util::future::BoxFuture;
use lambda_http::{Body, Error, Request, RequestExt, Response};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use tracing::Instrument;

use crate::{
    clock::{Clock, time_until},
    counters::Counters,
    dynamodb::{Access, Connection, client::FromEnvironment},
    http::{
        ApiError, caller,
        event::{Event, Unreadable, handed_back},
        input, reply,
    },
    logging::{self, UserNames},
    settings::{Environment, FromSettings},
};

/// Runs the function of an endpoint on Lambda. `function` is the name of its crate, as in `module_path!()`: what it logs
/// goes by `LOG_LEVEL`.
pub async fn serve<A, F, R>(function: &str, handle: F) -> Result<(), Error>
where
    A: FromEnvironment + Send + Sync,
    F: Fn(Arc<A>, Request) -> R + Copy + Send + Sync,
    R: Future<Output = Result<Response<Body>, ApiError>> + Send,
{
    let (app, counters) = start::<A>(function).await?;
    answer_requests(handle, app, counters).await
}

/// Runs the function of an endpoint that needs no table, alike: it has no client and opens no connection.
pub async fn serve_without_table<A, F, R>(function: &str, handle: F) -> Result<(), Error>
where
    A: FromSettings + Send + Sync,
    F: Fn(Arc<A>, Request) -> R + Copy + Send + Sync,
    R: Future<Output = Result<Response<Body>, ApiError>> + Send,
{
    logging::start(logging::Format::Json, [function])?;
    let variable = |name: &str| env::var(name).ok();
    let app = A::from_settings(&Environment::new(&variable), Clock::system())?;
    answer_requests(handle, Arc::new(app), Counters::start()?).await
}

async fn answer_requests<A, F, R>(handle: F, app: Arc<A>, counters: Counters) -> Result<(), Error>
where
    A: Send + Sync,
    F: Fn(Arc<A>, Request) -> R + Copy + Send + Sync,
    R: Future<Output = Result<Response<Body>, ApiError>> + Send,
{
    let names = UserNames::read(&Environment::new(&|name| env::var(name).ok()))?;
    lambda_runtime::run(service_fn(move |LambdaEvent { payload, context }: LambdaEvent<Event>| {
        let request = payload.into_request();
        // Two ids: the gateway's joins its access log and the answer, Lambda's what Lambda itself logs.
        let request_id = request.as_ref().map_or_else(Unreadable::request_id, caller::request_id);
        let span = tracing::info_span!("request", request_id, lambda_request_id = context.request_id);
        let answered = answer_event(handle, Arc::clone(&app), names, request, context).instrument(span);
        // Boxed: the runtime puts several layers around it, and a type may be only so deep.
        let answered: BoxFuture<'_, Response<Body>> = Box::pin(answered);
        async move {
            let answer = answered.await;
            counters.write(io::stdout());
            Ok::<_, Infallible>(handed_back(answer))
        }
    }))
    .await
}

async fn answer_event<A, F, R>(
    handle: F,
    app: Arc<A>,
    names: UserNames,
    request: Result<Request, Unreadable>,
    context: Context,
) -> Response<Body>
where
    F: Fn(Arc<A>, Request) -> R,
    R: Future<Output = Result<Response<Body>, ApiError>>,
{
    match request {
        Ok(mut request) => {
            // Of an emulator (`cargo lambda watch`) it is in the past: that tells nothing.
            if let Some(time) = time_until(context.deadline) {
                input::allow(&mut request, time);
            }
            answer(handle, app, names, request.with_lambda_context(context)).await
        }
        Err(unreadable) => unreadable.into_response(),
    }
}

/// Runs a function that reads a stream on Lambda, alike. An error makes Lambda deliver the batch again.
pub async fn serve_stream<A, F, R, E, O>(function: &str, handle: F) -> Result<(), Error>
where
    A: FromEnvironment + Send + Sync,
    F: Fn(Arc<A>, E) -> R + Copy + Send + Sync,
    R: Future<Output = Result<O, Error>> + Send,
    E: DeserializeOwned + Send,
    O: Serialize + Send,
{
    let (app, counters) = start::<A>(function).await?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<E>| {
        let span = tracing::info_span!("request", request_id = event.context.request_id);
        let outcome = handle(Arc::clone(&app), event.payload).instrument(span);
        async move {
            let outcome = outcome.await;
            counters.write(io::stdout());
            outcome
        }
    }))
    .await
}

async fn start<A: FromEnvironment>(function: &str) -> Result<(Arc<A>, Counters), Error> {
    logging::start(logging::Format::Json, [function])?;
    let counters = Counters::start()?;
    let variable = |name: &str| env::var(name).ok();
    let environment = Environment::new(&variable);
    let (connection, access) =
        (Connection::new(&environment)?, Access::from_environment(&environment).await?);
    let parts = A::from_environment(&environment, access.client(connection.http_client()), Clock::system())?;
    // Opened during init, where Lambda gives a whole CPU: the TLS handshake is most of a cold start.
    connection.open(&access).await;
    Ok((Arc::new(parts), counters))
}

/// What `handle` answers, its error included: the same on Lambda and in the local server. `names` is how the log names who
/// is refused.
pub async fn answer<A, F, R>(handle: F, app: Arc<A>, names: UserNames, request: Request) -> Response<Body>
where
    F: Fn(Arc<A>, Request) -> R,
    R: Future<Output = Result<Response<Body>, ApiError>>,
{
    let request_id = caller::request_id(&request).map(str::to_owned);
    let user = caller::named(&request);
    let refused = |error: ApiError| error.into_response(user.map(|user| names.name(&user)).as_deref());
    let mut response = handle(app, request).await.unwrap_or_else(refused);
    reply::identify(&mut response, request_id.as_deref());
    response
}
