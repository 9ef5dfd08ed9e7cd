//! Runs a function as Lambda does behind API Gateway.

use std::{sync::Arc, time::Duration};

use axum::{http::StatusCode, response::Response};
use shared::http::event::Event;
use tokio::time::timeout;
use tracing::Instrument;

use super::answers::{message, of_function};
use crate::functions::EndpointHandler;

/// API Gateway waits no longer for a function.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs the function as Lambda would: a panic is its error alone, and it has so much time and no more.
pub(super) async fn run(handler: &EndpointHandler, event: String) -> Response {
    let handler = Arc::clone(handler);
    let running = async move {
        match serde_json::from_str::<Event>(&event).map(Event::into_request) {
            Ok(Ok(request)) => handler(request).await,
            Ok(Err(unreadable)) => unreadable.into_response(),
            Err(cause) => panic!("the event is no JSON: {cause}"),
        }
    };
    let running = tokio::spawn(running.in_current_span());
    let abort = running.abort_handle();
    match timeout(INTEGRATION_TIMEOUT, running).await {
        Ok(Ok(answer)) => of_function(answer),
        Ok(Err(cause)) => {
            tracing::error!(%cause, "the function panicked");
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Err(_) => {
            abort.abort();
            tracing::error!("the function did not answer in time");
            message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
    }
}
