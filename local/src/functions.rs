//! The handlers of the functions, by the names of their crates.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use lambda_http::{Body, Request, Response};
use shared::{ApiError, App, answer};

/// What the Lambda binary runs, with its type erased.
pub(crate) type Handler = Arc<dyn Fn(Arc<App>, Request) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// The handler of a function's crate; `None` if this server has none of that name.
pub(crate) fn handler(crate_name: &str) -> Option<Handler> {
    Some(match crate_name {
        "content-engaged" => erased(content_engaged::handle),
        "end-other-sessions" => erased(end_other_sessions::handle),
        "end-session" => erased(end_session::handle),
        "heartbeat" => erased(heartbeat::handle),
        "list-sessions" => erased(list_sessions::handle),
        "login" => erased(login::handle),
        "logout" => erased(logout::handle),
        _ => return None,
    })
}

fn erased<F, R>(handle: F) -> Handler
where
    F: Fn(Arc<App>, Request) -> R + Copy + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, ApiError>> + Send + 'static,
{
    Arc::new(move |app, request| Box::pin(answer(handle, app, request)))
}
