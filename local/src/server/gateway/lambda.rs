//! Runs a function as Lambda does behind API Gateway.

use std::{sync::Arc, time::Duration};

use axum::{http::StatusCode, response::Response};
use shared::http::{event::Event, input};
use tokio::time::timeout;
use tracing::Instrument;

use super::{
    Endpoint,
    answers::{message, of_function},
};

/// API Gateway waits no longer for a function.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs the function as Lambda would: a panic is its error alone, and it has so much time and no more.
pub(super) async fn run(endpoint: &Endpoint, event: String) -> Response {
    let (handler, time) = (Arc::clone(&endpoint.handler), endpoint.timeout);
    let running = async move {
        match serde_json::from_str::<Event>(&event).map(Event::into_request) {
            Ok(Ok(mut request)) => {
                input::allow(&mut request, time);
                handler(request).await
            }
            Ok(Err(unreadable)) => unreadable.into_response(),
            Err(cause) => panic!("the event is no JSON: {cause}"),
        }
    };
    let running = tokio::spawn(running.in_current_span());
    let abort = running.abort_handle();
    match timeout(time.min(INTEGRATION_TIMEOUT), running).await {
        Ok(Ok(answer)) => of_function(answer),
        Ok(Err(cause)) => {
            tracing::error!(%cause, "the function panicked");
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Err(_) if time < INTEGRATION_TIMEOUT => {
            abort.abort();
            tracing::error!("the function was stopped at its timeout");
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Err(_) => {
            abort.abort();
            tracing::error!("the function did not answer in time");
            message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
    }
}
